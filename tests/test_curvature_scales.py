"""All that is measured of curvature is right whatever the scale of the loss, in both precisions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import downslope.curvature as curvature
from downslope.core import FunctionSurface, generator, tree_norm, vector_length
from downslope.core._scale import representable, unit_of
from downslope.curvature._conjugate_gradients import conjugate_gradients
from downslope.curvature._operator import operator_at
from test_curvature_repeats import Rotated

EXPONENTS = {"float32": (-30, -25, -20, -10, 10, 20, 25, 30), "float64": (-200, -162, -100, 100, 160, 200)}
SCALES = [(dtype, exponent) for dtype, exponents in EXPONENTS.items() for exponent in exponents]

SPECTRA = {
    "positive": np.geomspace(1, 100, 12),
    "indefinite": np.r_[np.linspace(1, 50, 11), -3.0],
    "semi-definite": np.r_[np.linspace(1, 50, 9), 0.0, 0.0, 0.0],
}


class Sloped(Rotated):
    """The same with a slope, an offset, and a point that is not the minimum."""

    def __init__(self, spectrum, scale, offset=0.0):
        super().__init__(spectrum, 3, scale)
        self.b, self.offset = self.A @ np.linspace(-1, 2, len(self.A)).astype(self.A.dtype), offset
        self.params = self.params + 1

    def value(self, params):
        return super().value(params) + float(self.b @ params) + self.offset

    def gradient(self, params):
        return super().gradient(params) + self.b


def eigenvalues(surface):
    both = curvature.eigenvalues(surface, surface.params, k=3, which="both", tol=1e-4)
    assert both.converged.all()
    return {"values": both.values, "residual": np.maximum(both.residuals, 1e-4 * both.scale), "scale": both.scale}, {}


def condition(surface):
    whole = curvature.condition_number(surface, surface.params)
    ends = curvature.condition_number(surface, surface.params, max_hvps=11, tol=1e-2)
    free = {"kappa": whole.kappa or 0.0, "ends": ends.kappa or 0.0, "negative": whole.negative + 10 * ends.negative}
    return {"largest": whole.largest, "smallest": whole.smallest, "at the end": ends.largest}, free


def trace(surface):
    exact = curvature.hessian_trace(surface, surface.params)
    estimate = curvature.hessian_trace(surface, surface.params, probes=6, deflate=2)
    return {"exact": exact.value, "estimate": estimate.value, "error": estimate.standard_error}, {}


def density(surface):
    found = curvature.spectral_density(surface, surface.params, nodes=12, probes=4)
    scaled = {"mean": found.mean, "root": found.root_mean_square, "end": found.axis[-1], "width": found.bandwidth}
    return scaled, {"integral": found.integral}


def sharpness(surface):
    found = curvature.sharpness(surface, surface.params)
    assert found.converged
    return {"largest": found.largest, "trace": found.trace}, {}


def step(surface):
    model = curvature.step_model(surface, surface.params, k=4, tol=1e-4)
    scaled = {"norm": model.gradient_norm, "along": model.rayleigh_quotient, "predicted": model.predicted_loss}
    scaled |= {"observed": model.observed_loss, "fall": model.gradient_term}
    free = {"ratio": model.ratio, "shares": np.sort(model.shares), "step": model.best_step * model.rayleigh_quotient}
    return scaled, free


def blocks(surface):
    tree = {"a": surface.params[:5], "b": surface.params[5:]}

    class Split:
        def value(self, params):
            return 0.0

        def gradient(self, params):
            return params

        def values(self, many_params):
            return np.zeros(1)

        def hvp(self, params, v):
            image = surface.hvp(None, np.concatenate([v["a"], v["b"]]))
            return {"a": image[:5], "b": image[5:]}

    exact = curvature.hessian_blocks(Split(), tree)
    estimate = curvature.hessian_blocks(Split(), tree, exact_up_to=0, probes=5)
    return {}, {"exact": exact.share_outside, "shares": exact.shares, "estimate": estimate.share_outside}


def adaptive(surface):
    P = np.linspace(0.5, 2, len(surface.params)).astype(surface.params.dtype)
    return {"value": curvature.preconditioned_sharpness(surface, surface.params, P, tol=1e-4).values}, {}


def solution(surface):
    operator = operator_at(surface, surface.params)
    b = np.asarray(surface.gradient(surface.params), float)
    found = conjugate_gradients(operator, b, damping=10 * vector_length(b), tol=1e-4, max_products=50)
    assert found.converged
    return {}, {"x": found.x}


QUANTITIES = (eigenvalues, condition, trace, density, sharpness, step, blocks, adaptive, solution)


@pytest.mark.product(share=1 / 12)
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda quantity: quantity.__name__)
@pytest.mark.parametrize(("dtype", "exponent"), SCALES)
def test_f4_what_is_measured_scales_with_the_loss(dtype, exponent, quantity, spectrum):
    with jax.enable_x64(dtype == "float64"):
        plain, scaled = (Sloped(SPECTRA[spectrum], scale) for scale in (1.0, 10.0**exponent))
        (expected, expected_free), (measured, measured_free) = quantity(plain), quantity(scaled)
    rtol = 1e-3 if dtype == "float32" else 1e-5
    for name, value in expected.items():
        np.testing.assert_allclose(
            np.asarray(measured[name]) / 10.0**exponent, value, rtol=rtol, atol=2e-3, err_msg=name
        )
    for name, value in expected_free.items():
        np.testing.assert_allclose(measured_free[name], value, rtol=rtol, atol=rtol, err_msg=name)


@pytest.mark.parametrize(("dtype", "exponent"), SCALES)
def test_f4_kappa_is_100_at_every_scale(dtype, exponent):
    with jax.enable_x64(dtype == "float64"):
        scale, curvatures = 10.0**exponent, np.linspace(1, 100, 20)
        surface = FunctionSurface(lambda p: 0.5 * jnp.sum(jnp.asarray(scale * curvatures) * p**2), np.ones(20))
        for settings in ({}, {"max_hvps": 19, "tol": 1e-4}):
            found = curvature.condition_number(surface, np.ones(20), **settings)
            assert found.kappa is None or found.kappa == pytest.approx(100, rel=1e-3)
            assert found.converged == (found.kappa is not None)
        assert curvature.condition_number(surface, np.ones(20)).kappa is not None


def test_f4_kappa_is_not_stated_where_an_end_has_not_converged():
    surface = Rotated(np.geomspace(1e-3, 1e3, 40), 0)
    found = curvature.condition_number(surface, surface.params, max_hvps=8)
    assert not found.converged
    assert found.kappa is None
    assert found.at_least is None or found.at_least <= 1e6
    assert "not found to the tolerance" in str(found)


@pytest.mark.parametrize(
    ("dtype", "size"), [("float32", 1e12), ("float32", 1e-12), ("float64", 1e90), ("float64", 1e-90)]
)
def test_f4_large_and_small_parameters_change_nothing(dtype, size):
    with jax.enable_x64(dtype == "float64"):
        point, curvatures = size * np.linspace(1, 2, 12), np.geomspace(1, 100, 12)
        surface = FunctionSurface(lambda p: 0.5 * jnp.sum(jnp.asarray(curvatures) * (p / size) ** 2), point)
        pairs = curvature.eigenvalues(surface, point, k=2, which="both", tol=1e-4)
        np.testing.assert_allclose(pairs.values[[0, -1]] * size**2, [100, 1], rtol=1e-2)
        assert curvature.condition_number(surface, point).kappa == pytest.approx(100, rel=1e-3)
        model = curvature.step_model(surface, point, k=0)
        assert model.observed_loss == pytest.approx(model.predicted_loss, rel=1e-3)


def test_f4_products_beyond_double_precision_are_said_to_be_so():
    surface = Sloped(SPECTRA["positive"], 1e-200)
    model = curvature.step_model(surface, surface.params, k=2)
    assert model.squared_gradient is model.curvature is None
    assert np.isnan(model.squared_components).all()
    assert "beyond double precision" in str(model)
    assert model.gradient_norm > 0
    found = curvature.spectral_density(surface, surface.params, nodes=6, probes=3)
    assert found.mean_square is None
    assert "beyond double precision" in str(found)
    blocks = curvature.hessian_blocks(surface, surface.params)
    assert blocks.squared_norm is None
    assert np.isnan(blocks.squared_norms).all()
    assert "beyond double precision" in str(blocks)


@pytest.mark.parametrize("exponent", [-200, 162])
def test_f4_the_noise_of_gradients_and_of_newton_steps_has_no_scale(exponent):
    rows = generator(0, "rows").normal(size=(256, 3))

    def surface(scale):
        return FunctionSurface(
            lambda p, x: scale * 0.5 * jnp.mean(jnp.sum((p[None, :] - x) ** 2, axis=1)), np.ones(3), [rows]
        )

    plain, scaled = surface(1.0), surface(10.0**exponent)
    one, other = (curvature.noise_scale(s, np.ones(3)) for s in (plain, scaled))
    assert other.value == pytest.approx(one.value)
    assert other.noise is None
    assert other.noise_deviation == pytest.approx(one.noise_deviation * 10.0**exponent)
    one, other = (curvature.curvature_noise(s, np.ones(3), [16, 64], draws=4) for s in (plain, scaled))
    for name in ("gradient", "hessian_gradient", "newton_step"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-300, 1e-25, 1e25, 1e300])
def test_f4_theory_on_a_bowl_has_no_scale(scale):
    plain, scaled = curvature.quadratic([1.0, 25.0]), curvature.quadratic([scale, 25 * scale])
    assert scaled.condition_number == pytest.approx(25)
    for method in ("gradient_descent", "momentum", "nesterov"):
        one, other = plain.best(method), scaled.best(method)
        assert other.learning_rate * scale == pytest.approx(one.learning_rate)
        settings = {"momentum": one.momentum, "nesterov": one.nesterov}
        assert scaled.factor(other.learning_rate, **settings) == pytest.approx(
            plain.factor(one.learning_rate, **settings)
        )
        assert scaled.steps(other.learning_rate, 1e-6, **settings) == plain.steps(one.learning_rate, 1e-6, **settings)


@pytest.mark.parametrize("scale", [1e-36, 1e-25, 1.0, 1e25, 1e37])
def test_f4_norms_of_trees_neither_underflow_nor_overflow(scale, float32):
    tree = {
        "a": np.array([3 * scale], np.float32),
        "b": np.array([[4 * scale]], np.float32),
        "c": np.zeros(0, np.float32),
    }
    assert float(tree_norm(tree)) == pytest.approx(5 * scale, rel=1e-3)
    assert float(jax.jit(tree_norm)(tree)) == pytest.approx(5 * scale, rel=1e-3)


def test_f4_norms_of_what_is_not_finite_are_not_finite(float32):
    assert np.isinf(float(tree_norm({"a": np.array([np.inf, 1.0], np.float32)})))
    assert np.isnan(float(tree_norm({"a": np.array([np.nan, 1.0], np.float32)})))
    assert float(tree_norm(())) == float(tree_norm(np.zeros(3, np.float32))) == 0


@pytest.mark.parametrize("vector", [[3e-200, 4e-200], [3e200, 4e200], [0.0, 0.0], [5e-324], [np.inf], [np.nan], []])
def test_f4_lengths_in_double_precision(vector):
    with np.errstate(over="ignore"):
        expected = np.hypot.reduce(np.array(vector)) if vector else 0.0
    assert vector_length(np.array(vector)) == pytest.approx(expected, nan_ok=True, abs=0)
    assert unit_of(np.array(vector)) > 0


def test_f4_products_that_cannot_be_held():
    assert representable(1e-200, 1e-200) is None
    assert representable(1e200, -1e200) is None
    assert representable(0.0, 1e-200, 1e-200) == 0
    assert representable(2.0, 3.0) == 6
