"""The lists that laws run over, and what tests of the engine share."""

from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

import downslope as ds
from downslope import losses
from downslope.core import generator
from downslope.layers import Context, initialize

ACTIVATIONS = {
    "relu": ds.ReLU(),
    "leaky_relu": ds.LeakyReLU(),
    "leaky_relu, steep": ds.LeakyReLU(slope=0.3),
    "tanh": ds.Tanh(),
    "scaled_tanh": ds.ScaledTanh(),
    "sigmoid": ds.Sigmoid(),
    "softplus": ds.Softplus(),
    "elu": ds.ELU(),
    "gelu": ds.GELU(),
    "silu": ds.SiLU(),
    "identity": ds.Identity(),
}
LAYERS = {
    "dense": ds.Dense(3),
    "dense without bias": ds.Dense(3, bias=False),
    "dense of one unit": ds.Dense(1, initializer="orthogonal"),
    **ACTIVATIONS,
}
LOSSES = {name: losses.as_loss(name) for name in losses.loss_names()}
NETWORKS = {
    "linear": ds.mlp([], outputs=2),
    "relu": ds.mlp([7, 5], outputs=3),
    "tanh": ds.mlp([6], outputs=3, activation="tanh"),
    "sigmoid": ds.mlp([4, 4, 4], outputs=2, activation="sigmoid"),
    "one unit throughout": ds.mlp([1, 1], outputs=1, activation="silu"),
    "without biases": ds.Sequential([ds.Dense(5, bias=False), ds.ELU(), ds.Dense(2, bias=False)]),
    "an activation last": ds.Sequential([ds.Dense(5), ds.GELU(), ds.Dense(3), ds.Softplus()]),
    "an activation alone": ds.Sequential([ds.ScaledTanh()]),
}
ROWS, FEATURES = 6, 4

every_activation = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS.keys())
every_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS.keys())
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
every_network = pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS.keys())


class LayerCase(NamedTuple):
    params: dict
    x: jax.Array
    dy: jax.Array


@contextmanager
def refused(error, match):
    """Expect an error as users see it: without the run-time checks of types that only tests have."""
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with pytest.raises(error, match=match):
            yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


def normal(seed, *shape):
    """Return normal random numbers as a JAX array of the precision of the moment."""
    return jnp.asarray(generator(seed, "tests").standard_normal(shape))


def layer_case(layer, *, seed=0, scale=2.0):
    """Return parameters, an input and a cotangent for a layer; biases are not zero."""
    x = scale * normal(seed, ROWS, FEATURES)
    params = {
        name: jnp.asarray(array) + 0.1 * normal(seed + 1, *array.shape)
        for name, array in initialize(layer, seed, (FEATURES,)).items()
    }
    y, _ = layer.forward(params, x)
    return LayerCase(params, x, normal(seed + 2, *y.shape))


def targets(loss, outputs, *, rows=ROWS, seed=5):
    """Return targets that suit a loss: class indices, sides, shares or numbers."""
    random = generator(seed, "targets")
    if loss.targets == "numbers":
        return normal(seed, rows, outputs)
    if loss.targets == "shares":
        return jnp.asarray(random.uniform(0, 1, (rows, outputs)))
    return jnp.asarray(random.integers(0, max(outputs, 2), rows))


def moved(variables, seed=9):
    """Return variables with noise on every parameter, so that biases are not zero."""
    params = jax.tree.map(lambda p: jnp.asarray(p) + 0.1 * normal(seed, *p.shape), variables.params)
    return ds.Variables(params, variables.state)


def assert_trees_close(actual, expected, *, rtol=1e-10, atol=1e-14):
    """Fail with the path of the array that differs, where, and by how much."""
    ours, theirs = ds.core.named_leaves(actual), ds.core.named_leaves(expected)
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=rtol, atol=atol, err_msg=name)


@dataclass(frozen=True)
class NoisyCounter:
    """A layer of a user's own that depends on its context: scales, adds noise in training, counts what it saw."""

    def initialize(self, key, input_shape):
        return {"scale": np.ones(input_shape)}

    def initial_state(self, input_shape):
        return {"calls": np.zeros(()), "weight_seen": np.zeros(())}

    def forward_in(self, context: Context, params, state, x):
        y = x * params["scale"][None, :]
        if context.training and context.key is not None:
            y = y + 0.1 * jax.random.normal(context.key, x.shape)
        seen = x.shape[0] if context.row_weights is None else jnp.sum(context.row_weights)
        return y, x, {"calls": state["calls"] + 1, "weight_seen": state["weight_seen"] + seen}

    def backward(self, params, cache, dy):
        return {"scale": jnp.sum(cache * dy, axis=0)}, dy * params["scale"][None, :]
