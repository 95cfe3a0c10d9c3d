"""The comparison of initializers: losses over restarts, and the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from downslope.core import Advice, RunError
from downslope.training import Restarts, Run


@dataclass(frozen=True)
class StartComparison:
    """Losses of several initializers, over restarts.

    A start that diverged counts as an infinite loss.

    Attributes:
        runs: the name of each initializer → the run of its restarts, which keeps the best of them.
        measured: `"validation loss"`, the lowest of each restart, or `"training loss"`, the last.
    """

    runs: dict[str, Run]
    measured: str

    @property
    def losses(self) -> dict[str, np.ndarray]:
        """The loss of each restart, `(restarts,)`; infinite where it diverged."""
        return {name: _final_losses(_restarts(run)) for name, run in self.runs.items()}

    @property
    def medians(self) -> dict[str, float]:
        """The median of each."""
        return {name: float(np.median(losses)) for name, losses in self.losses.items()}

    @property
    def spreads(self) -> dict[str, float]:
        """The highest less the lowest finite loss of each; NaN with fewer than two."""
        return {name: _spread(losses) for name, losses in self.losses.items()}

    @property
    def diverged(self) -> dict[str, int]:
        """How many restarts of each diverged."""
        return {name: int(np.isinf(losses).sum()) for name, losses in self.losses.items()}

    @property
    def best(self) -> str:
        """The name of the lowest median; of equal ones, the first."""
        return min(self.medians, key=self.medians.__getitem__)

    @property
    def as_good(self) -> tuple[str, ...]:
        """The best and the names that restarts cannot tell from it.

        Their median is above the best one's by no more than the larger spread of the two.
        """
        medians, spreads, best = self.medians, self.spreads, self.best
        others = [name for name in sorted(medians, key=medians.__getitem__) if name != best]
        tied = [
            name
            for name in others
            if np.isfinite(medians[name])
            and medians[name] - medians[best] <= np.nanmax([spreads[name], spreads[best], 0.0])
        ]
        return (best, *tied)

    @property
    def answer(self) -> str:
        """The best start, compared with the spread between restarts, in a sentence."""
        medians, best, tied = self.medians, self.best, self.as_good
        if not np.isfinite(medians[best]):
            return "No start works here: with every initializer half of the restarts or more diverged."
        if len(tied) == len(medians) > 1:
            return (
                f"How the weights start makes no difference here: the medians of all {len(tied)} lie within "
                f"{medians[tied[-1]] - medians[best]:.2g}, no more than restarts of one start differ."
            )
        reached = f"median {self.measured} {medians[best]:.4g}"
        if len(tied) > 1:
            worse = [name for name in medians if name not in tied]
            return (
                f"{best} reaches the lowest {reached}, but {_join(tied[1:])} cannot be told from it: restarts differ "
                f"by as much. {_join(worse)} {'is' if len(worse) == 1 else 'are'} worse by more than that."
            )
        if len(medians) == 1:
            return f"{best} reaches a {reached}; there is nothing to compare it with."
        following = min((name for name in medians if name != best), key=medians.__getitem__)
        return (
            f"{best} is best: {reached} against {medians[following]:.4g} of the next, {following}, a larger difference "
            "than between restarts."
        )

    def table(self) -> Any:
        """Return a polars table, one row an initializer, the lowest median first."""
        import polars

        losses, names = self.losses, sorted(self.medians, key=self.medians.__getitem__)
        return polars.DataFrame(
            {
                "initializer": names,
                "median": [self.medians[name] for name in names],
                "lowest": [float(losses[name].min()) for name in names],
                "highest": [float(losses[name].max()) for name in names],
                "spread": [self.spreads[name] for name in names],
                "diverged": [self.diverged[name] for name in names],
                "as_good": [name in self.as_good for name in names],
            }
        )

    def __str__(self) -> str:
        """Return the table, aligned, and the answer."""
        restarts = len(next(iter(self.losses.values())))
        heads = ("initializer", "median", "lowest", "highest", "spread", "diverged")
        rows = self.table().select(heads).rows()
        cells = [heads, *((row[0], *(f"{value:.4g}" for value in row[1:5]), str(row[5])) for row in rows)]
        widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
        lines = ["  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]) for line in cells]
        return "\n".join([f"{self.measured} of {restarts} restarts each:", *lines, "", self.answer])


def _restarts(run: Run) -> Restarts:
    """Return how the restarts of a run ended.

    Raises:
        RunError: it has none.
    """
    if run.restarts is None:
        raise RunError(
            "A comparison needs runs with restarts, got one without.", Advice("train with {}, for one", restarts=5)
        )
    return run.restarts


def _final_losses(restarts: Restarts) -> np.ndarray:
    """Return the loss of each restart; infinite where it diverged, even after a lower loss."""
    diverged = np.array([reason == "diverged" for reason in restarts.stop_reasons])
    return np.where(diverged | ~np.isfinite(restarts.losses), np.inf, restarts.losses)


def _spread(losses: np.ndarray) -> float:
    """Return the highest less the lowest finite loss."""
    finite = losses[np.isfinite(losses)]
    return float(np.ptp(finite)) if len(finite) > 1 else float("nan")


def _join(names: Sequence[str]) -> str:
    """Return names in words."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
