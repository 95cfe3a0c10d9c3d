"""Decay along half a cosine."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from types import ModuleType

from jax.tree_util import register_dataclass

from downslope.core import Number, check_integer, check_number
from downslope.schedules._facts import ScheduleFacts, steps_number
from downslope.schedules._schedule import floats, rendered_as


def cosine_decay(start: Number, steps: Number, end: Number = 0) -> CosineDecay:
    """Return the schedule `ηₜ = end + ½ (start − end) (1 + cos(π t / steps))` for `t ≤ steps`, then `end`.

    With `end = 0` both `Σ ηₜ` and `Σ ηₜ²` are finite, and `ηₜ` reaches 0: it is made for a known number of steps. With
    `end > 0` it ends as a constant does: `Σ ηₜ = Σ ηₜ² = ∞`, `ηₜ → end`.

    Definitions differ after the end: torch's `CosineAnnealingLR` climbs again after `T_max`, ours stays, as optax's.

    Args:
        start: the value at step 0, 0 or more.
        steps: after how many steps the end is reached.
        end: the value from there on, 0 or more.

    Raises:
        SettingError: a setting is out of bounds.

    Example:
        >>> [float(cosine_decay(1.0, steps=100, end=0.5)(step)) for step in (0, 50, 100, 1000)]
        [1.0, 0.75, 0.5, 0.5]

    References:
        Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, equation (5), one period.
    """
    return CosineDecay(
        check_number("start", start, at_least=0.0),
        check_integer("steps", steps),
        check_number("end", end, at_least=0.0),
    )


COSINE_DECAY = ScheduleFacts(
    cosine_decay,
    notation="cosine[:END]",
    rates={"start": 1.0},
    numbers=(steps_number("steps", 1000),),
    fills="steps",
)


@register_dataclass
@dataclass(frozen=True)
class CosineDecay:
    """`ηₜ = end + ½ (start − end) (1 + cos(π t / steps))`, then `end`; made by `cosine_decay`."""

    start: Number
    steps: Number
    end: Number

    def __call__(self, step: Number) -> Number:
        """Return `ηₜ`."""
        xp, t, start, steps, end = floats(step, self.start, self.steps, self.end)
        return cosine_between(xp, start, end, xp.minimum(t / steps, 1))

    def rendered(self) -> dict[str, object]:
        """Return the call that makes this schedule again."""
        return rendered_as("cosine_decay", start=self.start, steps=self.steps, end=self.end)


def cosine_between(xp: ModuleType, start: Number, end: Number, share: Number) -> Number:
    """Return the point of half a cosine from `start` (share 0) to `end` (share 1)."""
    return end + (start - end) * (1 + xp.cos(pi * share)) / 2
