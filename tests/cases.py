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
from downslope.layers import Context, Layer, initial_state, initialize, output_shape

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
SHAPED = {  # a layer, and the shape of the examples it is tried on
    "conv1d": (ds.Conv1D(3, 3), (7, 2)),
    "conv1d, strided": (ds.Conv1D(3, 4, stride=3, padding="valid", bias=False), (11, 2)),
    "conv2d": (ds.Conv2D(3, 3), (5, 4, 2)),
    "conv2d, strided": (ds.Conv2D(2, (3, 2), stride=(2, 3)), (6, 7, 3)),
    "conv2d, valid": (ds.Conv2D(2, (2, 4), stride=(3, 1), padding="valid"), (7, 6, 1)),
    "conv2d, window below the stride": (ds.Conv2D(2, 1, stride=2, bias=False), (5, 4, 2)),
    "max pool": (ds.MaxPool(2), (5, 4, 3)),
    "max pool, overlapping": (ds.MaxPool((3, 2), stride=(2, 1), padding="same"), (6, 5, 2)),
    "max pool of sequences": (ds.MaxPool(3, padding="same"), (8, 2)),
    "average pool": (ds.AvgPool(2), (5, 4, 3)),
    "average pool, filled up": (ds.AvgPool(2, padding="same"), (5, 3, 2)),
    "average pool, overlapping": (ds.AvgPool(3, stride=2, padding="same"), (9, 2)),
    "flatten": (ds.Flatten(), (3, 2, 2)),
    "batch norm": (ds.BatchNorm(), (4,)),
    "batch norm of images": (ds.BatchNorm(momentum=0.7, eps=1e-2), (3, 2, 4)),
    "layer norm": (ds.LayerNorm(), (4,)),
    "layer norm of sequences": (ds.LayerNorm(eps=1e-2), (3, 4)),
    "dropout": (ds.Dropout(0.4), (4,)),
    "frozen": (ds.Frozen(ds.Dense(3)), (4,)),
    "skip": (ds.Residual([ds.Dense(5), ds.Tanh(), ds.Dense(4)]), (4,)),
    "skip with projection": (ds.Residual([ds.BatchNorm(), ds.Dropout(0.2), ds.Dense(3)]), (4,)),
    "skip of sequences": (ds.Residual([ds.Conv1D(3, 3, stride=2), ds.Tanh()]), (5, 2)),
    "skip of images": (ds.Residual([ds.Conv2D(3, 3, stride=(1, 2)), ds.LayerNorm()]), (3, 4, 2)),
    "skip within a skip": (ds.Residual([ds.Residual([ds.Dense(4)]), ds.Tanh()], projection=ds.Dense(4)), (4,)),
}
LAYERS = {
    "dense": ds.Dense(3),
    "dense without bias": ds.Dense(3, bias=False),
    "dense of one unit": ds.Dense(1, initializer="orthogonal"),
    **ACTIVATIONS,
    **{name: layer for name, (layer, _) in SHAPED.items()},
}
LOSSES = {name: losses.as_loss(name) for name in losses.loss_names()} | {
    "huber, narrow": losses.huber_with(delta=0.3),
    "quantile, high": losses.quantile_with(level=0.9),
    "cross_entropy, smoothed": losses.cross_entropy_with(label_smoothing=0.1),
}
NETWORKS = {
    "linear": ds.mlp([], outputs=2),
    "relu": ds.mlp([7, 5], outputs=3),
    "tanh": ds.mlp([6], outputs=3, activation="tanh"),
    "sigmoid": ds.mlp([4, 4, 4], outputs=2, activation="sigmoid"),
    "one unit throughout": ds.mlp([1, 1], outputs=1, activation="silu"),
    "without biases": ds.Sequential([ds.Dense(5, bias=False), ds.ELU(), ds.Dense(2, bias=False)]),
    "an activation last": ds.Sequential([ds.Dense(5), ds.GELU(), ds.Dense(3), ds.Softplus()]),
    "an activation alone": ds.Sequential([ds.ScaledTanh()]),
    "batch norm and dropout": ds.mlp([6, 5], outputs=2, activation="tanh", norm="batch", dropout=0.2),
    "layer norm and skips": ds.mlp([5, 5, 3], outputs=2, norm="layer", skip=True),
}
SHAPED_NETWORKS = {  # a network, and the shape of the examples it is tried on
    "conv2d": (ds.cnn([3, 4], outputs=3, dense=[5], activation="tanh"), (6, 5, 2)),
    "conv2d with everything": (
        ds.cnn([3, 4, 4], outputs=3, dense=[5], activation="silu", norm="batch", skip=True, dropout=0.2),
        (8, 8, 1),
    ),
    "conv1d": (ds.cnn([3, 4], outputs=2, dimensions=1, pooling="average", norm="layer", activation="gelu"), (9, 1)),
    "batch norm and skips": (
        ds.mlp([5, 5, 4], outputs=2, activation="tanh", norm="batch", skip=True, dropout=0.2),
        (4,),
    ),
}
ROWS, FEATURES = 6, 4

every_activation = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS.keys())
every_layer = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS.keys())
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
every_plain_layer = pytest.mark.parametrize(
    "layer", [layer for layer in LAYERS.values() if isinstance(layer, Layer)], ids=str
)
every_shaped_network = pytest.mark.parametrize(("net", "shape"), SHAPED_NETWORKS.values(), ids=SHAPED_NETWORKS.keys())
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


def input_shape(layer):
    """Return the shape of the examples that a layer of the list is tried on."""
    return dict(SHAPED.values()).get(layer, (FEATURES,))


def layer_case(layer, *, seed=0, scale=2.0):
    """Return parameters, an input and a cotangent for a layer; biases are not zero."""
    shape = input_shape(layer)
    params = jax.tree.map(lambda array: noisy(array, seed + 1), initialize(layer, seed, shape))
    return LayerCase(params, scale * normal(seed, ROWS, *shape), normal(seed + 2, ROWS, *output_shape(layer, shape)))


def noisy(array, seed):
    """Return an array with noise on every number."""
    return jnp.asarray(array + 0.1 * generator(seed, "tests").standard_normal(array.shape), array.dtype)


def first_state(layer):
    """Return a layer's first state."""
    return jax.tree.map(jnp.asarray, initial_state(layer, input_shape(layer)))


def training(rows=ROWS, seed=3):
    """Return the circumstances of a step: a key, and rows that count differently, the last not at all."""
    weights = generator(seed, "tests").uniform(0.5, 2, rows)
    return Context(True, jax.random.PRNGKey(seed), jnp.asarray(weights * (np.arange(rows) < rows - 1)))


def targets(loss, outputs, *, rows=ROWS, seed=5):
    """Return targets that suit a loss: class indices, sides, shares or numbers."""
    random = generator(seed, "targets")
    if loss.targets == "numbers":
        return normal(seed, rows, outputs)
    if loss.targets == "counts":
        return jnp.asarray(random.poisson(2.0, (rows, outputs)).astype(float))
    if loss.targets == "shares":
        return jnp.asarray(random.uniform(0, 1, (rows, outputs)))
    return jnp.asarray(random.integers(0, max(outputs, 2), rows))


def moved(variables, seed=9):
    """Return variables with noise on every parameter, so that biases are not zero."""
    return ds.Variables(jax.tree.map(lambda array: noisy(array, seed), variables.params), variables.state)


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


def assert_bitwise(one, other):
    """Check that every leaf of two trees is the same, bit by bit."""
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
