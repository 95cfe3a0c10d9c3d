"""Lengths and products of vectors of any size: squares that a precision cannot hold are never formed.

Squares of numbers below 1e-162 underflow in double precision, those above 1e154 overflow; in single precision below
1e-23 and above 1e19. Dividing by a power of two is exact, so vectors are brought near 1 first: the digits are those of
the plain formulas wherever these have any.
"""

from __future__ import annotations

import math

import numpy as np

_LEAST_EXPONENT, _LARGEST_EXPONENT = -1021, 1023
"""Powers of two between these, and what they divide, are normal numbers of double precision."""


def power_of_two(number: float) -> float:
    """Return a power of two near a number's magnitude, 1 for 0 and for what is not finite.

    Example:
        >>> power_of_two(3.0), power_of_two(-0.3), power_of_two(0.0), power_of_two(float("inf"))
        (4.0, 0.5, 1.0, 1.0)
    """
    if number == 0 or not math.isfinite(number):
        return 1.0
    return math.ldexp(1.0, min(max(math.frexp(number)[1], _LEAST_EXPONENT), _LARGEST_EXPONENT))


def unit_of(*arrays: np.ndarray | float) -> float:
    """Return the power of two that brings the largest number of some arrays near 1.

    Example:
        >>> unit_of(np.array([1e-200, -3.0]), np.zeros(0))
        4.0
    """
    return power_of_two(max((float(np.max(np.abs(array), initial=0.0)) for array in arrays), default=0.0))


def vector_length(vector: np.ndarray) -> float:
    """Return the Euclidean length of all numbers of an array, in double precision.

    Example:
        >>> vector_length(np.array([3e-200, 4e-200])), vector_length(np.array([3e200, 4e200]))
        (5e-200, 5e+200)
    """
    vector = np.asarray(vector, np.float64)
    unit = unit_of(vector)
    scaled = np.ravel(vector) / unit
    return float(np.sqrt(scaled @ scaled)) * unit


def representable(value: float, *factors: float) -> float | None:
    """Return `value` times some factors; None where double precision cannot hold that.

    Example:
        >>> representable(2.0, 1e-100, 1e-100), representable(2.0, 1e-200, 1e-200), representable(0.0, 1e-200)
        (2e-200, None, 0.0)
    """
    product = float(value)
    for factor in factors:
        product *= factor
    lost = value != 0 and all(factors) and math.isfinite(value) and abs(product) < float(np.finfo(float).tiny)
    return None if lost or (math.isfinite(value) and not math.isfinite(product)) else product


_ROUNDING = 8
"""Two losses that differ by less than so many spacings of numbers may be the same but for the rounding of sums."""


def loss_rounding(*losses: float, eps: float) -> float:
    """Return by how much losses of such sizes may differ by rounding alone, `8 ε max|l|`.

    Args:
        losses: finite ones count.
        eps: the spacing of numbers next to 1 in the precision that they were computed in.

    Example:
        >>> loss_rounding(1e6, 1e6 + 0.5, eps=2.0**-23) < 1
        True
    """
    return _ROUNDING * eps * max((abs(loss) for loss in losses if math.isfinite(loss)), default=0.0)
