"""Cut slices: choose directions and spans, compute the losses, resume one that was cancelled."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import jax
import numpy as np

from downslope.core import (
    Advice,
    Key,
    LossSurface,
    PyTree,
    RowLossesSurface,
    Setting,
    SettingError,
    check_integer,
    displaced,
    named_leaves,
    offers,
    open_meter,
)
from downslope.curvature import Eigenpairs
from downslope.landscape._check import check_surface
from downslope.landscape._directions import Source, directions_of
from downslope.landscape._evaluate import filled
from downslope.landscape._path import path_of
from downslope.landscape._slice import Slice
from downslope.landscape._span import Span, spans_of
from downslope.landscape._vectors import fitted, host

_ALLOWED = 1e-4
"""A loss computed again may differ by this share: by its rounding in single precision on another machine."""


def slice_1d(
    surface: LossSurface,
    params: PyTree,
    direction: str | PyTree = "filter",
    *,
    size: int = 51,
    span: Span = "auto",
    key: Key | None = None,
    trajectory: PyTree = None,
    eigenpairs: Eigenpairs | None = None,
    towards: PyTree = None,
    unit_axis: int | None = None,
    progress: str | bool = False,
    resume: Slice | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Slice:
    """Return the losses at `θ + a d`, along a line through a point.

    As `slice_2d`, which explains the arguments, with one direction: `"filter"`, `"pca"` (the first component),
    `"eigen"` (the eigenvalue of largest magnitude), `"between"` (from `params` to `towards`, at `a = 1`), `"axes"` (of
    the only parameter), or a tree like `params`.

    Example:
        >>> from downslope.landscape import surfaces
        >>> line = slice_1d(surfaces.bowl(), np.zeros(2), np.array([1.0, 0.0]), size=5, span=2.0)
        >>> line.axes[0].tolist(), line.losses.tolist()
        ([-2.0, -1.0, 0.0, 1.0, 2.0], [2.0, 0.5, 0.0, 0.5, 2.0])
    """
    draft = _draft(
        surface, params, 1, direction, size=size, span=span, key=key, trajectory=trajectory, eigenpairs=eigenpairs,
        towards=towards, unit_axis=unit_axis, resume=resume,
    )  # fmt: skip
    return _last(_levels(surface, draft, progress, should_stop))


def slice_2d(
    surface: LossSurface,
    params: PyTree,
    *,
    directions: str | PyTree = "filter",
    size: int = 51,
    span: Span = "auto",
    key: Key | None = None,
    trajectory: PyTree = None,
    eigenpairs: Eigenpairs | None = None,
    towards: PyTree = None,
    unit_axis: int | None = None,
    progress: str | bool = "auto",
    resume: Slice | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Slice:
    """Return the losses at `θ + a d₁ + b d₂`, on a plane through a point.

    Every cell is computed at its own point, from the untouched `θ`; the center like all others. Cells where the loss
    is infinite or NaN stay so. The coarse picture comes first: every eighth row and column from the middle, then every
    fourth, second, each. Ctrl-C, or `should_stop`, ends the work within about a second, and the slice keeps what it
    has; `resume=` goes on from there. Nothing of the surface or of `params` is changed.

    Directions:

    - `"filter"`: Gaussian, each filter scaled to the length of the parameters' own (`filter_direction`): shapes compare
      between networks. Biases and norm parameters stay fixed; `slice.left_out` names what does.
    - `"pca"`: the principal components of a recorded path, about `params`, of length 1 (`principal_directions`).
    - `"eigen"`: the Hessian's eigenvectors of largest magnitude, of length 1.
    - `"between"`: `d₁ = p₁ − θ`; `d₂` the part of `p₂ − θ` at right angles to it, as long as `d₁`, so that the plane
      holds three points and is drawn to scale.
    - `"axes"`: the two parameters of a model that has just two.
    - a pair of trees like `params`: taken as they are, never rescaled.

    Where a path or a spectrum has only one direction, the second is random, at right angles to the first, as its label
    says.

    Args:
        surface: the loss.
        params: the point, a tree of arrays.
        directions: see above.
        size: how many points along each direction, odd.
        span: the half-width of the window: a number, or one per direction. `"auto"`: 1 for filter directions; 1.2
            times the farthest point for `"pca"` and `"between"`; else as far as it takes for the loss to change by as
            much as it is at the center. It never cuts off a `trajectory` passed along.
        key: of random directions; None for the seed 0.
        trajectory: a recorded path: `run.trajectory`, or anything with `.steps` and `.params` stacked along a first
            axis, or that tree. Needed for `"pca"`; for others, the automatic window holds it.
        eigenpairs: of the Hessian at `params`, if they are known.
        towards: two other points, for `"between"`.
        unit_axis: which axis of a weight counts its units: −1 for our `(in, out)`, 0 for PyTorch's and Equinox's
            `(out, in)`. None for the surface's own word, an attribute `unit_axis`; −1 where it has none.
        progress: `"auto"` (for work of more than two seconds, an estimate and a bar or lines on stderr), `"bar"`,
            `"lines"`, or False.
        resume: an earlier slice through the same point whose missing cells are computed; its directions, size and span
            are used, those given here are not.
        should_stop: asked between blocks of about a second.

    Returns:
        The slice; `complete` says whether all was computed.

    Raises:
        SettingError: a setting that cannot be, an even size, or directions without what they are made from.
        UnknownNameError: no such directions.
        ShapeError: trees that are not like `params`.

    Example:
        >>> from downslope.landscape import surfaces
        >>> plane = slice_2d(surfaces.saddle(), np.zeros(2), directions="axes", size=5, span=(2.0, 1.0))
        >>> print(plane)
        5 × 5 losses along w₁, ±2 and w₂, ±1: 0 at the center, from -0.5 to 2.
        >>> float(plane.losses[4, 2]), plane.point(4, 2)
        (2.0, array([2., 0.]))

    References:
        Li et al., "Visualizing the loss landscape of neural nets" (2018).
        Goodfellow et al., "Qualitatively characterizing neural network optimization problems" (2015): lines.
    """
    draft = _draft(
        surface, params, 2, directions, size=size, span=span, key=key, trajectory=trajectory, eigenpairs=eigenpairs,
        towards=towards, unit_axis=unit_axis, resume=resume,
    )  # fmt: skip
    return _last(_levels(surface, draft, progress, should_stop))


def slice_levels(
    surface: LossSurface,
    params: PyTree,
    *,
    directions: str | PyTree = "filter",
    size: int = 51,
    span: Span = "auto",
    key: Key | None = None,
    trajectory: PyTree = None,
    eigenpairs: Eigenpairs | None = None,
    towards: PyTree = None,
    unit_axis: int | None = None,
    progress: str | bool = False,
    resume: Slice | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Iterator[Slice]:
    """Yield the slice of `slice_2d` as it fills, coarse to fine; the last one is what `slice_2d` returns.

    Example:
        >>> from downslope.landscape import surfaces
        >>> parts = slice_levels(surfaces.bowl(), np.zeros(2), directions="axes", size=17, span=1.0)
        >>> [int(part.computed.sum()) for part in parts]
        [9, 25, 81, 289]
    """
    draft = _draft(
        surface, params, 2, directions, size=size, span=span, key=key, trajectory=trajectory, eigenpairs=eigenpairs,
        towards=towards, unit_axis=unit_axis, resume=resume,
    )  # fmt: skip
    return _levels(surface, draft, progress, should_stop)


def _draft(
    surface: LossSurface,
    params: PyTree,
    count: int,
    directions: str | PyTree,
    *,
    size: int,
    span: Span,
    key: Key | None,
    trajectory: PyTree,
    eigenpairs: Eigenpairs | None,
    towards: PyTree,
    unit_axis: int | None,
    resume: Slice | None,
) -> Slice:
    """Return a slice of which nothing is computed yet, or the one to go on with."""
    check_surface(surface, params)
    if resume is not None:
        return _resumable(surface, params, count, resume)
    size, theta = _odd(size), host(params)
    path = None if trajectory is None else path_of(trajectory, theta)
    source = Source(key, path, eigenpairs, towards, unit_axis)
    chosen = directions_of(surface, theta, directions, count, source)
    spans = spans_of(surface, theta, chosen, span, path)
    moved = [{name for name, leaf in named_leaves(tree).items() if np.any(leaf)} for tree in chosen.trees]
    return Slice(
        axes=tuple(axis_of(half_width, size) for half_width in spans),
        losses=np.full((size,) * count, np.nan),
        computed=np.zeros((size,) * count, bool),
        params=theta,
        directions=tuple(fitted(tree, theta, "directions") for tree in chosen.trees),
        kind=chosen.kind,
        labels=chosen.labels,
        left_out=tuple(name for name in named_leaves(theta) if not any(name in names for names in moved)),
        explained=chosen.explained,
        standard_error=standard_error(surface, theta),
        description=str(getattr(surface, "description", "")),
        surface=surface,
    )


def _resumable(surface: LossSurface, params: PyTree, count: int, earlier: Slice) -> Slice:
    """Return an earlier slice, to be filled from this surface.

    Raises:
        SettingError: it goes through another point, along more or fewer directions, or belongs to another surface.
        ShapeError: its parameters are others.
    """
    point = fitted(params, earlier.params, "params")
    pairs = zip(jax.tree.leaves(point), jax.tree.leaves(earlier.params), strict=True)
    if len(earlier.axes) != count or not all(np.array_equal(x, y) for x, y in pairs):
        raise SettingError(
            Setting("resume"),
            f"must be a slice along {count} direction{'s' * (count > 1)} through the same",
            Setting("params"),
            f", got one along {len(earlier.axes)}{('' if len(earlier.axes) != count else ' through another point')}.",
            Advice("pass {}", code="params=slice.params"),
        )
    if earlier.computed.any():
        cell = tuple(int(index) for index in np.argwhere(earlier.computed)[0])
        coefficients = [axis[index] for axis, index in zip(earlier.axes, cell, strict=True)]
        loss = surface.value(displaced(earlier.params, earlier.directions, coefficients))
        earlier_loss = float(earlier.losses[cell])
        if not np.isclose(loss, earlier_loss, rtol=_ALLOWED, equal_nan=True):
            raise SettingError(
                Setting("resume"),
                f"must be a slice of the same surface, got one whose loss is {earlier_loss:.6g} where this surface "
                f"has {loss:.6g}. Pass the surface it was made with.",
            )
    return replace(earlier, surface=surface)


def _levels(
    surface: LossSurface, draft: Slice, progress: str | bool, should_stop: Callable[[], bool] | None
) -> Iterator[Slice]:
    """Yield the slice as it fills, and show the progress."""
    meter = open_meter(progress, int((~draft.computed).sum()), "losses", "compute")
    try:
        yield from filled(surface, draft, should_stop=should_stop, progress=meter)
    finally:
        meter.close()


def _last(parts: Iterator[Slice]) -> Slice:
    """Return the last of some slices."""
    *_, last = parts
    return last


def axis_of(span: float, size: int) -> np.ndarray:
    """Return evenly spaced coefficients from `−span` to `span`, exactly 0 in the middle."""
    half = size // 2
    return span * (np.arange(-half, half + 1) / half)


def standard_error(surface: LossSurface, params: PyTree) -> float | None:
    """Return the standard error of the loss from its spread over rows, `s / √n`; None where the surface cannot tell."""
    if not offers(surface, RowLossesSurface):
        return None
    rows = np.asarray(surface.row_losses(params), np.float64)
    if rows.size < 2 or not np.isfinite(rows).all():
        return None
    return float(rows.std(ddof=1) / math.sqrt(rows.size))


def _odd(size: int) -> int:
    """Return a size that has a middle.

    Raises:
        SettingError: it has none.
    """
    size = check_integer("size", size, at_least=3)
    if size % 2 == 0:
        raise SettingError(
            Setting("size"), f"must be odd, so that one cell is the point itself, got {size}. Use {size + 1}."
        )
    return size
