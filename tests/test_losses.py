"""Losses: the derivative is the derivative of the value, and both are those of torch and scikit-learn."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

import cases
from cases import every_loss, refused
from downslope import losses
from downslope.core import CustomPartError, DataError, SettingError, ShapeError, UnknownNameError, rebuild, render
from downslope.losses import cross_entropy_with, huber_with, quantile_with

OUTPUTS = [1, 2, 4]
SIDES = {name: cases.LOSSES[name] for name in ("hinge", "perceptron")}
NUMBERS = {name: loss for name, loss in cases.LOSSES.items() if loss.targets == "numbers"}
REPEATS = np.array([2, 0, 1, 3, 0, 1])

every_width = pytest.mark.parametrize("outputs", OUTPUTS, ids="{} outputs".format)
every_weighting = pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
a_third_of_the_cases = pytest.mark.product(share=1 / 3)  # every loss once; the same cases for all laws
every_side = pytest.mark.parametrize("loss", SIDES.values(), ids=SIDES.keys())
every_number = pytest.mark.parametrize("loss", NUMBERS.values(), ids=NUMBERS.keys())


def case(loss, outputs, weighted=False):
    """Return outputs, targets and row weights."""
    y = 2 * cases.normal(1, cases.ROWS, outputs)
    row_weights = jnp.exp(cases.normal(2, cases.ROWS)) if weighted else None
    return y, cases.targets(loss, outputs), row_weights


def assert_same(loss, y, t, other, *, loss_of_other=None):
    """Fail where value or derivative differ for two ways to write the same targets."""
    loss_of_other = loss_of_other or loss
    np.testing.assert_allclose(loss.value(y, t), loss_of_other.value(y, other), rtol=1e-13)
    np.testing.assert_allclose(loss.derivative(y, t), loss_of_other.derivative(y, other), rtol=1e-13, atol=1e-16)


@pytest.mark.product
@every_loss
@every_width
@every_weighting
def test_the_derivative_is_the_gradient_of_the_value(loss, outputs, weighted):
    y, t, row_weights = case(loss, outputs, weighted)
    expected = jax.grad(loss.value)(y, t, row_weights)
    np.testing.assert_allclose(loss.derivative(y, t, row_weights), expected, rtol=1e-10, atol=1e-15)


@pytest.mark.product
@every_loss
@every_width
@every_weighting
def test_compiled_equals_not_compiled(loss, outputs, weighted):
    arguments = case(loss, outputs, weighted)
    np.testing.assert_allclose(jax.jit(loss.value)(*arguments), loss.value(*arguments), rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(
        jax.jit(loss.derivative)(*arguments), loss.derivative(*arguments), rtol=1e-13, atol=1e-16
    )


@a_third_of_the_cases
@every_loss
@every_width
def test_weighted_rows_are_repeated_rows_and_those_of_weight_zero_are_absent(loss, outputs):
    y, t, _ = case(loss, outputs)
    row_weights = jnp.asarray(REPEATS, y.dtype)
    repeated, of_row = np.repeat(np.arange(cases.ROWS), REPEATS), jnp.asarray(np.repeat(np.eye(6), REPEATS, axis=0))
    np.testing.assert_allclose(loss.value(y, t, row_weights), loss.value(y[repeated], t[repeated]), rtol=1e-13)
    derivative = loss.derivative(y, t, row_weights)
    np.testing.assert_allclose(derivative, of_row.T @ loss.derivative(y[repeated], t[repeated]), rtol=1e-12, atol=1e-16)
    assert not derivative[REPEATS == 0].any()


@a_third_of_the_cases
@every_loss
@every_width
def test_weights_of_one_change_nothing(loss, outputs):
    y, t, _ = case(loss, outputs)
    ones = jnp.ones(cases.ROWS)
    np.testing.assert_allclose(loss.value(y, t, ones), loss.value(y, t), rtol=1e-13)
    np.testing.assert_allclose(loss.derivative(y, t, ones), loss.derivative(y, t), rtol=1e-13)


@a_third_of_the_cases
@every_loss
@every_width
def test_a_batch_without_weight_says_nothing(loss, outputs):
    y, t, _ = case(loss, outputs)
    assert float(loss.value(y, t, jnp.zeros(cases.ROWS))) == 0
    assert not np.any(loss.derivative(y, t, jnp.zeros(cases.ROWS)))


@a_third_of_the_cases
@every_loss
@every_width
def test_means_ignore_the_scale_of_the_weights_and_sums_follow_it(loss, outputs):
    y, t, row_weights = case(loss, outputs, weighted=True)
    factor = 1 if loss.reduction == "mean" else 3
    np.testing.assert_allclose(loss.value(y, t, 3 * row_weights), factor * loss.value(y, t, row_weights), rtol=1e-13)


@a_third_of_the_cases
@every_loss
@every_width
def test_twice_the_rows_keep_a_mean_and_double_a_sum(loss, outputs):
    y, t, _ = case(loss, outputs)
    factor = 1 if loss.reduction == "mean" else 2
    twice = loss.value(jnp.concatenate([y, y]), jnp.concatenate([t, t]))
    np.testing.assert_allclose(twice, factor * loss.value(y, t), rtol=1e-13)


@a_third_of_the_cases
@every_loss
@every_width
def test_precision_follows_the_output(loss, outputs, float32):
    y, t, row_weights = case(loss, outputs, weighted=True)
    assert loss.value(y, t, row_weights).dtype == jnp.float32
    assert loss.derivative(y, t, row_weights).dtype == jnp.float32


@pytest.mark.product
@every_loss
def test_large_outputs_stay_finite(loss):
    largest = 700.0 if loss.targets == "counts" else 1e4  # of Poisson's loss the value itself is e^y
    y, t = jnp.asarray([[-1e4, largest], [600.0, -900.0]]), cases.targets(loss, 2, rows=2)
    assert np.isfinite(loss.value(y, t))
    assert np.isfinite(loss.derivative(y, t)).all()


@every_loss
def test_what_is_rendered_can_be_built_again(loss):
    again = rebuild(json.loads(json.dumps(render(loss))), {"losses": losses})
    assert again == loss
    assert hash(again) == hash(loss)


@pytest.mark.parametrize(
    "changed",
    [
        replace(losses.squared_error, reduction="sum"),
        replace(losses.hinge, name="mine"),
        replace(losses.hinge, name="cross_entropy"),
        replace(huber_with(delta=2), reduction="sum"),
    ],
    ids=lambda x: x.name,
)
def test_one_of_ours_with_changes_is_not_taken_for_ours(changed):
    with pytest.raises(CustomPartError):
        rebuild(render(changed), {"losses": losses})


# ── The same targets written in other ways ───────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["cross_entropy", "hinge", "perceptron"])
@pytest.mark.parametrize("outputs", [2, 4])
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.float64])
def test_one_hot_targets_mean_their_index(name, outputs, dtype):
    loss = cases.LOSSES[name]
    y, t, _ = case(loss, outputs)
    assert_same(loss, y, t, jnp.asarray(np.eye(outputs, dtype=dtype)[np.asarray(t)]))


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8])
@pytest.mark.parametrize("name", ["cross_entropy", "hinge", "perceptron"])
def test_indices_of_any_integer_type_mean_the_same(name, dtype):
    loss = cases.LOSSES[name]
    y, t, _ = case(loss, 4)
    assert_same(loss, y, t, t.astype(dtype))


@every_loss
@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_a_target_for_one_output_may_lack_the_column(loss, dtype):
    y, t, _ = case(loss, 1)
    column = t.reshape(-1, 1).round().astype(dtype)
    assert_same(loss, y, column, column[:, 0])


@every_side
def test_sides_are_zero_and_one_or_minus_and_plus_one(loss):
    y, t, _ = case(loss, 1)
    assert set(np.unique(t)) == {0, 1}
    assert_same(loss, y, t, 2 * t - 1)
    assert_same(loss, y, t, (2 * t - 1).astype(jnp.float64))
    assert_same(loss, y, t, t.astype(bool))


def test_binary_cross_entropy_is_cross_entropy_between_zero_and_the_output():
    y, t = cases.normal(1, 6, 1), jnp.asarray([0, 1, 1, 0, 1, 0])
    both = jnp.concatenate([jnp.zeros_like(y), y], axis=1)
    np.testing.assert_allclose(losses.binary_cross_entropy.value(y, t), losses.cross_entropy.value(both, t), rtol=1e-13)


@pytest.mark.parametrize("name", ["hinge", "perceptron"])
def test_two_classes_are_two_sides_of_the_difference(name):
    loss = cases.LOSSES[name]
    y, t = cases.normal(1, 6, 2), jnp.asarray([0, 1, 1, 0, 1, 0])
    np.testing.assert_allclose(loss.value(y, t), loss.value(y[:, 1:] - y[:, :1], t), rtol=1e-13)


# ── Other libraries ──────────────────────────────────────────────────────────────────────────────

TORCH = {  # each written as the sum over rows of ours
    "squared_error": lambda f, y, t, row: ((y - t) ** 2).sum(1) @ row / row.sum(),
    "sum_squared_error": lambda f, y, t, row: f.mse_loss(y, t, reduction="none").sum(1) @ row,
    "mean_squared_error": lambda f, y, t, row: f.mse_loss(y, t, reduction="none").mean(1) @ row / row.sum(),
    "cross_entropy": lambda f, y, t, row: f.cross_entropy(y, t, reduction="none") @ row / row.sum(),
    "binary_cross_entropy": lambda f, y, t, row: (
        f.binary_cross_entropy_with_logits(y, t, reduction="none").sum(1) @ row / row.sum()
    ),
    "huber": lambda f, y, t, row: f.huber_loss(y, t, reduction="none").sum(1) @ row / row.sum(),
    "huber, narrow": lambda f, y, t, row: f.huber_loss(y, t, reduction="none", delta=0.3).sum(1) @ row / row.sum(),
    "absolute_error": lambda f, y, t, row: f.l1_loss(y, t, reduction="none").sum(1) @ row / row.sum(),
    "quantile": lambda f, y, t, row: f.l1_loss(y, t, reduction="none").sum(1) @ row / row.sum() / 2,
    "poisson": lambda f, y, t, row: f.poisson_nll_loss(y, t, reduction="none").sum(1) @ row / row.sum(),
    "cross_entropy, smoothed": lambda f, y, t, row: (
        f.cross_entropy(y, t, reduction="none", label_smoothing=0.1) @ row / row.sum()
    ),
}


@pytest.mark.parametrize("name", TORCH)
@every_width
@every_weighting
def test_values_and_derivatives_are_those_of_torch(name, outputs, weighted):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    loss = cases.LOSSES[name]
    y, t, row_weights = case(loss, outputs, weighted)
    t = jnp.minimum(t, outputs - 1) if loss.targets == "classes" else t
    theirs = torch.tensor(np.asarray(y), requires_grad=True)
    rows = torch.ones(cases.ROWS, dtype=torch.float64) if row_weights is None else torch.tensor(np.asarray(row_weights))
    value = TORCH[name](torch.nn.functional, theirs, torch.tensor(np.asarray(t)), rows)
    value.backward()
    # one output of cross-entropy is always right: torch and we both say zero, up to rounding
    np.testing.assert_allclose(loss.value(y, t, row_weights), value.item(), rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(loss.derivative(y, t, row_weights), theirs.grad.numpy(), rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize(
    "name", ["mse_loss", "cross_entropy", "binary_cross_entropy_with_logits", "huber_loss", "poisson_nll_loss"]
)
def test_the_means_of_torch_have_our_names(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    ours = {
        "mse_loss": losses.mean_squared_error,
        "cross_entropy": losses.cross_entropy,
        "binary_cross_entropy_with_logits": losses.binary_cross_entropy,
        "huber_loss": losses.huber,
        "poisson_nll_loss": losses.poisson,
    }[name]
    y, t, _ = case(ours, 4 if name in ("mse_loss", "cross_entropy") else 1)
    theirs = getattr(torch.nn.functional, name)(torch.tensor(np.asarray(y)), torch.tensor(np.asarray(t)))
    np.testing.assert_allclose(ours.value(y, t), theirs.item(), rtol=1e-12)


@pytest.mark.parametrize("outputs", [1, 3], ids="{} outputs".format)
@every_weighting
def test_hinge_is_that_of_scikit_learn(outputs, weighted):
    metrics = pytest.importorskip("sklearn.metrics")
    y, t, row_weights = case(losses.hinge, outputs, weighted)
    decision = np.asarray(y)[:, 0] if outputs == 1 else np.asarray(y)
    expected = metrics.hinge_loss(np.asarray(t), decision, labels=range(max(outputs, 2)), sample_weight=row_weights)
    np.testing.assert_allclose(losses.hinge.value(y, t, row_weights), expected, rtol=1e-12)


@every_weighting
def test_cross_entropy_is_the_log_loss_of_scikit_learn(weighted):
    metrics = pytest.importorskip("sklearn.metrics")
    y, t, row_weights = case(losses.cross_entropy, 4, weighted)
    shares = np.asarray(losses.cross_entropy.inverse_link(y))
    expected = metrics.log_loss(np.asarray(t), shares, labels=range(4), sample_weight=row_weights)
    np.testing.assert_allclose(losses.cross_entropy.value(y, t, row_weights), expected, rtol=1e-12)


@every_weighting
def test_poisson_is_half_the_deviance_of_scikit_learn_up_to_what_targets_alone_decide(weighted):
    metrics = pytest.importorskip("sklearn.metrics")
    y, t, row_weights = case(losses.poisson, 1, weighted)
    deviance = metrics.mean_poisson_deviance(np.asarray(t), np.exp(y), sample_weight=row_weights)
    alone = np.average(np.asarray(jax.scipy.special.xlogy(t, t) - t)[:, 0], weights=row_weights)
    np.testing.assert_allclose(losses.poisson.value(y, t, row_weights) + alone, deviance / 2, rtol=1e-12)


# ── By hand ──────────────────────────────────────────────────────────────────────────────────────


def test_the_three_squared_errors_differ_by_what_they_divide_by():
    y, t, _ = case(losses.squared_error, 4)
    total = float(losses.sum_squared_error.value(y, t))
    np.testing.assert_allclose(total, np.sum((np.asarray(y) - np.asarray(t)) ** 2), rtol=1e-13)
    np.testing.assert_allclose(losses.squared_error.value(y, t), total / cases.ROWS, rtol=1e-13)
    np.testing.assert_allclose(losses.mean_squared_error.value(y, t), total / (cases.ROWS * 4), rtol=1e-13)


@pytest.mark.product
@every_number
def test_numbers_may_have_any_shape(loss):
    y, t = cases.normal(1, 5, 3, 2), cases.normal(2, 5, 3, 2)
    row_weights = jnp.exp(cases.normal(3, 5))
    flat = y.reshape(5, -1), t.reshape(5, -1), row_weights
    np.testing.assert_allclose(loss.value(y, t, row_weights), loss.value(*flat), rtol=1e-13)
    np.testing.assert_allclose(loss.derivative(y, t, row_weights).reshape(5, -1), loss.derivative(*flat), rtol=1e-13)


def test_d5_huber_near_zero_is_the_absolute_error_and_the_median_its_answer():
    y, t, _ = case(losses.absolute_error, 3)
    np.testing.assert_allclose(1e8 * huber_with(delta=1e-8).value(y, t), losses.absolute_error.value(y, t), rtol=1e-7)
    assert losses.absolute_error.one_answer(np.array([[3.0], [9.0], [1.0]]), np.ones(3)).tolist() == [3.0]


@pytest.mark.parametrize("level", [0.01, 0.25, 0.5, 0.9, 0.99])
@every_weighting
def test_d5_the_pinball_loss_is_that_of_scikit_learn_and_its_answer_the_quantile(level, weighted):
    metrics = pytest.importorskip("sklearn.metrics")
    loss = quantile_with(level=level)
    y, t, row_weights = case(loss, 1, weighted)
    expected = metrics.mean_pinball_loss(np.asarray(t), np.asarray(y), alpha=level, sample_weight=row_weights)
    np.testing.assert_allclose(loss.value(y, t, row_weights), expected, rtol=1e-12)
    weights = np.ones(cases.ROWS) if row_weights is None else np.asarray(row_weights)
    answer = loss.one_answer(np.asarray(t), weights, **dict(loss.settings))
    reached = [float(loss.value(jnp.full_like(t, other), t, row_weights)) for other in np.asarray(t)[:, 0]]
    np.testing.assert_allclose(loss.value(jnp.broadcast_to(answer, t.shape), t, row_weights), min(reached), rtol=1e-12)


@pytest.mark.parametrize("level", [0, 1, -0.5, float("nan")])
def test_d5_a_level_that_is_no_share_is_refused(level):
    with pytest.raises(SettingError, match="`level` must be"):
        quantile_with(level=level)


@pytest.mark.parametrize("name", ["cross_entropy", "cross_entropy, smoothed"])
@every_weighting
def test_d5_soft_targets_are_those_of_torch(name, weighted):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    loss = cases.LOSSES[name]
    y, _, row_weights = case(loss, 4, weighted)
    shares = jax.nn.softmax(cases.normal(3, cases.ROWS, 4), axis=1)
    theirs = torch.tensor(np.asarray(y), requires_grad=True)
    smoothing = dict(loss.settings)["label_smoothing"]
    each = torch.nn.functional.cross_entropy(
        theirs, torch.tensor(np.asarray(shares)), reduction="none", label_smoothing=smoothing
    )
    rows = torch.ones(cases.ROWS, dtype=torch.float64) if row_weights is None else torch.tensor(np.asarray(row_weights))
    value = each @ rows / rows.sum()
    value.backward()
    np.testing.assert_allclose(loss.value(y, shares, row_weights), value.item(), rtol=1e-10)
    np.testing.assert_allclose(loss.derivative(y, shares, row_weights), theirs.grad.numpy(), rtol=1e-10, atol=1e-15)


SHARES = np.array([[0.2, 0.8, 0.0], [0.1, 0.3, 0.6]])


@pytest.mark.parametrize(
    "targets", [SHARES, np.eye(3)[[2, 0]], np.eye(3, dtype=int)[[1, 1]], SHARES.astype(np.float16)]
)
def test_d5_rows_of_shares_suit_cross_entropy(targets):
    losses.check_targets(losses.cross_entropy, targets, outputs=3, task="regression")


@pytest.mark.parametrize("targets", [2 * SHARES, SHARES - [0.3, -0.3, 0.0], np.zeros((2, 3)), np.full((2, 3), np.nan)])
def test_d5_rows_that_are_no_shares_are_refused(targets):
    with pytest.raises(DataError, match=r"must be shares that sum to 1 in each row, got .* in row 0"):
        losses.check_targets(losses.cross_entropy, targets, outputs=3, task="regression")


@pytest.mark.parametrize(("name", "margin"), [("hinge", 1), ("perceptron", 0)])
def test_several_classes_are_told_apart_by_the_strongest_rival(name, margin):
    loss = cases.LOSSES[name]
    y, t = jnp.asarray([[1.0, 1.5, -2.0], [0.2, 3.0, 2.9], [5.0, 0.0, 0.0]]), jnp.asarray([0, 1, 0])
    rows = [margin + 0.5, max(margin - 0.1, 0), 0]
    np.testing.assert_allclose(loss.value(y, t), np.mean(rows), rtol=1e-13)
    pushed = np.array([[-1, 1, 0], [0, -1, 1] if rows[1] else [0, 0, 0], [0, 0, 0]]) / 3
    np.testing.assert_allclose(loss.derivative(y, t), pushed, rtol=1e-13)


def test_huber_lies_between_squared_and_absolute_error():
    y, t, _ = case(losses.huber, 3)
    within, beyond = huber_with(delta=100), huber_with(delta=1e-8)
    np.testing.assert_allclose(2 * within.value(y, t), losses.squared_error.value(y, t), rtol=1e-13)
    np.testing.assert_allclose(1e8 * beyond.value(y, t), np.abs(y - t).sum(axis=1).mean(), rtol=1e-7)
    edge = jnp.asarray([[-0.5], [0.5], [3.0]])
    np.testing.assert_array_equal(huber_with(delta=0.5).rows(edge, 0 * edge, delta=0.5), [0.125, 0.125, 1.375])


def test_smoothed_indices_are_smoothed_shares():
    smoothed = cross_entropy_with(label_smoothing=0.3)
    y, t, _ = case(smoothed, 4)
    shares = 0.7 * jnp.eye(4)[t] + 0.3 / 4
    assert_same(smoothed, y, t, shares, loss_of_other=losses.cross_entropy)
    assert_same(smoothed, y, t, jnp.eye(4)[t])


def test_losses_of_equal_settings_are_equal():
    assert huber_with(delta=2) == huber_with(delta=2.0) != huber_with(delta=3)
    assert huber_with() == losses.huber
    assert cross_entropy_with(label_smoothing=0) == losses.cross_entropy
    assert render(huber_with(delta=2)) == {"kind": "losses.huber_with", "delta": 2.0}
    assert render(losses.huber) == {"function": "losses.huber"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: huber_with(delta=0), "`delta` must be a number above 0, got 0"),
        (lambda: huber_with(delta=float("nan")), "`delta`"),
        (lambda: cross_entropy_with(label_smoothing=1), "`label_smoothing` must be a number of at least 0 and below 1"),
        (lambda: cross_entropy_with(label_smoothing=-0.1), "`label_smoothing`"),
    ],
)
def test_settings_out_of_bounds_are_refused(make, words):
    with pytest.raises(SettingError, match=words):
        make()


def test_at_the_kink_hinge_rests_and_perceptron_moves():
    one, zero = jnp.asarray([[1.0], [-1.0]]), jnp.zeros((2, 1))
    t = jnp.asarray([1, 0])
    assert not losses.hinge.derivative(one, t).any()
    np.testing.assert_array_equal(losses.perceptron.derivative(zero, t), [[-0.5], [0.5]])
    assert losses.perceptron.derivative(jnp.zeros((2, 3)), t).any(axis=1).all()


def test_the_inverse_link_of_poisson_makes_the_loss_least_at_the_mean():
    counts = jnp.asarray([[0.0], [1.0], [5.0]])
    y = jnp.full((3, 1), jnp.log(2.0))
    np.testing.assert_allclose(losses.poisson.inverse_link(y), 2, rtol=1e-13)
    np.testing.assert_allclose(losses.poisson.derivative(y, counts).sum(), 0, atol=1e-14)


@pytest.mark.parametrize("name", ["cross_entropy", "binary_cross_entropy"])
def test_inverse_links_are_shares(name):
    y = cases.normal(1, 5, 3)
    shares = cases.LOSSES[name].inverse_link(y)
    assert ((shares > 0) & (shares < 1)).all()
    if name == "cross_entropy":
        np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-13)


def test_a_loss_of_a_users_own():
    def rows(y, t):
        return jnp.sum(jnp.abs(y - t), axis=1)

    absolute = losses.Loss("absolute", rows, lambda y, t: jnp.sign(y - t))
    assert losses.as_loss(absolute) is absolute
    y, t, row_weights = case(absolute, 3, weighted=True)
    expected = jax.grad(absolute.value)(y, t, row_weights)
    np.testing.assert_allclose(absolute.derivative(y, t, row_weights), expected, rtol=1e-12)
    assert render(absolute)["custom"].endswith("test_losses.absolute")


# ── What does not fit ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "output", "target", "dtype"),
    [
        ("squared_error", (6, 3), (5, 3), float),
        ("squared_error", (6, 3), (6, 2), float),
        ("squared_error", (6, 3), (6,), float),
        ("squared_error", (6, 3), (6,), int),
        ("squared_error", (6, 1), (6, 1, 1), float),
        ("binary_cross_entropy", (6, 2), (6,), int),
        ("cross_entropy", (6, 3), (5,), int),
        ("cross_entropy", (6, 3), (6,), float),
        ("cross_entropy", (6, 3), (6, 1), int),
        ("hinge", (6, 3), (6, 2), int),
        ("perceptron", (6, 1), (5,), int),
    ],
)
def test_targets_of_another_shape_are_refused(name, output, target, dtype):
    loss = cases.LOSSES[name]
    for function in (loss.value, loss.derivative):
        with refused(ShapeError, match=rf"Targets of {name} must have the shape \({output[0]}, {output[1]}\)"):
            function(jnp.ones(output), jnp.ones(target, dtype))


def test_auto_follows_the_task_and_the_outputs():
    assert losses.as_loss("auto", task="classification", outputs=3) is losses.cross_entropy
    assert losses.as_loss("auto", task="classification", outputs=1) is losses.binary_cross_entropy
    assert losses.as_loss("auto", task="regression", outputs=3) is losses.squared_error


def test_unknown_losses_offer_close_names():
    with pytest.raises(UnknownNameError, match="Did you mean 'cross_entropy'"):
        losses.as_loss("crossentropy")


@pytest.mark.parametrize("wrong", [None, 3, jnp.abs], ids=["None", "3", "a function"])
def test_what_is_no_loss_is_refused(wrong):
    with refused(SettingError, match="`loss` must be a name or a ds.losses.Loss"):
        losses.as_loss(wrong)


@pytest.mark.parametrize(
    ("name", "classes", "columns", "outputs"),
    [
        ("squared_error", None, 3, 3),
        ("cross_entropy", 4, 1, 4),
        ("cross_entropy", 2, 1, 2),
        ("binary_cross_entropy", 2, 1, 1),
        ("binary_cross_entropy", None, 3, 3),
        ("hinge", 2, 1, 1),
        ("hinge", 5, 1, 5),
        ("poisson", None, 2, 2),
        ("perceptron", 3, 1, 3),
    ],
)
def test_outputs_that_a_loss_needs(name, classes, columns, outputs):
    assert losses.outputs_for(cases.LOSSES[name], classes=classes, target_columns=columns) == outputs


def test_binary_cross_entropy_knows_two_classes():
    with pytest.raises(SettingError, match="must tell 3 classes apart"):
        losses.outputs_for(losses.binary_cross_entropy, classes=3)


@pytest.mark.parametrize(
    ("name", "targets", "outputs", "task"),
    [
        ("squared_error", [[0.5, 1.5]], 2, "regression"),
        ("squared_error", [0.5, 1.5], 1, None),
        ("cross_entropy", [0, 2, 1], 3, "classification"),
        ("cross_entropy", [[0.0, 1.0]], 2, None),
        ("binary_cross_entropy", [0, 1], 1, "classification"),
        ("binary_cross_entropy", [[0.0, 0.3, 1.0]], 3, None),
        ("hinge", [-1, 1], 1, "classification"),
        ("hinge", [0, 1, 2], 3, "classification"),
        ("huber", [0.5, 1.5], 1, "regression"),
        ("poisson", [0, 3], 1, "regression"),
        ("poisson", [[0.0, 2.5]], 2, None),
    ],
)
def test_targets_that_fit_are_accepted(name, targets, outputs, task):
    losses.check_targets(cases.LOSSES[name], np.array(targets), outputs=outputs, task=task)


@pytest.mark.parametrize(
    ("name", "targets", "outputs", "task", "error", "message"),
    [
        ("cross_entropy", [0.5, 1.5], 1, "regression", SettingError, "must suit targets that are numbers"),
        ("hinge", [0.5, 1.5], 1, "regression", SettingError, "must suit targets that are numbers"),
        ("squared_error", [0, 1], 1, "classification", SettingError, "must suit targets that are classes"),
        ("cross_entropy", [0, 3], 3, None, DataError, "lie in 0…2 .* got 3 in row 1"),
        ("cross_entropy", [-1, 2], 3, None, DataError, "lie in 0…2 .* got -1 in row 0"),
        ("binary_cross_entropy", [0, 2], 1, None, DataError, "lie in 0…1 .* with 1 output, got 2 in row 1"),
        ("hinge", [-2, 1], 1, None, DataError, "lie in -1…1"),
        ("squared_error", [[0.5, 1.5]], 3, None, SettingError, "must have 2 outputs"),
        ("binary_cross_entropy", [[0.5], [1.5]], 1, None, DataError, r"between 0 and 1, got \[1.5\] in row 1"),
        ("poisson", [[3.0], [-0.5]], 1, "regression", DataError, r"be 0 or more, got \[-0.5\] in row 1"),
        ("poisson", [0, 1], 1, "classification", SettingError, "must suit targets that are classes"),
    ],
)
def test_targets_that_do_not_fit_are_refused(name, targets, outputs, task, error, message):
    with pytest.raises(error, match=message):
        losses.check_targets(cases.LOSSES[name], np.array(targets), outputs=outputs, task=task)


@pytest.mark.product
@every_loss
@every_width
@every_weighting
def test_descending_outputs_leads_to_the_lowest_loss(loss, outputs, weighted):
    y, t, row_weights = case(loss, outputs, weighted)

    if loss.one_answer is not None:  # no such descent ends in a kink
        np.testing.assert_allclose(loss.value(t, t, row_weights), loss.lowest(y, t, row_weights), atol=1e-15)
        return

    def value_and_slope(flat):
        at = jnp.asarray(flat.reshape(y.shape))
        return float(loss.value(at, t, row_weights)), np.ravel(loss.derivative(at, t, row_weights))

    lowest = float(loss.lowest(y, t, row_weights))
    reached = minimize(value_and_slope, np.ravel(y), jac=True, method="BFGS", options={"gtol": 1e-8, "maxiter": 500})
    assert lowest - 1e-12 <= reached.fun <= lowest + 1e-5
