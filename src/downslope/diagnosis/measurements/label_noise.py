"""How many labels contradict everything around them: an estimate that is made to be too low rather than too high.

A label is doubted only if two models that never saw it, of very different kinds, agree on the same other class, and
both are as sure of it as they usually are of rows that do carry that label. One model looks at the nearest neighbors,
the other is linear. Near a border between classes neighbors disagree, so that rows there are not doubted; where a data
set is too hard for either model, few rows are.

References:
    Northcutt, Jiang, Chuang (2021), Confident learning, §3.1: thresholds that are each class's mean confidence.
    Brodley, Friedl (1999), Identifying mislabeled training data: consensus filters, which rarely doubt good labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped

NEIGHBORS = 10
FOLDS = 5
RIDGE = 1e-2
"""Of the linear model, per row: it must not bend to single labels."""


@dataclass(frozen=True)
class LabelNoise:
    """Labels that are doubted.

    Attributes:
        share: of the rows.
        low: the lower end of its 95 % interval (Wilson's).
        doubted: the numbers of the rows.
        conflicting: the share of rows that have an exact copy with another label.
        rows: how many rows were looked at.
    """

    share: float
    low: float
    doubted: Int[np.ndarray, " doubted"]
    conflicting: float
    rows: int


def label_noise(x: Shaped[np.ndarray, "rows ..."], labels: Int[np.ndarray, " rows"], *, seed: int) -> LabelNoise | None:
    """Return the doubted labels; None with fewer than five rows for each class and fold.

    Args:
        x: inputs.
        labels: class indices.
        seed: of the folds.

    Example:
        >>> random = np.random.default_rng(0)
        >>> labels = random.integers(2, size=400)
        >>> x = random.normal(size=(400, 2)) + 8 * labels[:, None]
        >>> label_noise(x, labels, seed=0).share
        0.0
        >>> wrong = np.where(np.arange(400) < 100, 1 - labels, labels)
        >>> 0.2 < label_noise(x, wrong, seed=0).share <= 0.25
        True
    """
    flat = np.asarray(x, np.float64).reshape(len(x), -1)
    present, t = np.unique(labels, return_inverse=True)
    if len(present) < 2 or len(flat) < FOLDS * 5 * len(present):
        return None
    deviations = flat.std(axis=0)
    z = (flat - flat.mean(axis=0)) / np.where(deviations > 0, deviations, np.inf)
    truth = np.eye(len(present))[t]
    first, second = (_confident_classes(scores, t) for scores in (_votes(z, truth), _linear_scores(z, truth, seed)))
    doubted = np.flatnonzero((first == second) & (first >= 0) & (first != t))
    share = len(doubted) / len(flat)
    return LabelNoise(share, _wilson(share, len(flat)), doubted, _conflicting(flat, t), len(flat))


def _confident_classes(scores: Float[np.ndarray, "rows classes"], t: np.ndarray) -> Int[np.ndarray, " rows"]:
    """Return the class that a model is as sure of as it usually is of rows with that label; −1 where of none."""
    thresholds = np.array([scores[t == k, k].mean() for k in range(scores.shape[1])])
    top = scores.argmax(axis=1)
    return np.where(scores[np.arange(len(scores)), top] >= thresholds[top], top, -1)


def _votes(z: Float[np.ndarray, "rows features"], truth: np.ndarray) -> Float[np.ndarray, "rows classes"]:
    """Return the shares of classes among each row's nearest neighbors, itself left out."""
    squares = np.sum(z * z, axis=1)
    shares = []
    for start in range(0, len(z), 500):
        rows = np.arange(start, min(start + 500, len(z)))
        distances = squares[rows, None] + squares[None, :] - 2 * z[rows] @ z.T
        distances[np.arange(len(rows)), rows] = np.inf
        near = np.argpartition(distances, NEIGHBORS, axis=1)[:, :NEIGHBORS]
        shares.append(truth[near].mean(axis=1))
    return np.concatenate(shares)


def _linear_scores(z: np.ndarray, truth: np.ndarray, seed: int) -> Float[np.ndarray, "rows classes"]:
    """Return each row's scores by a ridge regression on the folds without it."""
    folds = np.random.default_rng(seed).permutation(len(z)) % FOLDS
    design = np.concatenate([z, np.ones((len(z), 1))], axis=1)
    scores = np.empty_like(truth)
    for fold in range(FOLDS):
        rest = design[folds != fold]
        gram = rest.T @ rest + RIDGE * len(rest) * np.eye(design.shape[1])
        scores[folds == fold] = design[folds == fold] @ np.linalg.solve(gram, rest.T @ truth[folds != fold])
    return scores


def _conflicting(flat: np.ndarray, t: np.ndarray) -> float:
    """Return the share of rows that have an exact copy with another label."""
    _, copy_of = np.unique(flat, axis=0, return_inverse=True)
    pairs = np.unique(np.stack([copy_of.ravel(), t]), axis=1)
    groups, labels = np.unique(pairs[0], return_counts=True)
    return float(np.isin(copy_of.ravel(), groups[labels > 1]).mean())


def _wilson(share: float, rows: int) -> float:
    """Return the lower end of the 95 % interval of a share."""
    z2 = 1.96**2 / rows
    center, half = share + z2 / 2, 1.96 * np.sqrt(share * (1 - share) / rows + z2 / (4 * rows))
    return float((center - half) / (1 + z2))
