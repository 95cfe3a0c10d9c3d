"""Directions and windows: filters, paths, curvature, points, and how far to look."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import downslope as ds
from downslope.core import FunctionSurface, SettingError, ShapeError, UnknownNameError, generator
from downslope.landscape import filter_direction, slice_1d, slice_2d
from downslope.landscape._vectors import dot, length
from operators import case, tree_of, vector_of

RANDOM = generator(0, "tests", "directions")
SHAPES = {"bias": (4,), "kernel": (3, 3, 2, 4), "weight": (5, 4)}
WEIGHTS = {name: RANDOM.normal(size=shape) for name, shape in SHAPES.items()}


def norms(leaf, axis):
    return np.sqrt(np.sum(np.moveaxis(leaf, axis, -1) ** 2, axis=tuple(range(leaf.ndim - 1))))


@pytest.mark.parametrize("axis", [-1, 0])
def test_every_filter_is_as_long_as_the_parameters_own(axis):
    drawn = filter_direction(WEIGHTS, key=0, unit_axis=axis)
    for name in ("kernel", "weight"):
        np.testing.assert_allclose(norms(drawn[name], axis), norms(WEIGHTS[name], axis), rtol=1e-12)
    assert not drawn["bias"].any()


def test_draws_belong_to_their_key_and_number():
    drawn = [filter_direction(WEIGHTS, key=key, number=number)["weight"] for key, number in [(0, 0), (0, 1), (1, 0)]]
    assert np.array_equal(drawn[0], filter_direction(WEIGHTS, key=None)["weight"])
    cosines = np.corrcoef([np.ravel(one) for one in drawn])
    assert np.abs(cosines[np.triu_indices(3, 1)]).max() < 0.6


def test_units_of_zeros_stay_and_single_precision_stays_single():
    weight = RANDOM.normal(size=(3, 2)).astype(np.float32)
    weight[:, 1] = 0
    drawn = filter_direction({"weight": weight}, key=0)["weight"]
    assert drawn.dtype == np.float32
    assert drawn[:, 0].any()
    assert not drawn[:, 1].any()


def test_a_surface_may_say_which_axis_counts_units():
    surface = case("saddle").surface
    params = {"bias": np.ones(4), "weight": RANDOM.normal(size=(6, 6))}
    along = slice_1d(surface, params, size=3, span=1.0, unit_axis=0).directions[0]
    surface.unit_axis = 0
    assert np.array_equal(slice_1d(surface, params, size=3, span=1.0).directions[0]["weight"], along["weight"])
    np.testing.assert_allclose(norms(along["weight"], 0), norms(params["weight"], 0))


def test_rescaled_relu_layers_leave_the_slice_as_it_is():
    data = ds.Dataset(RANDOM.normal(size=(20, 3)), RANDOM.normal(size=20))
    net = ds.mlp([5, 4], outputs=1)
    variables = net.init(0, (3,))
    surface = ds.surface_of(net, "mean_squared_error", data, variables)
    dense = [k for k, own in enumerate(variables.params) if own]
    scaled = list(variables.params)
    scaled[dense[0]] = jax.tree.map(lambda leaf: 10 * leaf, scaled[dense[0]])
    scaled[dense[1]] = {**scaled[dense[1]], "weight": scaled[dense[1]]["weight"] / 10}
    planes = [slice_2d(surface, params, size=5) for params in (variables.params, tuple(scaled))]
    np.testing.assert_allclose(planes[1].losses, planes[0].losses, rtol=1e-5)
    assert planes[0].spans == (1.0, 1.0)
    assert planes[0].left_out == tuple(f"{k}/bias" for k in dense)


def test_eigenvectors_of_largest_magnitude():
    found = case("saddle", 1)
    plane = slice_2d(found.surface, found.params, directions="eigen", size=3)
    tops = sorted(found.eigenvalues, key=abs)[-2:][::-1]
    for direction, value in zip(plane.directions, tops, strict=True):
        d = vector_of(direction)
        np.testing.assert_allclose(found.matrix @ d, value * d, atol=0.05)
        assert f"{value:.3g}"[:3] in " ".join(plane.labels)
    pairs = ds.eigenvalues(found.surface, found.params, k=2, which="smallest")
    given = slice_2d(found.surface, found.params, directions="eigen", eigenpairs=pairs, size=3, span=1.0)
    assert np.array_equal(vector_of(given.directions[0]), vector_of(pairs.vectors[0]))


def test_a_second_direction_is_random_where_there_is_none():
    found = case("identity")
    repeated = slice_2d(found.surface, found.params, directions="eigen", size=3)
    assert repeated.labels == ("eigenvector of λ = 1", "eigenvector of λ = 1")
    only = ds.eigenvalues(found.surface, found.params, k=1)
    plane = slice_2d(found.surface, found.params, directions="eigen", eigenpairs=only, size=3)
    first, second = plane.directions
    assert plane.labels[1] == "random, at right angles to the first"
    assert dot(first, second) == pytest.approx(0, abs=1e-12)
    assert length(second) == pytest.approx(length(first))


def path(points=9):
    """A path of which most is in three directions."""
    ways = RANDOM.normal(size=(points, 40)) * np.r_[9.0, 5.0, 1.0, np.full(37, 0.01)][None, :]
    return np.cumsum(ways, axis=0) + 1


def stacked(points):
    return {"bias": points[:, :4], "weight": points[:, 4:].reshape(-1, 6, 6)}


def test_principal_components_about_the_end():
    found, points = case("power law"), path()
    plane = slice_2d(found.surface, tree_of(points[-1]), directions="pca", trajectory=stacked(points), size=3)
    D = points - points[-1]
    _, singular, components = np.linalg.svd(D, full_matrices=False)
    C = D - D.mean(axis=0)
    for k, direction in enumerate(plane.directions):
        d = vector_of(direction)
        assert abs(d @ components[k]) == pytest.approx(1, abs=1e-9)
        assert np.linalg.norm(D @ d) == pytest.approx(singular[k])
        assert plane.explained[k] == pytest.approx(np.sum((C @ d) ** 2) / np.sum(C**2))
        farthest = np.argmax(np.abs(D @ d))
        assert (D @ d)[farthest] > 0
        assert 1.2 <= plane.spans[k] / (D @ d)[farthest] < 1.3
        assert f"({100 * plane.explained[k]:.1f} % of its" in plane.labels[k]


def test_a_straight_path_has_one_component():
    found, points = case("power law"), np.outer(np.linspace(3, 1, 5), np.ones(40))
    plane = slice_2d(found.surface, tree_of(points[-1]), directions="pca", trajectory=stacked(points), size=3)
    assert plane.explained == pytest.approx((1.0, 0.0))
    assert plane.labels[1].startswith("random")
    assert plane.spans[1] == plane.spans[0]
    with pytest.raises(SettingError, match="stays there"):
        slice_1d(found.surface, tree_of(points[0]), "pca", trajectory=stacked(points[:1]))
    points[2, 3] = np.nan
    with pytest.raises(SettingError, match="finite"):
        slice_1d(found.surface, tree_of(points[0]), "pca", trajectory=stacked(points))


def test_other_windows_hold_a_path_too():
    found, points = case("power law"), 30 + path()
    plane = slice_2d(found.surface, tree_of(points[-1]), trajectory=stacked(points), size=3)
    away = vector_of(plane.directions[0]), vector_of(plane.directions[1])
    reach = np.abs(np.linalg.lstsq(np.array(away).T, (points - points[-1]).T, rcond=None)[0]).max(axis=1)
    assert np.all(np.array(plane.spans) >= np.maximum(reach, 1))


def test_directions_between_points_hold_them():
    found = case("random")
    theta, first, second = (vector_of(found.params), *RANDOM.normal(size=(2, 40)))
    line = slice_1d(found.surface, found.params, "between", towards=tree_of(first), size=3)
    assert line.spans == (1.2,)
    np.testing.assert_allclose(theta + vector_of(line.directions[0]), first)
    towards = (tree_of(first), tree_of(second))
    plane = slice_2d(found.surface, found.params, directions="between", towards=towards, size=3)
    d1, d2 = map(vector_of, plane.directions)
    assert d1 @ d2 == pytest.approx(0, abs=1e-10)
    assert np.linalg.norm(d2) == pytest.approx(np.linalg.norm(d1))
    coefficients, rest = np.linalg.lstsq(np.array([d1, d2]).T, second - theta, rcond=None)[:2]
    assert rest == pytest.approx(0, abs=1e-20)
    assert np.all(np.abs(coefficients) < plane.spans)
    with pytest.raises(SettingError, match="not on one line"):
        slice_2d(found.surface, found.params, directions="between", towards=(tree_of(first),) * 2)


def test_axes_of_two_parameters():
    surface = FunctionSurface(lambda p: (p["a"] - 1) ** 2 + 4 * p["b"][0] ** 2, {"a": np.array(2.0), "b": np.ones(1)})
    plane = slice_2d(surface, surface.params, directions="axes", size=3, span=1.0)
    assert plane.labels == ("a", "b[0]")
    assert plane.losses.tolist() == [[0.0, 4.0, 16.0], [1.0, 5.0, 17.0], [4.0, 8.0, 20.0]]
    with pytest.raises(SettingError, match=r"directions='eigen'.*for two parameters directions='axes'"):
        slice_2d(surface, surface.params)


CURVES = {  # a loss of one number at 1, and how far its window reaches: where the loss has changed enough
    "a bowl with a floor": (lambda x: 2 + 8 * (x - 1) ** 2, 0.5),
    "a bowl down to 0": (lambda x: (x - 1) ** 2, 0.01),
    "a wall": (lambda x: jnp.where(jnp.abs(x - 1) < 0.25, 1.0, jnp.inf), 0.25),
    "flat": (lambda x: 0 * x + 3, 1.0),
    "flat at 0": (lambda x: 0 * x, 1.0),
    "a slope": (lambda x: x, 1.0),
    "no loss at all": (lambda x: x + jnp.nan, 1.0),
}


@pytest.mark.parametrize("loss, reach", CURVES.values(), ids=CURVES)
def test_the_window_goes_by_the_change_of_the_loss(loss, reach):
    surface = FunctionSurface(lambda p: loss(p[0]), np.ones(1))
    line = slice_1d(surface, np.ones(1), np.array([2.0]), size=3)
    assert 1 <= line.spans[0] / (reach / 2) <= 1.25


def test_what_is_missing_or_unknown_is_said():
    found = case("random")
    with pytest.raises(UnknownNameError, match="eigen"):
        slice_2d(found.surface, found.params, directions="eigne")
    with pytest.raises(SettingError, match=r"trajectory=run\.trajectory"):
        slice_2d(found.surface, found.params, directions="pca")
    with pytest.raises(SettingError, match="towards="):
        slice_1d(found.surface, found.params, "between")
    with pytest.raises(SettingError, match="pair of trees"):
        slice_2d(found.surface, found.params, directions=found.params)
    with pytest.raises(SettingError, match="not zero"):
        slice_1d(found.surface, found.params, tree_of(np.zeros(40)))
    with pytest.raises(SettingError, match="exactly 2 parameters, got 40"):
        slice_2d(found.surface, found.params, directions="axes")
    with pytest.raises(ShapeError, match="trajectory"):
        slice_1d(found.surface, found.params, "pca", trajectory={"weight": np.zeros((3, 6, 6))})
    with pytest.raises(ShapeError, match="points along its first axis"):
        slice_1d(found.surface, found.params, "pca", trajectory=found.params)
