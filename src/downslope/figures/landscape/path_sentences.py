"""Sentences about paths over a plane: the explained variance, the distance off the plane, and hidden points."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import shorten

import numpy as np

from downslope.figures.landscape.plane import Plane
from downslope.figures.style import percent, plain
from downslope.landscape import Projection

ABOUT_NONE = 0.05
"""A plane that explains less than this share of a path's variance is said to hold about none."""

ROUNDING = 1e-5
"""Distances off the plane below this share of the coordinates are rounding."""

LONGEST_NAME = 34


def short_name(name: str) -> str:
    """Return the name of a path, shortened to fit into a legend."""
    return shorten(name, LONGEST_NAME, placeholder=" …")


IN_PLANE = "the path lies in the plane."


def path_sentences(paths: Mapping[str, Projection], plane: Plane | None = None) -> list[str]:
    """Return a sentence about each path, with one sentence for all paths that lie in the plane."""
    return merge_sentences({name: path_sentence(name, path, plane) for name, path in paths.items()})


def merge_sentences(sentences: Mapping[str, str]) -> list[str]:
    """Merge the sentences of all paths that lie in the plane into one.

    Example:
        >>> merge_sentences({"sgd": "sgd: the path lies in the plane.", "adam": "adam: the path lies in the plane."})
        ['The paths lie in the plane.']
    """
    inside = [name for name, sentence in sentences.items() if sentence == f"{name}: {IN_PLANE}"]
    if len(inside) < 2:
        return list(sentences.values())
    together = "The paths lie" if len(inside) == len(sentences) else f"{', '.join(inside)}: the paths lie"
    return [f"{together} in the plane.", *(sentence for name, sentence in sentences.items() if name not in inside)]


def path_sentence(name: str, path: Projection, plane: Plane | None = None) -> str:
    """Describe the share of a path that a plane holds, and its distance off the plane.

    Example:
        >>> points = np.zeros((2, 2))
        >>> far = Projection(np.arange(2), points, np.ones(2), np.ones(2), np.array([0.0, 12.5]), 0.003)
        >>> path_sentence("sgd", far)
        'sgd: this plane holds 0.3 % of the variance of the path, about none: what is seen is a shadow of a path that
        runs up to 12.5 off the plane.'
    """
    beyond = hidden_points_text(path, plane)
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


def hidden_points_text(path: Projection, plane: Plane | None) -> str:
    """Return the number of a path's points that are beyond the map or not finite, as sentences to append."""
    not_finite = ~np.isfinite(path.coordinates).all(axis=1)
    outside = 0 if plane is None else int(np.sum(~plane.inside(path.coordinates) & ~not_finite))
    beyond = f" {outside:,} of {len(path):,} points lie beyond the map." if outside else ""
    return beyond + (f" {int(not_finite.sum()):,} of {len(path):,} points are not finite." if not_finite.any() else "")
