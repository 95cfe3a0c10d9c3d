"""Anything that can serve as a schedule, made one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import numpy as np
from jax.tree_util import register_dataclass

from downslope.core import Number, NumberOrSchedule, float_dtype
from downslope.schedules._constant import constant
from downslope.schedules._schedule import Schedule, floats


def as_schedule(value: NumberOrSchedule) -> Schedule:
    """Return a schedule as it is, a number as a constant one, and a function of the step as a custom one.

    Args:
        value: a schedule; a finite number, 0 or more; or any function from step to number, such as optax's schedules.
            A run cannot record such a function: it has to be passed again on resuming.

    Raises:
        SettingError: it is none of these.

    Example:
        >>> as_schedule(0.1)
        Constant(value=0.1)
        >>> float(as_schedule(lambda step: 0.5 * step)(3))
        1.5
    """
    if not callable(value):
        return constant(value)
    is_tree = not jax.tree_util.all_leaves([value])
    return value if is_tree and isinstance(value, Schedule) else Custom(value)


@register_dataclass
@dataclass(frozen=True)
class Custom:
    """A user's own function of the step, compiled in by identity; made by `as_schedule`."""

    function: Callable = field(metadata={"static": True})

    def __call__(self, step: Number) -> Number:
        """Return the function's value as a float."""
        return floats(self.function(step))[1]

    def rendered(self) -> dict[str, object]:
        """Return the function's name, by which a run can only ask for it again."""
        named = self.function if hasattr(self.function, "__qualname__") else type(self.function)
        return {"custom": f"{named.__module__}.{named.__qualname__}"}


def with_array_leaves(schedule: Schedule) -> Schedule:
    """Return the schedule with its numbers as NumPy arrays of fixed types, as the state of an optimizer holds it.

    Python's numbers have weak types in JAX: one that is saved and loaded would come back with a strong type, and
    everything that uses it would compile again.
    """
    return jax.tree.map(_as_array, schedule)


def _as_array(number: Number) -> np.ndarray:
    """Return a number as a 32-bit integer or as a float of the present precision."""
    integral = np.issubdtype(np.asarray(number).dtype, np.integer)
    return np.asarray(number, np.int32 if integral else float_dtype())
