"""A plane through a loss surface in three dimensions: the surface, its map on the ground, and paths at their height."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, cast

import numpy as np
from matplotlib.figure import Figure, SubFigure
from matplotlib.gridspec import SubplotSpec
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from mpl_toolkits.mplot3d.axes3d import Axes3D

from downslope.figures.landscape.color_levels import COLOR_MAP, ColorLevels
from downslope.figures.landscape.paths import PathStyle, bead_indices
from downslope.figures.landscape.plane import HOLES, Plane, edges
from downslope.figures.style import BLACK, DistinctFormatter, plain, shifted_ticks
from downslope.landscape import Projection

VIEW = (32.0, -58.0)
"""Elevation and azimuth of the camera, in degrees: into the valley, along neither axis."""

DEPTH = 0.42
"""The depth of the ground below the lowest loss, as a share of the range of losses."""

MOST_CELLS = 60
"""The largest number of cells of the surface along an axis."""

PANE = (1.0, 1.0, 1.0, 0.0)


def relief_axes(
    part: Figure | SubFigure, position: SubplotSpec | int = 111, *, view: tuple[float, float] = VIEW, zoom: float = 1.03
) -> Axes3D:
    """Add three-dimensional axes without panes, with an elevation and an azimuth in degrees."""
    axes = cast(Axes3D, part.add_subplot(position, projection="3d", computed_zorder=False))
    axes.view_init(elev=view[0], azim=view[1])
    axes.set_box_aspect((1, 1, 0.78), zoom=zoom)  # pyright: ignore[reportArgumentType]
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color(PANE)  # pyright: ignore[reportAttributeAccessIssue]
    return axes


class Box(NamedTuple):
    """The heights of the ground, of the lowest and of the highest loss of a relief."""

    floor: float
    low: float
    high: float


def box_of(plane: Plane, levels: ColorLevels, paths: Iterable[Projection] = ()) -> Box:
    """Return the heights of a relief that holds a plane, and paths up to twice its range."""
    heights = levels.heights(plane.finite_losses)[~_above_levels(plane, levels)]
    finite = heights[np.isfinite(heights)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    room = high - low or 1.0
    for path in paths:
        above = levels.heights(path.losses[plane.inside(path.coordinates)])
        above = above[np.isfinite(above) & (above <= high + room)]
        low, high = min([low, *above]), max([high, *above])
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    return Box(low - DEPTH * (high - low), low, high)


def draw_relief(axes: Axes3D, plane: Plane, levels: ColorLevels, box: Box, *, opacity: float = 0.82) -> None:
    """Draw the surface and its map on the ground; holes stay holes in the surface, and are hatched on the ground."""
    heights = levels.heights(np.where(_above_levels(plane, levels), np.nan, plane.finite_losses))
    _draw_surface(axes, plane, heights, levels, opacity)
    _draw_map(axes, plane, levels, box.floor)
    axes.set_xlim(plane.a[0], plane.a[-1], auto=False)
    axes.set_ylim(plane.b[0], plane.b[-1], auto=False)
    axes.set_zlim(box.floor, box.high, auto=False)
    _label(axes, plane, levels, box)


def above_box(plane: Plane, path: Projection, levels: ColorLevels, box: Box) -> int:
    """Return how many points of a path on the map are higher than the relief, or have no finite loss."""
    heights = levels.heights(path.losses)
    return int(np.sum(plane.inside(path.coordinates) & ~(heights <= box.high)))


def draw_path_above(
    axes: Axes3D, plane: Plane, path: Projection, style: PathStyle, levels: ColorLevels, box: Box
) -> None:
    """Draw a path at its true losses, its shadow on the ground, and stems from its beads to the surface below."""
    inside = plane.inside(path.coordinates)
    x, y = np.where(inside[:, None], path.coordinates, np.nan).T
    z, below = levels.heights(path.losses), levels.heights(path.heights)
    z = np.where(inside & (z <= box.high), z, np.nan)
    halo = [withStroke(linewidth=2.8, foreground="white")]
    axes.plot(x, y, np.where(inside, box.floor, np.nan), ls=style.dashes, color=style.color, lw=1.3, zorder=3)
    beads = bead_indices(plane, path)
    for index in beads:
        if np.isfinite(below[index]) and np.isfinite(z[index]):
            axes.plot([x[index]] * 2, [y[index]] * 2, [below[index], z[index]], color=BLACK, lw=0.9, zorder=5)
    axes.plot(x, y, z, ls=style.dashes, color=style.color, lw=1.7, zorder=6, path_effects=halo)
    axes.plot(x[beads], y[beads], below[beads], "_", color=BLACK, ms=5, mew=1.0, zorder=5)
    axes.scatter(
        x[beads], y[beads], z[beads], c=path.losses[beads], cmap=COLOR_MAP, norm=levels.norm, marker=style.marker, s=24,  # pyright: ignore[reportArgumentType]
        edgecolors=style.color, linewidths=1.1, depthshade=False, zorder=7,
    )  # fmt: skip
    axes.plot(x[:1], y[:1], z[:1], marker=style.marker, mfc="white", mec=style.color, mew=2.0, ms=8, zorder=8)
    axes.plot(x[-1:], y[-1:], z[-1:], marker="*", mfc=style.color, mec=BLACK, mew=1.0, ms=13, zorder=9)


def _above_levels(plane: Plane, levels: ColorLevels) -> np.ndarray:
    """Return a mask of the cells whose loss is above the last color level, at which the vertical axis ends."""
    return (
        plane.finite_losses > levels.boundaries[-1]
        if levels.extend in ("max", "both")
        else np.zeros(plane.losses.shape, bool)
    )


def _draw_surface(axes: Axes3D, plane: Plane, heights: np.ndarray, levels: ColorLevels, opacity: float) -> None:
    """Draw the surface, each patch in the color of the loss in its middle."""
    if min(heights.shape) < 2 or not np.isfinite(heights).any():
        return
    stride = -(-max(heights.shape) // MOST_CELLS)
    a, b = (_thin(axis, stride) for axis in (plane.a, plane.b))
    z = heights[np.ix_(a, b)]
    corners = np.stack([z[:-1, :-1], z[1:, :-1], z[1:, 1:], z[:-1, 1:]])
    middle = corners.mean(axis=0)
    x, y = plane.a[a], plane.b[b]
    losses = 10**middle if levels.logarithmic else middle
    patches, colors = [], []
    for i, j in np.argwhere(np.isfinite(middle)):
        around = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)]
        patches.append([(x[p], y[q], z[p, q]) for p, q in around])
        colors.append(COLOR_MAP(levels.norm(losses[i, j])))
    surface = Poly3DCollection(
        patches, facecolors=colors, edgecolors=(0.15, 0.15, 0.15, 0.35), linewidths=0.25, alpha=opacity, zorder=4
    )
    surface.set_rasterized(False)
    axes.add_collection3d(surface)


def _thin(axis: np.ndarray, stride: int) -> np.ndarray:
    """Return every n-th index of an axis, and its last."""
    return np.unique(np.r_[np.arange(0, len(axis), stride), len(axis) - 1])


def _draw_map(axes: Axes3D, plane: Plane, levels: ColorLevels, floor: float) -> None:
    """Draw the map on the ground."""
    losses = np.ma.masked_invalid(plane.finite_losses)
    if losses.count() and min(losses.shape) > 1:
        x, y = np.meshgrid(plane.a, plane.b, indexing="ij")
        boundaries = list(levels.boundaries)
        axes.contourf(
            x, y, losses, levels=boundaries, cmap=COLOR_MAP, norm=levels.norm, extend=levels.extend, zdir="z",
            offset=floor, alpha=0.75, zorder=1,
        )  # fmt: skip
        axes.contour(
            x, y, losses, levels=boundaries, colors="#303030", linewidths=0.4, zdir="z", offset=floor, zorder=2
        )
    for name, cells in plane.holes.items():
        hatched = Poly3DCollection(_floor_outlines(plane, cells, floor), linewidths=0.0, zorder=2, **HOLES[name])
        axes.add_collection3d(hatched)


def _floor_outlines(plane: Plane, cells: np.ndarray, floor: float) -> list[list[tuple[float, float, float]]]:
    """Return the outlines of runs of cells on the ground."""
    x = np.clip(edges(plane.a), plane.a[0], plane.a[-1])
    y = np.clip(edges(plane.b), plane.b[0], plane.b[-1])
    outlines = []
    for j in range(cells.shape[1]):
        runs = np.flatnonzero(np.diff(np.pad(cells[:, j].astype(int), 1)))
        for start, stop in runs.reshape(-1, 2):
            corners = [(x[start], y[j]), (x[stop], y[j]), (x[stop], y[j + 1]), (x[start], y[j + 1])]
            outlines.append([(float(p), float(q), floor) for p, q in corners])
    return outlines


def _label(axes: Axes3D, plane: Plane, levels: ColorLevels, box: Box) -> None:
    """Label the three axes; the vertical one begins at the lowest loss, above the ground."""
    _, low, high = box
    axes.set_xlabel(plane.axis_label(0, longest=30), fontsize=9, labelpad=4)
    axes.set_ylabel(plane.axis_label(1, longest=30), fontsize=9, labelpad=4)
    if levels.logarithmic:
        ticks = np.log10(levels.boundaries)
    else:
        ticks = np.asarray(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    room = 1e-9 * (high - low)
    ticks = ticks[(ticks >= low - room) & (ticks <= high + room)]
    ticks = ticks[:: max(1, -(-len(ticks) // 7))]
    axes.zaxis.set_major_locator(FixedLocator(list(ticks)))  # pyright: ignore[reportAttributeAccessIssue]
    logarithmic = FuncFormatter(lambda value, _: plain(10**value, digits=3))
    formatter = logarithmic if levels.logarithmic else DistinctFormatter(digits=3)
    longest = max((len(text) for text in formatter.format_ticks(ticks.tolist())), default=0)
    axes.set_zlabel("loss", fontsize=9, labelpad=2 + 3.5 * max(0, longest - 6))
    axes.zaxis.set_major_formatter(formatter)  # pyright: ignore[reportAttributeAccessIssue]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=5))
    for axis, origin in zip((axes.xaxis, axes.yaxis), plane.origins, strict=True):
        shifted_ticks(axis, origin)
    axes.tick_params(labelsize=8, pad=1)
