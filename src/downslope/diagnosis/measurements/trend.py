"""The trend of a loss: its fall over the last epochs, and its jumps about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

LATEST = 0.25
"""The share of the epochs that counts, the last quarter: the trend is to tell the effect of more epochs."""

FEWEST = 4
"""But so many epochs at least, where there are so many: a trend and a spread around it need them."""


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
    def relative_fall(self) -> float:
        """The fall as a share of the level; 0 where that is 0."""
        return self.fall / abs(self.level) if self.level else 0.0

    @property
    def relative_jumps(self) -> float:
        """The jumps as a share of the level; 0 where that is 0."""
        return self.jumps / abs(self.level) if self.level else 0.0

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
    slope = float(e @ last / (e @ e))
    about = last - last.mean() - slope * e
    span, free = len(last) - 1, len(last) - 2
    jumps = float(np.sqrt(about @ about / free)) if free else 0.0
    return Trend(len(last), float(last.mean()), -slope * span, span * jumps / float(np.sqrt(e @ e)), jumps)
