"""The training loop: for each epoch, for each chunk of mini-batches, step; then measure, keep, and decide."""

from __future__ import annotations

from contextlib import closing

import jax
import numpy as np

from downslope.core import Variables
from downslope.optimizers import observe_loss
from downslope.training._checkpointing import Keeper
from downslope.training._observers import Observer, consult
from downslope.training.engine.batches import batches_of
from downslope.training.engine.evaluate import loss_of, outputs_of
from downslope.training.engine.prefetch import feed
from downslope.training.engine.progress import Progress
from downslope.training.engine.state import Descent
from downslope.training.engine.step import Batches, ChunkResult, State, run_chunk
from downslope.training.engine.stopping import SAMPLE_ROWS, explain_divergence
from downslope.training.monitor.curvature_tracker import Tracker
from downslope.training.monitor.layer_statistics import LayerStatistics, look
from downslope.training.monitor.recorder import Recorder
from downslope.training.problem.metrics import Answers, score
from downslope.training.problem.problem import Part, Problem


def descend(
    problem: Problem,
    descent: Descent,
    *,
    epochs: int,
    patience: int | None,
    progress: Progress,
    recorder: Recorder,
    keeper: Keeper,
    observers: tuple[Observer, ...] = (),
    tracker: Tracker | None = None,
) -> None:
    """Train until something ends it: all epochs done, patience, divergence, or Ctrl-C.

    Args:
        problem: what is to be learned.
        descent: where it stands; changed in place.
        epochs: how many epochs there are.
        patience: epochs without a lower validation loss before it stops; None for no such end.
        progress: who watches.
        recorder: collects what is recorded.
        keeper: writes to disk.
        observers: see each epoch's end, and may change numbers or stop.
        tracker: measures curvature and noise on the way.
    """
    try:
        while not descent.stop_reason and descent.epoch < epochs:
            start, begun = descent.state, descent.step
            loss = one_epoch(problem, descent, progress, recorder, keeper, tracker)
            values = _measure(problem, descent) if np.isfinite(loss) else {}
            if not np.isfinite(values.get("train_loss", np.nan)):
                _roll_back(problem, descent, start, begun)
                break
            _finish_epoch(problem, descent, values, patience)
            descent.settle()
            consult(observers, descent)
            descent.settle()
            progress.epoch(descent.epoch, values)
            keeper.epoch_ended(descent)
        descent.stop_reason = descent.stop_reason or "completed"
    except KeyboardInterrupt:
        descent.unsettle()
        descent.stop_reason = "interrupted"
    step = int(descent.state.optimizer.step)
    recorder.settle(step)
    if tracker is not None:
        tracker.settle(descent)
    if descent.stop_reason != "diverged" and recorder.wants_parameters(step):
        recorder.keep_parameters(step, jax.tree.map(np.asarray, descent.state.variables.params))


def one_epoch(
    problem: Problem,
    descent: Descent,
    progress: Progress,
    recorder: Recorder,
    keeper: Keeper,
    tracker: Tracker | None = None,
) -> float:
    """Make the steps of one epoch; return the last batch's loss, which is not finite if an earlier one was not."""
    loss, steps = 0.0, batches_of(problem, descent.epoch).steps
    with closing(feed(problem, descent.epoch, descent.step)) as chunks:
        for batches, count in chunks:
            loss = _recorded(problem, descent, recorder, tracker, batches, count)
            if not np.isfinite(loss):
                break
            descent.settle()
            progress.chunk(descent.epoch, descent.step / steps)
            keeper.steps_made(descent)
    return loss


def _recorded(
    problem: Problem, descent: Descent, recorder: Recorder, tracker: Tracker | None, batches: Batches, count: int
) -> float:
    """Make steps, with a break at each that is to be recorded, and advance the descent; return the last loss.

    The breaks of the recorder wait for nothing: what is due is queued between the steps, and read when all have been
    queued. Those of the tracker wait for the step that it measures.
    """
    first, made, state, results = int(descent.state.optimizer.step), 0, descent.state, []
    if tracker is not None:
        tracker.consider()
    while made < count:
        step, place = first + made, descent.step + made
        if recorder.wants_parameters(step):
            recorder.keep_parameters(step, state.variables.params)
        if recorder.wants_statistics(step):
            recorder.statistics[step] = _look(problem, state, batches, made)
        due = None if tracker is None else tracker.until_due(step, place)
        breaks = (count - made, recorder.until_due(step), 1 if due == 0 else due)
        steps = min(each for each in breaks if each is not None)
        results.append(_run(problem, state, batches, made, steps))
        if tracker is not None and due == 0:
            tracker.measure(state, results[-1], epoch=descent.epoch, place=place)
        state, made = results[-1].state, made + steps
    for result in results:  # after a loss that is not finite, what was queued behind it does not count
        descent.state, descent.step = result.state, descent.step + int(result.steps)
        if not np.isfinite(float(result.loss)):
            break
    recorder.settle(int(descent.state.optimizer.step))
    return float(results[-1].loss)


def _run(problem: Problem, state: State, batches: Batches, start: int, steps: int) -> ChunkResult:
    """Return what a compiled chunk makes of a state."""
    static = problem.architecture, problem.loss, problem.optimizer.rule
    return run_chunk(*static, state, batches, problem.key, np.int32(start), np.int32(steps))


def _look(problem: Problem, state: State, batches: Batches, place: int) -> LayerStatistics:
    """Return the statistics of the step that comes next."""
    static = problem.architecture, problem.loss, problem.optimizer.rule
    return look(*static, state.variables, state.optimizer, batches, problem.key, np.int32(place))


def _measure(problem: Problem, descent: Descent) -> dict[str, float]:
    """Return the values of the epoch that just ended, by name."""
    state = descent.state
    total, weight = float(state.total), float(state.weight)
    values = {"batch_loss": total / weight if problem.loss.reduction == "mean" else total}
    values |= _measured(problem, state.variables, problem.subset, "train")
    if problem.validation is not None:
        values |= _measured(problem, state.variables, problem.validation, "validation")
    rate = descent.learning_rate
    values |= {} if rate is None else {"learning_rate": rate}
    if problem.batch_sizes is not None:
        values["batch_size"] = float(batches_of(problem, descent.epoch).batch_size)
    return values


def _measured(problem: Problem, variables: Variables, part: Part, name: str) -> dict[str, float]:
    """Return the loss and the metrics of some rows, each named after them."""
    outputs = outputs_of(problem.architecture, variables, part.x)
    values = {f"{name}_loss": loss_of(problem.loss, outputs, part.t, part.weights)}
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


def _roll_back(problem: Problem, descent: Descent, start: State, begun: int) -> None:
    """End a run that diverged at the last state whose loss was finite, found by making the epoch's steps again.

    Args:
        problem: what was learned.
        descent: that diverged.
        start: the state that this epoch's steps began from.
        begun: after how many of them.
    """
    failed = max(int(descent.state.optimizer.step) - 1, 0)
    last = descent.step - 1 if np.isfinite(float(descent.state.total)) else descent.step - 2
    descent.state, descent.step = start, begun
    loss = descent.history[-1]["train_loss"] if descent.history else float("nan")
    with closing(feed(problem, descent.epoch, begun)) as chunks:
        for batches, count in chunks:
            if descent.step >= last:
                break
            result = _run(problem, descent.state, batches, 0, min(count, last - descent.step))
            descent.state, descent.step, loss = result.state, descent.step + int(result.steps), float(result.loss)
    descent.settle()
    descent.stop_reason = "diverged"
    descent.divergence = explain_divergence(
        step=failed,
        epoch=descent.epoch,
        first_loss=descent.history[0]["train_loss"] if descent.history else float("nan"),
        last_loss=loss,
        params=descent.state.variables.params,
        inputs=np.asarray(problem.train.x[:SAMPLE_ROWS]),
        learning_rate=descent.learning_rate,
    )
