"""What rounding does to a picture: losses that differ by little more than numbers of their size are apart."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from downslope.core._scale import power_of_two, unit_of, vector_length
from downslope.core._trees import displaced
from downslope.core._types import PyTree, float_dtype

COARSE = 256
"""Losses that span fewer spacings of numbers than this show them, as plateaus and cliffs."""

WITHIN = 8
"""A difference of so many spacings or fewer may be rounding alone."""

_UNLIKE = 0.1
"""A step that rounding of the parameters changes by more than this share is not the step that was meant."""


@dataclass(frozen=True)
class Rounding:
    """How finely the losses of a picture can be told apart.

    Attributes:
        extent: the highest of them less the lowest.
        spacing: how far numbers of the size of the largest are apart.
        precision: in which precision, such as `"float32"`.
        equal: how many of the losses are finite, where all of these are equal; else 0.
        steps: whether the parameters are too large for the steps between neighboring points.
    """

    extent: float
    spacing: float
    precision: str
    equal: int = 0
    steps: bool = False

    @property
    def shows(self) -> bool:
        """Whether rounding shows in the losses."""
        return self.spacing > 0 and (self.equal > 1 or 0 < self.extent < COARSE * self.spacing)

    def hides(self, difference: float) -> bool:
        """Return whether a difference of losses is no more than rounding."""
        return abs(difference) <= WITHIN * self.spacing

    @property
    def sentence(self) -> str:
        """What rounding does here, and what to do, in words; nothing where it does nothing."""
        return " ".join(part for part in (self._of_losses, self._of_steps) if part)

    @property
    def _of_losses(self) -> str:
        if not self.shows:
            return ""
        if self.equal:
            return (
                f"The losses are all the same number: {self.precision} does not hold differences below "
                f"{self.spacing:.1g} at this size, so rounding may hide a shape. Use float64, or a wider window."
            )
        return (
            f"Rounding shows: the losses differ by {self.extent:.2g}, and {self.precision} holds numbers of this size "
            f"only to {self.spacing:.1g}, so plateaus and cliffs are not the surface's. Use float64, or a wider window."
        )

    @property
    def _of_steps(self) -> str:
        if not self.steps:
            return ""
        return (
            f"Parameters of this size cannot be moved by the steps between neighboring points in {self.precision}: "
            "many of these are one point. Use float64, or a wider window."
        )


def rounding_of(losses: np.ndarray, precision: str, *, steps: bool = False) -> Rounding:
    """Return how finely some losses can be told apart in a precision.

    Example:
        >>> rounding_of(np.array([1e6, 1e6 + 0.5]), "float32").shows, rounding_of(np.array([1.0, 2.0]), "float32").shows
        (True, False)
    """
    finite = losses[np.isfinite(losses)]
    if not finite.size:
        return Rounding(0.0, 0.0, precision, steps=steps)
    unit = unit_of(finite)  # the extent of the largest numbers would overflow
    scaled, eps = finite / unit, float(jnp.finfo(precision).eps)
    extent = float(scaled.max() - scaled.min())
    spacing = eps * power_of_two(float(np.max(np.abs(scaled)))) / 2 if scaled.any() else 0.0
    return Rounding(extent * unit, spacing * unit, precision, finite.size if extent == 0 else 0, steps)


def precision_of(params: PyTree, losses: np.ndarray) -> str:
    """Return the precision that losses were computed in: that of the least precise parameters.

    JAX computes in single precision with NumPy's float64 unless its x64 mode is on; NumPy does not. The losses tell.
    """
    types = [np.asarray(leaf).dtype for leaf in jax.tree.leaves(params)]
    least = max(types, key=lambda dtype: float(jnp.finfo(dtype).eps))
    if least == np.float64 and float_dtype() != np.float64:
        finite = losses[np.isfinite(losses)]
        with np.errstate(over="ignore"):
            single = finite.size > 0 and bool(np.all(finite.astype(np.float32) == finite))
        return "float32" if single else "float64"
    return str(least)


def steps_lost(params: PyTree, direction: PyTree, step: float) -> bool:
    """Return whether parameters cannot be moved by a step along a direction, but for rounding."""
    exact = step * _flat(direction)
    rounded = _flat(displaced(params, [direction], [step])) - _flat(params)
    return vector_length(rounded - exact) > _UNLIKE * vector_length(exact)


def _flat(tree: PyTree) -> np.ndarray:
    """Return all numbers of a tree in double precision."""
    return np.concatenate([np.asarray(leaf, np.float64).reshape(-1) for leaf in jax.tree.leaves(tree)])
