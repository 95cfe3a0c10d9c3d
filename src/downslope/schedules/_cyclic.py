"""Values that grow and shrink, again and again."""

from __future__ import annotations

from dataclasses import dataclass, field

from jax.tree_util import register_dataclass

from downslope.core import Number, Setting, SettingError, check_choice, check_integer, check_number
from downslope.schedules._facts import ScheduleFacts, steps_number
from downslope.schedules._schedule import floats, integers, rendered_as

MODES = ("triangular", "triangular2", "exp_range")


def cyclic(low: Number, high: Number, period: Number, mode: str = "triangular", gamma: Number = 1.0) -> Cyclic:
    """Return the schedule that climbs from `low` to `high` and back in a straight line, once every `period` steps.

    With `c = ⌊t / period⌋` cycles done and `x = t / period − c` of the present one,
    `ηₜ = low + (high − low) · (1 − |2x − 1|) · s`, where `s` is
    1 (`"triangular"`), `2⁻ᶜ` (`"triangular2"`) or `gammaᵗ` (`"exp_range"`).

    `"triangular"` is like a constant: `Σ ηₜ = Σ ηₜ² = ∞` and `ηₜ` tends to nothing. `"triangular2"`, and `"exp_range"`
    with `gamma < 1`, tend to `low`: for `low = 0`, `ηₜ → 0` and both sums are finite, for `low > 0` both are infinite.

    Definitions differ: `period` is a full cycle, twice the `stepsize` of the paper and the `step_size_up` of torch's
    `CyclicLR`; `gamma` is per step, as in both. Rates are otherwise torch's.

    Args:
        low: the lowest value, 0 or more.
        high: the highest, at least `low`.
        period: steps in a full cycle, 2 or more.
        mode: whether the peaks stay, halve each cycle, or shrink by `gamma` each step.
        gamma: above 0 and at most 1; used by `"exp_range"` only.

    Raises:
        SettingError: a setting is out of bounds; the mode is unknown (`UnknownNameError`).

    Example:
        >>> [float(cyclic(0.0, 1.0, 4)(step)) for step in range(6)]
        [0.0, 0.5, 1.0, 0.5, 0.0, 0.5]
        >>> [float(cyclic(0.0, 1.0, 4, mode="triangular2")(step)) for step in (2, 6, 10)]
        [1.0, 0.5, 0.25]

    References:
        Smith, "Cyclical Learning Rates for Training Neural Networks", 2017, section 3.1.
    """
    low, high = check_number("low", low, at_least=0.0), check_number("high", high, at_least=0.0)
    if low > high:
        raise SettingError(
            Setting("low"), "must be at most", Setting("high"), f", got {low:g} and {high:g}. Swap them."
        )
    return Cyclic(
        low,
        high,
        check_integer("period", period, at_least=2),
        check_choice("mode", mode, MODES),
        check_number("gamma", gamma, above=0.0, at_most=1.0),
    )


CYCLIC = ScheduleFacts(
    cyclic,
    notation="cyclic:LOW:PERIOD[:MODE]",
    rates={"low": 10.0, "high": 1.0},
    numbers=(steps_number("period", 200, at_least=2),),
)


@register_dataclass
@dataclass(frozen=True)
class Cyclic:
    """`ηₜ = low + (high − low) · (1 − |2x − 1|) · s`; made by `cyclic`."""

    low: Number
    high: Number
    period: Number
    mode: str = field(metadata={"static": True})
    gamma: Number

    def __call__(self, step: Number) -> Number:
        """Return `ηₜ`."""
        t, period = integers(step, self.period)
        _, low, high, c, done, length = floats(self.low, self.high, t // period, t % period, period)
        x = done / length
        return low + (high - low) * (1 - abs(2 * x - 1)) * self._scale(t, c)

    def _scale(self, t: Number, c: Number) -> Number:
        """Return `s`, how high the peak is at step `t` of cycle `c`."""
        if self.mode == "exp_range":
            _, t, gamma = floats(t, self.gamma)
            return gamma**t
        return 0.5**c if self.mode == "triangular2" else 1.0

    def rendered(self) -> dict[str, object]:
        """Return the call that makes this schedule again."""
        return rendered_as("cyclic", low=self.low, high=self.high, period=self.period, mode=self.mode, gamma=self.gamma)
