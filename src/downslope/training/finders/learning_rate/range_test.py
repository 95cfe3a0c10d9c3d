"""The range test: one short training whose rate grows from step to step, until the loss blows up."""

from __future__ import annotations

import numpy as np

from downslope.training.engine.single_steps import iterate_batches, single_step
from downslope.training.engine.state import begin_training
from downslope.training.finders.learning_rate.result import SMOOTHING, RangeTest
from downslope.training.problem.problem import Problem

BLOWN_UP = 4.0
"""The loss has blown up where it is so many times its lowest, and above its first."""


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
        self.smoothed: list[float] = []
        self.first: float | None = None

    def blown_up(self, loss: float) -> bool:
        """Add a loss; return whether it has blown up."""
        self.first = loss if self.first is None else self.first
        self.sum = SMOOTHING * self.sum + (1 - SMOOTHING) * loss
        self.smoothed.append(self.sum / (1 - SMOOTHING ** (len(self.smoothed) + 1)))
        now = self.smoothed[-1]
        return not np.isfinite(loss) or now > max(BLOWN_UP * min(self.smoothed), self.first)
