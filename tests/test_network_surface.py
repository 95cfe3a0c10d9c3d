"""A trained network as a loss surface: the engine's own loss and gradient, over all rows, in chunks."""

import jax
import numpy as np
import pytest

import downslope as ds
from cases import SHAPED_NETWORKS, assert_trees_close, refused
from downslope.core import GaussNewtonSurface, LossSurface, PlaneSurface, displaced, tree_size, weighted_sum
from downslope.losses import Loss, as_loss
from downslope.reference import dense_hessian
from downslope.training.engine.evaluate import cut_rows
from downslope.training.engine.population import population_losses
from downslope.training.problem.part import Part
from downslope.training.surfaces.network import network_surface

RNG = np.random.default_rng(0)
NUMBERS = ds.Dataset(RNG.normal(size=(30, 3)), RNG.normal(size=30), row_weights=RNG.uniform(0.5, 2, 30))
CLASSES = ds.Dataset(RNG.normal(size=(30, 3)), RNG.integers(0, 3, 30))
SETTINGS = {"epochs": 3, "batch_size": 10, "progress": False, "normalize": "standard"}
RUNS = {
    "weighted rows": (ds.mlp([4], outputs=1, activation="tanh"), NUMBERS, {}),
    "a sum over rows": (ds.mlp([4], outputs=1, activation="tanh"), NUMBERS, {"loss": "sum_squared_error"}),
    "classes": (ds.mlp([4], outputs=3, norm="batch", dropout=0.2), CLASSES, {}),
}


@pytest.mark.product
@pytest.mark.parametrize("net, data, settings", RUNS.values(), ids=RUNS)
def test_the_surface_is_the_loss_that_was_descended(net, data, settings):
    run = ds.train(net, data, **SETTINGS | settings)
    kept = jax.tree.map(np.array, run.variables)
    whole = run.surface()
    assert isinstance(whole, LossSurface)
    assert isinstance(whole, GaussNewtonSurface)
    assert whole.value(run.params) == pytest.approx(run.evaluate(data)["loss"], rel=1e-12)
    chunks = network_surface(run.net, run.loss, run.training_rows, run.variables, rows_a_block=7)
    for surface in (whole, chunks):
        assert surface.row_losses(run.params).mean() == pytest.approx(whole.value(run.params), rel=1e-12)
    v = jax.tree.map(lambda leaf: RNG.normal(size=leaf.shape), run.params)
    assert chunks.value(run.params) == pytest.approx(whole.value(run.params), rel=1e-12)
    assert_trees_close(chunks.gradient(run.params), whole.gradient(run.params), rtol=1e-9)
    assert_trees_close(chunks.hvp(run.params, v), whole.hvp(run.params, v), rtol=1e-8, atol=1e-12)
    assert_trees_close(run.variables, kept, rtol=0, atol=0)


@pytest.mark.slow
def test_another_state_and_other_rows_compile_nothing():
    traces = []

    def rows(y, t):
        traces.append(y.shape)
        return jax.numpy.sum((y - t) ** 2, axis=1)

    loss = Loss("counted", rows=rows, rows_derivative=lambda y, t: 2 * (y - t))
    net = ds.mlp([4], outputs=1, norm="batch")
    first, second = (Part(RNG.normal(size=(30, 2)), RNG.normal(size=(30, 1)), None, np.zeros(30)) for _ in range(2))
    variables = net.init(0, (2,))
    surface = network_surface(net, loss, first, variables)
    value, gradient = surface.value_and_gradient(variables.params)
    assert surface.value(variables.params) == pytest.approx(value, rel=1e-12)
    assert_trees_close(surface.gradient(variables.params), gradient, rtol=1e-12)
    traced = len(traces)
    state = jax.tree.map(lambda leaf: leaf + 1.0, variables.state)
    moved = surface.with_state(state), network_surface(net, loss, second, ds.Variables(variables.params, state))
    values = [each.value_and_gradient(variables.params)[0] for each in moved]
    assert len(traces) == traced
    expected = [
        float(ds.loss_and_gradients(net, ds.Variables(variables.params, state), part.x, part.t, loss).loss)
        for part in (first, second)
    ]
    np.testing.assert_allclose(values, expected, rtol=1e-12)


@pytest.mark.parametrize("loss", ["squared_error", "sum_squared_error"])
@pytest.mark.parametrize("weights", [None, RNG.uniform(size=11)], ids=["equal rows", "weighted rows"])
def test_a_sum_over_blocks_is_the_loss_over_all_rows(loss, weights):
    net, loss = ds.mlp([3], outputs=1, activation="tanh"), as_loss(loss)
    part = Part(RNG.normal(size=(11, 2)), RNG.normal(size=(11, 1)), weights, np.zeros(11))
    members = [net.init(seed, (2,)) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *members)
    blocks = cut_rows(part, loss, 4)
    assert [len(x) for x, *_ in blocks.batches] == [4, 4, 3]
    of_block = jax.jit(lambda member, x, t, *w: loss.value(net.apply(member, x), t, *w))
    for member, value in zip(members, population_losses(net, loss, stacked, part), strict=True):
        blockwise = weighted_sum(lambda block, member=member: of_block(member, *block), *blocks)
        assert float(blockwise) == pytest.approx(float(value), rel=1e-12)
        surface = network_surface(net, loss, part, member, rows_a_block=4)
        assert surface.value(member.params) == pytest.approx(float(value), rel=1e-12)


@pytest.mark.slow
def test_its_curvature_is_that_of_the_dense_hessian():
    run = ds.train(*RUNS["weighted rows"][:2], **SETTINGS)
    surface = run.surface()
    assert np.isfinite(surface.value(run.params))
    dense = np.linalg.eigvalsh(dense_hessian(surface.gradient, run.params))
    found = ds.eigenvalues(surface, run.params, k=2, which="both", tol=1e-8)
    np.testing.assert_allclose(sorted(found.values), [*dense[:2], *dense[-2:]], rtol=1e-6)


@pytest.mark.slow
def test_a_run_from_its_folder_is_given_the_rows(tmp_path):
    net, data, _ = RUNS["classes"]
    run = ds.train(net, data, store=tmp_path / "run", **SETTINGS)
    opened = ds.open_run(tmp_path / "run")
    with pytest.raises(ds.DataError, match="keeps no rows"):
        opened.surface()
    told = f"({opened.surface(data).description}, {tree_size(run.params):,} parameters)"
    assert repr(opened.surface(data)) == f"NetworkSurface{told}"
    assert repr(opened.surface(data).whole) == f"FunctionSurface{told}"
    assert opened.surface(data).value(run.params) == pytest.approx(run.surface().value(run.params), rel=1e-12)


@pytest.mark.slow
def test_any_network_and_data_make_a_surface():
    net, shape = SHAPED_NETWORKS["conv2d"]
    images = ds.Dataset(RNG.normal(size=(6, *shape)), np.arange(6) % 3)
    variables = net.init(0, shape)
    surface = ds.surface_of(net, "cross_entropy", images, variables)
    expected = ds.loss_and_gradients(net, variables, images.x, images.y, "cross_entropy")
    assert surface.value(variables.params) == pytest.approx(float(expected.loss), rel=1e-12)
    assert_trees_close(surface.gradient(variables.params), expected.params, rtol=1e-9)
    with refused(ds.ShapeError, "like the surface's parameters"):
        surface.value(variables.params[:1])


def shaped_surface(name, **settings):
    net, shape = SHAPED_NETWORKS[name]
    rows = ds.Dataset(RNG.normal(size=(6, *shape)), np.arange(6) % 2)
    variables = net.init(0, shape)
    surface = ds.surface_of(net, "cross_entropy", rows, variables, **settings)
    directions = [jax.tree.map(lambda leaf: RNG.normal(size=leaf.shape), variables.params) for _ in range(2)]
    return surface, variables.params, directions


@pytest.mark.product
@pytest.mark.parametrize("name, mode", [("conv2d", "inference"), ("batch norm and skips", "training")])
def test_a_plane_is_its_points_one_by_one(name, mode):
    surface, params, directions = shaped_surface(name, mode=mode)
    a, b = np.array([-0.3, 0.0]), np.array([0.0, 0.2, 0.5])
    found = surface.values_on_plane(params, *directions, a, b)
    one_by_one = [[surface.value(displaced(params, directions, (i, j))) for j in b] for i in a]
    assert isinstance(surface, PlaneSurface)
    np.testing.assert_allclose(found, one_by_one, rtol=0 if surface.masked else 1e-12)


@pytest.mark.slow
def test_a_mask_belongs_to_the_point():
    surface, params, directions = shaped_surface("batch norm and skips", mode="training", key=1)
    near = displaced(params, directions[:1], (1e-9,))
    assert surface.value(params) == surface.value(jax.tree.map(np.array, params))
    assert abs(surface.value(near) - surface.value(params)) > 1e-4
    others = shaped_surface("batch norm and skips", mode="training", key=2)[0]
    assert abs(others.value(params) - surface.value(params)) > 1e-4
    # minus zero is the same number, so the same point
    zeros, minus = (jax.tree.map(lambda leaf, zero=zero: np.full_like(leaf, zero), params) for zero in (0.0, -0.0))
    assert surface.value(zeros) == surface.value(minus)


@pytest.mark.slow
def test_the_gradient_in_training_mode_is_that_of_its_own_mask():
    surface, params, _ = shaped_surface("batch norm and skips", mode="training")
    assert "training mode with dropout" in surface.description
    whole, batch = surface.whole, jax.tree.map(jax.numpy.asarray, surface.whole.batches[0])
    automatic = jax.jit(jax.grad(lambda p: whole.compiled.loss(p, batch, whole.constants)))(params)
    assert_trees_close(surface.gradient(params), automatic, rtol=1e-9, atol=1e-12)


def test_training_mode_says_what_it_cannot_do():
    surface, params, _ = shaped_surface("batch norm and skips", mode="training")
    with pytest.raises(ds.SettingError, match="rows of a batch share"):
        next(surface.batch_gradients(params, batch_size=2))
    with pytest.raises(ds.SettingError, match="`mode` must be"):
        shaped_surface("conv2d", mode="test")
