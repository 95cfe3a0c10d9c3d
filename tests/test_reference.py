"""The oracles: right where the answer is known, and they find what is wrong."""

import itertools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cases
import downslope as ds
from cases import assert_trees_close, every_loss, every_network
from downslope.core import SettingError, ShapeError, UnknownNameError
from downslope.layers import Context
from downslope.reference import (
    GradientReport,
    PlainNetwork,
    check_gradients,
    finite_differences,
    squared_error,
    vjp_layer,
    vjp_network,
)

# ── Finite differences ───────────────────────────────────────────────────────────────────────────


def test_finite_differences_of_a_quadratic():
    H = np.array([[2.0, 0.5], [0.5, 3.0]])
    point = np.array([1.0, -2.0])
    np.testing.assert_allclose(finite_differences(lambda p: 0.5 * p @ H @ p, point), H @ point, rtol=1e-9)


def test_finite_differences_keep_the_shape_of_the_tree():
    tree = {"a": np.array(2.0), "b": (np.ones((2, 3)), {"c": np.zeros(0)})}
    gradient = finite_differences(lambda t: t["a"] * jnp.sum(jnp.sin(t["b"][0])), tree)
    assert_trees_close(
        gradient, {"a": np.array(6 * np.sin(1)), "b": (np.full((2, 3), 2 * np.cos(1)), {"c": np.zeros(0)})}, rtol=1e-8
    )


def test_finite_differences_leave_the_tree_alone():
    tree = {"a": np.arange(3.0)}
    finite_differences(lambda t: jnp.sum(t["a"] ** 2), tree)
    np.testing.assert_array_equal(tree["a"], [0, 1, 2])


def test_finite_differences_are_double_precision_in_any_mode(float32):
    gradient = finite_differences(lambda p: jnp.sum(jnp.exp(p)), np.ones(2, np.float32))
    np.testing.assert_allclose(gradient, np.exp([1.0, 1.0]), rtol=1e-8)


def test_finite_differences_take_a_positive_step():
    with pytest.raises(SettingError, match="`step`"):
        finite_differences(lambda p: p, 1.0, step=-1e-6)


# ── Automatic differentiation ────────────────────────────────────────────────────────────────────


def test_the_vjp_of_a_dense_layer_by_hand():
    params, x, dy = cases.layer_case(ds.Dense(3))
    gradients = vjp_layer(ds.Dense(3), params, x, dy)
    expected = ({"weight": x.T @ dy, "bias": dy.sum(axis=0)}, dy @ params["weight"].T)
    assert_trees_close(tuple(gradients), expected, rtol=1e-13)


def test_the_vjp_sees_the_context():
    layer, x = cases.NoisyCounter(), cases.normal(0, 5, 4)
    params, state = layer.initialize(0, (4,)), layer.initial_state((4,))
    context = Context(training=True, key=jax.random.PRNGKey(0))
    gradients = vjp_layer(layer, params, x, jnp.ones_like(x), state=state, context=context)
    np.testing.assert_allclose(gradients.params["scale"], x.sum(axis=0), rtol=1e-13)


@pytest.mark.slow
@every_network
def test_the_vjp_of_a_network_is_the_limit_of_differences(net):
    variables, x = cases.moved(net.init(0, (cases.FEATURES,))), cases.normal(20, 3, cases.FEATURES)
    d_output = cases.normal(4, 3, *net.output_shape((cases.FEATURES,)))
    gradients = vjp_network(net, variables, x, d_output)

    def pushed(point):
        params, x = point
        return jnp.sum(net.apply(ds.Variables(params, variables.state), x) * d_output)

    expected = finite_differences(pushed, (variables.params, x))
    assert_trees_close(tuple(gradients), expected, rtol=1e-7, atol=1e-8)


# ── The plain network ────────────────────────────────────────────────────────────────────────────


def plain_network(widths, activation, seed=0):
    random = np.random.default_rng(seed)
    W = [random.normal(size=shape) / np.sqrt(shape[0]) for shape in itertools.pairwise(widths)]
    return PlainNetwork(W, [random.normal(size=width) for width in widths[1:]], activation)


@pytest.mark.parametrize(
    "activation",
    ["relu", "tanh", "sigmoid", "identity", (np.sin, np.cos), ["tanh", (np.sin, np.cos)]],
    ids=["relu", "tanh", "sigmoid", "identity", "a pair", "one a layer"],
)
def test_the_plain_network_is_differentiated_rightly(activation):
    net = plain_network([4, 6, 5, 2], activation)
    random = np.random.default_rng(1)
    x, t = random.normal(size=(7, 4)), random.normal(size=(7, 2))

    def loss(point):
        W, B, x = jax.tree.map(np.asarray, point)
        return squared_error(PlainNetwork(list(W), list(B), activation).forward(x), t)[0]

    _, d_output = squared_error(net.forward(x), t)
    net.backward(d_output)
    expected = finite_differences(loss, (net.W, net.B, x))
    assert_trees_close((net.DW, net.DB, net.DA[0]), expected, rtol=1e-7, atol=1e-8)


def test_the_plain_network_keeps_every_list():
    net = plain_network([4, 6, 2], "relu")
    x = np.random.default_rng(1).normal(size=(7, 4))
    output = net.forward(x)
    net.backward(np.ones_like(output))
    net.backward(np.ones_like(output))  # a second call starts anew
    assert [a.shape for a in net.A] == [(7, 4), (7, 6), (7, 2)]
    assert [z.shape for z in net.Z] == [(7, 6), (7, 2)]
    assert [d.shape for d in net.DW] == [w.shape for w in net.W]
    assert [d.shape for d in net.DB] == [b.shape for b in net.B]
    assert [d.shape for d in net.DA] == [a.shape for a in net.A]
    np.testing.assert_array_equal(net.A[0], x)
    np.testing.assert_array_equal(net.A[-1], output)
    np.testing.assert_array_equal(net.A[1], np.maximum(net.Z[0], 0))


def test_sigmoid_of_large_numbers_stays_finite():
    net = PlainNetwork([np.ones((1, 1)), np.ones((1, 1))], [np.zeros(1), np.zeros(1)], "sigmoid")
    np.testing.assert_allclose(net.forward(np.array([[-1e4], [1e4]])), [[0], [1]])


def test_the_plain_network_says_what_does_not_fit():
    W, B = [np.ones((2, 3)), np.ones((3, 1))], [np.ones(3), np.ones(1)]
    with pytest.raises(ShapeError, match="one bias for every column"):
        PlainNetwork(W, [np.ones(2), np.ones(1)])
    with pytest.raises(SettingError, match="each of the 1 hidden layers, got 2"):
        PlainNetwork(W, B, ["relu", "tanh"])
    with pytest.raises(UnknownNameError, match="Did you mean 'relu'"):
        PlainNetwork(W, B, "relo")


# ── The check ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Forgetful:
    """A relu whose backward pass forgets the mask."""

    def forward(self, params, x):
        return jnp.maximum(x, 0), None

    def backward(self, params, cache, dy):
        return {}, dy


@dataclass(frozen=True)
class Scale:
    """A learned factor for every feature, with a fault to choose."""

    fault: str = "none"

    def initialize(self, key, input_shape):
        return {"scale": np.ones(input_shape)}

    def forward(self, params, x):
        return x * params["scale"][None, :], x

    def backward(self, params, cache, dy):
        scale = jnp.sum(cache * dy, axis=0)
        gradients = {
            "none": {"scale": scale},
            "a shape": {"scale": cache * dy},
            "no gradient": {},
            "one too many": {"scale": scale, "shift": scale},
            "not a number": {"scale": scale * jnp.nan},
            "one entry": {"scale": scale.at[2].add(0.25)},
            "a little": {"scale": scale * (1 + 1e-5)},
        }
        return gradients[self.fault], dy * params["scale"][None, :]


def network(layer):
    return ds.Sequential([ds.Dense(5), layer, ds.Dense(3)])


@pytest.mark.product
@every_network
def test_every_network_passes(net):
    report = check_gradients(net, input_shape=(cases.FEATURES,))
    assert report.passed, str(report)
    assert report.failures == ()
    by_vjp = [row for row in report.rows if row.against == "jax.vjp"]
    assert max(row.error for row in by_vjp) < 1e-13, str(report)


@pytest.mark.product(share=1 / 6)
@every_loss
@pytest.mark.parametrize("outputs", [1, 3], ids="{} outputs".format)
def test_every_loss_passes(loss, outputs):
    report = check_gradients(ds.mlp([5], outputs=outputs, activation="elu"), input_shape=(4,), loss=loss)
    assert report.passed, str(report)


@pytest.mark.product
@pytest.mark.parametrize("training", [True, False])
def test_layers_with_a_context_pass(training):
    report = check_gradients(network(cases.NoisyCounter()), input_shape=(4,), training=training)
    assert report.passed, str(report)


def test_every_layer_parameter_and_input_has_a_row():
    report = check_gradients(network(ds.ReLU()), input_shape=(4,), loss="hinge")
    assert [(row.layer, row.place, row.quantity, row.against) for row in report.rows] == [
        ("Dense", 0, "bias", "jax.vjp"),
        ("Dense", 0, "weight", "jax.vjp"),
        ("Dense", 0, "input", "jax.vjp"),
        ("ReLU", 1, "input", "jax.vjp"),
        ("Dense", 2, "bias", "jax.vjp"),
        ("Dense", 2, "weight", "jax.vjp"),
        ("Dense", 2, "input", "jax.vjp"),
        ("hinge", None, "output", "jax.vjp"),
        ("network", None, "directions", "finite differences"),
    ]


def test_a_wrong_layer_is_named():
    report = check_gradients(network(Forgetful()), input_shape=(4,))
    assert not report.passed
    assert [(row.layer, row.place) for row in report.failures] == [("Forgetful", 1), ("network", None)]
    assert report.worst in report.failures
    table = str(report)
    assert "1      Forgetful" in table
    assert "DIFFERS at [" in table
    assert " instead of 0" in table.replace("of -0", "of 0")
    assert table.endswith("2 of 9 comparisons differ by more than 1e-07: Forgetful at place 1, network.")


@pytest.mark.parametrize(
    ("fault", "where"),
    [
        ("a shape", r"shape (4, 5) instead of (5,)"),
        ("no gradient", "is missing"),
        ("one too many", "is no parameter"),
        ("not a number", "nan instead of"),
        ("one entry", "at [2]: "),
        ("a little", "at ["),
    ],
)
def test_what_is_wrong_is_said(fault, where):
    report = check_gradients(network(Scale(fault)), input_shape=(4,))
    assert not report.passed
    assert {row.place for row in report.failures} <= {1, None}
    assert where in report.failures[0].where
    assert where in str(report)


def test_a_custom_layer_that_is_right_passes():
    assert check_gradients(network(Scale()), input_shape=(4,)).passed


def test_a_wrong_loss_is_named():
    wrong = ds.losses.Loss("wrong", lambda y, t: jnp.sum((y - t) ** 2, axis=1), lambda y, t: y - t)
    report = check_gradients(network(ds.Tanh()), input_shape=(4,), loss=wrong)
    assert [row.layer for row in report.failures] == ["wrong", "network"]


def test_the_same_seed_gives_the_same_report_and_another_seed_another():
    reports = [check_gradients(network(Forgetful()), input_shape=(4,), seed=seed) for seed in (0, 0, 1)]
    assert reports[0] == reports[1]
    assert reports[0] != reports[2]


def test_the_check_is_double_precision_in_any_mode(float32):
    net = network(ds.GELU())
    report = check_gradients(net, input_shape=(4,), variables=net.init(0, (4,)), loss="cross_entropy")
    assert report.passed, str(report)
    assert not jax.config.jax_enable_x64


def test_examples_targets_and_variables_may_be_given():
    net = ds.mlp([5], outputs=3, activation="tanh")
    variables = net.init(1, (4,))
    random = np.random.default_rng(0)
    x, t = random.normal(size=(20, 4)).astype(np.float32), random.integers(0, 3, 20)
    report = check_gradients(net, x, t, variables=variables, rows=6)
    assert report.passed, str(report)
    assert "cross_entropy" in [row.layer for row in report.rows]
    assert "squared_error" in [row.layer for row in check_gradients(net, x, np.eye(3)[t]).rows]


def test_a_trained_network_passes_at_its_minimum():
    net = ds.mlp([], outputs=1)
    x = np.linspace(-1, 1, 8)[:, None]
    exact = ds.Variables(({"weight": np.array([[2.0]]), "bias": np.array([1.0])},), ({},))
    report = check_gradients(net, x, 2 * x + 1, variables=exact, rows=8)
    assert report.passed, str(report)


@pytest.mark.parametrize("initializer", ["zeros", ds.initializers.constant(0.0)], ids=["zeros", "constant"])
def test_a_start_on_a_kink_is_moved_off_it(initializer):
    net = ds.mlp([5, 5], outputs=2, activation="relu", initializer=initializer)
    report = check_gradients(net, input_shape=(4,))
    assert report.passed, str(report)


def test_a_network_without_parameters_is_checked():
    assert check_gradients(ds.Sequential([ds.Tanh()]), input_shape=(4,)).passed


def test_examples_or_their_shape_are_needed():
    with pytest.raises(SettingError, match="`input_shape` must be given"):
        check_gradients(ds.mlp([3], outputs=1))


def test_a_looser_tolerance_lets_more_pass():
    assert not check_gradients(network(Scale("a little")), input_shape=(4,)).passed
    report = check_gradients(network(Scale("a little")), input_shape=(4,), tolerance=1e-4)
    assert isinstance(report, GradientReport)
    assert report.passed
    assert str(report).splitlines()[-1].startswith("All 10 comparisons agree to 0.0001; the largest error is")
