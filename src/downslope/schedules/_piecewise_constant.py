"""Steps of any height, at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from jax.tree_util import register_dataclass

from downslope.core import Number, Setting, SettingError, check_integer, check_number
from downslope.schedules._schedule import floats, integers, rendered_as


def piecewise_constant(values: Sequence[Number], *, at: Sequence[int]) -> PiecewiseConstant:
    """Return the schedule `ηₜ = valuesᵢ`, where `i` counts the steps in `at` that `t` has reached.

    The last value stays, so `Σ ηₜ = ∞` without `ηₜ → 0`, unless it is 0. With equal factors between the values, the
    same as torch's `MultiStepLR` and optax's `piecewise_constant_schedule`. Values may grow, too: a batch size that
    follows a schedule usually does.

    Args:
        values: the values, each 0 or more, one more than there are steps.
        at: the steps from which on the next value holds, rising, each 1 or more.

    Raises:
        SettingError: a setting is out of bounds, or the numbers of values and steps do not fit.

    Example:
        >>> [float(piecewise_constant([1.0, 0.5, 0.1], at=[10, 20])(step)) for step in (0, 9, 10, 19, 20, 99)]
        [1.0, 1.0, 0.5, 0.5, 0.1, 0.1]

    References:
        Smith, Kindermans, Ying, Le (2018), Don't decay the learning rate, increase the batch size.
    """
    checked = tuple(check_number("values", value, at_least=0.0) for value in values)
    steps = tuple(check_integer("at", step) for step in at)
    if len(checked) != len(steps) + 1:
        raise SettingError(
            Setting("values"),
            "must be one more than the steps in",
            Setting("at"),
            f", got {len(checked)} values and {len(steps)} steps.",
        )
    if any(a >= b for a, b in pairwise(steps)):
        raise SettingError(Setting("at"), f"must be steps that rise, got {list(steps)}.")
    return PiecewiseConstant(checked, steps)


@register_dataclass
@dataclass(frozen=True)
class PiecewiseConstant:
    """`ηₜ = valuesᵢ`; made by `piecewise_constant`."""

    values: tuple[Number, ...]
    at: tuple[Number, ...]

    def __call__(self, step: Number) -> Number:
        """Return `ηₜ`."""
        t, *steps = integers(step, *self.at)
        xp, _, value, *later = floats(step, *self.values)
        for begins, following in zip(steps, later, strict=True):
            value = xp.where(t >= begins, following, value)
        return value + xp.zeros(t.shape, value.dtype)

    def rendered(self) -> dict[str, object]:
        """Return the call that makes this schedule again."""
        return rendered_as("piecewise_constant", values=list(map(float, self.values)), at=list(map(int, self.at)))
