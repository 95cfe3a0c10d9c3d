"""The theory of descent on a bowl, against descent on a bowl, in NumPy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import downslope as ds
import downslope.curvature as curvature
from downslope.core import FunctionSurface, SettingError, UnknownNameError
from downslope.curvature import quadratic

CURVATURES = np.array([0.3, 1.0, 4.0, 9.0])
BOWL = quadratic(CURVATURES)
METHODS = {"gradient_descent": (0.0, False), "momentum": (0.8, False), "nesterov": (0.8, True)}

every_method = pytest.mark.parametrize("method", METHODS)


def descend(rate, steps, momentum=0.0, nesterov=False, alpha=CURVATURES, start=1.0):
    """Return the errors before the first step and after each, `(steps + 1, directions)`."""
    e, v = np.full(alpha.shape, start), np.zeros(alpha.shape)
    path = [e]
    for _ in range(steps):
        g = alpha * e
        v = momentum * v + g
        e = e - rate * (g + momentum * v if nesterov else v)
        path.append(e)
    return np.array(path)


@every_method
def test_errors_and_losses_are_those_of_the_recursion(method):
    momentum, nesterov = METHODS[method]
    path = descend(0.11, 700, momentum, nesterov)
    for steps in (0, 1, 2, 17):
        errors = BOWL.errors(0.11, steps, momentum=momentum, nesterov=nesterov)
        np.testing.assert_allclose(errors, path[steps], rtol=1e-9, atol=1e-14)
    losses = BOWL.losses(0.11, 700, momentum=momentum, nesterov=nesterov)
    assert losses.shape == (701,)
    np.testing.assert_allclose(losses[:100], np.sum(0.5 * CURVATURES * path**2, axis=1)[:100], rtol=1e-9)


@every_method
@pytest.mark.parametrize("target", [0.5, 1e-4])
def test_steps_to_a_target_are_counted_exactly(method, target):
    momentum, nesterov = METHODS[method]
    losses = np.sum(0.5 * CURVATURES * descend(0.03, 3000, momentum, nesterov, start=2.0) ** 2, axis=1)
    expected = int(np.argmax(losses <= target * losses[0]))
    assert BOWL.steps(0.03, target, momentum=momentum, nesterov=nesterov, start=2.0) == expected


@every_method
def test_descent_converges_below_the_limit_and_diverges_above(method):
    momentum, nesterov = METHODS[method]
    limit = BOWL.limit(momentum=momentum, nesterov=nesterov)
    assert BOWL.factor(0.999 * limit, momentum=momentum, nesterov=nesterov) < 1
    assert BOWL.factor(1.001 * limit, momentum=momentum, nesterov=nesterov) > 1
    below = np.abs(descend(0.99 * limit, 6000, momentum, nesterov)[-1, -1])
    above = np.abs(descend(1.01 * limit, 6000, momentum, nesterov)[-1, -1])
    assert below < 1e-3 < 1e3 < above
    assert BOWL.steps(1.01 * limit, 0.01, momentum=momentum, nesterov=nesterov) is None


def test_limits_are_those_of_the_literature():
    assert BOWL.limit() == pytest.approx(2 / 9)
    assert BOWL.limit(momentum=0.9) == pytest.approx(3.8 / 9)
    assert BOWL.limit(momentum=0.9, nesterov=True) == pytest.approx(3.8 / (2.8 * 9))
    assert BOWL.safe_rate == pytest.approx(0.99 / 9)


@every_method
def test_the_best_settings_are_the_best(method):
    best = BOWL.best(method)
    momentum = {"momentum": best.momentum, "nesterov": best.nesterov}
    # at the best momentum two roots meet, and rounding splits them by its square root
    assert BOWL.factor(best.learning_rate, **momentum) == pytest.approx(best.factor, abs=1e-6)
    for rate in np.linspace(0.5, 1.2, 15):
        for change in (0,) if method == "gradient_descent" else (-0.1, -0.01, 0, 0.01, 0.1):
            factor = BOWL.factor(
                rate * best.learning_rate, momentum=best.momentum + change, nesterov=method == "nesterov"
            )
            assert factor >= best.factor - 1e-6


def test_momentum_at_its_best_shrinks_the_error_as_the_notes_say():
    root = np.sqrt(BOWL.condition_number)
    assert BOWL.best("momentum").factor == pytest.approx((root - 1) / (root + 1))


def test_one_curvature_is_solved_in_a_step():
    assert quadratic([2.0, 2.0]).best().factor == 0
    assert quadratic([2.0, 2.0]).steps(0.5, 1e-6) == 1


def test_eigenpairs_are_curvatures():
    surface = FunctionSurface(lambda p: 0.5 * jnp.sum(jnp.asarray(CURVATURES) * p**2), np.ones(4))
    pairs = curvature.eigenvalues(surface, np.ones(4), k=1, which="both", tol=1e-9)
    assert quadratic(pairs).condition_number == pytest.approx(30)


@pytest.mark.parametrize("curvatures", [[], [1.0, 0.0], [1.0, -1.0], [np.nan]])
def test_bowls_without_a_minimum_are_refused(curvatures):
    with pytest.raises(SettingError, match="`curvatures` must all be above 0"):
        quadratic(curvatures)


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(UnknownNameError, match="Did you mean 'momentum'"):
        BOWL.best("momentun")
    with pytest.raises(SettingError, match="`momentum` must be a number"):
        BOWL.limit(momentum=1.0)
    with pytest.raises(SettingError, match="`target` must be a number"):
        BOWL.steps(0.1, 1.5)


# ── Old Faithful, worked ─────────────────────────────────────────────────────────────────────────


@functools.cache
def old_faithful(*, standardized):
    """Return the mean squared error of a line through the eruptions, as a surface over intercept and slope."""
    data = ds.load("old_faithful")
    x, y = (np.asarray(column, float).reshape(-1) for column in (data.x, data.y))
    if standardized:
        x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    chunks = [(x[:200], y[:200]), (x[200:], y[200:])]
    return FunctionSurface(lambda p, rows: jnp.mean((p[0] + p[1] * rows[0] - rows[1]) ** 2), np.zeros(2), chunks)


def test_the_raw_table_has_its_condition_number():
    found = curvature.condition_number(old_faithful(standardized=False), np.zeros(2))
    assert found.kappa == pytest.approx(159.146, rel=1e-5)
    assert (found.smallest, found.largest) == pytest.approx((0.180617, 28.7445), rel=1e-5)
    assert (found.negative, found.effective_rank, found.complete) == (0, 2, True)


def test_the_standardized_table_is_a_round_bowl():
    surface = old_faithful(standardized=True)
    pairs = curvature.eigenvalues(surface, np.zeros(2), k=2)
    assert pairs.values == pytest.approx([2.0] * len(pairs))
    assert curvature.condition_number(surface, np.zeros(2)).kappa == pytest.approx(1)
    at_minimum = np.array([0.0, 0.900811168322])
    assert np.asarray(surface.gradient(at_minimum)) == pytest.approx(0, abs=1e-11)
    assert 272 * surface.value(at_minimum) == pytest.approx(51.2826730)


@pytest.mark.parametrize(("method", "momentum"), [("gradient_descent", 0.0), ("momentum", 0.9)])
def test_descent_on_the_raw_table_does_what_the_theory_says(method, momentum):
    surface, minimum = old_faithful(standardized=False), np.array([33.4743970, 10.7296414])
    assert 272 * surface.value(minimum) == pytest.approx(9443.38705, rel=1e-8)
    hessian = np.array(jax.vmap(lambda v: surface.hvp(minimum, v))(np.eye(2)))
    alpha, V = np.linalg.eigh(hessian)
    bowl, start = quadratic(alpha), V @ np.array([1.0, 1.0])
    limit = bowl.limit(momentum=momentum)

    def error(rate, steps):
        """Descend with the Hessian at hand: on a quadratic it is the gradient."""
        e, v = start, np.zeros(2)
        for _ in range(steps):
            v = momentum * v + hessian @ e
            e = e - rate * v
        return V.T @ e

    np.testing.assert_allclose(error(0.9 * limit, 50), bowl.errors(0.9 * limit, 50, momentum=momentum), rtol=1e-9)
    assert np.abs(error(0.999 * limit, 20000)[-1]) < 1e-2
    assert np.abs(error(1.001 * limit, 20000)[-1]) > 1e2
