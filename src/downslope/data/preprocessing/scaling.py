"""Numbers moved and stretched to a common size, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64

from downslope.core import check_choice
from downslope.data.blocks import BLOCK_NUMBERS, Rows, row_blocks

NORMALIZATIONS = {"standard": "mean 0, deviation 1", "minmax": "0 to 1", "symmetric": "-1 to 1"}
"""What normalized inputs have, by the name of the way."""
EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Scaling:
    """The map `(x − center) / scale + offset` of each feature, stored as plain numbers.

    Attributes:
        center: subtracted, one number a feature.
        scale: divided by; 1 where a feature never changes.
        offset: added, the same for all features.

    Example:
        >>> scaling = fit_scaling(np.array([[1.0], [3.0]]), "symmetric")
        >>> scaling.apply(np.array([[1.0], [2.0], [3.0]])).ravel().tolist()
        [-1.0, 0.0, 1.0]
    """

    center: tuple[float, ...]
    scale: tuple[float, ...]
    offset: float = 0.0

    def apply(self, x: np.ndarray) -> Float64[np.ndarray, "... features"]:
        """Return `x` scaled; its last axis is the features (for images: the channels)."""
        z = np.array(x, np.float64)
        z -= self._centers
        z /= self._scales
        z += self.offset
        return z

    def undo(self, z: np.ndarray) -> Float64[np.ndarray, "... features"]:
        """Return `x`, of which `apply` returned `z`."""
        return (np.asarray(z, np.float64) - self.offset) * self._scales + self._centers

    @cached_property
    def _centers(self) -> np.ndarray:
        return np.asarray(self.center)

    @cached_property
    def _scales(self) -> np.ndarray:
        return np.asarray(self.scale)


def fit_scaling(x: Rows, how: str, *, block_numbers: int = BLOCK_NUMBERS) -> Scaling:
    """Return the scaling of the features, the last axis of `x`.

    `"standard"` gives zero mean and unit deviation (population deviation, divided by `n`, as scikit-learn's
    `StandardScaler`; others divide by `n − 1`), `"minmax"` gives `[0, 1]`, `"symmetric"` gives `[−1, 1]`. A feature
    that never changes gets scale 1: standardized, it is 0. Every row counts the same, whatever the row weights.
    All numbers are scikit-learn's, whose import would take longer than the work.

    Args:
        x: training rows without gaps, `(rows, features)`, or `(rows, …, channels)`: then a channel's statistics are
            taken over all rows and positions.
        how: `"standard"`, `"minmax"` or `"symmetric"`.
        block_numbers: the size of the blocks of rows that statistics are put together from.

    Raises:
        UnknownNameError: an unknown `how`.
    """
    if check_choice("normalize", how, NORMALIZATIONS) == "standard":
        return _standard(x, block_numbers)
    low, high = _low_and_high(x, block_numbers)
    spread = np.where(high - low < 10 * EPS, 1.0, high - low)
    offset = -1.0 if how == "symmetric" else 0.0
    return Scaling(_numbers(low), _numbers(spread / (1.0 - offset)), offset)


def constant_features(x: Rows) -> Float64[np.ndarray, " features"]:
    """Return each feature's one value, and NaN for features that change."""
    first, alike = np.full(x.shape[-1], np.nan), np.ones(x.shape[-1], bool)
    for block in _blocks(x):
        first = np.where(np.isnan(first), block[0], first)
        alike &= (block == first).all(axis=0)
        if not alike.any():
            break
    return np.where(alike, first, np.nan)


def _standard(x: Rows, block_numbers: int) -> Scaling:
    """Return the scaling to mean 0 and deviation 1, from statistics of blocks of rows put together.

    References:
        Chan, Golub, LeVeque, "Algorithms for computing the sample variance" (The American Statistician 37, 1983):
        the corrected two-pass algorithm, the formula that puts blocks together, and the bound on the error below which
        a feature is taken for constant.
    """
    n, mean, squares = 0, np.zeros(x.shape[-1]), np.zeros(x.shape[-1])
    for block in _blocks(x, block_numbers):
        m = len(block)
        center = block.sum(axis=0) / m
        rest = block - center
        d = center - mean
        squares += (rest**2).sum(axis=0) - rest.sum(axis=0) ** 2 / m + d**2 * (n * m / (n + m))
        mean += d * (m / (n + m))
        n += m
    variance = squares / n
    constant = variance <= n * EPS * variance + (n * mean * EPS) ** 2
    return Scaling(_numbers(mean), _numbers(np.where(constant, 1.0, np.sqrt(variance))))


def _low_and_high(x: Rows, block_numbers: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each feature's least and greatest value."""
    low, high = np.full(x.shape[-1], np.inf), np.full(x.shape[-1], -np.inf)
    for block in _blocks(x, block_numbers):
        low = np.minimum(low, block.min(axis=0))
        high = np.maximum(high, block.max(axis=0))
    return low, high


def _blocks(x: Rows, block_numbers: int = BLOCK_NUMBERS) -> Iterator[Float64[np.ndarray, "positions features"]]:
    """Yield the features at all rows and positions, a block of rows at a time."""
    return (np.asarray(x[rows], np.float64).reshape(-1, x.shape[-1]) for rows in row_blocks(x, block_numbers))


def _numbers(values: np.ndarray) -> tuple[float, ...]:
    """Return an array as a tuple of Python numbers."""
    return tuple(values.tolist())
