import type { Surface } from "../src/document";

/** A surface of losses, row by row, and of the losses of a path on it. */
export function surface(losses: number[], columns: number, path: number[] = []): Surface {
  const values = Float64Array.from({ length: columns }, (_, at) => at - (columns - 1) / 2);
  const rows = Float64Array.from({ length: losses.length / columns }, (_, at) => at - 1);
  const walked = {
    name: "path",
    steps: Float64Array.from(path, (_, at) => at),
    coordinates: new Float64Array(2 * path.length),
    losses: Float64Array.from(path),
    heights: Float64Array.from(path),
    distances: new Float64Array(path.length),
    explained: null,
  };
  return {
    name: "",
    description: "",
    axes: [
      { label: "a", values: rows },
      { label: "b", values },
    ],
    losses: Float64Array.from(losses),
    computed: null,
    kind: "given",
    left_out: [],
    explained: null,
    standard_error: null,
    paths: path.length ? [walked] : [],
    view: null,
  };
}
