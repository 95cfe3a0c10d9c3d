"""Paths over a plane: each with its color, dashes and marker, beads of its true loss, and rings far off the plane."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.typing import LineStyleType

from downslope.core import DataError
from downslope.figures.landscape.color_levels import COLOR_MAP, ColorLevels, plane_color_levels
from downslope.figures.landscape.path_sentences import short_name
from downslope.figures.landscape.plane import Plane
from downslope.figures.style import BLACK, COLORS, GRAY, STAR, ArtistOptions, color_and_marker, percent, plain
from downslope.landscape import Projection

DASHES: tuple[LineStyleType, ...] = (
    "-",
    (0, (5, 1.6)),
    (0, (6, 1.6, 1.4, 1.6)),
    (0, (1.4, 1.4)),
    (0, (8, 2, 1.4, 2, 1.4, 2)),
    (0, (3, 1.2, 1.2, 1.2)),
    (0, (10, 3)),
)
"""The dashes of paths, distinguishable in black and white."""

MOST_PATHS = len(COLORS)
MOST_BEADS = 24
LEAST_GAP = 1 / 26
"""The least distance between beads, as a share of the map's diagonal."""

FAR = 0.1
"""A point is far off the plane beyond this share of the map's larger half-width, in the space of parameters."""

RING: ArtistOptions = {"ls": "none", "marker": "o", "mfc": "none", "mec": BLACK, "mew": 0.9, "ms": 15}
"""The mark of points far off the plane: thin, and wide enough to surround the mark of a start."""


class PathStyle(NamedTuple):
    """The style of a path."""

    color: str
    marker: str
    dashes: LineStyleType


def named_paths(paths: Projection | Mapping[str, Projection] | None) -> dict[str, Projection]:
    """Return paths by name; one alone is called `descent`.

    Raises:
        DataError: there are more paths than styles, or one without points.
    """
    by_name = {"descent": paths} if isinstance(paths, Projection) else dict(paths or {})
    if len(by_name) > MOST_PATHS:
        raise DataError(f"A figure of a surface shows up to {MOST_PATHS} paths, got {len(by_name)}. Leave some out.")
    for name, path in by_name.items():
        if not len(path):
            raise DataError(f"A path needs at least one point, got none in {name!r}.")
    return by_name


def path_style(index: int) -> PathStyle:
    """Return the style of the path with an index."""
    return PathStyle(*color_and_marker(index), DASHES[index % len(DASHES)])


def path_styles(paths: Mapping[str, Projection]) -> dict[str, PathStyle]:
    """Return the style of each path."""
    return {name: path_style(index) for index, name in enumerate(paths)}


def far_off(plane: Plane) -> float:
    """Return the distance from the plane beyond which a point is ringed, in the space of parameters."""
    widths = [
        0.5 * float(np.ptp(axis)) * norm for axis, norm in zip((plane.a, plane.b), plane.norms or (1, 1), strict=True)
    ]
    return float(f"{FAR * max(widths):.2g}")


def bead_indices(plane: Plane, path: Projection) -> np.ndarray:
    """Return the indices of a path's beads: its first and its last point, and others on the map, well apart."""
    x, y = path.coordinates.T
    across = np.stack([x / np.ptp(plane.a), y / np.ptp(plane.b)], axis=1) / np.sqrt(2)
    inside, gap = plane.inside(path.coordinates), LEAST_GAP
    while True:
        selected = _apart(across, inside, gap)
        if len(selected) <= MOST_BEADS:
            return selected
        gap *= 1.25


def _apart(across: np.ndarray, inside: np.ndarray, gap: float) -> np.ndarray:
    """Return the indices of points inside that lie at least a gap from the one selected before, and the last."""
    selected: list[int] = []
    for index in np.flatnonzero(inside):
        if not selected or np.linalg.norm(across[index] - across[selected[-1]]) >= gap:
            selected.append(int(index))
    last = len(across) - 1
    if inside[last] and last not in selected:
        if len(selected) > 1 and np.linalg.norm(across[last] - across[selected[-1]]) < 0.5 * gap:
            selected.pop()
        selected.append(last)
    return np.array(selected, int)


def map_levels(maps: Sequence[tuple[Plane, Iterable[Projection]]], log: bool | str = "auto") -> ColorLevels:
    """Return the color levels that maps share: those of their planes, and of the paths as far as these are inside."""
    paths = [path.losses[plane.inside(path.coordinates)] for plane, projections in maps for path in projections]
    return plane_color_levels([plane.finite_losses for plane, _ in maps], paths, log)


def draw_path(axes: Axes, plane: Plane, path: Projection, style: PathStyle, levels: ColorLevels) -> None:
    """Draw a path on the map: the line below it, beads of its true loss, rings far off, start and end."""
    x, y = path.coordinates.T
    halo = [withStroke(linewidth=3.6, foreground="white")]
    axes.plot(x, y, ls=style.dashes, color=style.color, lw=1.7, zorder=6, path_effects=halo)
    beads = bead_indices(plane, path)
    losses = np.where(np.isfinite(path.losses[beads]), path.losses[beads], np.nan)
    axes.scatter(
        x[beads], y[beads], c=losses, cmap=COLOR_MAP, norm=levels.norm, marker=style.marker, s=30,
        edgecolors=style.color, linewidths=1.1, zorder=7, plotnonfinite=True,
    )  # fmt: skip
    far = beads[path.distances[beads] > far_off(plane)]
    axes.plot(x[far], y[far], **RING, zorder=7)
    first, last = (bool(inside) for inside in plane.inside(path.coordinates[[0, -1]]))
    axes.plot(
        x[:1], y[:1], marker=style.marker, mfc="white", mec=style.color, mew=2.2, ms=9, zorder=8, clip_on=not first
    )
    axes.plot(x[-1:], y[-1:], mfc=style.color, **{**STAR, "ms": 14, "zorder": 9}, clip_on=not last)


def path_handles(paths: Mapping[str, Projection], plane: Plane | None) -> list[Line2D]:
    """Return the entries of a legend for paths and their marks; for rings only with the map that they are on."""
    if not paths:
        return []
    lines = [line_handle(name, style) for name, style in path_styles(paths).items()]
    return [*lines, *mark_handles(), *([] if plane is None else ring_handles([(plane, paths)]))]


def ring_handles(maps: Sequence[tuple[Plane, Mapping[str, Projection]]]) -> list[Line2D]:
    """Return the entry of a legend for rings, if there are any on these planes."""
    limits = [
        far_off(plane)
        for plane, paths in maps
        if any(np.any(path.distances[bead_indices(plane, path)] > far_off(plane)) for path in paths.values())
    ]
    if not limits:
        return []
    same = f"over {plain(limits[0], digits=2)} off the plane"
    label = same if len(set(limits)) == 1 else f"off the plane by over {percent(FAR)} of its half-width"
    return [Line2D([], [], **{**RING, "ms": 12}, label=f"ring: {label}")]


def line_handle(name: str, style: PathStyle) -> Line2D:
    """Return the entry of a legend for a path."""
    return Line2D(
        [],
        [],
        color=style.color,
        ls=style.dashes,
        marker=style.marker,
        mfc="white",
        ms=5,
        lw=1.7,
        label=short_name(name),
    )


def mark_handles() -> list[Line2D]:
    """Return the entries of a legend for the start, the end and the beads of paths."""
    return [
        Line2D([], [], ls="none", marker="o", mfc="white", mec=GRAY, mew=2.2, ms=8, label="start"),
        Line2D([], [], label="end", mfc=GRAY, **{**STAR, "ms": 11}),
        Line2D([], [], ls="none", marker="o", mfc=COLOR_MAP(0.55), mec=GRAY, ms=6, label="bead: true loss"),
    ]


def stem_handle() -> Line2D:
    """Return the entry of a legend for the stems of beads."""
    return Line2D([], [], ls="none", marker="$\\vert$", color=BLACK, ms=9, label="stem: to the surface below")
