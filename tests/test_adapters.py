"""Functions of JAX over any tree, and models of Flax NNX and Equinox, as loss surfaces: the numbers of our own."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from adapted import B1, B2, BATCHES, W1, W2, X, assert_same_numbers
from downslope import adapters
from downslope.core import FunctionSurface, SettingError

PAGE = Path(__file__).parents[1] / "docs" / "adapters.md"


def cross_entropy(logits, targets):
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), targets[:, None], axis=1))


def flax_model():
    """Return our network in Flax NNX: its parameters, and the outputs as a function of them."""
    nnx = pytest.importorskip("flax.nnx", reason="Flax is not installed")

    class Net(nnx.Module):
        def __init__(self, rngs):
            self.hidden = nnx.Linear(5, 6, rngs=rngs, param_dtype=jnp.float64)
            self.out = nnx.Linear(6, 3, rngs=rngs, param_dtype=jnp.float64)

        def __call__(self, x):
            return self.out(jnp.tanh(self.hidden(x)))

    net = Net(nnx.Rngs(0))
    net.hidden.kernel[...], net.hidden.bias[...], net.out.kernel[...], net.out.bias[...] = W1, B1, W2, B2
    graph, params, rest = nnx.split(net, nnx.Param, ...)
    return params, lambda params, x: nnx.merge(graph, params, rest)(x)


def equinox_model():
    """Return our network in Equinox, whole: a tree that holds functions beside the arrays."""
    eqx = pytest.importorskip("equinox", reason="Equinox is not installed")
    net = eqx.nn.MLP(5, 3, 6, 1, activation=jnp.tanh, key=jax.random.PRNGKey(0))
    weights = lambda net: [leaf for layer in net.layers for leaf in (layer.weight, layer.bias)]  # noqa: E731
    return eqx.tree_at(weights, net, [W1.T, B1, W2.T, B2]), lambda net, x: jax.vmap(net)(x)


def plain_model():
    """Return our network as plain functions, over a tree with None and a whole number in it."""
    params = {"layers": [(W1, B1), (W2, B2)], "step": np.int64(7), "nothing": None}

    def outputs(params, x):
        (first, b), (second, c) = params["layers"]
        return jnp.tanh(x @ first + b[None, :]) @ second + c[None, :]

    return params, outputs


@pytest.mark.slow
@pytest.mark.parametrize("make", [plain_model, flax_model, equinox_model], ids=["plain", "Flax", "Equinox"])
def test_the_same_network_elsewhere_has_the_same_numbers(make):
    params, outputs = make()
    theirs = adapters.from_function(
        lambda y, batch: cross_entropy(y, batch[1]), params, BATCHES, model=lambda p, batch: outputs(p, batch[0])
    )
    assert_same_numbers(theirs)
    assert theirs.rows == 20


def test_what_is_no_floating_point_array_is_kept_and_handed_over():
    params = {"w": np.ones(2), "power": 3, "none": None, "function": jnp.sum, "count": np.arange(2), "rate": 0.5}
    seen = []

    def loss(p):
        seen.append({name: p[name] for name in ("power", "none", "function", "rate")})
        return p["rate"] * p["function"](p["w"] ** p["power"] * jnp.asarray(p["count"], float))

    surface = adapters.from_function(loss, params)
    assert isinstance(surface, FunctionSurface)
    [own] = jax.tree.leaves(surface.params)
    np.testing.assert_array_equal(own, params["w"])
    assert surface.value(surface.params) == 0.5
    np.testing.assert_allclose(surface.gradient(surface.params)["w"], [0, 1.5])
    assert seen[0] == {"power": 3, "none": None, "function": jnp.sum, "rate": 0.5}


def test_all_arrays_need_no_parting():
    def loss(p, batch):
        return jnp.mean(batch) * p[0]

    surface = adapters.from_function(loss, np.ones(1), (np.ones(size) for size in (2, 3)), description="five ones")
    assert surface.loss_fn.function is loss
    assert (surface.rows, surface.description) == (5, "five ones")
    summed = adapters.from_function(loss, np.ones(1), [np.ones(2), np.ones(3)], chunk_weights=[1.0, 1.0])
    assert summed.value(np.ones(1)) == 2


@pytest.mark.parametrize(
    ("params", "message"),
    [({"w": 1.0}, r"at least one array .* np.array\(1.0\)"), ({"w": np.ones(1) * 1j}, "must hold floating-point")],
    ids=["no arrays", "complex"],
)
def test_what_cannot_descend_is_refused(params, message):
    with pytest.raises(SettingError, match=message):
        adapters.from_function(jnp.sum, params)


def test_a_model_in_training_mode_is_refused():
    nnx = pytest.importorskip("flax.nnx", reason="Flax is not installed")
    linear = nnx.Linear(5, 8, param_dtype=jnp.float64, rngs=nnx.Rngs(0))
    net = nnx.Sequential(linear, nnx.Dropout(0.5, rngs=nnx.Rngs(1)))
    graph, params, rest = nnx.split(net, nnx.Param, ...)
    held = iter(range(100))

    def loss(params):
        net = nnx.merge(graph, params, rest)
        return jnp.mean(net(X, rngs=nnx.Rngs(next(held))) ** 2)  # a new key whenever it is traced

    with pytest.raises(SettingError, match=r"must answer the same .* \(dropout off"):
        adapters.from_function(loss, params).value(params)
