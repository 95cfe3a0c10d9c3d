"""What is computed with a certified number reads its certificate, and has no scale of its own."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

import downslope as ds
from downslope import curvature
from downslope.cli import surface_subject
from downslope.cli.commands.spectrum import Measurements, _stability
from downslope.core import FunctionSurface
from downslope.networks import signals
from downslope.training.finders.batch_size import find


def bowl(scale, curvatures=(1.0, 100.0)):
    return FunctionSurface(lambda p: scale * 0.5 * jnp.sum(jnp.array(curvatures) * p**2), np.ones(len(curvatures)))


def unconverged(monkeypatch, module):
    """Let no eigenvalue converge that a module measures."""
    eigenvalues = curvature.eigenvalues

    def measure(*arguments, **settings):
        found = eigenvalues(*arguments, **settings)
        return replace(found, converged=np.zeros(len(found), bool), values=1e3 * found.values)

    monkeypatch.setattr(module, "eigenvalues", measure)


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e-3, 1e12, 1e30])
def test_f4_rates_for_a_surface_go_with_its_scale(scale):
    rates, scaled = (surface_subject._rates_for(bowl(s), (2.0, 2.0)) for s in (1.0, scale))
    assert rates["sgd"] == pytest.approx(0.01)
    for name in ("sgd", "momentum", "nesterov"):
        assert scaled[name] * scale == pytest.approx(rates[name])
    assert scaled["adam"] == rates["adam"]


def test_f4_rates_for_a_surface_read_the_certificate(monkeypatch):
    unconverged(monkeypatch, curvature)
    rates = surface_subject._rates_for(bowl(1.0), (2.0, 2.0))
    assert rates["sgd"] == pytest.approx(2.0 / np.hypot(1, 100))  # a first step of half the window
    flat = FunctionSurface(lambda p: 0.0 * jnp.sum(p), np.ones(2))
    assert surface_subject._rates_for(flat, (2.0, 2.0))["sgd"] == 1.0


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_f4_damping_goes_with_the_scale_and_reads_the_certificate(scale, monkeypatch):
    surface = bowl(scale, (1.0, 100.0, -3.0))
    damping = find._damping(surface, surface.params, 0)
    assert (0.1 + 4.5) * scale < damping < 6 * scale
    unconverged(monkeypatch, find)
    assert find._damping(surface, surface.params, 0) is None


def measurements(surface, **changes):
    """Return what `downslope spectrum` measures, with another certificate."""
    at = surface, surface.params
    pairs, step = curvature.eigenvalues(*at, k=1), curvature.step_model(*at, 0.1)
    limit = curvature.stability_limit(float(pairs.values[0]))
    return Measurements(
        2, replace(pairs, **changes), curvature.condition_number(*at), curvature.hessian_trace(*at), step, limit, True,
        "sgd", None,
    )  # fmt: skip


def test_f4_the_limit_of_a_spectrum_reads_the_certificate():
    hill, lost = bowl(1.0, (-1.0, -2.0)), {"converged": np.array([False])}
    assert "did not converge, so the limit of the rate is 0.02 or lower" in _stability(measurements(bowl(1.0), **lost))
    assert "whether it limits the rate is not known" in _stability(measurements(hill, **lost))
    assert "does not curve upward here" in _stability(measurements(hill))
    assert "does not curve upward here" in _stability(measurements(bowl(1.0), resolution=1e3))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_f4_statistics_of_layers_neither_underflow_nor_overflow(scale):
    net, rng = ds.mlp([], outputs=2), np.random.default_rng(0)
    x, t = rng.normal(size=(8, 3)).astype(np.float32), np.zeros((8, 2), np.float32)
    variables = ds.Variables(({"weight": np.ones((3, 2), np.float32), "bias": np.zeros(2, np.float32)},), ({},))
    plain = signals(net, variables, x, t, ds.losses.squared_error)
    scaled = signals(net, variables, np.float32(scale) * x, t, ds.losses.squared_error)
    assert scaled.mean.dtype == np.float32
    np.testing.assert_allclose(scaled.deviation / np.float32(scale), plain.deviation, rtol=1e-5)
    np.testing.assert_allclose(scaled.gradient / np.float32(scale), plain.gradient, rtol=1e-5)
