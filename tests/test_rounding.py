"""Rounding is recognized and said where it shapes a picture, and ticks differ."""

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from downslope import figures
from downslope.core import FunctionSurface, distinct_texts
from downslope.curvature import sharpness, step_model
from downslope.landscape import envelope, interpolate, low_loss_path, nonconvexity, project, slice_1d, slice_2d

ORIGIN = np.zeros(2, np.float32)
FIRST = np.array([1.0, 0.0], np.float32)


def offset_bowl(offset=1e6, curvature=1e-3):
    return FunctionSurface(lambda p: offset + curvature * jnp.sum(p**2), ORIGIN)


def labels(axis):
    return [text for text in axis.get_major_formatter().format_ticks(axis.get_majorticklocs()) if text]


@pytest.mark.parametrize("span", [1.0, 30.0])
def test_f7_a_plane_of_rounding_says_so_and_its_ticks_differ(span, float32):
    plane = slice_2d(offset_bowl(), ORIGIN, directions="axes", size=21, span=span, progress=False)
    assert plane.rounding.shows
    assert plane.rounding.precision == "float32"
    assert plane.rounding.spacing == 0.0625
    assert "float32" in str(plane)
    assert "0.06" in str(plane)
    for figure in (figures.surface_contour(plane), figures.surface_3d(plane)):
        figure.draw(FigureCanvasAgg(figure).get_renderer())
        assert "float32" in figures.alt_text(figure)
        for axes in figure.axes:
            texts = labels(axes.yaxis)
            assert len(set(texts)) == len(texts)
    assert "float32" in figures.surface_page(plane)


def test_f7_the_same_plane_in_float64_shows_no_rounding():
    plane = slice_2d(offset_bowl(), ORIGIN.astype(float), directions="axes", size=9, span=30.0, progress=False)
    assert not plane.rounding.shows
    assert plane.rounding.sentence == ""


@pytest.mark.parametrize(
    ("offset", "curvature", "shows"),
    [
        (0.0, 1.0, False),
        (1.0, 1.0, False),
        (-1e6, 1e-3, True),
        (1.0, 1e-9, True),
        (1e30, 1e22, True),
        (1e-3, 1e-3, False),
    ],
)
def test_f7_rounding_is_that_of_the_slice_not_of_its_unit(offset, curvature, shows, float32):
    line = slice_1d(offset_bowl(offset, curvature), ORIGIN, FIRST, size=21, span=2.0)
    assert line.rounding.shows == shows
    assert ("float32" in str(line)) == shows
    assert ("float32" in figures.alt_text(figures.slice_lines(line))) == shows


def test_f7_lines_interpolations_curves_rays_and_paths_say_it(float32):
    surface, a, b = offset_bowl(), np.array([-30.0, 0], np.float32), np.array([30.0, 10.0], np.float32)
    line = interpolate(surface, a, b)
    assert "Rounding shows" in str(line)
    assert line.rounding.hides(0.3)
    assert "Rounding shows" in str(low_loss_path(surface, a, b, steps=3))
    plane = slice_2d(surface, ORIGIN, directions="axes", size=9, span=30.0, progress=False)
    path = project(np.linspace(a, b, 9), plane)
    assert path.rounding.shows
    assert "Rounding shows" in figures.alt_text(figures.path_losses(path))
    wide = FunctionSurface(lambda p: 1e6 + 1e-3 * jnp.sum(p**2), np.ones((3, 3), np.float32))
    assert envelope(wide, np.ones((3, 3), np.float32), draws=2, size=5).rounding.precision == "float32"


def test_f7_parameters_too_large_for_the_steps_are_said(float32):
    surface = FunctionSurface(lambda p: jnp.sum(p**2), ORIGIN)
    line = slice_1d(surface, np.full(2, 1e8, np.float32), FIRST, size=21, span=2.0)
    assert line.rounding.steps
    assert "cannot be moved" in str(line)


def test_f7_noise_of_rounding_is_not_curvature(float32):
    plane = slice_2d(offset_bowl(), ORIGIN, directions="axes", size=41, span=10.0, progress=False)
    assert nonconvexity(plane) == 0


def test_f7_a_step_and_a_box_below_rounding_are_said(float32):
    point = np.ones(2, np.float32)
    model = step_model(offset_bowl(), point, 0.1, k=0)
    assert model.lost_in_rounding
    assert "within the rounding" in str(model)
    assert not step_model(offset_bowl(0.0, 1.0), point, 0.1, k=0).lost_in_rounding
    found = sharpness(offset_bowl(), point)
    assert "rounding" in str(found)
    assert found.rise <= found.rounding


def test_f7_texts_that_read_alike_share_a_round_number():
    assert distinct_texts([1e6, 1e6 + 0.25, 1e6 - 0.5]) == ["1e+06", "1e+06 + 0.25", "1e+06 - 0.5"]
    assert distinct_texts([100.1, 100.2], digits=3) == ["100.1", "100.2"]
    assert distinct_texts([2.0, 2.0]) == ["2", "2"]
    assert distinct_texts([]) == []


def test_f7_diagnosis_takes_no_rounding_for_a_gain(float32):
    from downslope.diagnosis.measurements import Point, reach_of

    reach = reach_of(Point(offset_bowl(), np.ones(2, np.float32)))
    assert reach.along_gradient == reach.with_curvature == 0
