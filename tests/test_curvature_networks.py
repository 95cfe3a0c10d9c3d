"""Networks against dense float64 Hessians; what certificates and intervals are worth over many draws."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import downslope as ds
from downslope import curvature, losses
from downslope.core import float_dtype
from operators import case, precision, vector_of  # noqa: F401

SIX_OPERATORS = ("rank three", "two distinct", "identity", "zero", "saddle", "power law")
TWENTY_SEEDS = range(20)
WHICH = ("largest", "smallest", "both", "magnitude")
ACTIVATIONS, LOSSES = ("relu", "tanh", "sigmoid"), ("cross_entropy", "squared_error")
TOLERANCE = {"float64": 1e-9, "float32": 1e-5}
"""What curvature may be wrong by, as a share of the largest eigenvalue."""


@functools.cache
def network(activation, loss):
    """Return a network, rows, variables whose biases are not zero, and the dense Hessian by nested differentiation."""
    random = np.random.default_rng(3)
    x = random.normal(size=(40, 4))
    t = random.integers(0, 3, 40) if loss == "cross_entropy" else random.normal(size=(40, 3))
    net = ds.mlp([6, 5], outputs=3, activation=activation)
    with jax.enable_x64(True):
        start = net.init(0, (4,))
        flat, unravel = ravel_pytree(jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), start.params))
        flat = flat + 0.3 * random.normal(size=flat.shape)
        value, rows, targets = losses.as_loss(loss).value, jnp.asarray(x), jnp.asarray(t)
        dense = jax.jit(jax.hessian(lambda q: value(net.apply(ds.Variables(unravel(q), start.state), rows), targets)))(
            flat
        )
        params = jax.tree.map(np.asarray, unravel(flat))
    return net, ds.Dataset(x, t), ds.Variables(params, start.state), np.asarray(dense)


@pytest.fixture(params=[(a, loss) for a in ACTIVATIONS for loss in LOSSES], ids=lambda pair: ", ".join(pair))
def measured(request, precision):  # noqa: F811
    """Return a surface and parameters in the precision of the test, the dense Hessian, and the share allowed."""
    activation, loss = request.param
    net, data, variables, dense = network(activation, loss)
    params = jax.tree.map(lambda leaf: leaf.astype(float_dtype()), variables.params)
    surface = ds.surface_of(net, loss, data, ds.Variables(params, variables.state))
    return surface, params, dense, TOLERANCE[precision]


@pytest.mark.product(share=1 / 6)
def test_products_eigenvalues_and_the_trace_are_those_of_the_dense_hessian(measured):
    surface, params, dense, share = measured
    truth = np.linalg.eigvalsh(dense)
    allowed = share * np.abs(truth).max()
    flat, unravel = ravel_pytree(params)
    v = np.random.default_rng(5).normal(size=flat.shape).astype(flat.dtype)
    product = ravel_pytree(surface.hvp(params, unravel(v)))[0]
    np.testing.assert_allclose(product, dense @ v, atol=allowed * np.linalg.norm(v))
    pairs = curvature.eigenvalues(surface, params, k=4, which="both", tol=share, max_hvps=2000)
    assert pairs.converged.all()
    np.testing.assert_allclose(pairs.values, np.r_[truth[::-1][:4], truth[:4][::-1]], atol=allowed)
    trace = curvature.hessian_trace(surface, params, probes=flat.size)
    assert (trace.standard_error, trace.hvps) == (0, flat.size)
    assert trace.value == pytest.approx(np.trace(dense), abs=10 * allowed)


@pytest.mark.slow
@pytest.mark.parametrize("name", SIX_OPERATORS)
def test_no_certified_eigenvalue_is_false(name, precision):  # noqa: F811
    eps = np.finfo(precision).eps
    for seed in TWENTY_SEEDS:
        found = case(name, 100 + seed)
        pairs = curvature.eigenvalues(found.surface, found.params, k=4, which=WHICH[seed % 4], tol=1e-5, key=seed)
        certain = pairs.values[pairs.converged]
        nearest = np.min(np.abs(found.eigenvalues[:, None] - certain[None, :]), axis=0)
        assert np.all(nearest <= 1e-5 * pairs.scale + 100 * eps * found.largest)
        vectors = np.array([vector_of(v) for v in pairs.vectors])  # no vector is there twice
        np.testing.assert_allclose(vectors @ vectors.T, np.eye(len(pairs)), atol=1e-3)


@pytest.mark.long
@pytest.mark.parametrize("name", ["saddle", "power law"])
def test_intervals_of_the_trace_cover_the_truth_with_directions_taken_out(name):
    found, covered = case(name, 7), 0
    for seed in range(200):
        low, high = curvature.hessian_trace(found.surface, found.params, probes=12, deflate=4, key=seed).interval
        covered += low <= np.trace(found.matrix) <= high
    assert covered >= 0.9 * 200


@pytest.mark.long
def test_intervals_of_a_networks_trace_cover_the_truth():
    net, data, variables, dense = network("tanh", "cross_entropy")
    surface, covered = ds.surface_of(net, "cross_entropy", data, variables), 0
    for seed in range(200):
        low, high = curvature.hessian_trace(surface, variables.params, probes=12, deflate=3, key=seed).interval
        covered += low <= np.trace(dense) <= high
    assert covered >= 0.9 * 200


@pytest.mark.slow
def test_the_densitys_moments_are_those_of_a_network():
    net, data, variables, dense = network("tanh", "cross_entropy")
    surface = ds.surface_of(net, "cross_entropy", data, variables)
    density = curvature.spectral_density(surface, variables.params, probes=12, nodes=20)
    moments = np.trace(dense) / len(dense), np.sum(dense**2) / len(dense)
    assert abs(density.mean - moments[0]) < 4.5 * density.mean_standard_error
    assert abs(density.mean_square - moments[1]) < 4.5 * density.mean_square_standard_error
