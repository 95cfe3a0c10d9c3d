"""A slice of a loss surface: losses on a line or a plane through a point."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Bool, Float

from downslope.core import LossSurface, PyTree, displaced


@dataclass(frozen=True, eq=False, repr=False)
class Slice:
    """Losses at `θ + a d` along a line, or at `θ + a d₁ + b d₂` on a plane.

    Attributes:
        axes: the coefficients along each direction, in ascending order, 0 among them.
        losses: `losses[i]`, or `losses[i, j]` at `θ + axes[0][i] d₁ + axes[1][j] d₂`; infinite or NaN where the loss
            is, and NaN where it was not computed yet.
        computed: which of them were computed: all, unless the work was cancelled.
        params: the point `θ` that the slice goes through.
        directions: `d₁` and `d₂`, trees like `params`.
        kind: how the directions were found: `"filter"`, `"pca"`, `"eigen"`, `"between"` or `"given"`.
        labels: what each direction is, in words, for the axes of figures.
        left_out: the names of the parameters along which no direction moves.
        explained: the share of a path's variance along each direction, if they are its principal components.
        standard_error: of the loss at the point, from the spread over rows; None where that is not known.
        description: which loss, over which rows, in which mode.
        surface: the surface itself; None for a slice opened from a file.
    """

    axes: tuple[Float[np.ndarray, " points"], ...]
    losses: Float[np.ndarray, ...]
    computed: Bool[np.ndarray, ...]
    params: PyTree
    directions: tuple[PyTree, ...]
    kind: str
    labels: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    explained: tuple[float, ...] | None = None
    standard_error: float | None = None
    description: str = ""
    surface: LossSurface | None = field(default=None, repr=False)

    @property
    def complete(self) -> bool:
        """Whether every loss was computed."""
        return bool(self.computed.all())

    @property
    def center(self) -> float:
        """The loss at the point that the slice goes through, computed as all others were."""
        middle = tuple(int(np.flatnonzero(axis == 0)[0]) for axis in self.axes)
        return float(self.losses[middle])

    @property
    def spans(self) -> tuple[float, ...]:
        """How far the slice reaches along each direction, to either side."""
        return tuple(float(axis[-1]) for axis in self.axes)

    @property
    def origins(self) -> tuple[float, ...]:
        """What a coefficient of 0 stands for along each direction.

        That is a parameter's own value at `θ` where the direction is the axis of that one parameter, so coefficient and
        origin together are the parameter; else 0.
        """
        return tuple(_origin(self.params, direction) for direction in self.directions)

    def point(self, *cell: int | np.integer) -> PyTree:
        """Return the parameters at a cell: `slice.point(i, j)` at `losses[i, j]`."""
        return displaced(self.params, self.directions, [axis[at] for axis, at in zip(self.axes, cell, strict=True)])

    def save(self, path: str | Path) -> Path:
        """Write the slice to a file of NumPy's, `.npz`, and return its path; `open_slice` reads it."""
        from downslope.landscape._files import save_slice

        return save_slice(self, path)

    def __repr__(self) -> str:
        size = " × ".join(str(len(axis)) for axis in self.axes)
        part = "" if self.complete else f", {int(self.computed.sum()):,} of them computed"
        return f"Slice({size} losses{part}, {self.kind} directions, {self.center:.4g} at the center)"

    def __str__(self) -> str:
        size = " × ".join(str(len(axis)) for axis in self.axes)
        along = " and ".join(f"{label}, ±{span:.3g}" for label, span in zip(self.labels, self.spans, strict=True))
        known = self.losses[self.computed]
        finite = known[np.isfinite(known)]
        parts = [f"{size} losses along {along}: {self.center:.6g} at the center"]
        if finite.size:
            parts.append(f"from {finite.min():.6g} to {finite.max():.6g}")
        if finite.size < known.size:
            parts.append(f"{known.size - finite.size:,} not finite")
        if not self.complete:
            parts.append(f"{self.computed.size - known.size:,} not computed")
        return ", ".join(parts) + "."


def _origin(params: PyTree, direction: PyTree) -> float:
    """Return the value of the parameter whose axis a direction is; 0 for any other direction."""
    moved = [
        (float(np.ravel(leaf)[at]), float(np.ravel(own)[at]))
        for leaf, own in zip(jax.tree.leaves(direction), jax.tree.leaves(params), strict=True)
        for at in np.flatnonzero(leaf)[:2]
    ]
    return moved[0][1] if len(moved) == 1 and moved[0][0] == 1 else 0.0
