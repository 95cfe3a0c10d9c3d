"""Write checkpoints of a training in the background.

Saving happens in a thread of its own. A save takes its arrays at once, for they never change, and writes them while
training continues: first the records, then the best parameters, then the lines of all epochs, and last the state,
so that a state on disk is never without its records.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from downslope.core import all_finite
from downslope.runs import Checkpoint, Record, RunFolder
from downslope.training.checkpoint_arrays import prefixed_arrays
from downslope.training.engine.population import Population, histories_of
from downslope.training.engine.state import TrainingState
from downslope.training.monitor.curvature_tracker import Tracker
from downslope.training.monitor.recorder import Recorder
from downslope.training.restarts import Restarts


def _writing_thread() -> Executor:
    """Return an executor with one thread, which writes in the background."""
    return ThreadPoolExecutor(1, thread_name_prefix="downslope saves")


@dataclass(frozen=True)
class CheckpointPolicy:
    """When to save.

    Attributes:
        seconds_after_epoch: at least so many seconds pass between saves at the end of epochs.
        seconds_within_epoch: likewise within an epoch.
        cost_factor: at least so many times as long passes as the last save took of a processor.
        executor: makes the executor that writes.
        clock: returns the time in seconds.
    """

    seconds_after_epoch: float = 1.0
    seconds_within_epoch: float = 5.0
    cost_factor: float = 60.0
    executor: Callable[[], Executor] = _writing_thread
    clock: Callable[[], float] = time.monotonic


@dataclass
class FolderWriter:
    """Writes a run to its folder, from before the first step.

    Attributes:
        folder: open for writing.
        record: of the run.
        recorder: records of the training.
        tracker: measurements of the training, or None.
        seconds_before: how long a resumed run had trained when it was stopped.
        policy: when to save.
    """

    folder: RunFolder
    record: Record
    recorder: Recorder
    tracker: Tracker | None = None
    seconds_before: float = 0.0
    policy: CheckpointPolicy = field(default_factory=CheckpointPolicy)
    _lines: int = 0
    _best: int = 0
    _began: float = field(init=False)
    _saved: float = field(init=False)
    _cost: float = 0.0
    _writing: Future[float] | None = None
    _executor: Executor = field(init=False)

    def __post_init__(self) -> None:
        self._began = self._saved = self.policy.clock()
        self._executor = self.policy.executor()

    def begin(self, training: TrainingState, population: Population | None = None) -> None:
        """Write the record and the first state; several starts that go on have theirs, and what it was before stays."""
        self.folder.write_record(self.record)
        self._lines = len(training.history)
        if population is None or not population.history:
            self._save(self._writes(training))
            self._wait()

    def after_steps(self, training: TrainingState) -> None:
        """Save the state if the last save was a while ago."""
        if all_finite(training.state.variables.params):
            self._save_if_due(self.policy.seconds_within_epoch, lambda: self._writes(training))

    def after_epoch(self, training: TrainingState) -> None:
        """Add the epoch's line; save the state if the last save was a moment ago."""
        self._add_lines(training)
        if all_finite(training.state.variables.params):
            self._save_if_due(self.policy.seconds_after_epoch, lambda: self._writes(training))

    def after_population_epoch(self, population: Population) -> None:
        """Save the states of all members, if the last save was a moment ago."""
        self._save_if_due(self.policy.seconds_after_epoch, lambda: self._members(population))

    def end(
        self, training: TrainingState, restarts: Restarts | None = None, population: Population | None = None
    ) -> None:
        """Save the last state, the best parameters, and how it ended."""
        self._wait()
        if population is not None:
            self._save(self._members(population))
            self._wait()
        if restarts is not None:
            self.folder.write_epochs(history_lines(training))
            self.folder.save_restarts(restarts_checkpoint(restarts))
        else:
            self._add_lines(training)
        self._save(self._writes(training))
        self._wait()
        detail = None if training.divergence is None else training.divergence.as_json()
        end = {"status": "finished", "stop_reason": training.stop_reason, "stop_detail": detail}
        self.record = self.record.model_copy(update=end | {"seconds": self._seconds})
        self.folder.write_record(self.record)

    def close(self) -> None:
        """Finish what is being written, and let others write to the folder."""
        self._executor.shutdown()
        self.folder.release()

    @property
    def _seconds(self) -> float:
        """The seconds of training so far."""
        return round(self.seconds_before + self.policy.clock() - self._began, 3)

    def _add_lines(self, training: TrainingState) -> None:
        """Add the lines of all epochs that have none."""
        for values in training.history[self._lines :]:
            self._lines += 1
            self.folder.append_metrics({"epoch": self._lines, **values})

    def _save_if_due(self, seconds: float, writes: Callable[[], list[Callable[[], None]]]) -> None:
        """Save, unless the last save is recent or still being written."""
        if self._writing is not None and self._writing.done():
            self._wait()
        due = self.policy.clock() - self._saved >= max(seconds, self.policy.cost_factor * self._cost)
        if due and self._writing is None:
            begin = time.perf_counter()
            self._save(writes(), begin)

    def _save(self, writes: list[Callable[[], None]], begin: float | None = None) -> None:
        """Begin to write."""
        seconds = 0.0 if begin is None else time.perf_counter() - begin
        self._writing = self._executor.submit(_write_all, writes, seconds)
        self._saved = self.policy.clock()

    def _wait(self) -> None:
        """Wait until all is written.

        Raises:
            RunError: it could not be written.
        """
        if self._writing is not None:
            writing, self._writing = self._writing, None
            self._cost = writing.result()

    def _writes(self, training: TrainingState) -> list[Callable[[], None]]:
        """Return all writes of a save, in order; they belong to this moment."""
        last, folder = state_checkpoint(training, self._seconds), self.folder
        writes: list[Callable[[], None]] = []
        snapshot = self.recorder.snapshot()
        if snapshot is not None:
            writes.append(lambda: folder.save_trajectory(snapshot()))
        tracking = None if self.tracker is None else self.tracker.tracking()
        if tracking is not None:
            facts = tracking.facts | {"status": ", ".join(tracking.status)}
            writes.append(lambda: folder.save_tracking(Checkpoint(tracking.values, facts)))
        if training.best.epoch != self._best and training.best_variables is not None:
            best = Checkpoint(prefixed_arrays("variables", training.best_variables), last.facts)
            writes.append(lambda: folder.save("best", best))
            self._best = training.best.epoch
        return [*writes, lambda: folder.save_last(last)]

    def _members(self, population: Population) -> list[Callable[[], None]]:
        """Return the writes of a save of a population."""
        checkpoint = members_checkpoint(population, self._seconds)
        return [lambda: self.folder.save("members", checkpoint)]


def history_lines(training: TrainingState) -> list[dict[str, int | float]]:
    """Return the lines of `metrics.jsonl`, one an epoch."""
    return [{"epoch": epoch, **values} for epoch, values in enumerate(training.history, start=1)]


def state_checkpoint(training: TrainingState, seconds: float) -> Checkpoint:
    """Return all that resuming needs, decisions included, but the lines of the history."""
    state = training.state
    arrays = prefixed_arrays("variables", state.variables) | prefixed_arrays("optimizer", state.optimizer)
    arrays |= prefixed_arrays("epoch", (state.total, state.weight))
    if training.best_variables is not None and (training.step > 0 or training.best.epoch != training.epoch):
        arrays |= prefixed_arrays("best", training.best_variables)
    divergence = None if training.divergence is None else json.dumps(training.divergence.as_json())
    facts = {
        "epoch": training.epoch,
        "step": training.step,
        "best_loss": str(float(training.best.loss)),
        "best_epoch": training.best.epoch,
        "seconds": seconds,
        "stop_reason": training.decided or training.stop_reason,
        "divergence": divergence,
        "batch_loss": str(training.batch_loss),
        "schedules": " ".join(state.optimizer.schedules),
    }
    return Checkpoint(arrays, facts)


def restarts_checkpoint(restarts: Restarts) -> Checkpoint:
    """Return how several starts ended."""
    arrays = prefixed_arrays("histories", restarts.histories) | {"losses": restarts.losses, "epochs": restarts.epochs}
    return Checkpoint(arrays, {"best": restarts.best, "stop_reasons": " ".join(restarts.stop_reasons)})


def members_checkpoint(population: Population, seconds: float) -> Checkpoint:
    """Return all that resuming a population needs."""
    arrays = prefixed_arrays("states", population.states) | prefixed_arrays("best", population.best_variables)
    arrays |= {name: np.asarray(getattr(population, name)) for name in ("best_loss", "best_epoch", "epochs")}
    arrays |= prefixed_arrays("histories", histories_of(population))
    reasons = " ".join(reason or "none" for reason in population.stop_reasons)
    return Checkpoint(arrays, {"stop_reasons": reasons, "seconds": seconds})


def _write_all(writes: list[Callable[[], None]], seconds: float) -> float:
    """Write; return the seconds of a processor that the save took, those before it included."""
    begin = time.thread_time()
    for write in writes:
        write()
    return seconds + time.thread_time() - begin
