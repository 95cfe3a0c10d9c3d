"""Measures curvature and noise while a run is under way, within a budget of time.

Step `s`, counted from 0 over the whole run, is due if `s` is a multiple of the period. What is measured belongs to the
moment before that step; the step itself is made alone, so that its rate, its moments and where it led are known. The
clock decides which of the due steps are measured, and nothing else. Why a break changes no bit: docs/decisions/0005.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import jax
import numpy as np

from downslope.core import generator
from downslope.training.engine.batches import batches_of
from downslope.training.engine.state import Descent
from downslope.training.engine.step import ChunkResult, State
from downslope.training.monitor.curvature_history import Tracking, joined
from downslope.training.monitor.curvature_step import Found, tracked_step
from downslope.training.monitor.track import Track
from downslope.training.problem.problem import Part, Problem
from downslope.training.surfaces.rows import RowsSurface

_LATELY = 3
"""A measurement is expected to take as long as the longest of so many before it."""

_ROOM = 1.5
"""And room is left for it to take so many times as long: a busy machine must not break the budget."""


@dataclass
class Tracker:
    """Measures what was asked for.

    Attributes:
        problem: what is learned.
        track: what was asked for.
        clock: tells seconds.
        before: what was measured before a run that goes on was stopped.
        open: whether the next step that is due will be measured.
    """

    problem: Problem
    track: Track
    clock: Callable[[], float] = time.perf_counter
    before: Tracking | None = None
    open: bool = True
    _found: dict[int, Found] = field(default_factory=dict)
    _last: Found | None = None
    _costs: list[float] = field(default_factory=list)
    _setup: float = 0.0
    _began: float | None = None
    _elapsed: float = 0.0
    _due: int = 0

    def consider(self) -> None:
        """Decide by the clock whether another measurement is within the budget. Nothing may be queued."""
        now = self.clock()
        if self._began is None:
            self._began = now
        self._elapsed = now - self._began - self._setup
        if self.track.budget is not None and self._costs:
            spent = sum(self._costs[1:]) + _ROOM * max(self._costs[-_LATELY:])
            self.open = spent <= self.track.budget * self._elapsed

    def until_due(self, step: int, place: int) -> int | None:
        """Return how many steps there are to the next one to measure; None for none before the epoch ends.

        Args:
            step: the number in the run of the step that comes next.
            place: its number in the epoch.
        """
        if not self.open:
            return None
        if self.track.curvature_every is None:
            return 0 if place == 0 else None
        return -step % self.track.curvature_every

    def measure(self, before: State, made: ChunkResult, *, epoch: int, place: int) -> None:
        """Measure a step that was made alone.

        Args:
            before: where it began.
            made: where it led.
            epoch: its epoch.
            place: its number in the epoch.
        """
        if not np.isfinite(float(made.loss)):
            return
        jax.block_until_ready(made)
        started = self.clock()
        batches = batches_of(self.problem, epoch)
        step = int(before.optimizer.step)
        surface = replace(self._surface, state=before.variables.state, factor=self._factor(batches.batch_size))
        circumstances: dict[str, Any] = {
            "steps": step,
            "epochs": epoch + place / batches.steps,
            "batch_size": batches.batch_size,
        }
        start, rows = before.variables.params, len(self.problem.train)
        arguments = surface, self.problem.optimizer, start, made.state, self.track, rows
        self._last = tracked_step(*arguments, circumstances, self._last)
        self._found[step] = replace(self._last, vector=None, preconditioned_vector=None)
        if not self._costs:
            # what was compiled for the first time is measured again, for the time that it takes from now on
            compiled = self.clock()
            tracked_step(*arguments, circumstances, None)
            self._costs.append(self.clock() - compiled)
            self._setup = self.clock() - started
        else:
            self._costs.append(self.clock() - started)
        self.consider()

    def settle(self, descent: Descent) -> None:
        """Forget what was measured behind the last step that counts, and read the clock."""
        last = int(descent.state.optimizer.step)
        self._found = {step: found for step, found in self._found.items() if step <= last}
        every = self.track.curvature_every
        self._due = -(-last // every) if every is not None else descent.epoch + (descent.step > 0)
        self.consider()

    def tracking(self) -> Tracking | None:
        """Return what was measured; None if nothing was."""
        if not self._found:
            return self.before
        steps = [found.values for found in self._found.values()]
        now = Tracking(
            **{name: np.array([values[name] for values in steps]) for name in steps[0]},
            status=tuple(found.status for found in self._found.values()),
            rows=self._surface.rows,
            training_rows=len(self.problem.train),
            due=max(self._due, len(steps)),
            budget=self.track.budget,
            seconds=sum(self._costs[1:], 0.0),
            setup_seconds=self._setup,
            run_seconds=self._elapsed,
        )
        return now if self.before is None else joined(self.before, now)

    @cached_property
    def _surface(self) -> RowsSurface:
        """The loss over the rows that are measured, at the start."""
        problem = self.problem
        part = _drawn(problem.train, self.track.rows, problem.seed)
        return RowsSurface.over(problem.architecture, problem.loss, part, problem.start.state)

    def _factor(self, batch_size: int) -> float:
        """Return what the mean over rows is multiplied by to be the loss of a batch, as it descends."""
        if self.problem.loss.reduction == "mean":
            return 1.0
        weights = self.problem.train.weights
        return batch_size * (1.0 if weights is None else float(np.mean(weights)))


def _drawn(train: Part, rows: int, seed: int) -> Part:
    """Return the rows to measure on: all, or a fixed draw, the one that `train_loss` is measured on if as many."""
    if len(train) <= rows:
        return train
    return train.take(np.sort(generator(seed, "subset").choice(len(train), rows, replace=False)))
