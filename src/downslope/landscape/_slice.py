"""A slice of a loss surface: losses on a line or a plane through a point."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Bool, Float

from downslope.core import (
    LossSurface,
    PyTree,
    Rounding,
    displaced,
    distinct_texts,
    precision_of,
    rounding_of,
    steps_lost,
)
from downslope.landscape._files import SliceFields, read_fields, write_fields


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

    @property
    def rounding(self) -> Rounding:
        """How finely its losses can be told apart, and its points."""
        lost = [
            steps_lost(self.params, direction, float(np.min(np.diff(axis))))
            for axis, direction in zip(self.axes, self.directions, strict=True)
            if len(axis) > 1
        ]
        known = self.losses[self.computed]
        return rounding_of(known, precision_of(self.params, known), steps=any(lost))

    def point(self, *cell: int | np.integer) -> PyTree:
        """Return the parameters at a cell: `slice.point(i, j)` at `losses[i, j]`."""
        return displaced(self.params, self.directions, [axis[i] for axis, i in zip(self.axes, cell, strict=True)])

    def save(self, path: str | Path) -> Path:
        """Write the slice to a file of NumPy's, `.npz`, and return its path; `open_slice` reads it."""
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
        ends = [float(finite.min()), float(finite.max())] if finite.size else []
        center, *ends = distinct_texts([self.center, *ends])
        parts = [f"{size} losses along {along}: {center} at the center"]
        if ends:
            parts.append(f"from {ends[0]} to {ends[1]}")
        if finite.size < known.size:
            parts.append(f"{known.size - finite.size:,} not finite")
        if not self.complete:
            parts.append(f"{self.computed.size - known.size:,} not computed")
        return f"{', '.join(parts)}. {self.rounding.sentence}".rstrip()


def save_slice(slice: Slice, path: str | Path) -> Path:
    """Write a slice to a file, in one piece: the old file stays until the new one is whole.

    The file is NumPy's `.npz`: `axis_0`, `axis_1`, `losses`, `computed`, the parameters and each direction leaf by
    leaf, and `facts`, a JSON text with all words, the names of the leaves, the structure of the tree, and the versions
    it was made with. Trees of dicts, lists, tuples and None are written as such; for others (NamedTuples, models), pass
    `like=` to `open_slice`.

    Args:
        slice: what to write.
        path: where to; `.npz` is added to a name that ends otherwise.

    Returns:
        The path written.

    Raises:
        RunError: the disk refuses.

    Example:
        >>> import pathlib, tempfile
        >>> from downslope.landscape import slice_1d, surfaces
        >>> line = slice_1d(surfaces.bowl(), np.ones(2), np.array([1.0, 0.0]), size=5, span=1.0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     again = open_slice(line.save(pathlib.Path(folder) / "line"))
        >>> again.labels, again.losses.tolist() == line.losses.tolist()
        (('w₁',), True)
    """
    return write_fields(
        path,
        SliceFields(
            axes=slice.axes,
            losses=slice.losses,
            computed=slice.computed,
            params=slice.params,
            directions=slice.directions,
            kind=slice.kind,
            labels=slice.labels,
            left_out=slice.left_out,
            explained=slice.explained,
            standard_error=slice.standard_error,
            description=slice.description,
        ),
    )


def open_slice(path: str | Path, *, like: PyTree = None) -> Slice:
    """Return the slice in a file that `save_slice` wrote; its `surface` is None.

    Args:
        path: the file.
        like: parameters whose tree to use: needed where that is of other types than dict, list, tuple and None.

    Raises:
        DataError: there is no such file, or it is not what was written.
        ShapeError: the parameters are not like `like`.
    """
    return Slice(**read_fields(path, like=like))


def _origin(params: PyTree, direction: PyTree) -> float:
    """Return the value of the parameter whose axis a direction is; 0 for any other direction."""
    moved = [
        (float(np.ravel(leaf)[index]), float(np.ravel(value)[index]))
        for leaf, value in zip(jax.tree.leaves(direction), jax.tree.leaves(params), strict=True)
        for index in np.flatnonzero(leaf)[:2]
    ]
    return moved[0][1] if len(moved) == 1 and moved[0][0] == 1 else 0.0
