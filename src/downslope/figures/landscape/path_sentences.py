"""Paths over a plane in words: what share of a path the plane holds, how far off it runs, what is not shown."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import shorten

import numpy as np

from downslope.figures.landscape.plane import Ground
from downslope.figures.style import percent, plain
from downslope.landscape import Projection

ABOUT_NONE = 0.05
"""A plane that holds less than this share of a path's variance shows about nothing of it."""

ROUNDING = 1e-5
"""A distance off the plane of this share of the way along it is rounding."""

LONGEST_NAME = 34


def named(name: str) -> str:
    """Return the name of a path, no longer than a legend has room for."""
    return shorten(name, LONGEST_NAME, placeholder=" …")


IN_PLANE = "the path lies in the plane."


def path_sentences(paths: Mapping[str, Projection], ground: Ground | None = None) -> list[str]:
    """Return what a plane shows of each path, those that lie in it all in one sentence."""
    return merged({name: path_sentence(name, path, ground) for name, path in paths.items()})


def merged(sentences: Mapping[str, str]) -> list[str]:
    """Return sentences about paths by their names, in one for all of those that say that a path lies in the plane.

    Example:
        >>> merged({"sgd": "sgd: the path lies in the plane.", "adam": "adam: the path lies in the plane."})
        ['The paths lie in the plane.']
    """
    inside = [name for name, sentence in sentences.items() if sentence == f"{name}: {IN_PLANE}"]
    if len(inside) < 2:
        return list(sentences.values())
    together = "The paths lie" if len(inside) == len(sentences) else f"{', '.join(inside)}: the paths lie"
    return [f"{together} in the plane.", *(sentence for name, sentence in sentences.items() if name not in inside)]


def path_sentence(name: str, path: Projection, ground: Ground | None = None) -> str:
    """Return what a plane shows of a path, and how far off it runs, in words.

    Example:
        >>> points = np.zeros((2, 2))
        >>> far = Projection(np.arange(2), points, np.ones(2), np.ones(2), np.array([0.0, 12.5]), 0.003)
        >>> path_sentence("sgd", far)
        'sgd: this plane holds 0.3 % of the variance of the path, about none: what is seen is a shadow of a path that
        runs up to 12.5 off the plane.'
    """
    beyond = not_shown(path, ground)
    apart = path.distances[np.isfinite(path.distances)]
    if path.explained is None or not len(apart):
        return f"{name}: the path does not move.{beyond}"
    share = percent(path.explained, digits=1 if path.explained < ABOUT_NONE else 0)
    farthest = float(np.max(apart))
    if path.explained < ABOUT_NONE:
        return (
            f"{name}: this plane holds {share} of the variance of the path, about none: what is seen is a shadow of a "
            f"path that runs up to {plain(farthest, digits=3)} off the plane.{beyond}"
        )
    if farthest <= ROUNDING * float(np.nanmax(np.abs(path.coordinates))):
        return f"{name}: {IN_PLANE}{beyond}"
    far = plain(farthest, digits=3)
    return f"{name}: the plane holds {share} of the variance of the path, which runs up to {far} off it.{beyond}"


def not_shown(path: Projection, ground: Ground | None) -> str:
    """Return how many points of a path are beyond the map or have no place on it, in words that follow others."""
    lost = ~np.isfinite(path.coordinates).all(axis=1)
    outside = 0 if ground is None else int(np.sum(~ground.inside(path.coordinates) & ~lost))
    beyond = f" {outside:,} of {len(path):,} points lie beyond the map." if outside else ""
    return beyond + (f" {int(lost.sum()):,} of {len(path):,} points are not finite." if lost.any() else "")
