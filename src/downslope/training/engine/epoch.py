"""The end of an epoch, by the same rules for one training and for every member of a population.

Everything here works on single numbers and on arrays of them, one entry a member.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float64

from downslope.optimizers import OptimizerState
from downslope.training.early_stopping import LOSS, EarlyStopping
from downslope.training.engine.step import StepState
from downslope.training.problem.part import Part
from downslope.training.problem.problem import Problem

Number = TypeVar("Number", float, np.ndarray)

Values = dict[str, np.ndarray]
"""Values of an epoch by name, each a number or `(members,)`."""


def measure_epoch(problem: Problem, state: StepState, measure: Callable[[str, Part], Values]) -> Values:
    """Return the values of the epoch that just ended.

    Args:
        problem: what is learned.
        state: at the end of the epoch.
        measure: returns the loss, and metrics if there are any, over `"train"` or `"validation"` rows.
    """
    total, weight = np.asarray(state.total, float), np.asarray(state.weight, float)
    divisor = np.where(weight > 0, weight, 1)  # members that have stopped make no step
    values = {"batch_loss": np.asarray(total / divisor if problem.loss.reduction == "mean" else total)}
    values |= measure("train", problem.subset)
    if problem.validation is not None:
        values |= measure("validation", problem.validation)
    if "learning_rate" in state.optimizer.hyperparams:
        values["learning_rate"] = np.asarray(state.optimizer.hyperparams["learning_rate"], float)
    return values


def monitored_loss(values: Mapping[str, Number]) -> Number:
    """Return the loss that schedules go by, and without another metric patience and the best parameters."""
    return values.get("validation_loss", values["train_loss"])


def monitored_score(stopping: EarlyStopping, values: Mapping[str, Number]) -> Number:
    """Return what patience and the choice of the best parameters go by, as a number that is best where it is lowest."""
    if stopping.metric == LOSS:
        return monitored_loss(values)
    value = values[f"validation_{stopping.metric}"]
    return value if stopping.minimizes else -value


def last_progress(
    stopping: EarlyStopping, history: Sequence[Mapping[str, Any]], best_epoch: int | np.ndarray
) -> int | np.ndarray:
    """Return after how many epochs progress was last made: the best epoch, where any progress counts.

    Args:
        stopping: says how much progress counts.
        history: the values of all epochs.
        best_epoch: after how many epochs the lowest score was reached.
    """
    if not stopping.min_delta:
        return best_epoch
    scores = np.array([monitored_score(stopping, values) for values in history], float)
    progress = np.zeros(scores.shape[1:], int)
    for index in np.ndindex(progress.shape):
        progress[index] = _last_step_down(scores[(slice(None), *index)], stopping.min_delta)
    return progress if progress.ndim else int(progress)


def _last_step_down(scores: Float64[np.ndarray, " epochs"], least: float) -> int:
    """Return the number of the last score that was lower than the one before of its kind by more than `least`."""
    reference, number = np.inf, 0
    while True:
        lower = np.flatnonzero(np.isfinite(scores[number:]) & (scores[number:] < reference - least))
        if not len(lower):
            return number
        number += int(lower[0]) + 1
        reference = scores[number - 1]


def is_improvement(loss: float | np.ndarray, best: float | np.ndarray) -> Bool[np.ndarray, ...]:
    """Return whether a loss is lower than the best one so far, which is NaN or infinite where there is none."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.isfinite(loss) & ~(np.asarray(loss) >= best))


def is_out_of_patience(epoch: int, progress: int | np.ndarray, patience: int | None) -> Bool[np.ndarray, ...]:
    """Return whether the last progress is `patience` epochs ago, or more; see `last_progress`."""
    return np.asarray(epoch - np.asarray(progress) >= (np.inf if patience is None else patience))


def next_epoch(state: StepState, optimizer: OptimizerState | None = None) -> StepState:
    """Return the state with which the next epoch begins: no batch is counted yet.

    Args:
        state: at the end of an epoch.
        optimizer: its optimizer's state, if the end of the epoch changed it.
    """
    zero = np.zeros_like(state.total)
    return state._replace(optimizer=optimizer or state.optimizer, total=zero, weight=zero)
