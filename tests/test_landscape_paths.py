"""Paths on slices, between points, and along rays: true losses, true distances, barriers, roughness."""

import jax.numpy as jnp
import numpy as np
import pytest

import downslope as ds
from downslope.core import FunctionSurface, SettingError, ShapeError, generator
from downslope.landscape import (
    envelope,
    interpolate,
    low_loss_path,
    open_slice,
    project,
    roughness,
    slice_1d,
    slice_2d,
    surfaces,
)
from operators import SIZE, case, tree_of, vector_of

RANDOM = generator(0, "tests", "paths")


def stacked(points):
    return {"bias": points[:, :4], "weight": points[:, 4:].reshape(-1, 6, 6)}


class Recorded:
    """What a run keeps of its path."""

    def __init__(self, points):
        self.steps, self.params = np.arange(0, 5 * len(points), 5), stacked(points)


def descent(found, rate=0.02, steps=60):
    points = [vector_of(found.params)]
    for _ in range(steps):
        points.append(points[-1] - rate * vector_of(found.surface.gradient(tree_of(points[-1]))))
    return np.array(points)


@pytest.mark.parametrize("directions", ["pca", "oblique", "line"])
def test_a_projection_is_right_against_brute_force(directions):
    found = case("wide")
    points = RANDOM.normal(size=(7, SIZE)) * 0.1 + np.linspace(1, 0, 7)[:, None]
    if directions == "pca":
        cut = slice_2d(found.surface, tree_of(points[-1]), directions="pca", trajectory=stacked(points), size=3)
    elif directions == "oblique":
        given = tuple(tree_of(row) for row in np.array([[1.0, 0.0], [0.9, 0.3]]) @ RANDOM.normal(size=(2, SIZE)))
        cut = slice_2d(found.surface, tree_of(points[2]), directions=given, size=3, span=1.0)
    else:
        cut = slice_1d(found.surface, tree_of(points[2]), tree_of(RANDOM.normal(size=SIZE)), size=3, span=1.0)
    seen, origin = project(Recorded(points), cut), vector_of(cut.params)
    basis = np.array([vector_of(direction) for direction in cut.directions]).T
    nearest, *_ = np.linalg.lstsq(basis, (points - origin).T, rcond=None)
    np.testing.assert_allclose(seen.coordinates, nearest.T, rtol=1e-8, atol=1e-10)
    feet = origin + (basis @ nearest).T
    np.testing.assert_allclose(seen.distances, np.linalg.norm(points - feet, axis=1), atol=1e-10)
    np.testing.assert_allclose(seen.heights, [found.surface.value(tree_of(foot)) for foot in feet], rtol=1e-8)
    assert seen.losses.tolist() == [found.surface.value(tree_of(point)) for point in points]
    assert seen.steps.tolist() == [0, 5, 10, 15, 20, 25, 30]
    centered, inside = points - points.mean(axis=0), feet - feet.mean(axis=0)
    assert seen.explained == pytest.approx(np.sum(inside**2) / np.sum(centered**2))


def test_a_path_in_its_own_plane_and_in_a_random_one():
    found = case("power law")
    points = descent(found)
    plane = slice_2d(found.surface, tree_of(points[-1]), directions="pca", trajectory=stacked(points), size=3)
    own = project(stacked(points), plane)
    assert own.explained == pytest.approx(sum(plane.explained))
    assert own.explained > 0.95
    assert own.losses.tolist() == [found.surface.value(tree_of(point)) for point in points]
    other = project(stacked(points), slice_2d(found.surface, tree_of(points[-1]), size=3))
    assert other.explained < 0.2
    assert other.losses.tolist() == own.losses.tolist()
    assert other.distances.max() > own.distances.max()


def test_a_path_of_two_parameters_is_on_its_plane():
    bowl = surfaces.ravine()
    walked = ds.landscape.descend(bowl, bowl.params, optimizer=ds.sgd(0.03), steps=10)
    seen = project(walked, slice_2d(bowl, np.zeros(2), directions="axes", size=3, span=1.0))
    np.testing.assert_allclose(seen.losses, walked.losses, rtol=1e-12)
    np.testing.assert_allclose(seen.heights, walked.losses, rtol=1e-12)
    np.testing.assert_allclose(seen.distances, 0, atol=1e-12)
    assert seen.explained == pytest.approx(1)


def test_a_path_that_runs_away_or_stays_is_projected_all_the_same():
    found = case("power law")
    points = descent(found, steps=4)
    cut = slice_1d(found.surface, found.params, tree_of(RANDOM.normal(size=SIZE)), size=3, span=1.0)
    whole = project(stacked(points), cut)
    points = np.vstack([points, np.full(SIZE, np.nan)])
    seen = project(stacked(points), cut)
    assert np.isnan([seen.losses[-1], seen.distances[-1], seen.heights[-1]]).all()
    assert seen.explained == pytest.approx(whole.explained)
    assert project(stacked(points[:1]), cut).explained is None


def test_what_a_projection_needs(tmp_path):
    found = case("power law")
    cut = slice_1d(found.surface, found.params, tree_of(np.ones(SIZE)), size=3, span=1.0)
    opened = open_slice(cut.save(tmp_path / "cut"))
    points = stacked(descent(found, steps=2))
    with pytest.raises(SettingError, match="surface="):
        project(points, opened)
    assert np.array_equal(project(points, opened, surface=found.surface).losses, project(points, cut).losses)
    with pytest.raises(ShapeError, match="trajectory"):
        project(points["bias"], cut)


def test_a_straight_line_has_both_ends_and_its_barrier():
    c = 0.3
    minimum = np.full(2, np.sqrt(1 - c))
    line = interpolate(surfaces.two_minima(c=c), -minimum, minimum, size=21, beyond=0.3)
    surface = surfaces.two_minima(c=c)
    assert line.t[[0, -1]] == pytest.approx([-0.3, 1.3])
    assert line.losses[line.t == 0] == line.losses[line.t == 1] == surface.value(minimum)
    assert line.barrier == pytest.approx(0.5 - (c - c**2 / 2))
    assert line.highest_at == 0.5
    assert line.distance == pytest.approx(2 * np.sqrt(2 * (1 - c)))
    assert len(line.t) == len(line.losses) == 33
    assert "Barrier 0.245" in str(line)


def test_a_barrier_is_measured_above_the_line_between_the_ends():
    tilted = FunctionSurface(lambda p: 3 * p[0] + jnp.sin(jnp.pi * p[0]), np.zeros(1))
    line = interpolate(tilted, np.zeros(1), np.ones(1), size=11, beyond=0)
    assert line.barrier == pytest.approx(1)
    down = FunctionSurface(lambda p: p[0] ** 2, np.zeros(1))
    assert interpolate(down, np.zeros(1), np.ones(1)).barrier == 0
    wall = FunctionSurface(lambda p: jnp.where(jnp.abs(p[0] - 0.5) < 0.1, jnp.inf, p[0]), np.zeros(1))
    assert interpolate(wall, np.zeros(1), np.ones(1)).barrier == np.inf
    with pytest.raises(ShapeError, match="`b`"):
        interpolate(down, np.zeros(1), np.ones(2))


def test_a_curve_goes_around_what_the_line_goes_through():
    ring = FunctionSurface(lambda w: (jnp.sum(w**2) - 1) ** 2 + 0.1 * w[0], np.zeros(2))
    a, b = np.array([1.0, 0.0]), np.array([-1.0, 0.0])
    curve = low_loss_path(ring, a, b, steps=150)
    assert curve.barrier < 0.3 * curve.straight_barrier
    assert curve.straight_barrier == pytest.approx(1)
    assert curve.losses[[0, -1]].tolist() == [ring.value(a), ring.value(b)]
    points = np.array([curve.at(t) for t in np.linspace(0, 1, 2001)])
    assert curve.length == pytest.approx(np.linalg.norm(np.diff(points, axis=0), axis=1).sum(), rel=1e-5)
    assert curve.bend == pytest.approx(abs(curve.middle[1]) / 2)
    again = low_loss_path(ring, a, b, steps=150)
    assert np.array_equal(again.middle, curve.middle)
    assert "Barrier" in str(curve)


def test_curves_that_cannot_be():
    bowl = surfaces.bowl()
    with pytest.raises(SettingError, match="another point"):
        low_loss_path(bowl, np.ones(2), np.ones(2))
    wall = FunctionSurface(lambda w: jnp.sqrt(w[0]), np.ones(2))
    with pytest.raises(SettingError, match="lower `learning_rate`"):
        low_loss_path(wall, np.ones(2), np.array([-1.0, 1.0]), steps=20)


@pytest.mark.slow
def test_a_curve_between_two_trained_networks():
    data = ds.load("moons")
    net, settings = ds.mlp([8], outputs=2, activation="tanh"), {"epochs": 60, "progress": False}
    runs = [ds.train(net, data, seed=seed, **settings) for seed in (0, 1)]
    surface = runs[0].surface()
    curve = low_loss_path(surface, runs[0].params, runs[1].params, steps=400)
    assert curve.straight_barrier > 0.05
    assert curve.barrier < 0.7 * curve.straight_barrier


class Ripples:
    """A loss along any direction `‖θ‖² + height cos(2π k ‖θ‖)`, in NumPy."""

    def __init__(self, height=0.0):
        self.height = height

    def value(self, params):
        radius = np.linalg.norm(params)
        return float(radius**2 + self.height * np.cos(8 * np.pi * radius))

    gradient = hvp = values = value


def test_roughness_is_0_where_the_loss_only_rises():
    center = RANDOM.normal(size=(3, 2)) * 1e-9  # a filter has the length of its weights, and must have some
    smooth, rough, rougher = (
        roughness(Ripples(height), center, draws=3, size=161, span=1e9) for height in (0.0, 0.1, 0.5)
    )
    assert smooth.value == pytest.approx(0, abs=1e-6)
    assert smooth.value < rough.value < rougher.value
    assert rough.lines.shape == (3,)
    assert rough.standard_error == pytest.approx(rough.lines.std(ddof=1) / np.sqrt(3))
    assert rough.points == 81
    assert "over 3 lines" in str(rough)


def test_roughness_by_hand():
    center = np.array([[1e-12], [0.0]])
    found = roughness(Ripples(0.2), center, draws=1, size=201, span=1e12)
    r = np.linspace(0, 1, 101)
    losses = r**2 + 0.2 * np.cos(8 * np.pi * r)
    assert found.value == pytest.approx(np.abs(np.diff(losses)).sum() / np.ptp(losses) - 1, rel=1e-6)
    assert np.isnan(found.standard_error)


def test_lines_that_are_not_finite_do_not_count():
    surface = Ripples()
    surface.value = lambda params: float(np.log(params[0, 0]))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = roughness(surface, np.array([[1.0, 1.0], [5.0, 0.1]]), draws=6, size=9, span=1.0)
    assert 0 < found.left_out < 6
    assert found.value == 0
    assert "left out" in str(found)
    flat = Ripples()
    flat.value = lambda params: 1 + 1e-16 * float(np.sum(params))
    assert roughness(flat, np.ones((2, 2)), draws=2, size=9).value == 0


def test_an_envelope_is_the_spread_over_rays():
    surface, center = Ripples(0.1), RANDOM.normal(size=(3, 2))
    seen = envelope(surface, center, draws=4, size=7, key=3)
    assert seen.radii.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert seen.losses.shape == (8, 4)
    assert np.all(seen.losses[:, 0] == surface.value(center))
    assert np.array_equal(seen.highest, seen.losses.max(axis=0))
    assert np.array_equal(seen.lowest, seen.losses.min(axis=0))
    assert np.array_equal(seen.median, np.median(seen.losses, axis=0))
    seen.losses[0, 1], seen.losses[:, 2] = np.nan, np.nan
    assert np.isfinite(seen.highest[1])
    assert np.isnan(seen.highest[2])
