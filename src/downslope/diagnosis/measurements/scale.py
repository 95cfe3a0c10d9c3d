"""The scale of a loss over some rows: from that of one answer for all of them down to the lowest there can be.

A loss by itself says little: it may have an offset, be negative, or hardly be able to fall. So falls and gains are
judged as shares of what lies between these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from downslope.core import float_dtype
from downslope.diagnosis.measurements.linear_model import linear_model
from downslope.losses import Loss
from downslope.training import Part, constant_predictor, saturated_loss


@dataclass(frozen=True, eq=False)
class Scale:
    """Losses over the same rows to compare others with.

    Attributes:
        loss: what descends.
        rows: the rows.
        each_constant: of each row, that of the best answer that is the same for all, learned from the rows to learn
            from.
        each_linear: that of a linear model of normalized inputs, learned from them; None where it cannot be fitted
            cheaply.
        floor: the lowest loss that any outputs could have.
        held_out: whether the rows are others than those to learn from, so that what they show is subject to chance.
    """

    loss: Loss
    rows: Part
    each_constant: Float[np.ndarray, " rows"]
    each_linear: Float[np.ndarray, " rows"] | None
    floor: float
    held_out: bool

    @cached_property
    def constant(self) -> float:
        """The loss of one answer for all rows."""
        return combined(self.loss, self.each_constant, self.rows)

    @cached_property
    def linear(self) -> float | None:
        """The loss of the linear model, where there is one."""
        losses = self.each_linear
        return None if losses is None or not np.isfinite(losses).all() else combined(self.loss, losses, self.rows)

    @property
    def width(self) -> float:
        """What perfect answers would gain over one for all rows."""
        return self.constant - self.floor

    @property
    def learnable(self) -> float:
        """What a linear model gains over one answer for all rows; 0 where it gains nothing or is not known."""
        return 0.0 if self.linear is None else max(self.constant - self.linear, 0.0)

    @property
    def error(self) -> float:
        """The standard error of what a linear model gains, over the draw of rows held out; 0 where there are none."""
        return self.error_between(self.each_constant, self.each_linear)

    def error_between(self, losses: Float[np.ndarray, " rows"], other: Float[np.ndarray, " rows"] | None) -> float:
        """Return the standard error of the difference between two losses, over the draw of rows held out."""
        if not self.held_out or other is None or len(losses) < 2:
            return 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            spread = float(np.std(losses - other, ddof=1))
        return spread / math.sqrt(len(losses)) if self.loss.reduction == "mean" else spread * math.sqrt(len(losses))

    def learned(self, loss: float) -> float:
        """Return the share that a loss gains of what perfect answers would gain; below 0 for a worse one."""
        return (self.constant - loss) / self.width if self.width > 0 else 0.0


def scale_of(loss: Loss, fitted: Part, judged: Part, outputs: int) -> Scale:
    """Return the scale of a loss.

    Args:
        loss: what descends.
        fitted: the rows to learn from.
        judged: the rows to measure on; the same, or rows held out.
        outputs: how many outputs the network has.

    Example:
        >>> from downslope.losses import squared_error
        >>> x = np.linspace(-1, 1, 20)[:, None]
        >>> part = Part(x, 3 * x + 1, None, 3 * x + 1)
        >>> scale = scale_of(squared_error, part, part, 1)
        >>> round(scale.constant, 3), round(scale.linear, 3), scale.floor, round(scale.learned(scale.linear), 3)
        (3.316, 0.0, 0.0, 1.0)
    """
    answer = jnp.asarray(constant_predictor(loss, fitted, outputs), float_dtype())
    model = linear_model(loss, fitted)
    return Scale(
        loss=loss,
        rows=judged,
        each_constant=row_losses(loss, jnp.broadcast_to(answer, (len(judged), outputs)), judged),
        each_linear=None if model is None else row_losses(loss, model.outputs(judged), judged),
        floor=saturated_loss(loss, judged, outputs),
        held_out=judged is not fitted,
    )


def row_losses(loss: Loss, outputs: Float[Array, "rows outputs"], part: Part) -> Float[np.ndarray, " rows"]:
    """Return the loss of each row."""
    row_loss = jax.vmap(lambda y, t: loss.value(y[None], t[None]))
    return np.asarray(row_loss(outputs, jnp.asarray(part.t)), np.float64)


def combined(loss: Loss, rows: Float[np.ndarray, " rows"], part: Part) -> float:
    """Return the loss over rows from that of each."""
    weights = np.asarray(part.weighted().weights, np.float64)
    return float(np.average(rows, weights=weights)) if loss.reduction == "mean" else float(rows @ weights)
