"""When a fit has converged: scikit-learn's rule, with the loss in the place of the score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass
class Patience:
    """Counts passes that brought too little.

    A pass brings enough if its loss is at most `best − tol`. When more than `passes` in a row did not, patience has run
    out.

    Attributes:
        tol: by how much a loss must be lower than the lowest before.
        passes: how many passes without that are forgiven.
        best: the lowest loss so far.
        count: how many passes in a row brought too little.

    Example:
        >>> patience = Patience(tol=0.1, passes=1)
        >>> [patience.exhausted_by(loss) for loss in (2.0, 1.95, 1.5, 1.45, 1.44)]
        [False, False, False, False, True]
    """

    tol: float | int
    passes: float | int
    best: float | int = float("inf")
    count: int = 0

    def exhausted_by(self, loss: float) -> bool:
        """Return whether patience has run out with this pass."""
        self.count = self.count + 1 if loss > self.best - self.tol else 0
        self.best = min(self.best, loss)
        return self.count > self.passes

    def renewed(self) -> None:
        """Begin to count anew."""
        self.count = 0


def converged(losses: Iterable[float], *, tol: float | int, passes: float | int) -> bool:
    """Return whether patience would have run out on the way."""
    patience = Patience(tol, passes)
    return any(patience.exhausted_by(loss) for loss in losses)
