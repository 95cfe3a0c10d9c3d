"""A plane through a loss surface in three dimensions: the surface, its map on the ground, and paths at their height."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure, SubFigure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator
from mpl_toolkits.mplot3d.art3d import Poly3DCollection
from mpl_toolkits.mplot3d.axes3d import Axes3D

from downslope.figures.landscape.color_levels import GROUND, Shades
from downslope.figures.landscape.paths import PathLook, bead_places
from downslope.figures.landscape.plane import HOLES, Ground, edges
from downslope.figures.style import BLACK, plain, shifted_ticks
from downslope.landscape import Projection

VIEW = (32.0, -58.0)
"""Elevation and azimuth from which one looks, in degrees: into the valley, along neither axis."""

DEPTH = 0.42
"""How far below the lowest loss the ground is, as a share of the range of losses."""

MOST_CELLS = 60
"""At most so many cells of the surface are drawn along an axis."""

PANE = (1.0, 1.0, 1.0, 0.0)


def relief_axes(
    part: Figure | SubFigure, place: Any = 111, *, view: tuple[float, float] = VIEW, zoom: float = 1.03
) -> Axes3D:
    """Return three-dimensional axes of quiet look, seen from an elevation and an azimuth in degrees."""
    axes = part.add_subplot(place, projection="3d", computed_zorder=False)
    axes.view_init(elev=view[0], azim=view[1])  # pyright: ignore[reportAttributeAccessIssue]
    axes.set_box_aspect((1, 1, 0.78), zoom=zoom)  # pyright: ignore[reportArgumentType, reportCallIssue]
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):  # pyright: ignore[reportAttributeAccessIssue]
        axis.set_pane_color(PANE)
    return axes  # pyright: ignore[reportReturnType]


class Box(NamedTuple):
    """The heights at which a relief has its ground, its lowest and its highest loss."""

    floor: float
    low: float
    high: float


def box_of(ground: Ground, steps: Shades, paths: Iterable[Projection] = ()) -> Box:
    """Return the heights of a relief that holds a plane, and paths as far as they are not much higher than it."""
    heights = steps.heights(ground.shown)[~_beyond(ground, steps)]
    found = heights[np.isfinite(heights)]
    low, high = (float(found.min()), float(found.max())) if len(found) else (0.0, 1.0)
    room = high - low or 1.0
    for path in paths:
        above = steps.heights(path.losses[ground.inside(path.coordinates)])
        above = above[np.isfinite(above) & (above <= high + room)]
        low, high = min([low, *above]), max([high, *above])
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    return Box(low - DEPTH * (high - low), low, high)


def draw_relief(axes: Axes3D, ground: Ground, steps: Shades, box: Box, *, opacity: float = 0.82) -> None:
    """Draw the surface and its map on the ground; holes stay holes in the surface, and are hatched on the ground."""
    heights = steps.heights(np.where(_beyond(ground, steps), np.nan, ground.shown))
    _draw_surface(axes, ground, heights, steps, opacity)
    _draw_map(axes, ground, steps, box.floor)
    axes.set_xlim(ground.a[0], ground.a[-1], auto=False)
    axes.set_ylim(ground.b[0], ground.b[-1], auto=False)
    axes.set_zlim(box.floor, box.high, auto=False)
    _label(axes, ground, steps, box)


def above_box(ground: Ground, path: Projection, steps: Shades, box: Box) -> int:
    """Return how many points of a path on the map are higher than the relief, or have no finite loss."""
    heights = steps.heights(path.losses)
    return int(np.sum(ground.inside(path.coordinates) & ~(heights <= box.high)))


def draw_path_above(axes: Axes3D, ground: Ground, path: Projection, how: PathLook, steps: Shades, box: Box) -> None:
    """Draw a path at its true losses, its shadow on the ground, and stems from its beads to the surface below."""
    seen = ground.inside(path.coordinates)
    x, y = np.where(seen[:, None], path.coordinates, np.nan).T
    z, below = steps.heights(path.losses), steps.heights(path.heights)
    z = np.where(seen & (z <= box.high), z, np.nan)
    halo = [withStroke(linewidth=2.8, foreground="white")]
    axes.plot(x, y, np.where(seen, box.floor, np.nan), ls=how.style, color=how.color, lw=1.3, zorder=3)
    beads = bead_places(ground, path)
    for at in beads:
        if np.isfinite(below[at]) and np.isfinite(z[at]):
            axes.plot([x[at]] * 2, [y[at]] * 2, [below[at], z[at]], color=BLACK, lw=0.9, zorder=5)
    axes.plot(x, y, z, ls=how.style, color=how.color, lw=1.7, zorder=6, path_effects=halo)
    axes.plot(x[beads], y[beads], below[beads], "_", color=BLACK, ms=5, mew=1.0, zorder=5)
    axes.scatter(
        x[beads], y[beads], z[beads], c=path.losses[beads], cmap=GROUND, norm=steps.norm, marker=how.marker, s=24,  # pyright: ignore[reportArgumentType]
        edgecolors=how.color, linewidths=1.1, depthshade=False, zorder=7,
    )  # fmt: skip
    axes.plot(x[:1], y[:1], z[:1], marker=how.marker, mfc="white", mec=how.color, mew=2.0, ms=8, zorder=8)
    axes.plot(x[-1:], y[-1:], z[-1:], marker="*", mfc=how.color, mec=BLACK, mew=1.0, ms=13, zorder=9)


def _beyond(ground: Ground, steps: Shades) -> np.ndarray:
    """Return the cells whose loss is above the last step of color: the vertical axis ends there."""
    return ground.shown > steps.levels[-1] if steps.extend in ("max", "both") else np.zeros(ground.losses.shape, bool)


def _draw_surface(axes: Axes3D, ground: Ground, heights: np.ndarray, steps: Shades, opacity: float) -> None:
    """Draw the surface, each patch in the color of the loss in its middle."""
    if min(heights.shape) < 2 or not np.isfinite(heights).any():
        return
    every = -(-max(heights.shape) // MOST_CELLS)
    a, b = (_thinned(axis, every) for axis in (ground.a, ground.b))
    z = heights[np.ix_(a, b)]
    corners = np.stack([z[:-1, :-1], z[1:, :-1], z[1:, 1:], z[:-1, 1:]])
    middle = corners.mean(axis=0)
    x, y = ground.a[a], ground.b[b]
    losses = 10**middle if steps.logarithmic else middle
    patches, colors = [], []
    for i, j in np.argwhere(np.isfinite(middle)):
        around = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)]
        patches.append([(x[p], y[q], z[p, q]) for p, q in around])
        colors.append(GROUND(steps.norm(losses[i, j])))
    surface = Poly3DCollection(
        patches, facecolors=colors, edgecolors=(0.15, 0.15, 0.15, 0.35), linewidths=0.25, alpha=opacity, zorder=4
    )
    surface.set_rasterized(False)
    axes.add_collection3d(surface)


def _thinned(axis: np.ndarray, every: int) -> np.ndarray:
    """Return every so-manyth place of an axis, its last among them."""
    return np.unique(np.r_[np.arange(0, len(axis), every), len(axis) - 1])


def _draw_map(axes: Axes3D, ground: Ground, steps: Shades, floor: float) -> None:
    """Draw the map on the ground."""
    shown = np.ma.masked_invalid(ground.shown)
    if shown.count() and min(shown.shape) > 1:
        x, y = np.meshgrid(ground.a, ground.b, indexing="ij")
        levels = list(steps.levels)
        axes.contourf(
            x, y, shown, levels=levels, cmap=GROUND, norm=steps.norm, extend=steps.extend, zdir="z", offset=floor,
            alpha=0.75, zorder=1,
        )  # fmt: skip
        axes.contour(x, y, shown, levels=levels, colors="#303030", linewidths=0.4, zdir="z", offset=floor, zorder=2)
    for name, cells in ground.holes.items():
        hatched = Poly3DCollection(_on_ground(ground, cells, floor), linewidths=0.0, zorder=2, **HOLES[name])
        axes.add_collection3d(hatched)


def _on_ground(ground: Ground, cells: np.ndarray, floor: float) -> list[list[tuple[float, float, float]]]:
    """Return the outlines of runs of cells, lying on the ground."""
    x = np.clip(edges(ground.a), ground.a[0], ground.a[-1])
    y = np.clip(edges(ground.b), ground.b[0], ground.b[-1])
    found = []
    for j in range(cells.shape[1]):
        runs = np.flatnonzero(np.diff(np.pad(cells[:, j].astype(int), 1)))
        for start, stop in runs.reshape(-1, 2):
            corners = [(x[start], y[j]), (x[stop], y[j]), (x[stop], y[j + 1]), (x[start], y[j + 1])]
            found.append([(float(p), float(q), floor) for p, q in corners])
    return found


def _label(axes: Axes3D, ground: Ground, steps: Shades, box: Box) -> None:
    """Label the three axes; the vertical one begins at the lowest loss, above the ground."""
    _, low, high = box
    axes.set_xlabel(ground.axis_label(0, longest=30), fontsize=9, labelpad=4)
    axes.set_ylabel(ground.axis_label(1, longest=30), fontsize=9, labelpad=4)
    axes.set_zlabel("loss", fontsize=9, labelpad=2)
    if steps.logarithmic:
        places = np.log10(steps.levels)
    else:
        places = np.asarray(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    room = 1e-9 * (high - low)
    places = places[(places >= low - room) & (places <= high + room)]
    places = places[:: max(1, -(-len(places) // 7))]
    axes.zaxis.set_major_locator(FixedLocator(list(places)))  # pyright: ignore[reportAttributeAccessIssue]
    written = FuncFormatter(lambda value, _: plain(10**value if steps.logarithmic else value, digits=3))
    axes.zaxis.set_major_formatter(written)  # pyright: ignore[reportAttributeAccessIssue]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=5))
    for axis, origin in zip((axes.xaxis, axes.yaxis), ground.origins, strict=True):
        shifted_ticks(axis, origin)
    axes.tick_params(labelsize=8, pad=1)
