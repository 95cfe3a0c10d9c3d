"""Outputs and losses at fixed parameters, a block of rows at a time."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from downslope.core import Variables
from downslope.data import StoredRows
from downslope.losses import Loss
from downslope.networks import Sequential

Rows = np.ndarray | Array | StoredRows

NUMBERS_A_BLOCK = 2**24
"""A block's activations hold about so many numbers at most."""


def block_rows(net: Sequential, x: Rows) -> int:
    """Return how many rows to send through a network at once, at most, so that their activations fit into memory."""
    shapes = net.shapes(tuple(x.shape[1:]))
    numbers_a_row = sum(int(np.prod(shape)) for shape in shapes)
    return max(1, min(len(x), NUMBERS_A_BLOCK // max(1, numbers_a_row)))


def outputs_of(net: Sequential, variables: Variables, x: Rows) -> np.ndarray:
    """Return the outputs for all rows, in inference mode."""
    rows = block_rows(net, x)
    blocks = [_outputs(net, variables, _padded(x[start : start + rows], rows)) for start in range(0, len(x), rows)]
    return np.concatenate([np.asarray(block) for block in blocks])[: len(x)]


def loss_of(loss: Loss, outputs: np.ndarray, targets: np.ndarray | Array, row_weights: np.ndarray | None) -> float:
    """Return the loss of outputs, weighted exactly."""
    weights = np.ones(len(outputs), outputs.dtype) if row_weights is None else np.asarray(row_weights, outputs.dtype)
    return float(_loss(loss, outputs, targets, weights))


@partial(jax.jit, static_argnames="net")
def _outputs(net: Sequential, variables: Variables, x: Float[Array, "rows ..."]) -> Float[Array, "rows ..."]:
    return net.apply(variables, x)


@partial(jax.jit, static_argnames="loss")
def _loss(
    loss: Loss, outputs: Float[Array, "rows ..."], targets: Shaped[Array, "rows ..."], weights: Float[Array, " rows"]
) -> Float[Array, ""]:
    return loss.value(outputs, targets, weights)


def _padded(x: np.ndarray | Array, rows: int) -> jax.Array:
    """Return a block filled up to `rows` rows with copies of its first, so that all blocks compile as one."""
    if len(x) == rows:
        return jnp.asarray(x)
    return jnp.asarray(np.concatenate([x, np.broadcast_to(x[:1], (rows - len(x), *x.shape[1:]))]))
