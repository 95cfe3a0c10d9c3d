"""Growing paths on the map, above it, and along curves, each with a ball at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from mpl_toolkits.mplot3d.art3d import Line3D
from mpl_toolkits.mplot3d.axes3d import Axes3D

from downslope.figures.landscape import Box, ColorLevels, PathStyle, Plane
from downslope.figures.style import BLACK, ArtistOptions, finite
from downslope.landscape import Projection

HALO = [withStroke(linewidth=3.4, foreground="white")]


class Moving(NamedTuple):
    """A moving line.

    Attributes:
        artist: the line, on its axes.
        points: a function from an index on a path to the columns of the line's points, two or three.
    """

    artist: Line2D
    points: Callable[[int], tuple[np.ndarray, ...]]


def move(moving: Iterable[Moving], index: int) -> None:
    """Move lines to an index on their path; beyond its end they stay at its end."""
    for artist, points in moving:
        columns = points(index)
        if isinstance(artist, Line3D):
            artist.set_data_3d(*columns)
        else:
            artist.set_data(*columns)


def roll_on_map(axes: Axes, path: Projection, style: PathStyle) -> list[Moving]:
    """Return a path that grows on a map; its start is marked."""
    x, y = path.coordinates.T
    axes.plot(x[:1], y[:1], marker=style.marker, mfc="white", mec=style.color, mew=2.0, ms=8, zorder=5.5)
    return [_growing(axes, (x, y), style, path_effects=HALO), _ball(axes, (x, y), style)]


def roll_above(
    axes: Axes3D, plane: Plane, path: Projection, style: PathStyle, levels: ColorLevels, box: Box
) -> list[Moving]:
    """Return a path that grows at its true losses, its shadow, and the stem from the ball to the surface below."""
    inside = plane.inside(path.coordinates)
    x, y = np.where(inside[:, None], path.coordinates, np.nan).T
    z, below = levels.heights(path.losses), levels.heights(path.heights)
    z = np.where(inside & (z <= box.high), z, np.nan)
    floor = np.full(len(x), box.floor)
    (stem,) = axes.plot(x[:1], y[:1], z[:1], color=BLACK, lw=1.1, zorder=5)

    def from_below(index: int) -> tuple[np.ndarray, ...]:
        current = min(index, len(x) - 1)
        return x[[current, current]], y[[current, current]], np.array([below[current], z[current]])

    return [
        _growing(axes, (x, y, floor), style, lw=1.2, zorder=3),
        _ball(axes, (x, y, floor), style, mfc="#303030", ms=5, zorder=3),
        Moving(stem, from_below),
        _growing(axes, (x, y, z), style, path_effects=HALO),
        _ball(axes, (x, y, z), style),
    ]


def roll_along(axes: Axes, x: np.ndarray, y: np.ndarray, style: PathStyle) -> list[Moving]:
    """Return a curve that grows."""
    columns = (x, finite(y))
    return [_growing(axes, columns, style, lw=2.0), _ball(axes, columns, style, ms=7)]


def _growing(axes: Axes, columns: tuple[np.ndarray, ...], style: PathStyle, **options: Any) -> Moving:
    """Return a line from the start of a path to an index on it."""
    artist = _line(axes, columns, {"ls": style.dashes, "color": style.color, "lw": 1.7, "zorder": 6} | options)
    return Moving(artist, lambda index: tuple(column[: index + 1] for column in columns))


def _ball(axes: Axes, columns: tuple[np.ndarray, ...], style: PathStyle, **options: Any) -> Moving:
    """Return a ball at an index on a path."""
    marks = {
        "ls": "none",
        "marker": style.marker,
        "mfc": style.color,
        "mec": BLACK,
        "mew": 1.0,
        "ms": 9,
        "zorder": 9,
    }
    artist = _line(axes, columns, marks | options)
    last = len(columns[0]) - 1
    return Moving(artist, lambda index: tuple(column[min(index, last) : min(index, last) + 1] for column in columns))


def _line(axes: Axes, columns: tuple[np.ndarray, ...], options: ArtistOptions) -> Line2D:
    (artist,) = axes.plot(*columns, **options)
    return artist
