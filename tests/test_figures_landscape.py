"""The figures of slices and paths: what they draw is what was measured, holes stay holes, and nothing overlaps."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.contour import QuadContourSet
from matplotlib.patches import PathPatch
from mpl_toolkits.mplot3d.art3d import Line3D, Path3DCollection, Poly3DCollection
from scipy.interpolate import RegularGridInterpolator

from downslope import figures
from downslope.core import DataError, SettingError
from downslope.figures.landscape.color_levels import COLOR_MAP, color_levels
from downslope.figures.landscape.paths import DASHES, MOST_BEADS
from downslope.landscape import Curve, Envelope, Interpolation, Projection, Slice

SIZE = 21
LENGTHS = (3.0, 4.0)


def loss(a, b):
    """A valley whose loss spans decades."""
    return 0.1 + a**2 + 9 * (b - 0.3 * a) ** 2


def plane(f=loss, span=1.0, **changed):
    """Return a slice of a function of two numbers."""
    axis = np.linspace(-span, span, SIZE)
    losses = f(axis[:, None], axis[None, :]) + np.zeros((SIZE, SIZE))
    directions = (np.array([LENGTHS[0], 0.0, 0.0]), np.array([0.0, LENGTHS[1], 0.0]))
    whole = Slice((axis, axis), losses, np.ones(losses.shape, bool), np.zeros(3), directions, "given", ("one", "two"))
    return replace(whole, **changed)


def holed():
    """Return a slice with cells that are infinite, not a number, and not computed; and those cells by what they are."""
    whole = plane()
    cells = {name: np.zeros((SIZE, SIZE), bool) for name in ("infinite", "not a number", "not computed")}
    cells["infinite"][15:, 14:] = cells["not a number"][18:, 2:5] = cells["not computed"][:, :2] = True
    losses = whole.losses.copy()
    losses[cells["infinite"]] = np.inf
    losses[cells["not a number"] | cells["not computed"]] = np.nan
    return replace(whole, losses=losses, computed=~cells["not computed"]), cells


def path(count=40, off=0.8, explained=0.9, shift=0.0):
    """Return a descent that starts off the plane and ends on it."""
    t = np.linspace(1, 0, count)
    points = np.stack([-0.8 * t + shift, 0.7 * t**2 - 0.1], axis=1)
    heights, distances = loss(*points.T), off * t
    return Projection(10 * np.arange(count), points, heights + 0.5 * distances, heights, distances, explained)


def rendered(figure):
    """Draw a figure for real, so that warnings about its layout are errors, and return it."""
    figure.draw(FigureCanvasAgg(figure).get_renderer())
    return figure


def check_reads_well(figure):
    """Check that titles, labels, legends and sentences neither overlap nor leave the figure."""
    assert figures.alt_text(figure).endswith((".", "mode"))
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    parts = [part for one in figure.subfigs for part in (one, *one.subfigs)]
    shown = [text for part in parts for text in part.texts]
    shown += [legend for part in [*parts, *figure.axes] for legend in legends(part)]
    for axes in figure.axes:
        shown += [axes.xaxis.label, axes.yaxis.label, axes.title, axes._left_title]
    boxes = [each.get_window_extent(renderer) for each in shown if getattr(each, "get_text", lambda: "legend")()]
    assert not any(one.overlaps(two) for i, one in enumerate(boxes) for two in boxes[:i])
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.x1 and box.y0 >= 0 and box.y1 <= figure.bbox.y1 for box in boxes)


def legends(part):
    """Return the legends of a figure's part or of axes."""
    if hasattr(part, "legends"):
        return part.legends
    return [part.get_legend()] if part.get_legend() is not None else []


def entries(figure):
    """Return what the legends of a figure say."""
    parts = [part for one in figure.subfigs for part in (one, *one.subfigs)]
    return [text.get_text() for part in parts for legend in part.legends for text in legend.texts]


def contours(axes):
    """Return the filled contours and the iso-lines of a map."""
    return [each for each in axes.collections if isinstance(each, QuadContourSet)]


def test_a_map_is_the_losses():
    ground = plane()
    figure = figures.surface_contour(ground, title="A valley")
    axes, bar = figure.axes
    filled, lines = contours(axes)
    between = RegularGridInterpolator(ground.axes, ground.losses)
    assert (filled.zmin, filled.zmax) == (ground.losses.min(), ground.losses.max())
    outlines = zip(lines.levels, lines.get_paths(), strict=True)
    on_it = np.concatenate([np.isclose(between(outline.vertices), level) for level, outline in outlines])
    assert on_it.mean() > 0.8  # all but where lines make room for their numbers
    assert np.array_equal(filled.levels, color_levels([ground.losses]).boundaries)
    assert bar.get_ylabel() == "loss"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("one (1 = length 3)", "two (1 = length 4)")
    units = (np.array([1.0, 0, 0]), np.array([0, 1.0, 0]))
    figure_of_parameters = figures.surface_contour(replace(ground, directions=units, params=np.array([0.0, 0.9, 0])))
    ticks = figure_of_parameters.axes[0].yaxis
    told = [float(text.get_text().replace("\N{MINUS SIGN}", "-")) for text in ticks.get_ticklabels()]
    np.testing.assert_allclose(told, ticks.get_ticklocs() + 0.9, atol=1e-9)
    said = figures.alt_text(figure)
    assert f"from {ground.losses.min():.6g} to {ground.losses.max():.6g}, 0.1 at the center" in said
    assert entries(figure) == ["center of the slice"]
    check_reads_well(figure)


def test_holes_stay_holes_each_hatched_in_its_way():
    found, cells = holed()
    figure = figures.surface_contour(found, path())
    axes = figure.axes[0]
    patches = {patch.get_label(): patch for patch in axes.patches if isinstance(patch, PathPatch)}
    centers = np.stack(np.meshgrid(*found.axes, indexing="ij"), axis=-1).reshape(-1, 2)
    for name, mask in cells.items():
        covered = patches[name].get_path().contains_points(centers).reshape(mask.shape)
        assert np.array_equal(covered, mask)
    assert len({patch.get_hatch() for patch in patches.values()}) == 3
    assert set(cells) <= set(entries(figure))
    holes = centers[np.logical_or.reduce(list(cells.values())).ravel()]
    assert not any(outline.contains_points(holes).any() for outline in contours(axes)[0].get_paths())
    beside = next(each for each in axes.collections if type(each).__name__ == "QuadMesh")
    drawn = ~np.ma.getmaskarray(beside.get_array()).reshape(SIZE, SIZE).T
    assert not np.any(drawn & np.logical_or.reduce(list(cells.values())))
    said = figures.alt_text(figure)
    for name, mask in cells.items():
        assert f"{mask.sum()} of {mask.size} cells {name}" in said
    check_reads_well(figure)


def test_beads_have_the_color_of_true_losses_and_rings_are_far_off():
    ground, walk = plane(), path()
    figure = figures.surface_contour(ground, walk)
    axes = figure.axes[0]
    (beads,) = [each for each in axes.collections if isinstance(each, PathCollection)]
    places = np.array([np.flatnonzero(walk.losses == found)[0] for found in beads.get_array()])
    assert {0, len(walk) - 1} <= set(places)
    assert len(places) <= MOST_BEADS
    np.testing.assert_array_equal(beads.get_array(), walk.losses[places])
    np.testing.assert_array_equal(beads.get_offsets(), walk.coordinates[places])
    beads.update_scalarmappable()
    colors = COLOR_MAP(color_levels([ground.losses, walk.losses]).norm(walk.losses[places]))
    np.testing.assert_allclose(beads.get_facecolors(), colors)
    (rings,) = [line for line in axes.lines if line.get_markersize() == 15]
    far = places[walk.distances[places] > 0.1 * LENGTHS[1]]
    np.testing.assert_array_equal(rings.get_xydata(), walk.coordinates[far])
    assert "ring: over 0.4 off the plane" in entries(figure)
    assert "descent: the plane holds 90 % of the variance of the path, which runs up to 0.8 off it." in (
        figures.alt_text(figure)
    )


def test_a_plane_that_shows_about_nothing_of_a_path_says_so():
    walks = {"sgd": path(explained=0.004, off=12.0), "still": replace(path(1, off=0.0), explained=None)}
    said = figures.alt_text(figures.surface_contour(plane(), walks))
    assert "sgd: this plane holds 0.4 % of the variance of the path, about none" in said
    assert "a shadow of a path that runs up to 12 off the plane" in said
    assert "still: the path does not move." in said
    flat = figures.surface_contour(plane(), path(off=0.0, explained=1.0))
    assert "the path lies in the plane" in figures.alt_text(flat)


def test_paths_differ_by_color_line_and_marker():
    walks = {str(k): path(shift=0.1 * k) for k in range(7)}
    figure = figures.surface_contour(plane(), walks)
    handles = [each for part in figure.subfigs for legend in part.legends for each in legend.legend_handles][:7]
    assert len({to_hex(each.get_color()) for each in handles}) == 7
    assert len({each.get_marker() for each in handles}) == 7
    assert len({str(style) for style in DASHES}) == 7
    with pytest.raises(DataError, match="up to 7 paths, got 8"):
        figures.surface_contour(plane(), walks | {"8": path()})


def test_a_path_beyond_the_map_or_without_numbers_is_named():
    walk = path()
    coordinates, losses = walk.coordinates.copy(), walk.losses.copy()
    coordinates[:3], coordinates[-2:], losses[-2:] = 5.0, np.nan, np.inf
    lost = replace(walk, coordinates=coordinates, losses=losses)
    for figure in (figures.surface_contour(plane(), lost), figures.surface_3d(plane(), lost)):
        said = figures.alt_text(rendered(figure))
        assert "3 of 40 points lie beyond the map. 2 of 40 points are not finite." in said


@pytest.fixture
def faces(monkeypatch):
    """Return the faces of each collection in space, in the order in which they are made."""
    made, set_verts = [], Poly3DCollection.set_verts

    def noted(self, verts, closed=True):
        made.append(np.asarray(verts))
        set_verts(self, verts, closed)

    monkeypatch.setattr(Poly3DCollection, "set_verts", noted)
    return made


def test_a_surface_is_the_losses_and_a_path_is_at_its_true_ones(faces):
    (found, _), walk = holed(), path()
    figure = figures.surface_3d(found, walk, title="A valley")
    axes = figure.axes[0]
    corners = max(faces, key=len)
    np.testing.assert_allclose(loss(corners[:, :, 0], corners[:, :, 1]), 10 ** corners[:, :, 2])
    finite = np.isfinite(found.losses)
    assert len(corners) == np.sum(finite[1:, 1:] & finite[1:, :-1] & finite[:-1, 1:] & finite[:-1, :-1])
    lines = [np.asarray(line.get_data_3d()) for line in axes.lines if isinstance(line, Line3D)]
    whole = [line for line in lines if line.shape[1] == len(walk)]
    shadow, track = sorted(whole, key=lambda line: line[2].max())
    np.testing.assert_allclose(10 ** track[2], walk.losses)
    assert np.ptp(shadow[2]) == 0
    assert shadow[2][0] < np.log10(found.losses[finite].min())
    stems = [line for line in lines if line.shape[1] == 2]
    np.testing.assert_allclose(10 ** stems[0][2], [walk.heights[0], walk.losses[0]])
    (beads,) = [each for each in axes.collections if isinstance(each, Path3DCollection)]
    assert set(np.asarray(beads.get_array())) <= set(walk.losses)
    assert {"infinite", "not a number", "not computed", "stem: to the surface below"} <= set(entries(figure))
    check_reads_well(figure)


def test_points_far_above_the_surface_leave_the_picture_and_are_counted():
    walk = path()
    losses = walk.losses.copy()
    losses[:4] = 1e9
    figure = figures.surface_3d(plane(), replace(walk, losses=losses))
    assert "4 of its points are higher than the picture." in figures.alt_text(figure)


@pytest.mark.parametrize("draw", [figures.surface_contour, figures.surface_3d])
@pytest.mark.parametrize("value", [np.nan, np.inf, 2.3], ids=str)
def test_a_slice_of_one_value_or_none_is_drawn(draw, value):
    figure = rendered(draw(plane(losses=np.full((SIZE, SIZE), value))))
    assert ("not finite at the center" in figures.alt_text(figure)) == (not np.isfinite(value))


def test_a_line_is_no_map_and_a_map_no_line():
    line = replace(plane(), axes=plane().axes[:1], losses=np.zeros(SIZE), computed=np.ones(SIZE, bool), labels=("one",))
    with pytest.raises(DataError, match="2 directions, got 1"):
        figures.surface_contour(line)
    with pytest.raises(DataError, match="one direction, got one of two"):
        figures.slice_lines(plane())


@pytest.mark.parametrize(
    ("losses", "logarithmic"),
    [([0.1, 1, 50.0], True), ([0.0, 1, 2.0], False), ([-1.0, 0, 1.0], False), ([2.0, 2.5, 3.0], False), ([], False)],
    ids=str,
)
def test_colors_are_spread_over_powers_of_ten_where_losses_are(losses, logarithmic):
    found = color_levels([np.array(losses)])
    assert found.logarithmic == logarithmic
    assert np.all(np.diff(found.boundaries) > 0)
    if losses:
        assert found.boundaries[0] <= min(losses)
        assert found.boundaries[-1] >= max(losses)
        assert 4 <= len(found.boundaries) <= 20


def test_a_bowl_that_comes_to_zero_is_no_abyss():
    axis = np.linspace(-1, 1, 51)
    bowl = axis[:, None] ** 2 + axis[None, :] ** 2
    assert not color_levels([bowl]).logarithmic
    told = color_levels([bowl], log=True)
    assert (told.logarithmic, told.extend) == (True, "min")
    assert color_levels([np.exp(30 * (axis[:, None] + axis[None, :]))]).extend == "both"
    with pytest.raises(SettingError, match="needs a positive loss"):
        color_levels([-bowl], log=True)
    with pytest.raises(SettingError, match="True, False or 'auto', got 'yes'"):
        color_levels([bowl], log="yes")


def test_a_strip_shares_its_colors_and_carries_notes():
    found = {"flat": plane(lambda a, b: 1 + a**2 + b**2), "steep": plane(lambda a, b: 1 + 50 * (a**2 + b**2), span=0.5)}
    notes = {"steep": "roughness 0.42 ± 0.05"}
    figure = figures.surface_strip(found, {"flat": {"sgd": path()}}, notes=notes, title="Two surfaces")
    *maps, _ = figure.axes
    filled = [contours(axes)[0] for axes in maps]
    assert np.array_equal(filled[0].norm.boundaries, filled[1].norm.boundaries)
    assert maps[1].get_xlabel().endswith("\nroughness 0.42 ± 0.05")
    said = figures.alt_text(figure)
    assert "The planes do not reach equally far: flat ±1 and ±1, steep ±0.5 and ±0.5." in said
    assert "flat, sgd: the plane holds 90 %" in said
    check_reads_well(figure)


def test_a_strip_refuses_what_it_cannot_show():
    with pytest.raises(DataError, match="1 to 9 slices, got 0"):
        figures.surface_strip({})
    with pytest.raises(SettingError, match="must be for one of one, got 'two'"):
        figures.surface_strip({"one": plane()}, notes={"two": "1"})


def test_losses_along_paths_are_the_true_ones_and_those_below():
    walk = path()
    figure = figures.path_losses({"sgd": walk, "adam": path(off=0.2)})
    above, below = figure.axes
    np.testing.assert_array_equal(above.lines[0].get_ydata(), walk.heights)
    np.testing.assert_array_equal(above.lines[1].get_ydata(), walk.losses)
    np.testing.assert_array_equal(below.lines[0].get_ydata(), walk.distances)
    assert above.get_yscale() == "log"
    assert f"sgd from a loss of {walk.losses[0]:.4g} to {walk.losses[-1]:.4g}" in figures.alt_text(figure)
    check_reads_well(figure)
    with pytest.raises(DataError, match="needs a path, got none"):
        figures.path_losses({})


def test_lines_are_the_losses_with_marks_where_there_are_none():
    axis = np.linspace(-1, 1, SIZE)
    losses = 0.3 + 3 * axis**2
    losses[:3], losses[-2:] = np.inf, np.nan
    parts = {"params": np.zeros(2), "directions": (np.array([0.0, 2.0]),), "kind": "filter", "labels": ("filter",)}
    one = Slice((axis,), losses, np.ones(SIZE, bool), **parts)
    two = Slice((axis,), 1 + axis**2, np.ones(SIZE, bool), standard_error=0.1, **parts)
    figure = figures.slice_lines({"plain": one, "norm": two})
    (axes,) = figure.axes
    drawn = {len(line.get_xdata()): line for line in axes.lines[::-1]}
    np.testing.assert_array_equal(drawn[SIZE].get_ydata(), np.where(np.isfinite(losses), losses, np.nan))
    np.testing.assert_array_equal(drawn[3].get_xdata(), axis[:3])
    assert entries(figure) == ["plain", "norm", "center of the slice", "infinite", "not a number"]
    assert axes.get_xlabel() == "filter (1 = length 2)"
    assert "plain from 0.3 to 2.22, 0.3 at the center, 5 not finite" in figures.alt_text(figure)
    check_reads_well(figure)


def test_an_interpolation_marks_its_barriers():
    t = np.linspace(-0.2, 1.2, 29)
    hump = 0.2 * (1 - t) + (1 - (2 * t - 1) ** 2)
    inside = np.linspace(0, 1, 11)
    low = 0.2 * (1 - inside) + 0.1 * (1 - (2 * inside - 1) ** 2)
    straight = Interpolation(t, hump, barrier=1.0, highest_at=0.5, distance=2.0)
    curve = Curve(inside, low, low, 0.1, 1.0, 3.0, 2.0, 0.5, np.zeros(1), (np.zeros(1), np.ones(1)))
    figure = figures.interpolation(straight, curve)
    (axes,) = figure.axes
    arrows = [text for text in axes.texts if text.arrow_patch is not None]
    spans = [np.subtract(arrow.xy, arrow.xyann) for arrow in arrows]
    np.testing.assert_allclose(spans, [[0, 1.0], [0, 0.1]], atol=1e-3)
    assert [text.get_text() for text in axes.texts if text.get_text()] == ["barrier 1", "barrier 0.1"]
    said = "0.2 at a, 0 at b; barrier 1 at t = 0.5 on the straight line, 0.1 on a curve 3 long."
    assert figures.alt_text(figure).endswith(said)
    check_reads_well(figure)


@pytest.mark.parametrize(("barrier", "words"), [(np.nan, "no barrier to measure"), (np.inf, "so is its barrier")])
def test_an_interpolation_without_a_finite_barrier_says_so(barrier, words):
    t = np.linspace(0, 1, 5)
    losses = np.array([1, 1, np.inf, 1, 1.0]) if barrier == np.inf else np.array([np.nan, 1, 1, 1, 1.0])
    figure = rendered(figures.interpolation(Interpolation(t, losses, barrier, barrier, 2.0)))
    assert any(words in text.get_text() for part in figure.subfigs for text in part.texts)


def test_an_envelope_is_drawn_from_its_lowest_to_its_highest():
    radii = np.linspace(0, 1, 9)
    rays = np.array([[1.0], [2.0], [4.0]]) * radii[None, :] ** 2 + 0.5
    rays[2, -1] = np.inf
    found = Envelope(radii, rays)
    figure = figures.envelope({"plain": found, "skip": Envelope(radii, rays[:2])})
    (axes,) = figure.axes
    low, high, middle = (line.get_ydata() for line in axes.lines[:3])
    np.testing.assert_array_equal(low, found.lowest)
    np.testing.assert_array_equal(high[:-1], found.highest[:-1])
    assert np.isnan(high[-1])
    np.testing.assert_array_equal(middle, found.median)
    assert "plain: from 0.5 to between 1.5 and infinite, median 2.5, at 1" in figures.alt_text(figure)
    check_reads_well(figure)


def test_equal_figures_are_equal_files(tmp_path):
    found, _ = holed()
    files = [figures.save(figures.surface_contour(found, path()), tmp_path / f"{k}.svg") for k in range(2)]
    assert files[0].read_bytes() == files[1].read_bytes()
