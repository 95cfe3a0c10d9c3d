"""How much of what a run learned holds for rows that were held out, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from downslope.core import Variables
from downslope.diagnosis.measurements.scale import Scale, combined, row_losses
from downslope.networks import Sequential
from downslope.training import outputs_of


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Losses of a run on rows held out, beside those that they are compared with there.

    Attributes:
        scale: of these rows.
        each_best: each row's loss at the run's best variables.
        each_last: each row's loss at its last.
    """

    scale: Scale
    each_best: Float[np.ndarray, " rows"]
    each_last: Float[np.ndarray, " rows"]

    @property
    def best(self) -> float:
        """The loss of the best variables."""
        return combined(self.scale.loss, self.each_best, self.scale.rows)

    @property
    def last(self) -> float:
        """The loss of the last variables."""
        return combined(self.scale.loss, self.each_last, self.scale.rows)

    @property
    def gained(self) -> float:
        """By how much the best variables are better than one answer for all rows."""
        return self.scale.constant - self.best

    @property
    def gained_error(self) -> float:
        """The standard error of it."""
        return self.scale.error_between(self.scale.each_constant, self.each_best)

    @property
    def last_gained(self) -> float:
        """By how much the last variables are better than one answer for all rows."""
        return self.scale.constant - self.last

    @property
    def last_gained_error(self) -> float:
        """The standard error of it."""
        return self.scale.error_between(self.scale.each_constant, self.each_last)

    @property
    def behind_linear(self) -> float | None:
        """By how much the best variables are worse than a linear model; None where there is none."""
        return None if self.scale.linear is None else self.best - self.scale.linear

    @property
    def behind_linear_error(self) -> float:
        """The standard error of it."""
        return self.scale.error_between(self.each_best, self.scale.each_linear)


def held_out_of(net: Sequential, best: Variables, last: Variables, scale: Scale) -> HeldOut:
    """Return the losses of a network on the rows of a scale.

    Args:
        net: the network.
        best: its best variables.
        last: its last ones.
        scale: of rows held out.
    """
    row_by_row = [
        row_losses(scale.loss, jnp.asarray(outputs_of(net, variables, scale.rows.x)), scale.rows)
        for variables in (best, last)
    ]
    return HeldOut(scale, *row_by_row)
