"""A curved path between two minima that stays low: a quadratic Bézier curve with a trained middle."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import jax
import numpy as np
from jaxtyping import Float

from downslope.core import (
    Key,
    LossSurface,
    PyTree,
    Rounding,
    Setting,
    SettingError,
    all_finite,
    check_integer,
    check_number,
    generator,
    precision_of,
    rounding_of,
    unit_of,
    vector_length,
)
from downslope.landscape._check import check_surface
from downslope.landscape._interpolate import barrier_of
from downslope.landscape._vectors import dot, fitted, host, length, mixed, tree_of, vector_of
from downslope.optimizers import adam, apply_rule, as_optimizer, initial_state
from downslope.schedules import cosine_decay

_GOLDEN = (math.sqrt(5) - 1) / 2
"""Multiples of it, modulo 1, spread evenly however many there are."""

_RATE = 0.05
"""The first rate, as a share of the root mean square difference between the ends."""

_FIRST_BEND = 0.1
"""How far from the straight line the middle starts, as a share of the distance: on it, symmetry could hold it."""


@dataclass(frozen=True, eq=False)
class Curve:
    """The curve `φ(t) = (1 − t)² a + 2 t (1 − t) m + t² b` between two points.

    Attributes:
        t: from 0 to 1.
        losses: at each.
        straight: the losses on the straight line, at the same `t`.
        barrier: the highest loss above the line between the losses at the ends.
        straight_barrier: the same of the straight line.
        length: of the curve, in the parameters' own units.
        distance: between the ends.
        bend: how far `m` is off the straight line, as a share of the distance.
        middle: `m`, a tree like the ends; the curve itself does not pass through it.
        ends: `a` and `b`.
    """

    t: Float[np.ndarray, " points"]
    losses: Float[np.ndarray, " points"]
    straight: Float[np.ndarray, " points"]
    barrier: float
    straight_barrier: float
    length: float
    distance: float
    bend: float
    middle: PyTree = field(repr=False)
    ends: tuple[PyTree, PyTree] = field(repr=False)

    @property
    def rounding(self) -> Rounding:
        """How finely the losses can be told apart."""
        losses = np.concatenate([self.losses, self.straight])
        return rounding_of(losses, precision_of(self.ends[0], losses))

    def at(self, t: float | int) -> PyTree:
        """Return the parameters at a point of the curve."""
        return _point((self.ends[0], self.middle, self.ends[1]), float(t))

    def __str__(self) -> str:
        return (
            f"Barrier {self.barrier:.4g} along a curve {self.length:.4g} long; {self.straight_barrier:.4g} along the "
            f"straight line, {self.distance:.4g} long. {self.rounding.sentence}"
        ).rstrip()


def low_loss_path(
    surface: LossSurface,
    a: PyTree,
    b: PyTree,
    *,
    steps: int = 300,
    learning_rate: float | int | None = None,
    size: int = 51,
    key: Key | None = None,
) -> Curve:
    """Return a curve between two points along which the loss stays low, where there is one.

    The middle `m` of a quadratic Bézier curve descends the mean loss along it, `∫₀¹ l(φ(t)) dt`: each step takes one
    `t`, spread evenly over the steps, and follows `2 t (1 − t) ∇l(φ(t))` by Adam, its rate falling to zero along half a
    cosine. The ends stay. What is found is a path, not the lowest one: no barrier here proves that the minima are
    connected; a barrier does not prove that they are not.

    Args:
        surface: the loss.
        a: one end, best a minimum.
        b: the other, a tree like `a`.
        steps: how many.
        learning_rate: the first; None for a twentieth of the root mean square difference between `a` and `b`.
        size: how many points of the curve, both ends included, losses are returned at.
        key: of where the middle starts: off the straight line by a tenth of the distance, in a random direction.

    Raises:
        SettingError: a setting that cannot be, ends that are one point, or a gradient on the way that is not finite.
        ShapeError: the ends are not alike.

    Example:
        >>> import jax.numpy as jnp
        >>> from downslope.core import FunctionSurface
        >>> ring = FunctionSurface(lambda w: (jnp.sum(w**2) - 1) ** 2, np.zeros(2))
        >>> curve = low_loss_path(ring, np.array([1.0, 0.0]), np.array([-1.0, 0.0]))
        >>> curve.straight_barrier, curve.barrier < 0.3, 2 < curve.length < 4
        (1.0, True, True)

    References:
        Garipov et al., "Loss surfaces, mode connectivity, and fast ensembling of DNNs" (2018), section 3.
    """
    check_surface(surface, a, b)
    steps, size = check_integer("steps", steps), check_integer("size", size, at_least=3)
    ends = (host(a), fitted(b, a, "b"))
    line = mixed((ends[1], ends[0]), (1.0, -1.0))
    distance = length(line)
    if distance == 0:
        raise SettingError(Setting("b"), "must be another point than", Setting("a"), ", got the same.")
    rate = _RATE * distance / math.sqrt(vector_of(line).size) if learning_rate is None else learning_rate
    rate = check_number("learning_rate", rate, above=0)
    middle = _trained(surface, ends, _first_middle(ends, distance, key), steps, rate, key)
    points, t = (ends[0], middle, ends[1]), np.linspace(0, 1, size)
    losses = np.array([surface.value(_point(points, s)) for s in t], np.float64)
    straight = np.array([surface.value(mixed(ends, (1 - s, s))) for s in t], np.float64)
    return Curve(
        t, losses, straight, barrier_of(t, losses)[0], barrier_of(t, straight)[0], _length(points), distance,
        _bend(points, line, distance), middle, ends,
    )  # fmt: skip


def _trained(
    surface: LossSurface, ends: tuple[PyTree, PyTree], middle: PyTree, steps: int, rate: float, key: Key | None
) -> PyTree:
    """Return the middle that the mean loss along the curve led to."""
    first = float(generator(0 if key is None else key, "low-loss path").random())
    rule = as_optimizer(adam(cosine_decay(rate, steps)))
    state = initial_state(rule, middle)
    follow = jax.jit(lambda gradient, state, middle: apply_rule(rule.rule, gradient, state, middle))
    for step in range(steps):
        t = (first + step * _GOLDEN) % 1
        gradient = surface.gradient(_point((ends[0], middle, ends[1]), t))
        if not all_finite(gradient):
            raise SettingError(
                f"The gradient along the curve must be finite, got one that is not at t = {t:.3f}, step {step}. Use a "
                "lower",
                Setting("learning_rate"),
                f"than {rate:.3g}.",
            )
        updates, state = follow(mixed((gradient,), (2 * t * (1 - t),)), state, middle)
        middle = host(mixed((middle, updates), (1.0, 1.0)))
    return middle


def _first_middle(ends: tuple[PyTree, PyTree], distance: float, key: Key | None) -> PyTree:
    """Return a point half way, a little off the straight line."""
    half = mixed(ends, (0.5, 0.5))
    drawn = generator(0 if key is None else key, "bend").standard_normal(vector_of(half).size)
    off = tree_of(drawn * (_FIRST_BEND * distance / vector_length(drawn)), half)
    return mixed((half, off), (1.0, 1.0))


def _point(points: tuple[PyTree, PyTree, PyTree], t: float) -> PyTree:
    """Return a point of the curve."""
    return mixed(points, ((1 - t) ** 2, 2 * t * (1 - t), t**2))


def _length(points: tuple[PyTree, PyTree, PyTree]) -> float:
    """Return the length of the curve, `∫ ‖2 (1 − t)(m − a) + 2 t (b − m)‖ dt`, by Gauss and Legendre's rule."""
    a, middle, b = points
    up, down = mixed((middle, a), (1.0, -1.0)), mixed((b, middle), (1.0, -1.0))
    unit = unit_of(vector_of(up), vector_of(down))
    up, down = vector_of(up) / unit, vector_of(down) / unit
    uu, ud, dd = dot(up, up), dot(up, down), dot(down, down)
    nodes, weights = np.polynomial.legendre.leggauss(64)
    t = (nodes + 1) / 2
    squares = 4 * ((1 - t) ** 2 * uu + 2 * t * (1 - t) * ud + t**2 * dd)
    return float(np.sum(weights / 2 * np.sqrt(np.maximum(squares, 0)))) * unit


def _bend(points: tuple[PyTree, PyTree, PyTree], line: PyTree, distance: float) -> float:
    """Return how far the middle is off the straight line, as a share of the distance."""
    from_a = mixed((points[1], points[0]), (1.0, -1.0))
    along = vector_of(line) / distance
    share = dot(vector_of(from_a) / distance, along)
    return vector_length(vector_of(from_a) / distance - share * along)
