"""Decay with the inverse of time, and its powers."""

from __future__ import annotations

from dataclasses import dataclass

from jax.tree_util import register_dataclass

from downslope.core import Number, Range, check_number
from downslope.schedules._facts import ScheduleFacts, ScheduleNumber
from downslope.schedules._schedule import floats, rendered_as


def inverse_time_decay(start: Number, rate: Number, power: Number = 1) -> InverseTimeDecay:
    """Return the schedule `ηₜ = start / (1 + rate · t)^power`.

    For `rate > 0`: `ηₜ → 0` if `power > 0`; `Σ ηₜ = ∞` if `power ≤ 1`; `Σ ηₜ² < ∞` if `power > 1/2`. So powers in
    `(1/2, 1]`, and of all schedules here only these, have all three, which are the conditions of Robbins and Monro
    under which descent with noisy gradients reaches a minimum: it can go any distance, and the noise dies out.

    Args:
        start: the value at step 0, 0 or more.
        rate: how fast it falls, 0 or more, per step.
        power: 0 or more; 1/2 gives the inverse square root.

    Raises:
        SettingError: a setting is out of bounds.

    Example:
        >>> [float(inverse_time_decay(1.0, 0.5)(step)) for step in (0, 2, 6)]
        [1.0, 0.5, 0.25]

    References:
        Robbins and Monro, "A Stochastic Approximation Method", 1951, condition (6).
    """
    return InverseTimeDecay(
        check_number("start", start, at_least=0.0),
        check_number("rate", rate, at_least=0.0),
        check_number("power", power, at_least=0.0),
    )


INVERSE_TIME_DECAY = ScheduleFacts(
    inverse_time_decay,
    notation="inverse:RATE[:POWER]",
    rates={"start": 1.0},
    numbers=(
        ScheduleNumber("rate", 0.01, Range(1e-4, 1.0, log=True), {"above": 0.0}),
        ScheduleNumber("power", 1.0, Range(1e-4, 2.0), {"above": 0.0}),
    ),
)


@register_dataclass
@dataclass(frozen=True)
class InverseTimeDecay:
    """`ηₜ = start / (1 + rate · t)^power`; made by `inverse_time_decay`."""

    start: Number
    rate: Number
    power: Number

    def __call__(self, step: Number) -> Number:
        """Return `ηₜ`."""
        _, t, start, rate, power = floats(step, self.start, self.rate, self.power)
        return start / (1 + rate * t) ** power

    def rendered(self) -> dict[str, object]:
        """Return the call that makes this schedule again."""
        return rendered_as("inverse_time_decay", start=self.start, rate=self.rate, power=self.power)
