"""Random lines through a point: how the loss rises in no particular direction, and how rough it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from downslope.core import Key, LossSurface, PyTree, Rounding, check_integer, fold, precision_of, rounding_of
from downslope.landscape._slices import slice_1d
from downslope.landscape._span import Span


@dataclass(frozen=True)
class Envelope:
    """Losses along random rays from a point, and their spread at each radius, NaN aside.

    Attributes:
        radii: how far along each ray, from 0.
        losses: along each ray, two (one to either side) for each random line; infinite or NaN where they are.
        precision: that the losses were computed in.
    """

    radii: Float[np.ndarray, " radii"]
    losses: Float[np.ndarray, "rays radii"]
    precision: str = "float64"

    @property
    def rounding(self) -> Rounding:
        """How finely the losses can be told apart."""
        return rounding_of(self.losses, self.precision)

    @property
    def lowest(self) -> Float[np.ndarray, " radii"]:
        """The least loss at each radius."""
        return _over_rays(np.min, self.losses)

    @property
    def median(self) -> Float[np.ndarray, " radii"]:
        """The median loss at each radius."""
        return _over_rays(np.median, self.losses)

    @property
    def highest(self) -> Float[np.ndarray, " radii"]:
        """The greatest loss at each radius."""
        return _over_rays(np.max, self.losses)


@dataclass(frozen=True)
class Roughness:
    """How rough a surface is around a point.

    Attributes:
        value: the mean over random lines; 0 if the loss is monotone along every ray. NaN if it is finite along none.
        standard_error: of the mean; NaN for fewer than two lines.
        lines: for each line, the mean of its two rays; NaN where the loss is not finite all along.
        span: how far the rays reach.
        points: how many losses each ray has, the center included.
    """

    value: float
    standard_error: float
    lines: Float[np.ndarray, " lines"]
    span: float
    points: int

    @property
    def left_out(self) -> int:
        """How many lines do not count, because the loss is not finite all along."""
        return int(np.isnan(self.lines).sum())

    def __str__(self) -> str:
        text = f"Roughness {self.value:.3g} ± {self.standard_error:.2g} over {len(self.lines) - self.left_out} lines"
        return text + (f"; {self.left_out} left out, not finite all along." if self.left_out else ".")


def envelope(
    surface: LossSurface,
    params: PyTree,
    *,
    draws: int = 10,
    size: int = 51,
    span: Span = "auto",
    key: Key | None = None,
    unit_axis: int | None = None,
) -> Envelope:
    """Return how the loss spreads over random filter-normalized directions: one slice is only one draw.

    Args:
        surface: the loss.
        params: the point.
        draws: how many random lines, each with two rays.
        size: how many losses on each line, odd.
        span: how far to either side; `"auto"` is 1, as long as the weights themselves.
        key: of the directions; None for the seed 0.
        unit_axis: as for `slice_2d`.

    Raises:
        SettingError: a setting that cannot be; no weights to normalize by.
        KeyboardInterrupt: on Ctrl-C.

    Example:
        >>> from downslope.core import FunctionSurface
        >>> bowl = FunctionSurface(lambda p: jnp.sum(p**2), np.ones((2, 3)))
        >>> rays = envelope(bowl, np.ones((2, 3)), draws=3, size=5)
        >>> rays.radii.tolist(), rays.losses.shape, float(rays.median[0])
        ([0.0, 0.5, 1.0], (6, 3), 6.0)
    """
    axis, lines = _lines(surface, params, draws, size, span, key, unit_axis)
    half = size // 2
    losses = np.concatenate([lines[:, half:], lines[:, half::-1]])
    return Envelope(axis[half:], losses, precision_of(params, losses))


def roughness(
    surface: LossSurface,
    params: PyTree,
    *,
    draws: int = 10,
    size: int = 51,
    span: Span = "auto",
    key: Key | None = None,
    unit_axis: int | None = None,
) -> Roughness:
    """Return a number for how rough the surface is around a point, with its spread.

    Along each ray from the point, `Σ |lₖ₊₁ − lₖ| / (max l − min l) − 1`: total variation over range, less one. A loss
    that only rises, however steeply, has 0; each dip adds twice its depth, as a share of the range. The mean over the
    two rays of a line is taken first, then mean and standard error over lines, which are drawn independently,
    filter-normalized. Dips narrower than the grid are missed: compare at the same `size` and `span`. A range that is
    rounding alone counts as flat, 0.

    The roughness index of Wu et al. is made of the mean and the spread of the total variation over random directions:
    it also measures how unlike directions are to each other. Ours measures ups and downs along each, is free of the
    loss's scale line by line, and comparable between networks.

    Args:
        surface: the loss.
        params: the point.
        draws: how many random lines.
        size: how many losses on each line, odd.
        span: how far to either side; `"auto"` is 1, as long as the weights themselves.
        key: of the directions; None for the seed 0.
        unit_axis: as for `slice_2d`.

    Raises:
        SettingError: a setting that cannot be; no weights to normalize by.
        KeyboardInterrupt: on Ctrl-C.

    Example:
        >>> from downslope.core import FunctionSurface
        >>> bowl = FunctionSurface(lambda p: jnp.sum(p**2), np.zeros((2, 3)))
        >>> waves = FunctionSurface(lambda p: jnp.sum(p**2 + 0.3 * jnp.cos(20 * p)), np.zeros((2, 3)))
        >>> start = np.full((2, 3), 0.01)
        >>> settings = {"draws": 4, "size": 41, "span": 100.0}
        >>> smooth, rough = (roughness(surface, start, **settings) for surface in (bowl, waves))
        >>> smooth.value < 0.01 < 0.1 < rough.value
        True

    References:
        Wu et al., "Roughness index for loss landscapes of neural network models of partial differential equations"
        (2021, arXiv:2103.11069): total variation over random directions.
        Li et al., "Visualizing the loss landscape of neural nets" (2018), section 4: the normalization.
    """
    axis, lines = _lines(surface, params, draws, size, span, key, unit_axis)
    half, eps = size // 2, max(float(jnp.finfo(leaf.dtype).eps) for leaf in map(jnp.asarray, jax.tree.leaves(params)))
    rays = (lines[:, half:], lines[:, half::-1])
    per_line = np.mean([[_excess(ray, eps) for ray in side] for side in rays], axis=0)
    finite = per_line[np.isfinite(per_line)]
    return Roughness(
        value=float(finite.mean()) if finite.size else math.nan,
        standard_error=float(finite.std(ddof=1) / math.sqrt(finite.size)) if finite.size > 1 else math.nan,
        lines=per_line,
        span=float(axis[-1]),
        points=half + 1,
    )


def _lines(
    surface: LossSurface, params: PyTree, draws: int, size: int, span: Span, key: Key | None, unit_axis: int | None
) -> tuple[Float[np.ndarray, " size"], Float[np.ndarray, "lines size"]]:
    """Return the coefficients and the losses along random lines."""
    draws = check_integer("draws", draws)
    lines = []
    for draw in range(draws):
        seed = fold(0 if key is None else key, "ray", draw)
        lines.append(slice_1d(surface, params, size=size, span=span, key=seed, unit_axis=unit_axis))
        if not lines[-1].complete:
            raise KeyboardInterrupt
    return lines[0].axes[0], np.array([line.losses for line in lines])


def _excess(ray: Float[np.ndarray, " points"], eps: float) -> float:
    """Return total variation over range, less one; NaN where the loss is not finite all along."""
    if not np.isfinite(ray).all():
        return math.nan
    extent = float(ray.max() - ray.min())
    if extent <= 32 * eps * float(np.abs(ray).max()):
        return 0.0
    return max(float(np.abs(np.diff(ray)).sum()) / extent - 1, 0.0)


def _over_rays(
    summary: Callable[[np.ndarray], float], losses: Float[np.ndarray, "rays radii"]
) -> Float[np.ndarray, " radii"]:
    """Return a summary of the losses that are numbers at each radius; NaN where none is."""
    unit = 2.0 if np.max(np.abs(losses), initial=0.0, where=np.isfinite(losses)) > 1e307 else 1.0
    columns = [column[~np.isnan(column)] / unit for column in losses.T]
    return np.array([summary(column) if column.size else np.nan for column in columns]) * unit
