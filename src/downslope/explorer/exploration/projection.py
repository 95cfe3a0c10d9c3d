"""Projection of points onto a plane."""

from __future__ import annotations

import math

import jax
import numpy as np

from downslope.core import LossSurface, PyTree, displaced, tree_norm
from downslope.explorer.exploration.descent import Point
from downslope.landscape import Slice


class Projector:
    """Projects points onto a plane: coordinates of the nearest point of it, by the Gram matrix of its directions.

    Attributes:
        cut: the plane.
        surface: its loss.
        directions: as rows of numbers, `(2, parameters)`.
    """

    def __init__(self, cut: Slice, surface: LossSurface):
        self.cut = cut
        self.surface = surface
        self.directions = np.array([vector(tree) for tree in cut.directions])
        self._inverse = np.linalg.pinv(self.directions @ self.directions.T)

    def along(self, tree: PyTree) -> np.ndarray:
        """Return the coefficients along the two directions of a vector."""
        return self._inverse @ (self.directions @ vector(tree))

    def params_at(self, a: float, b: float) -> PyTree:
        """Return the parameters at a point of the plane."""
        return displaced(self.cut.params, self.cut.directions, (a, b))

    def row(self, point: Point) -> list[float]:
        """Return a row of a path frame, with the columns of `PATH_COLUMNS`."""
        with np.errstate(all="ignore"):
            away = vector(jax.tree.map(lambda new, old: np.subtract(new, old, dtype=float), point.params, self.params))
            a, b = self._inverse @ (self.directions @ away)
            off = away - a * self.directions[0] - b * self.directions[1]
            height = self.surface.value(self.params_at(a, b))
            arrows = (*self.along(point.gradient), *self.along(point.velocity))
            distance, norm = float(np.sqrt(off @ off)), float(tree_norm(point.gradient))
        columns = (
            point.step, a, b, point.loss, height, distance, norm, *arrows, point.learning_rate, math.nan, math.nan,
        )  # fmt: skip
        return [float(number) for number in columns]

    @property
    def params(self) -> PyTree:
        """The point that the plane goes through."""
        return self.cut.params

    def explained(self, points: list[Point]) -> float | None:
        """Return the share of the variance of points, about their mean, that lies in the plane; None if they stay."""
        if len(points) < 2:
            return None
        with np.errstate(all="ignore"):
            rows = np.array([vector(point.params) for point in points])
            rows -= rows.mean(axis=0)[None, :]
            coefficients = rows @ self.directions.T
            inside, total = float(np.sum((coefficients @ self._inverse) * coefficients)), float(np.sum(rows**2))
        return min(inside / total, 1.0) if total > 0 and math.isfinite(total) else None


def vector(tree: PyTree) -> np.ndarray:
    """Return all numbers of a tree, in double precision."""
    return np.concatenate([np.asarray(leaf, np.float64).reshape(-1) for leaf in jax.tree.leaves(tree)])
