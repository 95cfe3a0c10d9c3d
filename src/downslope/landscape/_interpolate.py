"""The straight line between two points, and the barrier on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from downslope.core import LossSurface, PyTree, Rounding, check_integer, check_number, precision_of, rounding_of
from downslope.landscape._check import check_surface
from downslope.landscape._vectors import fitted, host, length, mixed


@dataclass(frozen=True, eq=False)
class Interpolation:
    """Losses on the straight line `(1 − t) a + t b`.

    Attributes:
        t: from below 0 to above 1; 0 and 1 are among them.
        losses: at each; infinite or NaN where they are.
        barrier: the highest loss on `[0, 1]` above the line between the losses at the ends; 0 or more, infinite or NaN
            if a loss is.
        highest_at: where that is.
        distance: between the two points, in the parameters' own units.
        precision: that the losses were computed in.
    """

    t: Float[np.ndarray, " points"]
    losses: Float[np.ndarray, " points"]
    barrier: float
    highest_at: float
    distance: float
    precision: str = "float64"

    @property
    def rounding(self) -> Rounding:
        """How finely the losses can be told apart."""
        return rounding_of(self.losses, self.precision)

    def __str__(self) -> str:
        within = " (within rounding)" if self.barrier and self.rounding.hides(self.barrier) else ""
        return (
            f"Barrier {self.barrier:.4g}{within} at t = {self.highest_at:.2f}, between points {self.distance:.4g} "
            f"apart. {self.rounding.sentence}"
        ).rstrip()


def interpolate(
    surface: LossSurface, a: PyTree, b: PyTree, *, size: int = 51, beyond: float | int = 0.25
) -> Interpolation:
    """Return the losses on the straight line between two points, and the barrier between them.

    The barrier is `max l((1 − t) a + t b) − ((1 − t) l(a) + t l(b))` over `t` in `[0, 1]`, after Entezari et al.: how
    far the loss rises above the line between its values at the ends. Frankle et al. measure from the *mean* of the ends
    and Garipov et al. look at the highest loss itself; where both ends are equally low the first two agree.

    Two networks may be one function with its units in another order; a barrier says nothing of that.

    Args:
        surface: the loss.
        a: the point at `t = 0`.
        b: the point at `t = 1`, a tree like `a`.
        size: how many points from `a` to `b`, both included, evenly spaced.
        beyond: how far the line goes on past either end, at most, with the same spacing.

    Raises:
        SettingError: a setting that cannot be.
        ShapeError: the points are not alike.

    Example:
        >>> from downslope.landscape import surfaces
        >>> w = np.sqrt(0.8)
        >>> line = interpolate(surfaces.two_minima(c=0.2), np.array([-w, -w]), np.array([w, w]))
        >>> round(line.barrier, 6), line.highest_at
        (0.32, 0.5)

    References:
        Goodfellow et al., "Qualitatively characterizing neural network optimization problems" (2015): the line.
        Frankle et al., "Linear mode connectivity and the lottery ticket hypothesis" (2020).
        Entezari et al., "The role of permutation invariance in linear mode connectivity of neural networks" (2022).
    """
    check_surface(surface, a, b)
    size, beyond = check_integer("size", size, at_least=3), check_number("beyond", beyond, at_least=0)
    ends = (host(a), fitted(b, a, "b"))
    more = int(beyond * (size - 1) + 1e-9)
    t = np.arange(-more, size + more) / (size - 1)
    losses = np.array([surface.value(mixed(ends, (1 - s, s))) for s in t], np.float64)
    barrier, highest = barrier_of(t[more : more + size], losses[more : more + size])
    return Interpolation(
        t, losses, barrier, highest, length(mixed(ends, (-1.0, 1.0))), precision_of(ends[0], losses)
    )  # fmt: skip


def barrier_of(t: Float[np.ndarray, " points"], losses: Float[np.ndarray, " points"]) -> tuple[float, float]:
    """Return the highest loss above the line between the ends, and where it is."""
    if not np.isfinite(losses[[0, -1]]).all():
        return float("nan"), float("nan")
    above = losses - ((1 - t) * losses[0] + t * losses[-1])
    index = int(np.argmax(above))
    return float(above[index]), float(t[index])
