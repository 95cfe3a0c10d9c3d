"""The way out of a saddle: a step along the direction in which the loss curves most downward."""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import numpy as np

from downslope.core import PyTree, Setting, ShapeError, vector_length
from downslope.curvature import Eigenpairs
from downslope.diagnosis.measurements.point import Point, flat
from downslope.diagnosis.measurements.reach import RADIUS

FRACTIONS = tuple(2.0**power for power in range(-6, 4))
"""Steps tried along the way out, as multiples of the radius within reach: from a 64th of it to eight times as far."""


@dataclass(frozen=True)
class WayOut:
    """A step from a point along an eigenvector of certified negative curvature.

    Attributes:
        eigenvalue: `λ < 0`, the curvature along the way.
        residual: a true eigenvalue lies within it of `λ`.
        direction: a tree like the parameters, of length 1, pointing downhill.
        step: how far along it the loss was lowest, of the lengths tried.
        loss: at the point.
        lowest_loss: after the step.
        predicted_loss: the same to second order, `l + s gᵀv + ½ λ s²`.
        gained_within: by how much the loss falls by steps no longer than the radius within reach, to compare with what
            the gradient gains there.
    """

    eigenvalue: float
    residual: float
    direction: PyTree = field(repr=False)
    step: float
    loss: float
    lowest_loss: float
    predicted_loss: float
    gained_within: float

    @property
    def gained(self) -> float:
        """By how much the loss falls."""
        return self.loss - self.lowest_loss

    def applied_to(self, params: PyTree) -> PyTree:
        """Return the parameters after the step, from which to descend further.

        Raises:
            ShapeError: they are not like those that the way out was found from.
        """
        if jax.tree.map(np.shape, params) != jax.tree.map(np.shape, self.direction):
            raise ShapeError(
                Setting("params"), "must be a tree like those that the way out was found from. Pass run.last.params."
            )
        return jax.tree.map(
            lambda p, v: (np.asarray(p) + self.step * np.asarray(v)).astype(np.asarray(p).dtype), params, self.direction
        )

    def as_json(self) -> dict[str, float]:
        """Return the numbers, without the direction."""
        names = ("eigenvalue", "residual", "step", "loss", "lowest_loss", "predicted_loss", "gained")
        return {name: float(getattr(self, name)) for name in names}


def certified_negative(pairs: Eigenpairs) -> int | None:
    """Return the index of the most negative eigenpair that is certified; None if none is.

    An eigenvalue counts as negative when `λ + residual` is below zero by more than this precision can resolve.
    """
    upper = pairs.values + pairs.residuals
    index = int(np.argmin(upper)) if len(pairs) else 0
    return index if len(pairs) and upper[index] < -pairs.resolution else None


def way_out_of(point: Point, pairs: Eigenpairs) -> WayOut | None:
    """Return the way out along the most negative eigenvector; None where no negative curvature is certified.

    Both senses are tried, at steps of several lengths; the one of the lowest loss is taken.

    Args:
        point: the point.
        pairs: eigenpairs of the Hessian there.

    Example:
        >>> from downslope.core import FunctionSurface
        >>> from downslope.curvature import eigenvalues
        >>> saddle = FunctionSurface(lambda p: p[0] ** 2 - p[1] ** 2 + p[1] ** 4, np.zeros(2))
        >>> origin = np.zeros(2)
        >>> out = way_out_of(Point(saddle, origin), eigenvalues(saddle, origin, which="both"))
        >>> round(out.eigenvalue, 6), out.step, round(out.gained, 4)
        (-2.0, 0.8, 0.2304)
    """
    most = certified_negative(pairs)
    if most is None:
        return None
    v = flat(pairs.vectors[most])
    v, origin = v / vector_length(v), np.zeros(point.size)
    loss, reach = point.loss(origin), RADIUS * max(point.norm, 1.0)
    steps = [sense * share * reach for share in FRACTIONS for sense in (1.0, -1.0)]
    losses = [point.loss(step * v) for step in steps]
    index = int(np.argmin(losses))
    if not losses[index] < loss - point.rounding:
        return None
    value, step = float(pairs.values[most]), steps[index]
    slope = float(point.gradient(origin) @ v)
    return WayOut(
        eigenvalue=value,
        residual=float(pairs.residuals[most]),
        direction=point.tree(np.sign(step) * v),
        step=abs(step),
        loss=loss,
        lowest_loss=losses[index],
        predicted_loss=loss + step * slope + 0.5 * value * step**2,
        gained_within=loss - min(loss, *(low for low, s in zip(losses, steps, strict=True) if abs(s) <= reach)),
    )
