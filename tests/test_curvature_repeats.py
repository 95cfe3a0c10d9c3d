"""Eigenvalues that repeat are found as often as they repeat, or it is said that this is not known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cases
import downslope.curvature as curvature
from downslope.core import FunctionSurface, SettingError, float_dtype, generator
from operators import precision  # noqa: F401

BULK = np.linspace(0, 1, 60)

SPECTRA = {
    "five twos": ([2.0] * 5, 5, "largest"),
    "partial": ([2.0, 2.0, 1.0, 1.0, *[0.0] * 36], 4, "largest"),
    "partial, both ends": ([2.0, 2.0, 1.0, 1.0, *[0.0] * 34, -3.0, -3.0], 3, "both"),
    "above a bulk": ([3.0, 3.0, 3.0, *BULK], 5, "largest"),
    "below a bulk": ([-3.0, -3.0, *BULK], 3, "smallest"),
    "both ends of a bulk": ([3.0, 3.0, *BULK, -2.0, -2.0], 2, "both"),
    "of two signs": ([3.0, 3.0, *BULK, -3.0, -3.0], 4, "magnitude"),
    "near": ([3.0, 3.0 + 1e-6, 3.0 - 1e-6, *BULK], 4, "largest"),
    "all in tens": (np.repeat(np.linspace(1, 10, 6), 10), 12, "largest"),
    "zeros alone": ([0.0] * 7, 7, "smallest"),
    "one repeated at both ends": ([1.0] * 6, 1, "both"),
}


class Rotated:
    """A surface `½ θᵀ A θ` with a stated spectrum in a random basis, in the precision of the moment."""

    def __init__(self, spectrum, seed, scale=1.0):
        random, size = generator(seed, "rotated"), len(spectrum)
        Q, _ = np.linalg.qr(random.normal(size=(size, size)))
        A = (Q * np.asarray(spectrum)[None, :]) @ Q.T
        self.A = (scale * (A + A.T) / 2).astype(float_dtype())
        self.params = np.zeros(size, float_dtype())

    def value(self, params):
        return float(0.5 * params @ self.A @ params)

    def gradient(self, params):
        return self.A @ params

    def hvp(self, params, v):
        return self.A @ np.asarray(v)

    def values(self, many_params):
        return np.array([self.value(params) for params in many_params])


def outermost(spectrum, k, which):
    ascending = np.sort(np.asarray(spectrum, float))
    return {
        "largest": ascending[::-1][:k],
        "smallest": ascending[:k],
        "both": np.r_[ascending[::-1][:k], ascending[:k][::-1]],
        "magnitude": ascending[np.argsort(-np.abs(ascending))][:k],
    }[which]


@pytest.mark.product
@pytest.mark.parametrize("name", SPECTRA)
def test_d3_repeated_eigenvalues_are_there_as_often_as_they_repeat(name, precision):  # noqa: F811
    spectrum, k, which = SPECTRA[name]
    for seed in range(4):
        surface = Rotated(spectrum, seed)
        pairs = curvature.eigenvalues(surface, surface.params, k=k, which=which, key=seed, max_hvps=2000)
        truth = outermost(spectrum, k, which)
        np.testing.assert_allclose(np.sort(np.abs(pairs.values)), np.sort(np.abs(truth)), atol=2e-3 * pairs.scale)
        assert pairs.converged.all()
        assert pairs.status in ("converged", "invariant subspace")
        V = np.array([np.asarray(v, np.float64) for v in pairs.vectors])
        np.testing.assert_allclose(V @ V.T, np.eye(len(pairs)), atol=2e-3)
        residuals = [np.linalg.norm(surface.A.astype(float) @ v - x * v) for v, x in zip(V, pairs.values, strict=True)]
        np.testing.assert_allclose(pairs.residuals, residuals, atol=1e-5 * pairs.scale)


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECTRA)
def test_d3_twenty_seeds_miss_no_repeat_and_make_up_none(name, precision):  # noqa: F811
    spectrum, k, which = SPECTRA[name]
    for seed in range(20):
        surface = Rotated(spectrum, 50 + seed)
        pairs = curvature.eigenvalues(surface, surface.params, k=k, which=which, key=seed, max_hvps=2000)
        truth = outermost(spectrum, k, which)
        np.testing.assert_allclose(np.sort(np.abs(pairs.values)), np.sort(np.abs(truth)), atol=2e-3 * pairs.scale)


def test_d3_where_products_run_out_the_result_says_that_repeats_are_not_known():
    surface = Rotated(SPECTRA["above a bulk"][0], 0)
    enough = curvature.eigenvalues(surface, surface.params, k=2, max_hvps=1000)
    few = curvature.eigenvalues(surface, surface.params, k=2, max_hvps=14)
    assert enough.status == "converged"
    assert few.status in ("multiplicity unknown", "not converged")
    assert few.hvps <= 14
    assert "not known" in str(few) or "Not converged" in str(few)


def test_d3_a_restart_in_little_memory_finds_repeats_too():
    surface = Rotated(SPECTRA["both ends of a bulk"][0], 1)
    size = surface.A.shape[0]
    tight = curvature.eigenvalues(
        surface, surface.params, k=2, which="both", memory_limit=14 * 2 * 8 * size, max_hvps=4000
    )
    np.testing.assert_allclose(tight.values, [3, 3, -2, -2], atol=1e-2)


def test_d3_outputs_of_a_linear_model_repeat_its_curvature():
    x = generator(0, "rows").normal(size=(50, 6))
    params = np.zeros((6, 4))
    surface = FunctionSurface(lambda w, rows: jnp.mean(jnp.sum((rows @ w) ** 2, axis=1)), params, [x])
    pairs = curvature.eigenvalues(surface, params, k=6)
    truth = np.repeat(2 * np.linalg.eigvalsh(x.T @ x / 50)[::-1], 4)[:6]
    np.testing.assert_allclose(pairs.values, truth, rtol=1e-3)


def test_f4_theory_refuses_eigenvalues_that_did_not_converge():
    surface = Rotated(np.geomspace(1e-3, 1e3, 40), 0)
    pairs = curvature.eigenvalues(surface, surface.params, k=3, tol=1e-12, max_hvps=8)
    assert not pairs.converged.all()
    with cases.refused(SettingError, "must be eigenvalues found to the tolerance"):
        curvature.quadratic(pairs)


def test_d3_the_same_key_gives_the_same_bits_with_repeats():
    surface = Rotated(SPECTRA["partial"][0], 3)
    one, two = (curvature.eigenvalues(surface, surface.params, k=4, key=9) for _ in range(2))
    assert np.array_equal(one.values, two.values)
    assert all(np.array_equal(a, b) for a, b in zip(one.vectors, two.vectors, strict=True))
    assert jax.numpy.asarray(one.vectors[0]).dtype == float_dtype()
