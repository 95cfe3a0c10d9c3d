"""Scaling of inputs and targets."""

from __future__ import annotations

import numpy as np

from downslope.core import check_choice
from downslope.data import NORMALIZATIONS, Scaling, fit_scaling


def fit_scale(x: np.ndarray, how: str | None, weights: np.ndarray | None, *, setting: str) -> Scaling | None:
    """Return the scaling that brings features to a common size, or None where they stay as they are.

    Args:
        x: `(rows, …, features)`; the statistics of a feature are over rows and all positions in a row.
        how: `"standard"` (mean 0 and deviation 1, each row counting by its weight: two equal rows are the same as one
            of weight 2), `"minmax"`, `"symmetric"`, or None.
        weights: `(rows,)`, or None.
        setting: what the setting is called.

    Raises:
        UnknownNameError: an unknown `how`.
    """
    if how is None:
        return None
    if check_choice(setting, how, NORMALIZATIONS) != "standard" or weights is None:
        return fit_scaling(x, how)
    from sklearn.preprocessing import StandardScaler

    flat = np.asarray(x, np.float64).reshape(-1, x.shape[-1])
    scaler = StandardScaler().fit(flat, sample_weight=np.repeat(weights, len(flat) // len(x)))
    return Scaling(tuple(scaler.mean_.tolist()), tuple(scaler.scale_.tolist()))  # pyright: ignore
