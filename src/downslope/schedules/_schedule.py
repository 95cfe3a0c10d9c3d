"""What a schedule is, and the arithmetic all of them share.

A schedule is a frozen dataclass whose numbers are leaves of a JAX tree and whose names (a mode) are static, so that two
schedules of one family share one compiled program. Public functions check their settings; the dataclasses do not, since
JAX makes them again from traced numbers.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from downslope.core import Number, float_dtype


@runtime_checkable
class Schedule(Protocol):
    """A number that changes with the step."""

    def __call__(self, step: Number) -> Number:
        """Return the value at a step, counted from 0, or at each of an array of steps."""
        ...

    def rendered(self) -> dict[str, object]:
        """Return the public function's name and arguments, for `core.render`."""
        ...


def floats(*values: Number) -> tuple[Any, ...]:
    """Return the array module to compute with, and the values as its floats.

    The module is NumPy while all values are on the host: asking for `schedule(3)` compiles nothing.
    """
    xp = jnp if any(isinstance(value, jax.Array) for value in values) else np
    return xp, *(xp.asarray(value, float_dtype()) for value in values)


def integers(*values: Number) -> tuple[Any, ...]:
    """Return the values as 32-bit integers of NumPy, or of JAX if one of them is JAX's."""
    xp = jnp if any(isinstance(value, jax.Array) for value in values) else np
    return tuple(xp.asarray(value, np.int32) for value in values)


def rendered_as(name: str, **settings: object) -> dict[str, object]:
    """Return the public function's name and its arguments, with arrays of one number as numbers."""
    return {"kind": f"schedules.{name}", **{setting: _plain(value) for setting, value in settings.items()}}


def _plain(value: object) -> object:
    """Return an array of one number as a number, and anything else as it is."""
    return value.item() if isinstance(value, (np.ndarray, jax.Array)) else value
