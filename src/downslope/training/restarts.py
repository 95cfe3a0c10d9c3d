"""Restarts: train from several starting weights at once, keep the one with the lowest loss, and report all.

Many minima are good enough; the spread of final losses shows how much the start matters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from downslope.core import Variables, fold
from downslope.optimizers import initial_state
from downslope.training.engine.population import Population, histories_of, member_training, populate, train_population
from downslope.training.engine.progress import Progress
from downslope.training.engine.state import TrainingState, begin_training
from downslope.training.engine.step import StepState
from downslope.training.problem.problem import Problem


@dataclass(frozen=True)
class Restarts:
    """The ends of trainings from several starts.

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
        losses = self.losses[np.isfinite(self.losses)]
        if not len(losses):
            return f"All {len(self)} starts diverged."
        low, middle, high = np.quantile(losses, [0, 0.5, 1])
        lost = f"; {len(self) - len(losses)} diverged" if len(losses) < len(self) else ""
        return f"{len(self)} starts: lowest loss {low:.4g}, median {middle:.4g}, highest {high:.4g}{lost}."


def restart_population(problem: Problem, restarts: int) -> Population:
    """Return several starts. Number 0 is the one that a run without restarts has."""
    first = begin_training(problem).state
    return populate([first, *(_start(problem, first, number) for number in range(1, restarts))])


def train_restarts(
    problem: Problem,
    population: Population,
    *,
    epochs: int,
    patience: int | None,
    progress: Progress,
    after_epoch: Callable[[Population], None] | None = None,
) -> tuple[TrainingState, Restarts]:
    """Train from several starts at once; return the training that ended lowest, and how all of them ended.

    All see the same batches. The population is changed in place; `after_epoch` is called with it after each epoch.
    """
    train_population(problem, population, epochs=epochs, patience=patience, progress=progress, after_epoch=after_epoch)
    ended = Restarts(
        losses=population.best_loss,
        best=population.best,
        epochs=population.epochs,
        stop_reasons=tuple(population.stop_reasons),
        histories=histories_of(population),
    )
    return member_training(problem, population, population.best, begin_training(problem).state), ended


def restart_variables(problem: Problem, number: int) -> Variables:
    """Return the starting weights of a restart; those of number 0 are the problem's own."""
    return problem.net.init(fold(problem.seed, "initialize", number), problem.preprocessing.input_shape)


def _start(problem: Problem, state: StepState, number: int) -> StepState:
    """Return the state before the first step of another start."""
    variables = restart_variables(problem, number)
    return state._replace(variables=variables, optimizer=initial_state(problem.optimizer, variables.params))
