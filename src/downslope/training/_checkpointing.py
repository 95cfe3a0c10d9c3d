"""What a training under way writes to disk, and when.

Saving happens in a thread of its own. A save takes its arrays at once, for they never change, and writes them while
training goes on: first what was recorded, then the best parameters, then the lines of all epochs, and last the state,
so that a state on disk never lacks what belongs to it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from downslope.core import all_finite
from downslope.runs import Checkpoint, Record, RunFolder
from downslope.training._checkpoint_arrays import named_under
from downslope.training._restarts import Restarts
from downslope.training.engine.population import Population, histories_of
from downslope.training.engine.state import Descent
from downslope.training.monitor.curvature_tracker import Tracker
from downslope.training.monitor.recorder import Recorder

SECONDS_AFTER_AN_EPOCH = 1.0
SECONDS_WITHIN_AN_EPOCH = 5.0
"""At least so much time passes between saves."""

WORTH = 60
"""A save may take one part in so many of the time, of a processor, since the last one."""


@runtime_checkable
class Keeper(Protocol):
    """Who keeps a run."""

    def steps_made(self, descent: Descent) -> None:
        """Keep where the descent stands within an epoch."""
        ...

    def epoch_ended(self, descent: Descent) -> None:
        """Keep what an epoch ended with."""
        ...

    def members_moved(self, population: Population) -> None:
        """Keep what an epoch of several descents ended with."""
        ...


class Forgetful:
    """Keeps nothing: the run lives in memory only."""

    def steps_made(self, descent: Descent) -> None:
        """Ignore it."""

    def epoch_ended(self, descent: Descent) -> None:
        """Ignore it."""

    def members_moved(self, population: Population) -> None:
        """Ignore it."""


@dataclass
class FolderKeeper:
    """Keeps a run in its folder, from before the first step.

    Attributes:
        folder: where; it is this keeper's to write.
        record: how the run was made.
        recorder: what is recorded on the way.
        tracker: what is measured on the way, or None.
        before: how many seconds it had trained when it was stopped.
        clock: tells seconds.
    """

    folder: RunFolder
    record: Record
    recorder: Recorder
    tracker: Tracker | None = None
    before: float = 0.0
    clock: Callable[[], float] = time.monotonic
    _lines: int = 0
    _best: int = 0
    _began: float = field(init=False)
    _saved: float = field(init=False)
    _cost: float = 0.0
    _writing: Future[float] | None = None
    _threads: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self._began = self._saved = self.clock()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="downslope saves")

    def begin(self, descent: Descent) -> None:
        """Write the record, and the state that training begins with or goes on from."""
        self.folder.write_record(self.record)
        self._lines = len(descent.history)
        self._save(self._writes(descent))
        self._wait()

    def steps_made(self, descent: Descent) -> None:
        """Save the state if the last save was a while ago."""
        if all_finite(descent.state.variables.params):
            self._save_if_due(SECONDS_WITHIN_AN_EPOCH, lambda: self._writes(descent))

    def epoch_ended(self, descent: Descent) -> None:
        """Add the epoch's line; save the state if the last save was a moment ago."""
        self._add_lines(descent)
        if all_finite(descent.state.variables.params):
            self._save_if_due(SECONDS_AFTER_AN_EPOCH, lambda: self._writes(descent))

    def members_moved(self, population: Population) -> None:
        """Keep what an epoch of several descents ended with."""
        self._save_if_due(SECONDS_AFTER_AN_EPOCH, lambda: self._members(population))

    def end(self, descent: Descent, restarts: Restarts | None = None, population: Population | None = None) -> None:
        """Save the last state, the best parameters, and how it ended."""
        self._wait()
        if population is not None:
            self._save(self._members(population))
            self._wait()
        if restarts is not None:
            self.folder.write_epochs([{"epoch": at, **values} for at, values in enumerate(descent.history, start=1)])
            self.folder.save_restarts(restarts_checkpoint(restarts))
        else:
            self._add_lines(descent)
        self._save(self._writes(descent))
        self._wait()
        detail = None if descent.divergence is None else descent.divergence.as_json()
        ended = {"status": "finished", "stop_reason": descent.stop_reason, "stop_detail": detail}
        self.record = self.record.model_copy(update=ended | {"seconds": self._seconds})
        self.folder.write_record(self.record)

    def close(self) -> None:
        """Let others write, whatever happened; what is being written is written to its end."""
        self._threads.shutdown()
        self.folder.release()

    @property
    def _seconds(self) -> float:
        """How long it has trained."""
        return round(self.before + self.clock() - self._began, 3)

    def _add_lines(self, descent: Descent) -> None:
        """Add the lines of all epochs that have none."""
        for values in descent.history[self._lines :]:
            self._lines += 1
            self.folder.append_metrics({"epoch": self._lines, **values})

    def _save_if_due(self, seconds: float, writes: Callable[[], list[Callable[[], None]]]) -> None:
        """Save, unless it was done not long ago, or is being done."""
        if self._writing is not None and self._writing.done():
            self._wait()
        due = self.clock() - self._saved >= max(seconds, WORTH * self._cost)
        if due and self._writing is None:
            begun = time.perf_counter()
            self._save(writes(), begun)

    def _save(self, writes: list[Callable[[], None]], begun: float | None = None) -> None:
        """Begin to write."""
        taken = 0.0 if begun is None else time.perf_counter() - begun
        self._writing = self._threads.submit(_written, writes, taken)
        self._saved = self.clock()

    def _wait(self) -> None:
        """Wait for what is being written.

        Raises:
            RunError: it could not be written.
        """
        if self._writing is not None:
            writing, self._writing = self._writing, None
            self._cost = writing.result()

    def _writes(self, descent: Descent) -> list[Callable[[], None]]:
        """Return what is to be written, in order; all of it belongs to this moment."""
        last, folder = state_checkpoint(descent, self._seconds), self.folder
        writes: list[Callable[[], None]] = []
        recorded = self.recorder.snapshot()
        if recorded is not None:
            writes.append(lambda: folder.save_trajectory(recorded()))
        tracking = None if self.tracker is None else self.tracker.tracking()
        if tracking is not None:
            facts = tracking.facts | {"status": ", ".join(tracking.status)}
            writes.append(lambda: folder.save_tracking(Checkpoint(tracking.values, facts)))
        if descent.best.epoch != self._best and descent.best_variables is not None:
            best = Checkpoint(named_under("variables", descent.best_variables), last.facts)
            writes.append(lambda: folder.save("best", best))
            self._best = descent.best.epoch
        return [*writes, lambda: folder.save_last(last)]

    def _members(self, population: Population) -> list[Callable[[], None]]:
        """Return what is to be written of several descents."""
        checkpoint = members_checkpoint(population, self._seconds)
        return [lambda: self.folder.save("members", checkpoint)]


def state_checkpoint(descent: Descent, seconds: float) -> Checkpoint:
    """Return all that going on needs, but the lines of the history."""
    state = descent.state
    arrays = named_under("variables", state.variables) | named_under("optimizer", state.optimizer)
    arrays |= named_under("epoch", (state.total, state.weight))
    if descent.best_variables is not None and (descent.step > 0 or descent.best.epoch != descent.epoch):
        arrays |= named_under("best", descent.best_variables)
    facts = {
        "epoch": descent.epoch,
        "step": descent.step,
        "best_loss": str(float(descent.best.loss)),
        "best_epoch": descent.best.epoch,
        "seconds": seconds,
    }
    return Checkpoint(arrays, facts)


def restarts_checkpoint(restarts: Restarts) -> Checkpoint:
    """Return how several starts ended."""
    arrays = named_under("histories", restarts.histories) | {"losses": restarts.losses, "epochs": restarts.epochs}
    return Checkpoint(arrays, {"best": restarts.best, "stop_reasons": " ".join(restarts.stop_reasons)})


def members_checkpoint(population: Population, seconds: float) -> Checkpoint:
    """Return all that several descents need to go on."""
    arrays = named_under("states", population.states) | named_under("best", population.best_variables)
    arrays |= {name: np.asarray(getattr(population, name)) for name in ("best_loss", "best_epoch", "epochs")}
    arrays |= named_under("histories", histories_of(population))
    reasons = " ".join(reason or "none" for reason in population.stop_reasons)
    return Checkpoint(arrays, {"stop_reasons": reasons, "seconds": seconds})


def _written(writes: list[Callable[[], None]], taken: float) -> float:
    """Write; return the seconds of a processor that the save took, those before it among them."""
    begun = time.thread_time()
    for write in writes:
        write()
    return taken + time.thread_time() - begun
