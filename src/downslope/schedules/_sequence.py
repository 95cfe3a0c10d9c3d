"""One schedule after another."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jax.tree_util import register_dataclass

from downslope.core import Number, NumberOrSchedule, check_integer
from downslope.schedules._convert import as_schedule
from downslope.schedules._reduce_on_plateau import observe
from downslope.schedules._schedule import Schedule, floats, integers, rendered_as


def sequence(first: NumberOrSchedule, then: NumberOrSchedule, *, at: Number, offset: Number = 0) -> Sequence:
    """Return the schedule that is `first(t)` for `t < at`, and `then(t − at + offset)` from there on.

    It is what a run has whose training went on with another schedule. Sums and limits (`Σ ηₜ = ∞`, `ηₜ → 0`,
    `Σ ηₜ² < ∞`) are those of `then`. With `offset = 0` the same as optax's `join_schedules` and torch's `SequentialLR`.

    Args:
        first: a number or a schedule.
        then: what follows, likewise.
        at: the step from which on it does, 1 or more.
        offset: the step of `then` that it begins with, 0 or more.

    Raises:
        SettingError: a setting is out of bounds.

    Example:
        >>> from downslope.schedules import cosine_decay
        >>> half = cosine_decay(1.0, steps=2)
        >>> [float(sequence(half, half, at=2)(step)) for step in range(6)]
        [1.0, 0.5, 1.0, 0.5, 0.0, 0.0]
    """
    return Sequence(
        as_schedule(first), as_schedule(then), check_integer("at", at), check_integer("offset", offset, at_least=0)
    )


@register_dataclass
@dataclass(frozen=True)
class Sequence:
    """`ηₜ = first(t)` for `t < at`, then `then(t − at + offset)`; made by `sequence`."""

    first: Schedule
    then: Schedule
    at: Number
    offset: Number

    def __call__(self, step: Number) -> Number:
        """Return `ηₜ`."""
        t, at, offset = integers(step, self.at, self.offset)
        xp, first = floats(self.first(t))
        _, then = floats(self.then(xp.maximum(t - at, 0) + offset))
        return xp.where(t < at, first, then)

    def observe(self, loss: Number) -> Sequence:
        """Return the schedule after both parts have seen a loss, as far as they listen to any."""
        first, then = observe(self.first, loss), observe(self.then, loss)
        return self if first is self.first and then is self.then else replace(self, first=first, then=then)

    def rendered(self) -> dict[str, object]:
        """Return the call that makes this schedule again."""
        return rendered_as("sequence", first=self.first, then=self.then, at=self.at, offset=self.offset)
