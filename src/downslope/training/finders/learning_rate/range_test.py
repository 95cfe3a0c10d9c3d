"""The range test: one short training whose rate grows from step to step, until the loss blows up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from downslope.training.engine.single_steps import iterate_batches, single_step
from downslope.training.engine.state import begin_training
from downslope.training.problem.problem import Problem

SMOOTHING = 0.9
"""How much of the smoothed loss is the one before."""
REACH = round(1 / (1 - SMOOTHING))
"""Over so many steps the smoothed loss forgets; before as many, it is one of a few batches."""
BLOWN_UP = 4.0
"""The loss has blown up where it is so many times its lowest, and above its first."""


@dataclass(frozen=True)
class RangeTest:
    """A training whose rate grew at every step.

    Attributes:
        rates: of each step made.
        losses: of each step's batch, before the step; the last may not be finite.
        smoothed: their average `s ← 0.9 s + 0.1 l`, corrected for its start at 0.
        blow_up: the rate at which the loss blew up: no longer a number, or its average above four times its lowest and
            above the first loss; None if it never did.
    """

    rates: Float[np.ndarray, " steps"]
    losses: Float[np.ndarray, " steps"]
    smoothed: Float[np.ndarray, " steps"]
    blow_up: float | None

    @property
    def lowest(self) -> float:
        """The rate at which the smoothed loss was lowest."""
        return float(self.rates[np.nanargmin(np.where(np.isfinite(self.smoothed), self.smoothed, np.nan))])

    @property
    def steepest(self) -> float:
        """The rate around which the smoothed loss fell most over twenty steps, up to where it is lowest."""
        last = int(np.argmax(self.rates == self.lowest))
        if last < 3 * REACH:
            return float(self.rates[last // 2])
        falls = self.smoothed[REACH : last + 1 - 2 * REACH] - self.smoothed[3 * REACH : last + 1]
        return float(self.rates[REACH + int(np.argmax(falls))])  # in the middle, less the delay of the average


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
