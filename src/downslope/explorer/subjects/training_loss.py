"""The true loss where a network is, and its gradient: over all training rows, in inference mode."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
from numpy.typing import ArrayLike

from downslope.core import PyTree, RunError, Variables, float_dtype
from downslope.losses import Loss
from downslope.networks import Sequential, architecture, loss_and_gradients
from downslope.training import Run, block_rows


class TrainingLoss:
    """Measures loss and gradient in one sweep, with the state of layers (batch norm's averages) given each time.

    It is the loss that `run.surface()` has through the same variables; unlike a surface it compiles once, however
    often the state of layers changes.

    Args:
        run: whose network, loss and training rows.

    Example:
        >>> import downslope as ds
        >>> run = ds.train(ds.mlp([4], outputs=3), ds.load("iris"), epochs=2, progress=False)
        >>> loss, gradient = TrainingLoss(run)(run.variables)
        >>> abs(loss - run.surface().value(run.params)) < 1e-6
        True
    """

    def __init__(self, run: Run):
        rows = run.training_rows
        if rows is None:
            raise RunError("The rows of this run were not read. Pass `run.with_data()`.")
        self.net, self.loss = architecture(run.net), run.loss
        size = block_rows(self.net, rows.x)
        weights = None if rows.weights is None else np.asarray(rows.weights, float_dtype())
        self.batches = [
            (rows.x[part], rows.t[part], None if weights is None else weights[part])
            for part in (slice(start, start + size) for start in range(0, len(rows), size))
        ]
        counts = [len(x) if w is None else float(w.sum(dtype=float)) for x, _, w in self.batches]
        self.shares = [1.0] * len(counts) if run.loss.reduction != "mean" else [count / sum(counts) for count in counts]

    def __call__(self, variables: Variables) -> tuple[float, PyTree]:
        """Return the loss and its gradient, as NumPy arrays."""
        losses, gradients = zip(
            *(_loss_and_gradient(self.net, self.loss, variables, *batch) for batch in self.batches), strict=True
        )
        value = sum(share * float(loss) for share, loss in zip(self.shares, losses, strict=True))
        return value, jax.tree.map(self._sum, *gradients)

    def _sum(self, *leaves: ArrayLike) -> np.ndarray:
        """Return the gradient of the whole from those of the blocks."""
        total = np.zeros_like(np.asarray(leaves[0]))
        for share, leaf in zip(self.shares, leaves, strict=True):
            total += total.dtype.type(share) * np.asarray(leaf)
        return total


@partial(jax.jit, static_argnames=("net", "loss"))
def _loss_and_gradient(
    net: Sequential, loss: Loss, variables: Variables, x: ArrayLike, t: ArrayLike, weights: jax.Array | None
) -> tuple[jax.Array, PyTree]:
    """Return the loss over some rows and its gradient."""
    result = loss_and_gradients(net, variables, x, t, loss, row_weights=weights)
    return result.loss, result.params
