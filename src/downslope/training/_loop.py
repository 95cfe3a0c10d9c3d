"""The training loop: for each epoch, for each chunk of mini-batches, step; then measure, keep, and decide."""

from __future__ import annotations

import numpy as np

from downslope.core import Variables
from downslope.optimizers import observe_loss
from downslope.training._chunk import State, run_chunk
from downslope.training._descent import Descent
from downslope.training._evaluate import loss_of, outputs_of
from downslope.training._keep import Keeper
from downslope.training._metrics import Answers, score
from downslope.training._problem import Part, Problem
from downslope.training._progress import Progress
from downslope.training._rows import chunk_steps, epoch_rows, filled
from downslope.training._stopping import explain_divergence
from downslope.training._trajectory import Recorder


def descend(
    problem: Problem,
    descent: Descent,
    *,
    epochs: int,
    patience: int | None,
    progress: Progress,
    recorder: Recorder,
    keeper: Keeper,
) -> None:
    """Train until something ends it: all epochs done, patience, divergence, or Ctrl-C.

    Args:
        problem: what is to be learned.
        descent: where it stands; changed in place.
        epochs: how many epochs there are.
        patience: epochs without a lower validation loss before it stops; None for no such end.
        progress: who watches.
        recorder: collects parameters.
        keeper: writes to disk.
    """
    recorder.observe(0, descent.state.variables.params)
    try:
        while not descent.stop_reason and descent.epoch < epochs:
            start = descent.state
            loss = one_epoch(problem, descent, progress, recorder)
            values = _measure(problem, descent) if np.isfinite(loss) else {}
            if not np.isfinite(values.get("train_loss", np.nan)):
                _roll_back(problem, descent, start)
                break
            _finish_epoch(problem, descent, values, patience)
            progress.epoch(descent.epoch, values)
            keeper.epoch_ended(descent, values)
        descent.stop_reason = descent.stop_reason or "completed"
    except KeyboardInterrupt:
        descent.stop_reason = "interrupted"


def one_epoch(problem: Problem, descent: Descent, progress: Progress, recorder: Recorder) -> float:
    """Make the steps of one epoch; return the last batch's loss, which is not finite if an earlier one was not."""
    indices, row_weights = epoch_rows(problem, descent.epoch)
    size = chunk_steps(problem)
    loss = 0.0
    while descent.step < len(indices):
        due = recorder.steps_until_due(descent.epoch * len(indices) + descent.step)
        steps = min(size, len(indices) - descent.step, due or size)
        chunk = slice(descent.step, descent.step + size)
        loss = _run(problem, descent, indices[chunk], row_weights[chunk], steps, size)
        if not np.isfinite(loss):
            break
        recorder.observe(descent.epoch * len(indices) + descent.step, descent.state.variables.params)
        progress.chunk(descent.epoch, descent.step / len(indices))
    return loss


def _run(
    problem: Problem, descent: Descent, indices: np.ndarray, row_weights: np.ndarray, steps: int, size: int
) -> float:
    """Run one compiled chunk and advance the descent; return the last loss."""
    result = run_chunk(
        problem.net,
        problem.loss,
        problem.optimizer.rule,
        descent.state,
        problem.train.x,
        problem.train.t,
        filled(indices, size),
        filled(row_weights, size),
        problem.key,
        np.int32(steps),
    )
    descent.state, descent.step = result.state, descent.step + int(result.steps)
    return float(result.loss)


def _measure(problem: Problem, descent: Descent) -> dict[str, float]:
    """Return the values of the epoch that just ended, by name."""
    state = descent.state
    total, weight = float(state.total), float(state.weight)
    values = {"batch_loss": total / weight if problem.loss.reduction == "mean" else total}
    values |= _measured(problem, state.variables, problem.subset, "train")
    if problem.validation is not None:
        values |= _measured(problem, state.variables, problem.validation, "validation")
    rate = descent.learning_rate
    return values if rate is None else values | {"learning_rate": rate}


def _measured(problem: Problem, variables: Variables, part: Part, name: str) -> dict[str, float]:
    """Return the loss and the metrics of some rows, each named after them."""
    outputs = outputs_of(problem.net, variables, part.x)
    values = {f"{name}_loss": loss_of(problem.net, problem.loss, outputs, part.t, part.weights)}
    if problem.metrics:
        answers = Answers(part.truth, outputs, part.weights, problem.preprocessing, problem.loss)
        scores = score(problem.metrics, answers)
        values |= {f"{name}_{metric}": value for metric, value in scores.items()}
    return values


def _finish_epoch(problem: Problem, descent: Descent, values: dict[str, float], patience: int | None) -> None:
    """Book an epoch: history, best parameters, schedules that watch the loss, patience."""
    descent.epoch, descent.step = descent.epoch + 1, 0
    descent.history.append(values)
    watched = values.get("validation_loss", values["train_loss"])
    zero = np.zeros_like(descent.state.total)
    optimizer = observe_loss(descent.state.optimizer, watched)
    descent.state = descent.state._replace(optimizer=optimizer, total=zero, weight=zero)
    if problem.validation is None:
        return
    best = descent.best.seen(values["validation_loss"], descent.epoch)
    if best is not descent.best:
        descent.best, descent.best_variables = best, descent.state.variables
    if patience is not None and descent.epoch - descent.best.epoch >= patience:
        descent.stop_reason = "early_stopping"


def _roll_back(problem: Problem, descent: Descent, start: State) -> None:
    """End a run that diverged at the last state whose loss was finite, found by making the epoch's steps again."""
    failed = descent.epoch * problem.batches.steps + max(descent.step - 1, 0)
    last = descent.step - 1 if np.isfinite(float(descent.state.total)) else descent.step - 2
    descent.state, descent.step = start, 0
    loss = descent.history[-1]["train_loss"] if descent.history else float("nan")
    indices, row_weights = epoch_rows(problem, descent.epoch)
    size = chunk_steps(problem)
    while descent.step < last:
        chunk = slice(descent.step, descent.step + size)
        loss = _run(problem, descent, indices[chunk], row_weights[chunk], min(size, last - descent.step), size)
    descent.stop_reason = "diverged"
    descent.divergence = explain_divergence(
        step=failed,
        epoch=descent.epoch,
        first_loss=descent.history[0]["train_loss"] if descent.history else float("nan"),
        last_loss=loss,
        params=descent.state.variables.params,
        inputs=np.asarray(problem.train.x),
        learning_rate=descent.learning_rate,
    )
