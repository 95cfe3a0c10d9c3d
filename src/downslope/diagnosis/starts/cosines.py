"""How alike the units of a layer are: the cosines between their weights, and between their activations."""

from __future__ import annotations

import numpy as np
from jaxtyping import Array, Float

CONSTANT = 1e-5
"""A unit whose activations vary by less than this share of their size is constant: the rest is rounding."""


def mean_cosine(vectors: Float[np.ndarray, "count size"]) -> float | None:
    """Return the root mean square of the cosines between different vectors; None with fewer than two above zero.

    Independent random directions in `n` dimensions have `E[cos²] = 1/n`, so this is `1/√n` for them: they become
    orthogonal as `n` grows. Equal or opposite vectors have 1.

    With unit vectors as the rows of `V`, `Σᵢⱼ cos²ᵢⱼ = ‖V Vᵀ‖² = ‖Vᵀ V‖²`, of which the smaller is computed.

    Example:
        >>> mean_cosine(np.array([[1.0, 0.0], [0.0, 2.0]])), mean_cosine(np.array([[1.0, 1.0], [2.0, 2.0]]))
        (0.0, 1.0)
    """
    norms = np.linalg.norm(vectors, axis=1)
    V = vectors[norms > 0] / norms[norms > 0, None]
    count = len(V)
    if count < 2:
        return None
    gram = V @ V.T if len(V) <= V.shape[1] else V.T @ V
    squares = (float(np.sum(np.square(gram))) - count) / (count * (count - 1))
    return float(np.sqrt(np.clip(squares, 0, 1)))


def weight_cosine(weight: Float[np.ndarray, "... units"]) -> float | None:
    """Return the mean cosine between the incoming weights of the units of a layer (of the channels, for images)."""
    W = np.asarray(weight, np.float64)
    return mean_cosine(W.reshape(-1, W.shape[-1]).T)


def activation_cosine(h: Float[Array | np.ndarray, "batch ..."]) -> float | None:
    """Return the mean cosine between the activations of the units of a layer (of the channels, over all places).

    A unit's activations over the rows are taken as a vector, less their mean, so that this is the correlation of two
    units: activations that are all positive would else point the same way however little they have in common. Units
    that are constant over the rows, dead ones among them, do not count. None where a number is not finite.
    """
    vectors = np.asarray(h, np.float64).reshape(-1, h.shape[-1]).T
    if not np.isfinite(vectors).all():
        return None
    centered = vectors - vectors.mean(axis=1, keepdims=True)
    varies = np.linalg.norm(centered, axis=1) > CONSTANT * np.linalg.norm(vectors, axis=1)
    return mean_cosine(centered[varies])
