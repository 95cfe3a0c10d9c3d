"""Retraining: several random starts in one go, the lowest error kept, and how the others ended.

Many floors of the valley are good enough; the spread of final losses shows how much the start matters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from downslope.core import Variables, fold
from downslope.optimizers import initial_state
from downslope.training._chunk import State
from downslope.training._descent import Descent, begin
from downslope.training._population import descend_together, descent_of, populate
from downslope.training._problem import Problem
from downslope.training._progress import Progress


@dataclass(frozen=True)
class Restarts:
    """How each of several starts ended.

    Attributes:
        losses: the lowest validation loss of each where there are validation rows, else the last training loss; NaN for
            one that diverged in its first epoch. `(restarts,)`
        best: which one the run kept.
        epochs: how many epochs each made, `(restarts,)`.
        stop_reasons: why each stopped.
        histories: name → values, `(epochs, restarts)`; NaN after a start has stopped.
    """

    losses: np.ndarray
    best: int
    epochs: np.ndarray
    stop_reasons: tuple[str, ...]
    histories: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.losses)

    def table(self) -> Any:
        """Return a polars table of all starts, the lowest loss first."""
        import polars

        columns = {
            "restart": np.arange(len(self)),
            "loss": self.losses,
            "epochs": self.epochs,
            "stop_reason": list(self.stop_reasons),
        }
        return polars.DataFrame(columns).sort("loss", nulls_last=True)

    def __str__(self) -> str:
        found = self.losses[np.isfinite(self.losses)]
        if not len(found):
            return f"All {len(self)} starts diverged."
        low, middle, high = np.quantile(found, [0, 0.5, 1])
        lost = f"; {len(self) - len(found)} diverged" if len(found) < len(self) else ""
        return f"{len(self)} starts: lowest loss {low:.4g}, median {middle:.4g}, highest {high:.4g}{lost}."


def descend_from_many_starts(
    problem: Problem, restarts: int, *, epochs: int, patience: int | None, progress: Progress
) -> tuple[Descent, Restarts]:
    """Train from several starts at once; return the descent that ended lowest, and how all of them ended.

    Start 0 is the one that a run without restarts has. All see the same batches.
    """
    first = begin(problem)
    others = [_start(problem, first.state, number) for number in range(1, restarts)]
    population = populate([first.state, *others])
    descend_together(problem, population, epochs=epochs, patience=patience, progress=progress)
    names = population.history[0] if population.history else {}
    ended = Restarts(
        losses=population.best_loss,
        best=population.best,
        epochs=population.epochs,
        stop_reasons=tuple(population.stop_reasons),
        histories={name: np.stack([values[name] for values in population.history]) for name in names},
    )
    return descent_of(problem, population, population.best, first.state), ended


def start_of(problem: Problem, number: int) -> Variables:
    """Return the starting weights of a restart; those of number 0 are the problem's own."""
    return problem.net.init(fold(problem.seed, "initialize", number), problem.preprocessing.input_shape)


def _start(problem: Problem, state: State, number: int) -> State:
    """Return the state before the first step of another start."""
    variables = start_of(problem, number)
    return state._replace(variables=variables, optimizer=initial_state(problem.optimizer, variables.params))
