"""Numbers moved and stretched to a common size, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64

from downslope.core import check_choice
from downslope.data._blocks import row_blocks

NORMALIZATIONS = ("standard", "minmax", "symmetric")


@dataclass(frozen=True)
class Scaling:
    """The map `(x − center) / scale + offset` of each feature, stored as plain numbers.

    Attributes:
        center: what is subtracted, one number a feature.
        scale: what is divided by; 1 where a feature never changes.
        offset: what is added, the same for all features.

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
        return (np.asarray(x, np.float64) - np.asarray(self.center)) / np.asarray(self.scale) + self.offset

    def undo(self, z: np.ndarray) -> Float64[np.ndarray, "... features"]:
        """Return the numbers that `apply` made `z` of."""
        return (np.asarray(z, np.float64) - self.offset) * np.asarray(self.scale) + np.asarray(self.center)


def fit_scaling(x: np.ndarray, how: str) -> Scaling:
    """Return the scaling of the features, the last axis of `x`, fitted with scikit-learn.

    `"standard"` gives zero mean and unit deviation (population deviation, divided by `n`, as scikit-learn's
    `StandardScaler`; others divide by `n − 1`), `"minmax"` gives `[0, 1]`, `"symmetric"` gives `[−1, 1]`. A feature
    that never changes gets scale 1: standardized, it is 0. Every row counts the same, whatever the row weights.

    Args:
        x: training rows without gaps, `(rows, features)`, or `(rows, …, channels)`: then a channel's statistics are
            taken over all rows and positions.
        how: `"standard"`, `"minmax"` or `"symmetric"`.

    Raises:
        UnknownNameError: an unknown `how`.
    """
    how = check_choice("normalize", how, NORMALIZATIONS)
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    scaler: Any = StandardScaler() if how == "standard" else MinMaxScaler()
    for rows in row_blocks(x):
        scaler.partial_fit(np.asarray(x[rows], np.float64).reshape(-1, x.shape[-1]))
    if isinstance(scaler, StandardScaler):
        return Scaling(_numbers(scaler.mean_), _numbers(scaler.scale_))
    low = -1.0 if how == "symmetric" else 0.0
    spread = np.where(scaler.data_range_ < 10 * np.finfo(np.float64).eps, 1.0, scaler.data_range_)
    return Scaling(_numbers(scaler.data_min_), _numbers(spread / (1.0 - low)), low)


def constant_features(x: np.ndarray) -> Float64[np.ndarray, " features"]:
    """Return each feature's one value, and NaN for features that change."""
    low = np.full(x.shape[-1], np.inf)
    high = -low
    for rows in row_blocks(x):
        block = x[rows].reshape(-1, x.shape[-1])
        low = np.minimum(low, block.min(axis=0))
        high = np.maximum(high, block.max(axis=0))
    return np.where(low == high, low, np.nan)


def _numbers(values: Any) -> tuple[float, ...]:
    """Return an array as a tuple of Python numbers."""
    return tuple(np.asarray(values, np.float64).tolist())
