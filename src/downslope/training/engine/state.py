"""A training under way: where it stands, and what it has seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from downslope.core import Variables, float_dtype
from downslope.optimizers import initial_state
from downslope.training.engine.step import State
from downslope.training.engine.stopping import Best, Divergence
from downslope.training.problem.problem import Problem


@dataclass
class Descent:
    """A training under way: what the loop changes.

    Attributes:
        state: the newest parameters and optimizer state.
        best_variables: those with the lowest validation loss; None while there are none.
        epoch: how many epochs have ended.
        step: how many steps of the current epoch were made.
        best: the lowest validation loss so far.
        history: the values of each epoch that ended.
        stop_reason: why training ended; empty while it has not.
        divergence: what happened, if it diverged.

    `settle` marks a moment at which all of it belongs together; `unsettle` goes back to the last such moment.
    """

    state: State
    best_variables: Variables | None = None
    epoch: int = 0
    step: int = 0
    best: Best = field(default=Best(float("inf"), 0))
    history: list[dict[str, float]] = field(default_factory=list)
    stop_reason: str = ""
    divergence: Divergence | None = None
    _settled: tuple[Any, ...] = ()

    def __post_init__(self) -> None:
        self.settle()

    def settle(self) -> None:
        """Mark this moment."""
        whole = self.state, self.best_variables, self.epoch, self.step, self.best, len(self.history)
        self._settled = whole

    def unsettle(self) -> None:
        """Go back to the last moment that was marked: Ctrl-C may come between two changes that belong together."""
        self.state, self.best_variables, self.epoch, self.step, self.best, epochs = self._settled
        del self.history[epochs:]

    @property
    def kept(self) -> Variables:
        """The variables that the run uses: the best by validation loss, where there is one, else the last."""
        return self.state.variables if self.best_variables is None else self.best_variables

    @property
    def learning_rate(self) -> float | None:
        """The rate of the last step; None for an optimizer that shows none."""
        hyperparams = self.state.optimizer.hyperparams
        return float(hyperparams["learning_rate"]) if "learning_rate" in hyperparams else None


def begin(problem: Problem) -> Descent:
    """Return the descent before its first step."""
    zero = np.zeros((), float_dtype())
    state = State(problem.start, initial_state(problem.optimizer, problem.start.params), zero, zero)
    return Descent(state)
