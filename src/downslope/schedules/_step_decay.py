"""Decay in steps."""

from __future__ import annotations

from dataclasses import dataclass

from jax.tree_util import register_dataclass

from downslope.core import Number, Range, check_integer, check_number
from downslope.schedules._facts import ScheduleFacts, ScheduleNumber, steps_number
from downslope.schedules._schedule import floats, integers, rendered_as


def step_decay(start: Number, factor: Number, every: Number) -> StepDecay:
    """Return the schedule `ηₜ = start · factor^⌊t / every⌋`.

    For `factor < 1`, `ηₜ → 0` and `Σ ηₜ² < ∞`, but `Σ ηₜ = start · every / (1 − factor)` is finite too: descent can
    travel a limited way only, and may stop short of the minimum. The same as torch's `StepLR`.

    Args:
        start: the value at step 0, 0 or more.
        factor: what the value is multiplied by, above 0 and at most 1.
        every: after how many steps, each time.

    Raises:
        SettingError: a setting is out of bounds.

    Example:
        >>> [float(step_decay(1.0, 0.5, every=10)(step)) for step in (0, 9, 10, 25)]
        [1.0, 1.0, 0.5, 0.25]
    """
    return StepDecay(
        check_number("start", start, at_least=0.0),
        check_number("factor", factor, above=0.0, at_most=1.0),
        check_integer("every", every),
    )


STEP_DECAY = ScheduleFacts(
    step_decay,
    notation="step:FACTOR:EVERY",
    rates={"start": 1.0},
    numbers=(
        ScheduleNumber("factor", 0.5, Range(0.01, 1.0), {"above": 0.0, "at_most": 1.0}),
        steps_number("every", 100),
    ),
)


@register_dataclass
@dataclass(frozen=True)
class StepDecay:
    """`ηₜ = start · factor^⌊t / every⌋`; made by `step_decay`."""

    start: Number
    factor: Number
    every: Number

    def __call__(self, step: Number) -> Number:
        """Return `ηₜ`."""
        t, every = integers(step, self.every)
        _, start, factor, reductions = floats(self.start, self.factor, t // every)
        return start * factor**reductions

    def rendered(self) -> dict[str, object]:
        """Return the call that makes this schedule again."""
        return rendered_as("step_decay", start=self.start, factor=self.factor, every=self.every)
