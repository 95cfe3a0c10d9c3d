"""Paths over a plane: each by its color, line and marker, with beads of its true loss, and rings where far off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from downslope.core import DataError
from downslope.figures.landscape.color_levels import GROUND, Shades
from downslope.figures.landscape.path_sentences import named
from downslope.figures.landscape.plane import Ground
from downslope.figures.style import BLACK, COLORS, GRAY, STAR, look, percent, plain
from downslope.landscape import Projection

STYLES: tuple[Any, ...] = ("-", (0, (5, 1.6)), (0, (6, 1.6, 1.4, 1.6)), (0, (1.4, 1.4)), (0, (8, 2, 1.4, 2, 1.4, 2)),
                           (0, (3, 1.2, 1.2, 1.2)), (0, (10, 3)))  # fmt: skip
"""The lines of paths, so that they can be told apart in black and white."""

MOST_PATHS = len(COLORS)
MOST_BEADS = 24
LEAST_GAP = 1 / 26
"""Beads are at least so far apart, as a share of the map's diagonal."""

FAR = 0.1
"""A point is far off the plane beyond this share of the map's larger half-width, in the space of parameters."""

RING: dict[str, Any] = {"ls": "none", "marker": "o", "mfc": "none", "mec": BLACK, "mew": 0.9, "ms": 15}
"""How points far off the plane are marked: thin, and wide enough to stand around a start."""


class PathLook(NamedTuple):
    """How a path is drawn."""

    color: str
    marker: str
    style: Any


def named_paths(paths: Projection | Mapping[str, Projection] | None) -> dict[str, Projection]:
    """Return paths by name; one alone is called `descent`.

    Raises:
        DataError: there are too many to tell apart, or one without points.
    """
    found = {"descent": paths} if isinstance(paths, Projection) else dict(paths or {})
    if len(found) > MOST_PATHS:
        raise DataError(f"A figure of a surface shows up to {MOST_PATHS} paths, got {len(found)}. Leave some out.")
    for name, path in found.items():
        if not len(path):
            raise DataError(f"A path needs at least one point, got none in {name!r}.")
    return found


def path_look(place: int) -> PathLook:
    """Return how the path at a place is drawn."""
    return PathLook(*look(place), STYLES[place % len(STYLES)])


def looks(paths: Mapping[str, Projection]) -> dict[str, PathLook]:
    """Return how each path is drawn."""
    return {name: path_look(place) for place, name in enumerate(paths)}


def far_off(ground: Ground) -> float:
    """Return the distance from the plane beyond which a point is ringed, in the space of parameters."""
    widths = [
        0.5 * float(np.ptp(axis)) * norm
        for axis, norm in zip((ground.a, ground.b), ground.norms or (1, 1), strict=True)
    ]
    return float(f"{FAR * max(widths):.2g}")


def bead_places(ground: Ground, path: Projection) -> np.ndarray:
    """Return the points of a path that become beads: its first and last, and others on the map, well apart."""
    x, y = path.coordinates.T
    across = np.stack([x / np.ptp(ground.a), y / np.ptp(ground.b)], axis=1) / np.sqrt(2)
    inside, gap = ground.inside(path.coordinates), LEAST_GAP
    while True:
        kept = _apart(across, inside, gap)
        if len(kept) <= MOST_BEADS:
            return kept
        gap *= 1.25


def _apart(across: np.ndarray, inside: np.ndarray, gap: float) -> np.ndarray:
    """Return the points inside that lie a gap from the one kept before, and the last."""
    kept: list[int] = []
    for at in np.flatnonzero(inside):
        if not kept or np.linalg.norm(across[at] - across[kept[-1]]) >= gap:
            kept.append(int(at))
    last = len(across) - 1
    if inside[last] and last not in kept:
        if len(kept) > 1 and np.linalg.norm(across[last] - across[kept[-1]]) < 0.5 * gap:
            kept.pop()
        kept.append(last)
    return np.array(kept, int)


def draw_path(axes: Axes, ground: Ground, path: Projection, how: PathLook, steps: Shades) -> None:
    """Draw a path on the map: the line below it, beads of its true loss, rings far off, start and end."""
    x, y = path.coordinates.T
    halo = [withStroke(linewidth=3.6, foreground="white")]
    axes.plot(x, y, ls=how.style, color=how.color, lw=1.7, zorder=6, path_effects=halo)
    beads = bead_places(ground, path)
    known = np.where(np.isfinite(path.losses[beads]), path.losses[beads], np.nan)
    axes.scatter(
        x[beads], y[beads], c=known, cmap=GROUND, norm=steps.norm, marker=how.marker, s=30,
        edgecolors=how.color, linewidths=1.1, zorder=7, plotnonfinite=True,
    )  # fmt: skip
    far = beads[path.distances[beads] > far_off(ground)]
    axes.plot(x[far], y[far], **RING, zorder=7)
    first, last = (bool(inside) for inside in ground.inside(path.coordinates[[0, -1]]))
    axes.plot(x[:1], y[:1], marker=how.marker, mfc="white", mec=how.color, mew=2.2, ms=9, zorder=8, clip_on=not first)
    axes.plot(x[-1:], y[-1:], mfc=how.color, **{**STAR, "ms": 14, "zorder": 9}, clip_on=not last)


def path_handles(paths: Mapping[str, Projection], ground: Ground | None) -> list[Line2D]:
    """Return the entries of a legend for paths and their marks; for rings only with the map that they are on."""
    if not paths:
        return []
    lines = [line_handle(name, how) for name, how in looks(paths).items()]
    return [*lines, *mark_handles(), *([] if ground is None else ring_handles([(ground, paths)]))]


def ring_handles(shown: Sequence[tuple[Ground, Mapping[str, Projection]]]) -> list[Line2D]:
    """Return the entry of a legend for rings, if there are any on these planes."""
    limits = [
        far_off(ground)
        for ground, paths in shown
        if any(np.any(path.distances[bead_places(ground, path)] > far_off(ground)) for path in paths.values())
    ]
    if not limits:
        return []
    same = f"over {plain(limits[0], digits=2)} off the plane"
    label = same if len(set(limits)) == 1 else f"off the plane by over {percent(FAR)} of its half-width"
    return [Line2D([], [], **{**RING, "ms": 12}, label=f"ring: {label}")]


def line_handle(name: str, how: PathLook) -> Line2D:
    """Return the entry of a legend for a path."""
    return Line2D(
        [], [], color=how.color, ls=how.style, marker=how.marker, mfc="white", ms=5, lw=1.7, label=named(name)
    )


def mark_handles() -> list[Line2D]:
    """Return the entries of a legend for the start, the end and the beads of paths."""
    return [
        Line2D([], [], ls="none", marker="o", mfc="white", mec=GRAY, mew=2.2, ms=8, label="start"),
        Line2D([], [], label="end", mfc=GRAY, **{**STAR, "ms": 11}),
        Line2D([], [], ls="none", marker="o", mfc=GROUND(0.55), mec=GRAY, ms=6, label="bead: true loss"),
    ]


def stem_handle() -> Line2D:
    """Return the entry of a legend for the stems of beads."""
    return Line2D([], [], ls="none", marker="$\\vert$", color=BLACK, ms=9, label="stem: to the surface below")
