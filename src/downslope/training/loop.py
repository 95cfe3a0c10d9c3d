"""The training loop: for each epoch, for each chunk of mini-batches, step; then measure, save, and decide."""

from __future__ import annotations

from contextlib import closing
from typing import Protocol, runtime_checkable

import jax
import numpy as np

from downslope.optimizers import observe_loss
from downslope.training.engine.batches import epoch_batches, prefetch
from downslope.training.engine.causes import explain_divergence
from downslope.training.engine.epoch import (
    Values,
    is_improvement,
    is_out_of_patience,
    measure_epoch,
    monitored_loss,
    monitored_score,
    next_epoch,
)
from downslope.training.engine.evaluate import loss_of, outputs_of
from downslope.training.engine.population import Population
from downslope.training.engine.progress import Progress
from downslope.training.engine.state import TrainingState
from downslope.training.engine.step import StepState, run_steps
from downslope.training.engine.stopping import Best
from downslope.training.monitor.curvature_tracker import Tracker
from downslope.training.monitor.layer_statistics import LayerStatistics, measure_layers
from downslope.training.monitor.recorder import Recorder
from downslope.training.observers import Observer, notify_observers
from downslope.training.problem.metrics import MetricInputs, compute_metrics
from downslope.training.problem.part import GatheredBatches, Part
from downslope.training.problem.problem import Problem


@runtime_checkable
class CheckpointWriter(Protocol):
    """Writes checkpoints of a training."""

    def after_steps(self, training: TrainingState) -> None:
        """Save the state within an epoch, if it is time."""
        ...

    def after_epoch(self, training: TrainingState) -> None:
        """Save the state and the values of an epoch."""
        ...

    def after_population_epoch(self, population: Population) -> None:
        """Save the states of all members after an epoch."""
        ...


class NoCheckpoints:
    """Writes nothing: the run lives in memory only."""

    def after_steps(self, training: TrainingState) -> None:
        """Ignore it."""

    def after_epoch(self, training: TrainingState) -> None:
        """Ignore it."""

    def after_population_epoch(self, population: Population) -> None:
        """Ignore it."""


def train_loop(
    problem: Problem,
    training: TrainingState,
    *,
    epochs: int,
    patience: int | None,
    progress: Progress,
    recorder: Recorder,
    writer: CheckpointWriter,
    observers: tuple[Observer, ...] = (),
    tracker: Tracker | None = None,
) -> None:
    """Train until something ends it: all epochs done, patience, divergence, or Ctrl-C.

    Args:
        problem: what is to be learned.
        training: its state; changed in place.
        epochs: how many epochs there are.
        patience: epochs without progress on the validation rows before it stops; None for no such end.
        progress: shows how far it is.
        recorder: records parameters and statistics of layers.
        writer: writes checkpoints.
        observers: called at the end of each epoch; may change hyperparameters or stop.
        tracker: measures curvature and noise on the way.
    """
    try:
        while not training.stop_reason and training.epoch < epochs:
            start, first, before = training.state, training.step, training.batch_loss
            loss = train_epoch(problem, training, progress, recorder, writer, tracker)
            values = _measure(problem, training) if np.isfinite(loss) else {}
            if not np.isfinite(values.get("train_loss", np.nan)):
                _roll_back(problem, training, start, first, before)
                break
            _finish_epoch(problem, training, values, patience)
            notify_observers(observers, training)  # Ctrl-C in one comes before the end of the epoch, decisions included
            training.mark_consistent()
            progress.epoch(training.epoch, values)
            writer.after_epoch(training)
        training.stop_reason = training.stop_reason or "completed"
    except KeyboardInterrupt:
        training.restore_consistent()
        training.decided, training.stop_reason = training.stop_reason, "interrupted"
    step = int(training.state.optimizer.step)
    recorder.truncate(step)
    if tracker is not None:
        tracker.truncate(training)
    if training.stop_reason != "diverged" and recorder.parameters_due(step):
        recorder.record_parameters(step, jax.tree.map(np.asarray, training.state.variables.params))


def train_epoch(
    problem: Problem,
    training: TrainingState,
    progress: Progress,
    recorder: Recorder,
    writer: CheckpointWriter,
    tracker: Tracker | None = None,
) -> float:
    """Make the steps of one epoch; return the last batch's loss, which is not finite if an earlier one was not."""
    loss, steps = 0.0, epoch_batches(problem, training.epoch).steps
    with closing(prefetch(problem, training.epoch, training.step)) as chunks:
        for batches, count in chunks:
            loss = _train_chunk(problem, training, recorder, tracker, batches, count)
            if not np.isfinite(loss):
                break
            training.mark_consistent()
            progress.chunk(training.epoch, training.step / steps)
            writer.after_steps(training)
    return loss


def _train_chunk(
    problem: Problem,
    training: TrainingState,
    recorder: Recorder,
    tracker: Tracker | None,
    batches: GatheredBatches,
    count: int,
) -> float:
    """Make steps, with a break at each that is to be recorded, and advance the training; return the last loss.

    The breaks of the recorder wait for nothing: what is due is queued between the steps, and read when all have been
    queued. Those of the tracker wait for the step that it measures.
    """
    first, index, state, results = int(training.state.optimizer.step), 0, training.state, []
    if tracker is not None:
        tracker.update_budget()
    while index < count:
        step, step_in_epoch = first + index, training.step + index
        if recorder.parameters_due(step):
            recorder.record_parameters(step, state.variables.params)
        if recorder.statistics_due(step):
            recorder.statistics[step] = _measure_layers(problem, state, batches, index)
        due = None if tracker is None else tracker.steps_until_due(step, step_in_epoch)
        breaks = (count - index, recorder.steps_until_due(step), 1 if due == 0 else due)
        steps = min(length for length in breaks if length is not None)
        results.append(run_steps(problem, state, batches, index, steps))
        if tracker is not None and due == 0:
            tracker.measure(state, results[-1], epoch=training.epoch, step_in_epoch=step_in_epoch)
        state, index = results[-1].state, index + steps
    for result in results:  # after a loss that is not finite, what was queued behind it does not count
        training.state, training.step = result.state, training.step + int(result.steps)
        if not np.isfinite(float(result.loss)):
            break
        training.batch_loss = float(result.loss)
    recorder.truncate(int(training.state.optimizer.step))
    return float(results[-1].loss)


def _measure_layers(problem: Problem, state: StepState, batches: GatheredBatches, index: int) -> LayerStatistics:
    """Return the statistics of every layer in the step that comes next."""
    static = problem.architecture, problem.loss, problem.optimizer.rule
    return measure_layers(*static, state.variables, state.optimizer, batches, problem.key, np.int32(index))


def _measure(problem: Problem, training: TrainingState) -> dict[str, float]:
    """Return the values of the epoch that just ended, by name."""
    variables = training.state.variables

    def measure(name: str, part: Part) -> Values:
        outputs = outputs_of(problem.architecture, variables, part.x)
        losses = {f"{name}_loss": np.asarray(loss_of(problem.loss, outputs, part.t, part.weights))}
        if not problem.metrics:
            return losses
        inputs = MetricInputs(part.truth, outputs, part.weights, problem.preprocessing, problem.loss)
        metrics = compute_metrics(problem.metrics, inputs)
        return losses | {f"{name}_{metric}": np.asarray(value) for metric, value in metrics.items()}

    values = {name: float(value) for name, value in measure_epoch(problem, training.state, measure).items()}
    if problem.batch_sizes is not None:
        values["batch_size"] = float(epoch_batches(problem, training.epoch).batch_size)
    return values


def _finish_epoch(problem: Problem, training: TrainingState, values: dict[str, float], patience: int | None) -> None:
    """Book an epoch: history, best parameters, schedules that watch the loss, patience."""
    training.epoch, training.step = training.epoch + 1, 0
    training.history.append(values)
    training.state = next_epoch(training.state, observe_loss(training.state.optimizer, monitored_loss(values)))
    if problem.validation is None:
        return
    score = monitored_score(problem.stopping, values)
    if is_improvement(score, training.best.loss):
        training.best, training.best_variables = Best(score, training.epoch), training.state.variables
    if is_out_of_patience(training.epoch, training.watched_from(problem.stopping), patience):
        training.stop_reason = "early_stopping"


def _roll_back(problem: Problem, training: TrainingState, start: StepState, first: int, before: float) -> None:
    """End a run that diverged at the last state whose loss was finite, found by making the epoch's steps again.

    Args:
        problem: what was learned.
        training: that diverged.
        start: the state that this epoch's steps began from.
        first: after how many of them.
        before: the loss of the batch before that state.
    """
    failed = max(int(training.state.optimizer.step) - 1, 0)
    last = training.step - 1 if np.isfinite(float(training.state.total)) else training.step - 2
    training.state, training.step = start, first
    at_epoch = training.history[-1]["train_loss"] if training.history else float("nan")
    loss = before if first else at_epoch
    with closing(prefetch(problem, training.epoch, first)) as chunks:
        for batches, count in chunks:
            if training.step >= last:
                break
            result = run_steps(problem, training.state, batches, 0, min(count, last - training.step))
            training.state, training.step, loss = result.state, training.step + int(result.steps), float(result.loss)
    training.mark_consistent()
    training.stop_reason = "diverged"
    training.divergence = explain_divergence(
        problem,
        step=failed,
        epoch=training.epoch,
        first_loss=training.history[0]["train_loss"] if training.history else float("nan"),
        last_loss=loss,
        params=training.state.variables.params,
        learning_rate=training.learning_rate,
        stepped=failed > 0,
    )
