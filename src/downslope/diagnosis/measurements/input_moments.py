"""The second moments of the inputs: they are the Hessian of a first layer, and so tell the gain of normalizing.

For a linear model with squared error the Hessian in the weights and bias of an output is `2 E[x̃ x̃ᵀ]`, `x̃ = (x, 1)`:
the covariance of the inputs plus the outer product of their mean. In a network the same matrix, weighted by what comes
back to a unit, is the first layer's block of the Gauss–Newton matrix.

References:
    LeCun, Bottou, Orr, Müller (1998), Efficient BackProp, §4.3 and §5.1. Le Cun, Kanter, Solla (1991), Eigenvalues of
    covariance matrices, for the large eigenvalue that a mean brings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

_ROWS, _FEATURES = 1000, 1000
_FEW = 0.1


@dataclass(frozen=True)
class InputMoments:
    """The inputs as the network sees them, and once centered and normalized.

    Attributes:
        shift: the share of their mean square that is that of the features' means.
        spread: the root mean square of the features' standard deviations.
        smallest: the lower tenth of the standard deviations of features that vary.
        largest: the largest of them.
        kappa: the condition number of `E[x̃ x̃ᵀ]` over its range, as it is.
        kappa_centered: with the means taken out.
        kappa_normalized: with unit deviations besides.
        curvature: its largest eigenvalue.
        curvature_centered: likewise centered.
        curvature_normalized: likewise normalized.
    """

    shift: float
    spread: float
    smallest: float
    largest: float
    kappa: float
    kappa_centered: float
    kappa_normalized: float
    curvature: float
    curvature_centered: float
    curvature_normalized: float


def input_moments(x: Float[np.ndarray, "rows features"]) -> InputMoments:
    """Return the second moments of inputs, on at most 1,000 rows and features, evenly spaced.

    Example:
        >>> moments = input_moments(np.array([[-1.0, 98.0], [1.0, 102.0], [-1.0, 102.0], [1.0, 98.0]]))
        >>> round(moments.kappa), round(moments.kappa_centered), round(moments.kappa_normalized)
        (25..., 4, 1)
    """
    x = np.asarray(_evenly_spaced(_evenly_spaced(x, _ROWS).T, _FEATURES).T, np.float64)
    means, deviations = x.mean(axis=0), x.std(axis=0)
    varies = deviations > 1e-6 * np.abs(means)
    varying = deviations[varies] if varies.any() else np.zeros(1)
    square = float(np.mean(np.square(x)))
    kappa, curvature = _condition(x)
    kappa_centered, curvature_centered = _condition(x - means)
    kappa_normalized, curvature_normalized = _condition((x - means) / np.where(varies, deviations, np.inf))
    return InputMoments(
        shift=float(np.mean(np.square(means)) / square) if square else 0.0,
        spread=float(np.sqrt(np.mean(np.square(deviations)))),
        smallest=float(np.quantile(varying, _FEW)),
        largest=float(varying.max()),
        kappa=kappa,
        kappa_centered=kappa_centered,
        kappa_normalized=kappa_normalized,
        curvature=curvature,
        curvature_centered=curvature_centered,
        curvature_normalized=curvature_normalized,
    )


def _condition(x: np.ndarray) -> tuple[float, float]:
    """Return `κ` and the largest eigenvalue of `E[x̃ x̃ᵀ]`, over singular values that are above rounding."""
    singular = np.linalg.svd(np.concatenate([x, np.ones((len(x), 1))], axis=1), compute_uv=False)
    above = singular[singular > max(x.shape) * np.finfo(np.float32).eps * 1e-2 * singular[0]]
    return float((above[0] / above[-1]) ** 2), float(singular[0] ** 2 / len(x))


def _evenly_spaced(values: np.ndarray, most: int) -> np.ndarray:
    """Return at most so many rows, evenly spaced."""
    if len(values) <= most:
        return values
    return values[np.linspace(0, len(values) - 1, most).round().astype(int)]
