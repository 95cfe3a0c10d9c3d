"""Eigenvalues: no false ones, true residuals, honest flags, in both precisions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import cases
import downslope.curvature as curvature
from downslope.core import FunctionSurface, SettingError, ShapeError, UnknownNameError
from operators import SIZE, case, every_operator, precision, tree_of, vector_of  # noqa: F401

SEEDS = range(8)
CLOSES = {"rank three", "two distinct", "identity", "zero"}
WHICH = ("largest", "smallest", "both", "magnitude")


def true_residuals(matrix, pairs):
    vectors = [np.asarray(vector_of(v), np.float64) for v in pairs.vectors]
    return [np.linalg.norm(matrix @ v - value * v) for v, value in zip(vectors, pairs.values, strict=True)]


@pytest.mark.product
@every_operator
def test_no_false_eigenvalue_no_copy_and_true_residuals(name, precision):  # noqa: F811
    eps = np.finfo(precision).eps
    for seed in SEEDS:
        found, which = case(name, seed), WHICH[seed % 4]
        pairs = curvature.eigenvalues(found.surface, found.params, k=3, which=which, key=seed)
        nearest = [np.min(np.abs(found.eigenvalues - value)) for value in pairs.values]
        assert np.all(nearest <= pairs.residuals + 100 * eps * pairs.scale)
        np.testing.assert_allclose(pairs.residuals, true_residuals(found.matrix, pairs), atol=100 * eps * found.largest)
        assert np.array_equal(pairs.converged, pairs.residuals <= 1e-3 * pairs.scale)
        assert pairs.converged.all()
        assert pairs.scale == pytest.approx(found.largest, rel=2e-2, abs=1e-30)
        vectors = np.array([vector_of(v) for v in pairs.vectors])
        np.testing.assert_allclose(vectors @ vectors.T, np.eye(len(pairs)), atol=1e-3)


@every_operator
def test_invariant_subspaces_are_said_aloud(name):
    found = case(name)
    pairs = curvature.eigenvalues(found.surface, found.params, k=10, which="both")
    truth = found.eigenvalues[::-1]
    assert pairs.status == ("invariant subspace" if name in CLOSES else "converged")
    assert ("Invariant subspace" in str(pairs)) == (name in CLOSES)
    np.testing.assert_allclose(pairs.values, np.r_[truth[:10], truth[-10:]], atol=1e-3 * found.largest)


@pytest.mark.product
@pytest.mark.parametrize("name", ["saddle", "random", "power law"])
def test_values_are_the_outermost_in_order(name):
    found = case(name, 1)
    truth = found.eigenvalues
    expected = {
        "largest": truth[::-1][:4],
        "smallest": truth[:4],
        "both": np.r_[truth[::-1][:4], truth[:4][::-1]],
        "magnitude": truth[np.argsort(-np.abs(truth))[:4]],
    }
    for which in WHICH:
        pairs = curvature.eigenvalues(found.surface, found.params, k=4, which=which, tol=1e-9)
        np.testing.assert_allclose(pairs.values, expected[which], atol=1e-9 * found.largest)


@pytest.mark.slow
@every_operator
def test_more_than_there_are_gives_all(name):
    found = case(name, 2)
    pairs = curvature.eigenvalues(found.surface, found.params, k=3 * SIZE, tol=1e-9)
    np.testing.assert_allclose(pairs.values, found.eigenvalues[::-1], atol=1e-10 * found.largest + 1e-10)


@pytest.mark.product
@pytest.mark.parametrize("which", WHICH)
def test_a_small_memory_restarts_and_finds_the_same(which):
    found = case("random", 4)
    settings = {"k": 2, "which": which, "tol": 1e-8, "max_hvps": 2000}
    free = curvature.eigenvalues(found.surface, found.params, **settings)
    tight = curvature.eigenvalues(found.surface, found.params, memory_limit=13 * 2 * 8 * SIZE, **settings)
    assert tight.status == "converged"
    assert tight.hvps > free.hvps
    np.testing.assert_allclose(tight.values, free.values, atol=1e-7)
    assert tight.scale == pytest.approx(found.largest, rel=1e-2)


def test_a_limit_on_products_is_kept_and_said():
    found = case("wide")
    pairs = curvature.eigenvalues(found.surface, found.params, k=3, tol=1e-12, max_hvps=9)
    assert pairs.hvps == 9
    assert pairs.status == "not converged"
    assert not pairs.converged.all()
    assert "not converged" in str(pairs)
    np.testing.assert_allclose(pairs.residuals, true_residuals(found.matrix, pairs), atol=1e-10)


def test_a_tolerance_finer_than_float32_is_said(float32):
    found = case("random")
    pairs = curvature.eigenvalues(found.surface, found.params, k=2, tol=1e-9)
    assert pairs.status == "resolution reached"
    assert not pairs.converged.all()
    assert np.all(pairs.residuals < 1e-5 * pairs.scale)
    assert pairs.resolution == pytest.approx(1e-6 * pairs.scale, rel=0.1)


def test_values_below_the_resolution_are_shown_as_zero(float32):
    found = case("rank three")
    pairs = curvature.eigenvalues(found.surface, found.params, k=4)
    assert pairs.resolved.tolist() == [True, True, True, False]
    assert "0 within 5e-06, the resolution" in str(pairs)
    assert repr(pairs).startswith(f"Eigenpairs(hessian: {pairs.values[0]:.4g}, ")
    assert repr(pairs).endswith(f"; {pairs.status}, {pairs.hvps} products)")


def test_a_warm_start_needs_fewer_products_and_misses_nothing():
    found = case("power law")
    cold = curvature.eigenvalues(found.surface, found.params, tol=1e-6)
    warm = curvature.eigenvalues(found.surface, found.params, tol=1e-6, start=cold.vectors[0])
    assert warm.hvps < cold.hvps
    assert warm.values == pytest.approx(cold.values)
    lowest = tree_of(np.linalg.eigh(found.matrix)[1][:, 0])
    misled = curvature.eigenvalues(found.surface, found.params, tol=1e-6, start=lowest)
    assert misled.values == pytest.approx(cold.values)


def test_progress_is_told_and_an_interrupt_keeps_what_was_found():
    found, told = case("wide"), []

    def stop(hvps, values, estimates):
        told.append((hvps, len(values), len(estimates)))
        if hvps >= 8:
            raise KeyboardInterrupt

    pairs = curvature.eigenvalues(found.surface, found.params, k=2, tol=1e-10, progress=stop)
    assert told[0][1:] == (2, 2)
    assert pairs.status == "interrupted"
    np.testing.assert_allclose(pairs.residuals, true_residuals(found.matrix, pairs), atol=1e-10)


def test_the_same_key_gives_the_same_bits():
    found = case("random")
    one, two = (curvature.eigenvalues(found.surface, found.params, k=2, key=5) for _ in range(2))
    assert np.array_equal(one.values, two.values)
    assert np.array_equal(vector_of(one.vectors[0]), vector_of(two.vectors[0]))


def network(activation, loss):
    """Return a small network's surface as a function of JAX, its parameters, and its dense Hessian."""
    random = np.random.default_rng(1)
    x, t = random.normal(size=(30, 4)), random.integers(0, 3, 30)
    params = {name: random.normal(size=shape) / 2 for name, shape in {"W": (4, 5), "b": (5,), "V": (5, 3)}.items()}

    def value(p, batch):
        y = activation(batch[0] @ p["W"] + p["b"][None, :]) @ p["V"]
        one_hot = jax.nn.one_hot(batch[1], 3, dtype=y.dtype)
        if loss == "squared error":
            return jnp.mean(jnp.sum((y - one_hot) ** 2, axis=1))
        return -jnp.mean(jnp.sum(one_hot * jax.nn.log_softmax(y), axis=1))

    flat, unravel = ravel_pytree(params)
    dense = np.asarray(jax.hessian(lambda q: value(unravel(q), (x, t)))(flat))
    return FunctionSurface(value, params, [(x[:20], t[:20]), (x[20:], t[20:])]), params, dense


@pytest.mark.product
@pytest.mark.parametrize("loss", ["squared error", "cross-entropy"])
@pytest.mark.parametrize("activation", [jax.nn.relu, jnp.tanh, jax.nn.sigmoid], ids=["relu", "tanh", "sigmoid"])
def test_small_networks_against_the_dense_hessian(activation, loss):
    surface, params, dense = network(activation, loss)
    pairs = curvature.eigenvalues(surface, params, k=3, which="both", tol=1e-10)
    truth = np.linalg.eigvalsh(dense)
    assert pairs.converged.all()
    np.testing.assert_allclose(pairs.values, np.r_[truth[::-1][:3], truth[:3][::-1]], atol=1e-9)


def test_a_linear_models_hessian_is_covariance_plus_outer_mean():
    x = np.random.default_rng(2).normal(loc=3, size=(50, 4))
    surface = FunctionSurface(lambda w, rows: jnp.mean(0.5 * (rows @ w) ** 2), np.zeros(4), [x])
    mean = x.mean(axis=0)
    expected = np.cov(x.T, bias=True) + np.outer(mean, mean)
    pairs = curvature.eigenvalues(surface, np.ones(4), k=4, tol=1e-10)
    np.testing.assert_allclose(pairs.values, np.linalg.eigvalsh(expected)[::-1], rtol=1e-10)


def test_the_gauss_newton_term_is_measured_where_it_is_offered():
    x = np.random.default_rng(3).normal(size=(20, 3))
    surface = FunctionSurface(
        lambda y, rows: jnp.mean((y - 1) ** 2), np.ones(3), [x], model=lambda w, rows: jnp.tanh(rows @ w)
    )
    J = np.asarray(jax.jacobian(lambda w: jnp.tanh(x @ w))(np.ones(3)))
    pairs = curvature.eigenvalues(surface, np.ones(3), k=3, operator="gauss_newton", tol=1e-10)
    np.testing.assert_allclose(pairs.values, np.linalg.eigvalsh(2 / 20 * J.T @ J)[::-1], rtol=1e-9)
    assert "Gauss–Newton term" in str(pairs)
    with pytest.raises(SettingError, match="offers no Gauss–Newton product"):
        curvature.eigenvalues(HessianOnly(case("random").surface), case("random").params, operator="gauss_newton")


class HessianOnly:
    """A surface that offers what it must, and no more."""

    def __init__(self, surface):
        self.value, self.gradient, self.hvp, self.values = (
            surface.value, surface.gradient, surface.hvp, surface.values
        )  # fmt: skip


def test_what_is_no_surface_is_refused():
    with cases.refused(SettingError, r"`surface` must be a loss surface, .* got function"):
        curvature.eigenvalues(lambda p: p, np.ones(3))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"k": 0}, SettingError, "`k` must be a whole number, 1 or more"),
        ({"tol": 0.0}, SettingError, "`tol` must be a number above 0"),
        ({"which": "large"}, UnknownNameError, "Did you mean 'largest'"),
        ({"operator": "hesian"}, UnknownNameError, "Did you mean 'hessian'"),
        ({"k": 4, "max_hvps": 7}, SettingError, "`max_hvps` must be a whole number, 8 or more"),
        ({"memory_limit": 100}, SettingError, "`memory_limit` must be .* So many bytes"),
        ({"start": {"bias": np.ones(3)}}, ShapeError, "`start` must be a tree like `params`, of 40 numbers, got 3"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, error, message):
    found = case("random")
    with pytest.raises(error, match=message):
        curvature.eigenvalues(found.surface, found.params, **settings)


def test_points_without_curvature_are_refused():
    root = FunctionSurface(lambda p: jnp.sum(jnp.sqrt(p["a"])), {"a": np.ones(2)})
    with pytest.raises(SettingError, match="Hessian times a vector must be finite, got numbers that are not at 'a'"):
        curvature.eigenvalues(root, {"a": np.zeros(2)})
    with pytest.raises(SettingError, match="`params` must be finite"):
        curvature.eigenvalues(root, {"a": np.full(2, np.nan)})
