"""How several ways to start compare: what each reached, over restarts, and which is best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from downslope.core import Advice, RunError
from downslope.training import Restarts, Run


@dataclass(frozen=True)
class StartComparison:
    """What several ways to start reached.

    A start that diverged counts as an infinite loss.

    Attributes:
        runs: the name of each initializer → the run of its restarts, which keeps the best of them.
        measured: `"validation loss"`, the lowest of each restart, or `"training loss"`, the last.
    """

    runs: dict[str, Run]
    measured: str

    @property
    def losses(self) -> dict[str, np.ndarray]:
        """What each restart reached, `(restarts,)`; infinite where it diverged."""
        return {name: _reached(_restarts(run)) for name, run in self.runs.items()}

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
        """The names that restarts cannot tell from the best, which is the first of them.

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
        """Which start is best, in a sentence that says whether the difference exceeds the spread between restarts."""
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
                f"{best} reaches the lowest {reached}, but {_listed(tied[1:])} cannot be told from it: restarts differ "
                f"by as much. {_listed(worse)} {'is' if len(worse) == 1 else 'are'} worse by more than that."
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


def _reached(ended: Restarts) -> np.ndarray:
    """Return what each restart reached; infinite where it diverged, whatever it had reached before."""
    lost = np.array([reason == "diverged" for reason in ended.stop_reasons])
    return np.where(lost | ~np.isfinite(ended.losses), np.inf, ended.losses)


def _spread(losses: np.ndarray) -> float:
    """Return the highest less the lowest finite loss."""
    finite = losses[np.isfinite(losses)]
    return float(np.ptp(finite)) if len(finite) > 1 else float("nan")


def _listed(names: Any) -> str:
    """Return names in words."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
