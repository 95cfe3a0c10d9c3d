"""Exponential decay."""

from __future__ import annotations

from dataclasses import dataclass

from jax.tree_util import register_dataclass

from downslope.core import Number, Range, check_number
from downslope.schedules._facts import ScheduleFacts, ScheduleNumber, steps_number
from downslope.schedules._schedule import floats, rendered_as


def exponential_decay(start: Number, rate: Number, every: Number = 1) -> ExponentialDecay:
    """Return the schedule `ηₜ = start · rate^(t / every)`.

    For `rate < 1`, `ηₜ → 0` and `Σ ηₜ² < ∞`, but `Σ ηₜ = start / (1 − rate^(1/every))` is finite too: descent can
    travel a limited way only, and may stop short of the minimum.

    Definitions differ: here `rate` is what one period multiplies by, as in torch's `ExponentialLR` (`every=1`) and
    optax's `exponential_decay`, not the `λ` of `exp(−λ t)`. Between periods it falls smoothly; `step_decay` has stairs.

    Args:
        start: the value at step 0, 0 or more.
        rate: what `every` steps multiply the value by, above 0 and at most 1.
        every: the period in steps, above 0.

    Raises:
        SettingError: a setting is out of bounds.

    Example:
        >>> [float(exponential_decay(1.0, 0.25, every=2)(step)) for step in (0, 1, 2)]
        [1.0, 0.5, 0.25]
    """
    return ExponentialDecay(
        check_number("start", start, at_least=0.0),
        check_number("rate", rate, above=0.0, at_most=1.0),
        check_number("every", every, above=0.0),
    )


EXPONENTIAL_DECAY = ScheduleFacts(
    exponential_decay,
    notation="exponential:RATE[:EVERY]",
    rates={"start": 1.0},
    numbers=(
        ScheduleNumber("rate", 0.9, Range(1e-4, 1.0, log=True), {"above": 0.0, "at_most": 1.0}),
        steps_number("every", 100),
    ),
)


@register_dataclass
@dataclass(frozen=True)
class ExponentialDecay:
    """`ηₜ = start · rate^(t / every)`; made by `exponential_decay`."""

    start: Number
    rate: Number
    every: Number

    def __call__(self, step: Number) -> Number:
        """Return `ηₜ`."""
        _, t, start, rate, every = floats(step, self.start, self.rate, self.every)
        return start * rate ** (t / every)

    def rendered(self) -> dict[str, object]:
        """Return the call that makes this schedule again."""
        return rendered_as("exponential_decay", start=self.start, rate=self.rate, every=self.every)
