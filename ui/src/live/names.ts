// What the wire calls things, as people write it.

const KNOWN: Record<string, string> = {
  sgd: "SGD",
  rmsprop: "RMSprop",
  adam: "Adam",
  adamw: "AdamW",
  nadam: "Nadam",
  adagrad: "AdaGrad",
  adadelta: "AdaDelta",
  relu: "ReLU",
  leaky_relu: "leaky ReLU",
  elu: "ELU",
  gelu: "GELU",
  silu: "SiLU",
  filter: "random, by filter",
  pca: "PCA of a path",
  eigen: "Hessian eigenvectors",
  axes: "the two parameters",
  auto: "automatic",
  mnist1d: "MNIST-1D",
};

/** `two_minima` becomes "two minima". */
export function spoken(name: string): string {
  return KNOWN[name] ?? name.replaceAll("_", " ");
}
