"""The same number at every step."""

from __future__ import annotations

from dataclasses import dataclass

from jax.tree_util import register_dataclass

from downslope.core import Number, check_number
from downslope.schedules._facts import ScheduleFacts
from downslope.schedules._schedule import floats, rendered_as


def constant(value: Number) -> Constant:
    """Return the schedule `ηₜ = value`.

    `Σ ηₜ = ∞`, but `ηₜ` does not tend to 0 and `Σ ηₜ² = ∞`: with noisy gradients, descent ends up wandering around the
    minimum at a distance set by the rate.

    Args:
        value: a finite number, 0 or more.

    Raises:
        SettingError: the value is negative, not finite, or no number.

    Example:
        >>> float(constant(0.1)(1000))
        0.1
    """
    return Constant(check_number("value", value, at_least=0.0))


CONSTANT = ScheduleFacts(
    constant,
    notation="constant",
    rates={"value": 1.0},
)


@register_dataclass
@dataclass(frozen=True)
class Constant:
    """`ηₜ = value`; made by `constant`."""

    value: Number

    def __call__(self, step: Number) -> Number:
        """Return the value, at each of the steps."""
        xp, t, value = floats(step, self.value)
        return xp.full_like(t, value)

    def rendered(self) -> dict[str, object]:
        """Return the call that makes this schedule again."""
        return rendered_as("constant", value=self.value)
