"""What a loss is: a number for each row, its derivative at the network's output, and how rows are combined.

A loss is written row by row, `l(yᵢ, tᵢ)` and `∂lᵢ/∂yᵢ`; weights and the mean or sum over rows are the same for all:

    mean   l = Σ wᵢ lᵢ / Σ wᵢ        ∂l/∂yᵢ = wᵢ / Σ w · ∂lᵢ/∂yᵢ
    sum    l = Σ wᵢ lᵢ               ∂l/∂yᵢ = wᵢ · ∂lᵢ/∂yᵢ

with `wᵢ = 1` unless row weights are given. The rows that pad a last batch have weight 0; where all rows have, value and
derivative are 0: such a batch says nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from downslope.core import ShapeError

RowFunction = Callable[..., Any]
Targets = Literal["numbers", "counts", "classes", "shares", "sides"]


@dataclass(frozen=True)
class Loss:
    """A loss, from its values and derivatives row by row.

    Attributes:
        name: the name that selects it, and that reports use.
        rows: `(output (B, …), target (B, …)) -> (B,)`, each row's loss.
        rows_derivative: `(output, target) -> (B, …)`, each row's derivative with respect to its own outputs.
        reduction: `"mean"` or `"sum"` over rows.
        targets: what its targets are: `"numbers"`, one an output; `"counts"`, numbers of 0 or more; `"classes"`, an
            index from 0, or one-hot rows; `"shares"`, numbers from 0 to 1; `"sides"`, classes told apart by the sign of
            one output.
        inverse_link: from outputs to the mean of the targets (softmax, sigmoid, exp); None where outputs have no such
            reading, or need no change.
        settings: names and values that all these functions take by keyword. Losses with equal settings are equal, and
            share one compiled program.
        lowest_rows: `(output, target) -> (B,)`, the lowest that each row's loss can be with any output; it looks at the
            output's shape alone. None where that is 0.
        one_answer: `(targets (B, outputs), weights (B,)) -> (outputs,)`, NumPy's: the answer to all rows whose loss is
            lowest. None where descent finds it, as it does where the loss is smooth.

    Example:
        A loss of your own, `Σ |y − t|` in each row, and the judge's word on its derivative:

        >>> import downslope as ds
        >>> absolute = Loss(
        ...     "absolute",
        ...     rows=lambda y, t: jnp.sum(jnp.abs(y - t), axis=1),
        ...     rows_derivative=lambda y, t: jnp.sign(y - t),
        ... )
        >>> y, t = jnp.array([[1.0], [4.0]]), jnp.array([[0.0], [2.0]])
        >>> float(absolute.value(y, t))
        1.5
        >>> net = ds.mlp([8], outputs=2)
        >>> ds.check_gradients(net, input_shape=(3,), loss=absolute).passed
        True
        >>> data = ds.Dataset(np.eye(4), np.eye(4)[:, :2], task="regression")
        >>> ds.train(net, data, loss=absolute, epochs=2, progress=False).stop_reason
        'completed'
    """

    name: str
    rows: RowFunction
    rows_derivative: RowFunction
    reduction: Literal["mean", "sum"] = "mean"
    targets: Targets = "numbers"
    inverse_link: Callable[[Any], Any] | None = None
    settings: tuple[tuple[str, float], ...] = ()
    lowest_rows: RowFunction | None = None
    one_answer: Callable[..., np.ndarray] | None = None

    def value(
        self,
        output: Float[Array, "batch ..."],
        target: Shaped[Array, "batch ..."],
        row_weights: Float[Array, " batch"] | None = None,
    ) -> Float[Array, ""]:
        """Return the loss of a batch.

        Args:
            output: the network's raw outputs, `(B, outputs)`.
            target: what they should be; for one output per row `(B,)` will do.
            row_weights: how much each row counts; equally by default.
        """
        return self._combined(self.rows(output, self._fitted(target, output), **dict(self.settings)), row_weights)

    def derivative(
        self,
        output: Float[Array, "batch ..."],
        target: Shaped[Array, "batch ..."],
        row_weights: Float[Array, " batch"] | None = None,
    ) -> Float[Array, "batch ..."]:
        """Return `∂l/∂output`, in the shape of `output`. Arguments as for `value`."""
        derivative = self.rows_derivative(output, self._fitted(target, output), **dict(self.settings))
        if row_weights is None:
            return derivative / output.shape[0] if self.reduction == "mean" else derivative
        share = row_weights / _total(row_weights) if self.reduction == "mean" else row_weights
        return derivative * jnp.expand_dims(share, tuple(range(1, output.ndim)))

    def lowest(
        self,
        output: Float[Array, "batch ..."],
        target: Shaped[Array, "batch ..."],
        row_weights: Float[Array, " batch"] | None = None,
    ) -> Float[Array, ""]:
        """Return the lowest value that any outputs could have: in statistics, that of the saturated model.

        It is 0 for most losses, the entropy of the targets for cross-entropy with smoothed ones, and
        `Σᵢⱼ (tᵢⱼ − tᵢⱼ ln tᵢⱼ) / B` for Poisson's.

        Args:
            output: of which the shape and type count alone.
            target: as for `value`.
            row_weights: likewise.

        Example:
            >>> import downslope as ds
            >>> counts = jnp.array([[1.0], [3.0]])
            >>> round(float(ds.losses.poisson.lowest(counts, counts)), 4) == round(2 - 1.5 * float(np.log(3)), 4)
            True
        """
        if self.lowest_rows is None:
            return jnp.zeros((), output.dtype)
        return self._combined(
            self.lowest_rows(output, self._fitted(target, output), **dict(self.settings)), row_weights
        )

    def rendered(self) -> dict[str, Any]:
        """Return how a run records this loss: ours by name and settings, a user's own or a changed one as such."""
        module = self.rows.__module__
        source = sys.modules.get(module) if module.startswith(f"{__package__}.") else None
        if getattr(source, self.name, None) == self:
            return {"function": f"losses.{self.name}"}
        maker = getattr(source, f"{self.name}_with", None)
        if maker is not None and maker(**dict(self.settings)) == self:
            return {"kind": f"losses.{self.name}_with", **dict(self.settings)}
        return {"custom": f"{module}.{self.name}"}

    def _combined(self, rows: Float[Array, " batch"], row_weights: Float[Array, " batch"] | None) -> Float[Array, ""]:
        """Return the mean of the rows' losses, or their sum, weighted."""
        if row_weights is None:
            return jnp.mean(rows) if self.reduction == "mean" else jnp.sum(rows)
        total = jnp.sum(row_weights * rows)
        return total / _total(row_weights) if self.reduction == "mean" else total

    def _fitted(self, target: Array, output: Array) -> Array:
        """Return the target in the shape of the output where it holds numbers; class indices stay as they are.

        Raises:
            ShapeError: they have different numbers of rows, or of columns.
        """
        target = jnp.asarray(target)
        numbers = self.targets in ("numbers", "counts", "shares")
        if target.shape == output.shape[:-1] and output.ndim > 1:
            if output.shape[-1] == 1:
                target = target[..., None]
            elif not numbers and jnp.issubdtype(target.dtype, jnp.integer):
                return target
        if target.shape != output.shape:
            indices = "" if numbers else f", or {output.shape[:-1]} for class indices"
            raise ShapeError(
                f"Targets of {self.name} must have the shape {output.shape} of the outputs{indices}, "
                f"got {target.dtype} {target.shape}."
            )
        return target.astype(output.dtype)


def _total(row_weights: Array) -> Array:
    """Return the sum of the weights; where that is 0, a number that leaves 0 when 0 is divided by it."""
    return jnp.maximum(jnp.sum(row_weights), np.finfo(row_weights.dtype).tiny)
