"""How much batches of neighboring rows differ from shuffled ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

_NEIGHBORS = 32
"""Batches of fewer rows are put together to so many: rows that go through one sub-population after another are as bad
in small batches as in large ones."""

_FEATURES = 256


class Drift(NamedTuple):
    """How much of the variance lies between batches.

    Attributes:
        share: of the variance of the targets, or of the inputs, whichever is more; 0 for shuffled rows on average.
        error: its standard deviation for shuffled rows.
        of: `"targets"` or `"inputs"`.
    """

    share: float
    error: float
    of: str

    @property
    def errors(self) -> float:
        """The share in standard deviations of shuffled rows."""
        return self.share / self.error if self.error else 0.0


def drift(
    x: Shaped[np.ndarray, "rows ..."], targets: Shaped[np.ndarray, "rows ..."], batch_size: int, *, task: str
) -> Drift:
    """Return how much of the variance of targets and inputs lies between batches, in the order of the rows.

    With `K` batches of `B` rows, the mean square `M` between batches and `m` within them, `(M − m)/(M + (B − 1) m)` is
    the intraclass correlation: what share of the variance is shared by the rows of a batch. For `d` quantities it is
    averaged by their variances, and for shuffled rows its deviation is `√(2 / (B (B − 1) K))` for one quantity.

    Args:
        x: inputs, in the order they are learned from.
        targets: class indices or numbers.
        batch_size: `B`.
        task: `"classification"` or `"regression"`.

    Example:
        >>> random = np.random.default_rng(0)
        >>> y = np.arange(512) // 128
        >>> x = random.normal(size=(512, 3))
        >>> round(drift(x, y, 32, task="classification").share, 2), drift(x, y, 32, task="classification").of
        (1.0, 'targets')
        >>> shuffled = drift(x, random.permutation(y), 32, task="classification")
        >>> bool(shuffled.errors < 5)
        True

    References:
        Fisher, "Statistical methods for research workers" (1925), chapter 7; Shrout and Fleiss, "Intraclass
        correlations" (1979), ICC(1, 1).
    """
    size = min(max(batch_size, _NEIGHBORS), len(x) // 2)
    if size < 2:
        return Drift(0.0, 0.0, "targets")
    t = np.asarray(targets)
    t = np.eye(int(t.max()) + 1)[t] if task == "classification" else t.reshape(len(t), -1)
    inputs = np.asarray(x, np.float64).reshape(len(x), -1)
    inputs = inputs[:, :: -(-inputs.shape[1] // _FEATURES)]
    deviations = inputs.std(axis=0)
    inputs = inputs / np.where(deviations > 0, deviations, 1.0)
    batches = len(x) // size
    error = float(np.sqrt(2 / (size * (size - 1) * batches)))
    of_targets = _intraclass_correlation(np.asarray(t, np.float64), size)
    of_inputs = _intraclass_correlation(inputs, size)
    return Drift(of_targets, error, "targets") if of_targets >= of_inputs else Drift(of_inputs, error, "inputs")


def _intraclass_correlation(values: np.ndarray, size: int) -> float:
    """Return the intraclass correlation of batches of `size` rows, columns averaged by their variance."""
    batches = len(values) // size
    grouped = values[: batches * size].reshape(batches, size, -1)
    means = grouped.mean(axis=1)
    between = size * float(np.sum(means.var(axis=0, ddof=1)))
    within = float(np.sum(grouped.var(axis=1, ddof=1).mean(axis=0)))
    total = between + (size - 1) * within
    return (between - within) / total if total > 0 else 0.0
