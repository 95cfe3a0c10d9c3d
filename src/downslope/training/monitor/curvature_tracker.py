"""Measure curvature and noise while a run is under way, within a budget of time.

Step `s`, counted from 0 over the whole run, is due if `s` is a multiple of the period. A measurement belongs to the
moment before that step; the step itself is made alone, so that its rate, its moments and its result are known. The
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

from downslope.training.engine.batches import epoch_batches
from downslope.training.engine.state import TrainingState
from downslope.training.engine.step import ChunkResult, StepState
from downslope.training.monitor.curvature_history import Tracking, concatenate
from downslope.training.monitor.curvature_step import Measurement, Solvers, measure_step
from downslope.training.monitor.track import Track
from downslope.training.problem.part import draw_subset
from downslope.training.problem.problem import Problem
from downslope.training.surfaces.network import NetworkSurface, mean_surface

_RECENT = 3
"""A measurement is expected to take as long as the longest of so many before it."""

_MARGIN = 1.5
"""A measurement may take so many times as long as expected: a busy machine must not break the budget."""


@dataclass
class Tracker:
    """Measurements of a training under way.

    Attributes:
        problem: what is learned.
        track: the settings.
        clock: returns the time in seconds.
        before: the measurements before a resumed run was stopped.
        solvers: of each measurement.
        within_budget: whether the next step that is due will be measured.
    """

    problem: Problem
    track: Track
    clock: Callable[[], float] = time.perf_counter
    before: Tracking | None = None
    solvers: Solvers = field(default_factory=Solvers)
    within_budget: bool = True
    _measured: dict[int, Measurement] = field(default_factory=dict)
    _last: Measurement | None = None
    _costs: list[float] = field(default_factory=list)
    _setup: float = 0.0
    _began: float | None = None
    _elapsed: float = 0.0
    _due: int = 0

    def update_budget(self) -> None:
        """Decide by the clock whether another measurement is within the budget. Nothing may be queued."""
        now = self.clock()
        if self._began is None:
            self._began = now
        self._elapsed = now - self._began - self._setup
        if self.track.budget is not None and self._costs:
            spent = sum(self._costs[1:]) + _MARGIN * max(self._costs[-_RECENT:])
            self.within_budget = spent <= self.track.budget * self._elapsed

    def steps_until_due(self, step: int, step_in_epoch: int) -> int | None:
        """Return how many steps there are to the next one to measure; None for none before the epoch ends.

        Args:
            step: the number in the run of the step that comes next.
            step_in_epoch: its number in the epoch.
        """
        if not self.within_budget:
            return None
        if self.track.curvature_every is None:
            return 0 if step_in_epoch == 0 else None
        return -step % self.track.curvature_every

    def measure(self, before: StepState, result: ChunkResult, *, epoch: int, step_in_epoch: int) -> None:
        """Measure a step that was made alone.

        Args:
            before: the state before it.
            result: of the step.
            epoch: its epoch.
            step_in_epoch: its number in the epoch.
        """
        if not np.isfinite(float(result.loss)):
            return
        jax.block_until_ready(result)
        started = self.clock()
        batches = epoch_batches(self.problem, epoch)
        step = int(before.optimizer.step)
        surface = self._surface.with_state(before.variables.state).times(self._factor(batches.batch_size))
        conditions: dict[str, Any] = {
            "steps": step,
            "epochs": epoch + step_in_epoch / batches.steps,
            "batch_size": batches.batch_size,
        }
        start, rows = before.variables.params, len(self.problem.train)
        arguments = surface, self.problem.optimizer, start, result.state, self.track, rows
        self._last = measure_step(*arguments, conditions, self._last, self.solvers)
        self._measured[step] = replace(self._last, vector=None, preconditioned_vector=None)
        if not self._costs:
            # what was compiled for the first time is measured again, for the time that it takes from now on
            compiled = self.clock()
            measure_step(*arguments, conditions, None, self.solvers)
            self._costs.append(self.clock() - compiled)
            self._setup = self.clock() - started
        else:
            self._costs.append(self.clock() - started)
        self.update_budget()

    def truncate(self, training: TrainingState) -> None:
        """Drop the measurements after the last step that counts, and read the clock."""
        last = int(training.state.optimizer.step)
        self._measured = {step: values for step, values in self._measured.items() if step <= last}
        every = self.track.curvature_every
        self._due = -(-last // every) if every is not None else training.epoch + (training.step > 0)
        self.update_budget()

    def tracking(self) -> Tracking | None:
        """Return all measurements; None if there are none."""
        if not self._measured:
            return self.before
        steps = [measurement.values for measurement in self._measured.values()]
        now = Tracking(
            **{name: np.array([values[name] for values in steps]) for name in steps[0]},
            status=tuple(measurement.status for measurement in self._measured.values()),
            rows=self._surface.rows,
            training_rows=len(self.problem.train),
            due=max(self._due, len(steps)),
            budget=self.track.budget,
            seconds=sum(self._costs[1:], 0.0),
            setup_seconds=self._setup,
            run_seconds=self._elapsed,
        )
        return now if self.before is None else concatenate(self.before, now)

    @cached_property
    def _surface(self) -> NetworkSurface:
        """The loss over the rows that are measured, at the start."""
        problem = self.problem
        part = draw_subset(problem.train, self.track.rows, problem.seed)
        return mean_surface(problem.architecture, problem.loss, part.weighted(), problem.start)

    def _factor(self, batch_size: int) -> float:
        """Return the factor that makes the mean over rows the loss of a batch."""
        if self.problem.loss.reduction == "mean":
            return 1.0
        weights = self.problem.train.weights
        return batch_size * (1.0 if weights is None else float(np.mean(weights)))
