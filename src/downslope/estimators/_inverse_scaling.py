"""The learning rate that scikit-learn calls `invscaling`."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import register_dataclass

from downslope.core import Number, float_dtype


@register_dataclass
@dataclass(frozen=True)
class InverseScaling:
    """`ηₜ = start / (1 + n ⌊t/s⌋)^power`: constant in a pass of `s` steps over `n` rows.

    It falls fast: after the first pass over 1,000 rows, a power of 1/2 leaves a thirtieth. That is scikit-learn's
    definition; `ds.schedules.inverse_time_decay` counts steps instead.

    Attributes:
        start: `η` of the first pass.
        rows: `n`.
        steps: `s`.
        power: 0 or more.

    Example:
        >>> schedule = InverseScaling(1.0, rows=3, steps=2, power=0.5)
        >>> [float(schedule(step)) for step in range(4)]
        [1.0, 1.0, 0.5, 0.5]
    """

    start: Number
    rows: Number
    steps: Number
    power: Number

    def __call__(self, step: Number) -> Number:
        """Return `ηₜ`."""
        numbers = step, self.start, self.rows, self.steps, self.power
        xp = jnp if any(isinstance(number, jax.Array) for number in numbers) else np
        t, start, rows, steps, power = (xp.asarray(number, float_dtype()) for number in numbers)
        return start / (1 + rows * xp.floor(t / steps)) ** power

    def rendered(self) -> dict[str, object]:
        """Return the mark of a custom part: no run on disk has this schedule."""
        return {"custom": f"{__name__}.InverseScaling"}
