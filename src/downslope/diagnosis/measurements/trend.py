"""The trend of a loss: its fall over the last epochs, and its jumps about it.

Two lines are drawn through them: that of least squares, and Theil and Sen's, whose slope is the median of those between
any two epochs, so that a single spike does not hide a fall that all others show. The surer of the two counts. Losses of
epochs that follow each other are alike, and so tell less of the line than as many independent ones would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

LATEST = 0.25
"""The share of the epochs that counts, the last quarter: the trend is to tell the effect of more epochs."""

FEWEST = 4
"""But so many epochs at least, where there are so many: a trend and a spread around it need them."""

MOST = 400
"""Over more epochs than this no single spike matters, and there are too many pairs of them for medians of slopes."""

MOST_ALIKE = 0.9
"""A line through a bend leaves what is alike, too; more than this is taken for that."""

SURE = 0.95
"""Theil and Sen's interval is for so much certainty: 1.96 standard errors to either side (Sen, 1968)."""


@dataclass(frozen=True)
class Trend:
    """A straight line through the losses of the last epochs, `l(e) ≈ level + slope · (e − ē)`.

    Attributes:
        epochs: how many epochs were looked at.
        level: their mean loss.
        fall: by how much the line falls from the first of them to the last; below 0 where it rises.
        error: the standard error of the fall.
        jumps: the root mean square of the losses about the line.
    """

    epochs: int
    level: float
    fall: float
    error: float
    jumps: float

    @property
    def resolved(self) -> bool:
        """Whether the fall is more than twice its standard error, and so no accident of the jumps."""
        return self.fall > 2 * self.error


def trend_of(
    losses: Float[np.ndarray, " epochs"] | Int[np.ndarray, " epochs"], *, share: float = LATEST
) -> Trend | None:
    """Return the trend of the last quarter of some losses, one an epoch; None with fewer than two finite ones.

    Args:
        losses: one an epoch.
        share: the share of them that counts, from the end.

    Example:
        >>> trend = trend_of(np.array([8.0, 4.0, 2.0, 1.9, 1.8, 1.7]))
        >>> trend.epochs, round(trend.fall, 3), trend.resolved, round(trend.jumps, 3)
        (4, 0.3, True, 0.0)
    """
    values = np.asarray(losses, float)
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return None
    last = values[-max(FEWEST, round(share * len(values))) :]
    e = np.arange(len(last)) - (len(last) - 1) / 2
    slope, error, jumps = _least_squares(e, last)
    if FEWEST <= len(last) <= MOST:
        slope, error, jumps = min((slope, error, jumps), _theil_sen(e, last), key=lambda line: line[1])
    span, alike = len(last) - 1, _likeness(last - last.mean() - slope * e)
    error *= math.sqrt((1 + alike) / (1 - alike))  # as of so many fewer independent epochs (Bartlett, 1946)
    return Trend(len(last), float(last.mean()), -slope * span, span * error, jumps)


def _likeness(about: Float[np.ndarray, " epochs"]) -> float:
    """Return how alike what follows each other is: the correlation at a lag of one epoch, 0 where it is negative."""
    total = float(about @ about)
    return min(max(float(about[1:] @ about[:-1]) / total, 0.0), MOST_ALIKE) if total > 0 else 0.0


Line = tuple[float, float, float]
"""The slope of a line, its standard error, and the root mean square of the losses about it."""


def _least_squares(e: Float[np.ndarray, " epochs"], losses: Float[np.ndarray, " epochs"]) -> Line:
    """Return the line of least squares."""
    slope, free = float(e @ losses / (e @ e)), len(losses) - 2
    about = losses - losses.mean() - slope * e
    jumps = float(np.sqrt(about @ about / free)) if free else 0.0
    return slope, jumps / float(np.sqrt(e @ e)), jumps


def _theil_sen(e: Float[np.ndarray, " epochs"], losses: Float[np.ndarray, " epochs"]) -> Line:
    """Return the line whose slope is the median of those between any two epochs."""
    from scipy.stats import theilslopes

    slope, intercept, low, high = map(float, theilslopes(losses, e, alpha=SURE))
    about = losses - intercept - slope * e
    return slope, (high - low) / (2 * 1.96), float(np.sqrt(about @ about / (len(losses) - 2)))
