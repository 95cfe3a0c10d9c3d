"""A gentle start before any schedule."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jax.tree_util import register_dataclass

from downslope.core import Number, NumberOrSchedule, check_integer, check_number
from downslope.schedules._convert import as_schedule
from downslope.schedules._facts import ScheduleFacts, steps_number
from downslope.schedules._reduce_on_plateau import observe
from downslope.schedules._schedule import Schedule, floats, integers, rendered_as


def warmup(steps: Number, then: NumberOrSchedule, *, start_factor: Number = 0.0) -> Warmup:
    """Return the schedule that climbs in a straight line to where `then` begins, and follows it from there.

    `ηₜ = then(0) · (f + (1 − f) t / steps)` for `t < steps`, with `f` the start factor, and `then(t − steps)` after:
    `then` starts counting when the warm-up ends. Sums and limits (`Σ ηₜ = ∞`, `ηₜ → 0`, `Σ ηₜ² < ∞`) are those of
    `then`.

    Definitions differ in the first step: as in optax, ours begins at 0, so that the first step moves nothing but fills
    the averages of momentum and Adam. `start_factor` above 0 gives torch's `LinearLR`.

    Args:
        steps: how long the climb is, 1 or more.
        then: what follows: a number or a schedule.
        start_factor: the share of `then(0)` to begin at, 0 to 1.

    Raises:
        SettingError: a setting is out of bounds.

    Example:
        >>> [float(warmup(4, 1.0)(step)) for step in range(6)]
        [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """
    return Warmup(
        check_integer("steps", steps),
        as_schedule(then),
        check_number("start_factor", start_factor, at_least=0.0, at_most=1.0),
    )


WARMUP = ScheduleFacts(
    warmup,
    notation="warmup:STEPS[+SCHEDULE]",
    rates={"then": 1.0},
    numbers=(steps_number("steps", 100),),
    wraps="then",
)


@register_dataclass
@dataclass(frozen=True)
class Warmup:
    """`ηₜ = then(max(t − steps, 0)) · min(f + (1 − f) t / steps, 1)`; made by `warmup`."""

    steps: Number
    then: Schedule
    start_factor: Number

    def __call__(self, step: Number) -> Number:
        """Return `ηₜ`."""
        xp, t, steps, f = floats(step, self.steps, self.start_factor)
        after, length = integers(step, self.steps)
        return self.then(xp.maximum(after - length, 0)) * xp.minimum(f + (1 - f) * t / steps, 1)

    def observe(self, loss: Number) -> Warmup:
        """Return the schedule after `then` has seen a loss, if it listens to any."""
        return replace(self, then=observe(self.then, loss))

    def rendered(self) -> dict[str, object]:
        """Return the call that makes this schedule again."""
        return rendered_as("warmup", steps=self.steps, then=self.then, start_factor=self.start_factor)
