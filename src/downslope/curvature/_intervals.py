"""Means of random draws, and how far they may be off."""

from __future__ import annotations

import numpy as np

from downslope.core import unit_of


def mean_and_error(draws: np.ndarray) -> tuple[float, float]:
    """Return the mean of independent draws and its standard error, rounding of the sum included."""
    unit = unit_of(draws)
    scaled = draws / unit
    rounding = 4 * float(np.finfo(float).eps) * float(np.max(np.abs(scaled)))
    error = max(float(np.std(scaled, ddof=1) / np.sqrt(len(scaled))), rounding)
    return float(np.mean(scaled)) * unit, error * unit


def interval(mean: float, error: float, degrees: int, level: float = 0.95) -> tuple[float, float]:
    """Return the interval that covers the truth with a probability, by Student's t."""
    from scipy.special import stdtrit

    half = error * float(stdtrit(degrees, (1 + level) / 2)) if error else 0.0
    return mean - half, mean + half
