"""Retraining: several random starts in one go, the lowest error kept, and how the others ended.

Many floors of the valley are good enough; the spread of final losses shows how much the start matters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from downslope.core import Variables, fold
from downslope.optimizers import initial_state
from downslope.training.engine.population import Population, descend_together, descent_of, histories_of, populate
from downslope.training.engine.progress import Progress
from downslope.training.engine.state import Descent, begin
from downslope.training.engine.step import State
from downslope.training.problem.problem import Problem


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


def starts(problem: Problem, restarts: int) -> Population:
    """Return several starts. Number 0 is the one that a run without restarts has."""
    first = begin(problem).state
    return populate([first, *(_start(problem, first, number) for number in range(1, restarts))])


def descend_from_many_starts(
    problem: Problem,
    population: Population,
    *,
    epochs: int,
    patience: int | None,
    progress: Progress,
    moved: Callable[[Population], None] | None = None,
) -> tuple[Descent, Restarts]:
    """Train from several starts at once; return the descent that ended lowest, and how all of them ended.

    All see the same batches. The population is changed in place; `moved` is shown it after each epoch.
    """
    descend_together(problem, population, epochs=epochs, patience=patience, progress=progress, moved=moved)
    ended = Restarts(
        losses=population.best_loss,
        best=population.best,
        epochs=population.epochs,
        stop_reasons=tuple(population.stop_reasons),
        histories=histories_of(population),
    )
    return descent_of(problem, population, population.best, begin(problem).state), ended


def start_of(problem: Problem, number: int) -> Variables:
    """Return the starting weights of a restart; those of number 0 are the problem's own."""
    return problem.net.init(fold(problem.seed, "initialize", number), problem.preprocessing.input_shape)


def _start(problem: Problem, state: State, number: int) -> State:
    """Return the state before the first step of another start."""
    variables = start_of(problem, number)
    return state._replace(variables=variables, optimizer=initial_state(problem.optimizer, variables.params))
