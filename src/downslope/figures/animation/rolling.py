"""A path that grows: on the map, above it, and along curves, with a ball at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from mpl_toolkits.mplot3d.axes3d import Axes3D

from downslope.figures.landscape import Box, Ground, PathLook, Shades
from downslope.figures.style import BLACK
from downslope.landscape import Projection

HALO = [withStroke(linewidth=3.4, foreground="white")]


class Moving(NamedTuple):
    """A line that moves.

    Attributes:
        artist: on its axes.
        points: from a place on a path to the columns of the line's points, two or three.
    """

    artist: Any
    points: Callable[[int], tuple[np.ndarray, ...]]


def move(moving: Iterable[Moving], place: int) -> None:
    """Move lines to a place on their path; beyond its end they stay there."""
    for artist, points in moving:
        columns = points(place)
        if len(columns) == 3:
            artist.set_data_3d(*columns)
        else:
            artist.set_data(*columns)


def roll_on_map(axes: Axes, path: Projection, how: PathLook) -> list[Moving]:
    """Return a path that grows on a map; its start is marked."""
    x, y = path.coordinates.T
    axes.plot(x[:1], y[:1], marker=how.marker, mfc="white", mec=how.color, mew=2.0, ms=8, zorder=5.5)
    return [_growing(axes, (x, y), how, path_effects=HALO), _ball(axes, (x, y), how)]


def roll_above(axes: Axes3D, ground: Ground, path: Projection, how: PathLook, steps: Shades, box: Box) -> list[Moving]:
    """Return a path that grows at its true losses, its shadow, and the stem from the ball to the surface below."""
    seen = ground.inside(path.coordinates)
    x, y = np.where(seen[:, None], path.coordinates, np.nan).T
    z, below = steps.heights(path.losses), steps.heights(path.heights)
    z = np.where(seen & (z <= box.high), z, np.nan)
    floor = np.full(len(x), box.floor)
    (stem,) = axes.plot(x[:1], y[:1], z[:1], color=BLACK, lw=1.1, zorder=5)

    def from_below(place: int) -> tuple[np.ndarray, ...]:
        at = min(place, len(x) - 1)
        return x[[at, at]], y[[at, at]], np.array([below[at], z[at]])

    return [
        _growing(axes, (x, y, floor), how, lw=1.2, zorder=3),
        _ball(axes, (x, y, floor), how, mfc="#303030", ms=5, zorder=3),
        Moving(stem, from_below),
        _growing(axes, (x, y, z), how, path_effects=HALO),
        _ball(axes, (x, y, z), how),
    ]


def roll_along(axes: Axes, x: np.ndarray, y: np.ndarray, how: PathLook) -> list[Moving]:
    """Return a curve that grows."""
    columns = (x, np.where(np.isfinite(y), y, np.nan))
    return [_growing(axes, columns, how, lw=2.0), _ball(axes, columns, how, ms=7)]


def _growing(axes: Axes, columns: tuple[np.ndarray, ...], how: PathLook, **look: Any) -> Moving:
    """Return a line from the start of a path to a place on it."""
    artist = _line(axes, columns, {"ls": how.style, "color": how.color, "lw": 1.7, "zorder": 6} | look)
    return Moving(artist, lambda place: tuple(column[: place + 1] for column in columns))


def _ball(axes: Axes, columns: tuple[np.ndarray, ...], how: PathLook, **look: Any) -> Moving:
    """Return a ball at a place on a path."""
    usual = {"ls": "none", "marker": how.marker, "mfc": how.color, "mec": BLACK, "mew": 1.0, "ms": 9, "zorder": 9}
    artist = _line(axes, columns, usual | look)
    last = len(columns[0]) - 1
    return Moving(artist, lambda place: tuple(column[min(place, last) : min(place, last) + 1] for column in columns))


def _line(axes: Axes, columns: tuple[np.ndarray, ...], look: dict[str, Any]) -> Line2D:
    (artist,) = axes.plot(*columns, **look)
    return artist
