"""The range test: one short training whose rate grows from step to step, until the loss blows up."""

from __future__ import annotations

import numpy as np

from downslope.training.engine.single_steps import iterate_batches, single_step
from downslope.training.engine.state import begin_training
from downslope.training.finders.learning_rate.result import REACH, ROUNDING, SMOOTHING, RangeTest
from downslope.training.problem.problem import Problem

NOISE = 4.0
"""Losses that are not this many times as far from the first one as successive batches differ may be chance."""


def range_test(problem: Problem, *, low: float, high: float, steps: int) -> RangeTest:
    """Return the losses while the rate grows geometrically from `low` to `high`, a step each.

    The optimizer and the batches are those of the training; the rate is a number of the optimizer's state, so each step
    runs the program that training runs.
    """
    rates = np.geomspace(low, high, steps)
    state, losses, average = begin_training(problem).state, [], SmoothedLoss()
    blow_up = None
    for rate, (batches, index) in zip(rates, iterate_batches(problem), strict=False):
        result = single_step(problem, state, batches, index, learning_rate=rate)
        state = result.state
        losses.append(float(result.loss))
        if average.blown_up(losses[-1]):
            blow_up = float(rate)
            break
    return RangeTest(rates[: len(losses)], np.array(losses), np.array(average.smoothed), blow_up)


class SmoothedLoss:
    """The smoothed loss of a range test under way."""

    def __init__(self) -> None:
        self.sum = 0.0
        self.losses: list[float] = []
        self.smoothed: list[float] = []

    def blown_up(self, loss: float) -> bool:
        """Add a loss; return whether it has blown up.

        What counts is how far the loss fell and how much batches differ, not the size of the loss, which may be
        negative, or lie on a large offset.
        """
        self.losses.append(loss)
        self.sum = SMOOTHING * self.sum + (1 - SMOOTHING) * loss
        self.smoothed.append(self.sum / (1 - SMOOTHING ** (len(self.smoothed) + 1)))
        if not np.isfinite(loss) or len(self.losses) < REACH:
            return not np.isfinite(loss)
        first, now = self.losses[0], self.smoothed[-1]
        noise = float(np.median(np.abs(np.diff(self.losses[-2 * REACH :]))))
        return now - first > max(first - min(self.smoothed), NOISE * noise, ROUNDING * abs(first))
