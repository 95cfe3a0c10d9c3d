"""How far the loss can fall within reach of a point: along the gradient, and with the curvature known.

Neither says what the run's optimizer does: they say what there is to be had. Both are measured on the surface, not only
predicted, and both stay within a ball around the point, for beyond it nothing that was measured here holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from downslope.core import unit_of, vector_length
from downslope.diagnosis.measurements.point import Point, Vector

RADIUS = 0.1
"""The ball's radius as a share of the length of the parameters, which is taken as 1 where it is less: a tenth is about
as far as the Hessian of a network stays the same, and more than an epoch moves them late in training."""

DESCENTS = 10
"""Steps along the full gradient, each of the length that is best. So many leave a ravine's walls, not its floor."""

PRODUCTS = 30
"""Products with the Hessian that the truncated Newton step takes, at most."""

HALVINGS = 8
"""How often a step that does not lower the loss is halved."""

EXACT = 1e-3
"""The Newton step is exact enough when its residual is this share of the gradient."""


@dataclass(frozen=True)
class Reach:
    """By how much the loss falls within reach of a point.

    Attributes:
        radius: of the ball.
        along_gradient: after ten steps along the full gradient, each as long as is best, so far as they stay within.
        with_curvature: after one truncated Newton step, to the ball's edge at most; not less than `along_gradient`.
    """

    radius: float
    along_gradient: float
    with_curvature: float


def reach_of(point: Point, *, products: int = PRODUCTS) -> Reach:
    """Return by how much the loss falls within reach of a point.

    Args:
        point: the point.
        products: Hessian products that the Newton step may take.

    Example:
        On a ravine's floor the gradient leads along it very slowly; a step by the curvature goes straight there.

        >>> from downslope.core import FunctionSurface
        >>> ravine = FunctionSurface(lambda p: 0.5 * (p[0] ** 2 + 1e6 * p[1] ** 2), np.ones(2))
        >>> reach = reach_of(Point(ravine, np.array([0.05, 5e-8])))
        >>> bool(reach.along_gradient < 1e-4 * 0.00125), bool(reach.with_curvature > 0.99 * 0.00125)
        (True, True)

    References:
        Steihaug, "The conjugate gradient method and trust regions in large scale optimization" (1983).
    """
    radius = RADIUS * max(point.norm, 1.0)
    origin = np.zeros(point.size)
    loss, gradient = point.loss(origin), point.gradient(origin)
    along = _along_gradient(point, loss, gradient, radius)
    step = _newton_step(point, gradient, radius, min(products, PRODUCTS))
    return Reach(radius, along, max(along, loss - _backtrack(point, origin, step, loss)[1]))


def _along_gradient(point: Point, loss: float, gradient: Vector, radius: float) -> float:
    """Return by how much the loss falls along the gradient, step by step."""
    d, lowest, g = np.zeros(point.size), loss, gradient
    for _ in range(DESCENTS):
        norm = vector_length(g)
        if not norm or not np.isfinite(norm):
            break
        unit = g / norm
        curvature = float(unit @ point.curved(d, unit))
        # where the loss does not curve upward, as far as the ball allows
        best = norm / curvature if curvature > 0 else np.inf
        step = -unit * min(best, 2 * radius)
        step = _within(d, step, radius)
        d, new = _backtrack(point, d, step, lowest)
        if new >= lowest:
            break
        lowest, g = new, point.gradient(d)
    return loss - lowest


def _newton_step(point: Point, gradient: Vector, radius: float, products: int) -> Vector:
    """Return the step that conjugate gradients take down the quadratic model, to the ball's edge at most."""
    origin, d = np.zeros(point.size), np.zeros(point.size)
    unit = unit_of(gradient)
    r = p = -gradient / unit
    squared = float(r @ r)
    enough = EXACT**2 * squared
    for _ in range(products):
        if squared <= enough:
            break
        image = point.curved(origin, p)
        curvature = float(p @ image)
        if curvature <= 0:
            return d + _within(d, p * (2 * radius / vector_length(p)), radius)
        step = (unit * squared / curvature) * p
        if vector_length(d + step) >= radius:
            return d + _within(d, step, radius)
        d, r = d + step, r - (squared / curvature) * image
        squared, before = float(r @ r), squared
        p = r + (squared / before) * p
    return d


def _within(d: Vector, step: Vector, radius: float) -> Vector:
    """Return as much of a step from `d` as stays in the ball."""
    if vector_length(d + step) <= radius:
        return step
    # ‖d + s u‖ = radius, u the step's direction, all in units of the radius
    u, d = step / vector_length(step), d / radius
    b, c = float(d @ u), float(d @ d) - 1
    return u * radius * max(0.0, -b + np.sqrt(max(b * b - c, 0.0)))


def _backtrack(point: Point, d: Vector, step: Vector, loss: float) -> tuple[Vector, float]:
    """Return where a step leads that is halved until it lowers the loss, and the loss there; `d` if it never does.

    A fall within the rounding of the losses is none.
    """
    for _ in range(HALVINGS + 1):
        new_loss = point.loss(d + step)
        if new_loss < loss - point.rounding:
            return d + step, new_loss
        step = step / 2
    return d, loss
