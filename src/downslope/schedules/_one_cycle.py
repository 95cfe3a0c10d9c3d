"""One rise, one fall."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType

from jax.tree_util import register_dataclass

from downslope.core import Number, check_choice, check_integer, check_number
from downslope.schedules._cosine_decay import cosine_between
from downslope.schedules._facts import ScheduleFacts, steps_number
from downslope.schedules._schedule import floats, rendered_as

SHAPES = ("cosine", "linear")


def one_cycle(
    peak: Number,
    steps: Number,
    *,
    start_fraction: Number = 0.3,
    div_factor: Number = 25.0,
    final_div_factor: Number = 1e4,
    shape: str = "cosine",
) -> OneCycle:
    """Return the schedule that rises to `peak`, falls far below where it began, and stays there.

    From `peak / div_factor` at step 0 it rises to `peak` at step `start_fraction · steps − 1`, then falls to
    `peak / (div_factor · final_div_factor)` at step `steps − 1`. That last value stays, so that `Σ ηₜ = Σ ηₜ² = ∞` in
    name only: it is made for a known number of steps.

    Steps and defaults are those of torch's `OneCycleLR` (two phases), which raises after the last step where ours
    stays; its cycling of the momentum is left to a second schedule.

    Args:
        peak: the highest value, above 0.
        steps: the length of the whole cycle.
        start_fraction: the share of the steps in which the value rises, 0 to 1; torch's `pct_start`.
        div_factor: how many times the peak exceeds the first value, above 0.
        final_div_factor: how many times the first value exceeds the last, above 0.
        shape: `"cosine"` or `"linear"`, for rise and fall.

    Raises:
        SettingError: a setting is out of bounds; the shape is unknown (`UnknownNameError`).

    Example:
        >>> schedule = one_cycle(1.0, steps=100)
        >>> [float(schedule(step)) for step in (0, 29, 99, 500)]
        [0.04, 1.0, 0.000004, 0.000004]

    References:
        Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", 2018,
        section 2. Its cycle is linear with a last phase of annihilation; the cosine is fast.ai's and torch's.
    """
    return OneCycle(
        check_number("peak", peak, above=0.0),
        check_integer("steps", steps),
        check_number("start_fraction", start_fraction, at_least=0.0, at_most=1.0),
        check_number("div_factor", div_factor, above=0.0),
        check_number("final_div_factor", final_div_factor, above=0.0),
        check_choice("shape", shape, SHAPES),
    )


ONE_CYCLE = ScheduleFacts(
    one_cycle,
    notation="one-cycle",
    rates={"peak": 1.0},
    numbers=(steps_number("steps", 1000),),
    fills="steps",
)


@register_dataclass
@dataclass(frozen=True)
class OneCycle:
    """A rise from `peak / div_factor` to `peak` and a fall to the end; made by `one_cycle`."""

    peak: Number
    steps: Number
    start_fraction: Number
    div_factor: Number
    final_div_factor: Number
    shape: str = field(metadata={"static": True})

    def __call__(self, step: Number) -> Number:
        """Return `ηₜ`."""
        xp, t, peak, steps, fraction, div, final_div = floats(
            step, self.peak, self.steps, self.start_fraction, self.div_factor, self.final_div_factor
        )
        start, end = peak / div, peak / div / final_div
        top = fraction * steps - 1
        rise = self._between(xp, start, peak, _share(xp, t, top))
        fall = self._between(xp, peak, end, _share(xp, t - top, steps - 1 - top))
        return xp.where(t <= top, rise, fall)

    def _between(self, xp: ModuleType, start: Number, end: Number, share: Number) -> Number:
        """Return the point of the way from `start` to `end`."""
        return start + (end - start) * share if self.shape == "linear" else cosine_between(xp, start, end, share)

    def rendered(self) -> dict[str, object]:
        """Return the call that makes this schedule again."""
        return rendered_as(
            "one_cycle",
            peak=self.peak,
            steps=self.steps,
            start_fraction=self.start_fraction,
            div_factor=self.div_factor,
            final_div_factor=self.final_div_factor,
            shape=self.shape,
        )


def _share(xp: ModuleType, done: Number, length: Number) -> Number:
    """Return `done / whole` within 0 and 1, and 1 for a phase of no length."""
    return xp.where(length > 0, xp.clip(done / xp.where(length > 0, length, 1.0), 0, 1), 1.0)
