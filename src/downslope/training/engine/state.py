"""The state of a training under way: the newest and the best parameters, the position in the epoch, the history."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from downslope.core import Variables, float_dtype
from downslope.optimizers import initial_state
from downslope.training.early_stopping import EarlyStopping
from downslope.training.engine.epoch import last_progress
from downslope.training.engine.step import StepState
from downslope.training.engine.stopping import Best, Divergence
from downslope.training.problem.problem import Problem


class _Consistent(NamedTuple):
    """What belongs together at a moment of a training; of the history, how many epochs there are."""

    state: StepState
    best_variables: Variables | None
    epoch: int
    step: int
    best: Best
    epochs: int
    stop_reason: str
    batch_loss: float


@dataclass
class TrainingState:
    """The state of a training under way: all that the loop changes.

    Attributes:
        state: the newest parameters and optimizer state.
        best_variables: those with the lowest validation loss; None while there are none.
        epoch: how many epochs have ended.
        step: how many steps of the current epoch were made.
        best: the lowest validation loss so far.
        history: the values of each epoch that ended.
        stop_reason: why training ended; empty while it has not.
        decided: why it was to end when Ctrl-C came before it did; resuming it ends so.
        divergence: what happened, if it diverged.
        batch_loss: the loss of the last step's batch; NaN before the first step.
        continued_from: after how many epochs it was told to go on though it had ended; patience is counted from there.

    `mark_consistent` marks a moment at which all of it belongs together, and `restore_consistent` goes back to the last
    such moment: Ctrl-C may come between two changes that belong together.
    """

    state: StepState
    best_variables: Variables | None = None
    epoch: int = 0
    step: int = 0
    best: Best = field(default=Best(float("inf"), 0))
    history: list[dict[str, float]] = field(default_factory=list)
    stop_reason: str = ""
    decided: str = ""
    divergence: Divergence | None = None
    batch_loss: float = float("nan")
    continued_from: int = 0
    _consistent: _Consistent = field(init=False)

    def __post_init__(self) -> None:
        self.mark_consistent()

    def mark_consistent(self) -> None:
        """Mark this moment."""
        self._consistent = _Consistent(
            self.state,
            self.best_variables,
            self.epoch,
            self.step,
            self.best,
            len(self.history),
            self.stop_reason,
            self.batch_loss,
        )

    def restore_consistent(self) -> None:
        """Go back to the last moment that was marked."""
        then = self._consistent
        self.state, self.best_variables, self.best = then.state, then.best_variables, then.best
        self.epoch, self.step = then.epoch, then.step
        self.stop_reason, self.batch_loss = then.stop_reason, then.batch_loss
        del self.history[then.epochs :]

    def watched_from(self, stopping: EarlyStopping) -> int:
        """Return the epoch that patience is counted from: of the last progress, or where it went on after an end."""
        return max(int(last_progress(stopping, self.history, self.best.epoch)), self.continued_from)

    @property
    def chosen_variables(self) -> Variables:
        """The variables that the run uses: the best by validation loss, where there is one, else the last."""
        return self.state.variables if self.best_variables is None else self.best_variables

    @property
    def learning_rate(self) -> float | None:
        """The rate of the last step; None for an optimizer that shows none."""
        hyperparams = self.state.optimizer.hyperparams
        return float(hyperparams["learning_rate"]) if "learning_rate" in hyperparams else None


def begin_training(problem: Problem) -> TrainingState:
    """Return the training before its first step."""
    zero = np.zeros((), float_dtype())
    state = StepState(problem.start, initial_state(problem.optimizer, problem.start.params), zero, zero)
    return TrainingState(state)
