"""What stops learning, and what lets it go on: identical units, and thirty layers without and with skips."""

import jax
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import downslope as ds
from downslope.core import generator, tree_norm
from downslope.reference import dense_hessian

pytestmark = pytest.mark.optimized

# ── Constant initialization ──────────────────────────────────────────────────────────────────────
#
# Where all hidden units are identical, their gradients are too, so descent never leaves the subspace S of such
# networks and finds a minimum within it: the best network of one unit. Perpendicular to S the changes of the units
# cancel in the output, so the Gauss-Newton part of the Hessian vanishes there. What is left is, for incoming and
# outgoing weights of a unit, `[[·, C], [Cᵀ, 0]]` with `C = Σ σ'(zᵢ) xᵢ rᵢᵀ`, where `r` is the derivative of the loss
# at the outputs. With that zero on the diagonal, `C ≠ 0` makes a negative eigenvalue. A stationary point has `C v =
# 0` for the unit's outgoing weights `v`: of one output nothing is left of `C`, of two there is, wherever an error is
# left that the unit sees. Hence two outputs here, and targets that two units can fit and one cannot. Over seeds 0–3
# and constants −0.5, 0.3 and 1 the lowest eigenvalue lay between −0.78 and −0.27; seed 1 converges soonest.

UNITS = 4
IDENTICAL = ds.mlp([UNITS], outputs=2, activation="tanh", initializer=ds.initializers.constant(0.3))
AXIS_OF_UNITS = ({"weight": 1, "bias": 0}, {}, {"weight": 0, "bias": None})


def two_units_worth_of_data(rows=30, seed=1):
    random = generator(seed, "x")
    x = random.standard_normal((rows, 3))
    return ds.Dataset(x, np.tanh(x @ random.standard_normal((3, 2))))


def descend(data, *, epochs, start=None):
    optimizer = ds.sgd(0.1, momentum=0.9)
    return ds.train(
        IDENTICAL, data, start=start, optimizer=optimizer, batch_size=len(data), epochs=epochs, progress=False
    )


def with_mean_unit(params):
    """Return the parameters with every hidden unit replaced by the mean of all: the nearest point of S."""

    def mean(axis, leaf):
        return np.broadcast_to(np.mean(leaf, axis=axis, keepdims=True), np.shape(leaf)) if axis is not None else leaf

    return jax.tree.map(mean, AXIS_OF_UNITS, params, is_leaf=lambda axis: axis is None)


@pytest.mark.slow
def test_identical_units_end_at_a_saddle_that_only_different_units_can_leave():
    data = two_units_worth_of_data()
    run = descend(data, epochs=1000)
    theta, unravel = ravel_pytree(run.params)

    @jax.jit
    def at(params):
        here = ds.Variables(params, run.variables.state)
        return ds.loss_and_gradients(IDENTICAL, here, data.x, data.y, "squared_error")

    # the end of descent: a stationary point whose units are still identical
    assert tree_norm(at(run.params).params) < 1e-6
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), run.params, with_mean_unit(run.params))

    H = dense_hessian(lambda params: at(params).params, run.params)
    into_S = np.stack([ravel_pytree(with_mean_unit(unravel(e)))[0] for e in np.eye(len(theta))])
    assert np.linalg.matrix_rank(into_S) == 3 + 1 + 2 + 2  # the network of one unit
    np.testing.assert_allclose(into_S @ H, H @ into_S, atol=1e-12)

    # a minimum within S
    of_S = np.linalg.svd(into_S)[0][:, :8]
    within = np.linalg.eigvalsh(of_S.T @ H @ of_S)
    assert within[0] > 1e-3

    # a saddle outside of it, the same for each of the three ways in which four units can differ
    values, vectors = np.linalg.eigh(H)
    assert values[0] < -0.5
    np.testing.assert_allclose(values[: UNITS - 1], values[0], rtol=1e-8)
    assert np.linalg.norm(into_S @ vectors[:, : UNITS - 1]) < 1e-8

    # the way down is there, as steep as the eigenvalue says
    escape = vectors[:, 0]
    for distance in (0.02, -0.02):
        gained = at(unravel(theta + distance * escape)).loss - at(run.params).loss
        assert float(gained) == pytest.approx(values[0] * distance**2 / 2, rel=0.05)

    # and who steps off finds what units that differ can learn
    start = ds.Variables(unravel(theta + 0.02 * escape), run.variables.state)
    freed = descend(data, epochs=300, start=start)
    assert at(run.params).loss > 0.2
    assert at(freed.params).loss < 0.1 * at(run.params).loss


# ── Thirty layers ────────────────────────────────────────────────────────────────────────────────
#
# Digits, ten classes, accuracy on the rows learned from, in float32. Measured over seeds 0–7, without and with skips:
# sigmoid 0.10 against 0.97–0.996, relu 0.12–0.26 against 0.91–0.98. All else in a pair is the same.

DEPTH = 30
DEEP = {"sigmoid": (32, ds.adam(3e-3), 0.15), "relu": (16, ds.sgd(0.03), 0.4)}  # width, optimizer, accuracy at most
every_deep = pytest.mark.parametrize(
    ("activation", "width", "optimizer", "at_most"), [(name, *case) for name, case in DEEP.items()], ids=DEEP.keys()
)


def deep(activation, width, *, skip):
    return ds.mlp([width] * DEPTH, outputs=10, activation=activation, skip=skip)


def accuracies(net, optimizer, *, epochs=10, seeds=(0, 1, 2)):
    data = ds.load("digits")
    settings = {"optimizer": optimizer, "batch_size": 64, "epochs": epochs, "normalize": "standard", "progress": False}
    return [ds.train(net, data, seed=seed, **settings).evaluate(data)["accuracy"] for seed in seeds]


@pytest.mark.long
@every_deep
def test_thirty_layers_train_with_skips_and_not_without(activation, width, optimizer, at_most, float32):
    assert max(accuracies(deep(activation, width, skip=False), optimizer)) < at_most
    assert min(accuracies(deep(activation, width, skip=True), optimizer)) > 0.85


@pytest.mark.long
def test_more_time_does_not_help_thirty_sigmoid_layers_without_skips(float32):
    width, optimizer, at_most = DEEP["sigmoid"]
    assert max(accuracies(deep("sigmoid", width, skip=False), optimizer, epochs=100)) < at_most


@pytest.mark.slow
def test_skips_bring_the_gradient_back_to_the_first_layer():
    data = ds.load("digits")
    x, t = data.x[:64] / 16, data.y[:64]
    shares = {}
    for skip in (False, True):
        net = deep("sigmoid", 32, skip=skip)
        gradients = ds.loss_and_gradients(net, net.init(0, (64,)), x, t, "cross_entropy").params
        shares[skip] = float(tree_norm(gradients[0]) / tree_norm(gradients[-1]))
    assert shares[False] < 1e-12
    assert shares[True] > 1e-3
