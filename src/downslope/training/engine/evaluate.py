"""Rows in blocks that fit into memory, and what a network gives for them at fixed parameters."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from downslope.core import PyTree, Variables, bounded_jit, float_dtype
from downslope.data import StoredRows
from downslope.losses import Loss
from downslope.networks import Sequential
from downslope.training.problem.part import Part

Rows = np.ndarray | Array | StoredRows

NUMBERS_A_BLOCK = 2**24
"""A block's activations hold about so many numbers at most."""


class RowBlocks(NamedTuple):
    """Rows in blocks: what a compiled function gives for each is summed by `core.weighted_sum`.

    Attributes:
        batches: the rows of each block, `(x, t)`, or `(x, t, weights)` where rows have weights.
        weights: what the loss of each block counts in that of all rows.
    """

    batches: tuple[tuple[PyTree, ...], ...]
    weights: tuple[float, ...]


def block_rows(net: Sequential, x: Rows, members: int = 1) -> int:
    """Return how many rows to send through a network at once, at most, so that their activations fit into memory.

    Args:
        net: the network.
        x: all rows.
        members: how many networks of its kind they go through together.
    """
    shapes = net.shapes(tuple(x.shape[1:]))
    numbers_a_row = members * sum(int(np.prod(shape)) for shape in shapes)
    return max(1, min(len(x), NUMBERS_A_BLOCK // max(1, numbers_a_row)))


def row_slices(rows: int, most: int) -> list[slice]:
    """Return slices that cover so many rows, each of `most` but for the last.

    Example:
        >>> row_slices(12, 5)
        [slice(0, 5, None), slice(5, 10, None), slice(10, 12, None)]
    """
    return [slice(start, min(start + most, rows)) for start in range(0, rows, most)]


def cut_rows(part: Part, loss: Loss, most: int) -> RowBlocks:
    """Return rows in blocks of at most `most`; those on disk are read when their block's turn comes."""
    slices = row_slices(len(part), most)
    weights = None if part.weights is None else np.asarray(part.weights, float_dtype())
    batches = [
        (part.lazy_inputs(rows), part.t[rows], *(() if weights is None else (weights[rows],))) for rows in slices
    ]
    counts = np.ones(len(part)) if weights is None else weights
    counted = [float(counts[rows].sum(dtype=float)) for rows in slices]
    total = float(counts.sum(dtype=float))
    return RowBlocks(tuple(batches), tuple(count / total if loss.reduction == "mean" else 1.0 for count in counted))


def outputs_of(net: Sequential, variables: Variables, x: Rows) -> np.ndarray:
    """Return the outputs for all rows, in inference mode."""
    most = block_rows(net, x)
    blocks = [_outputs(net, variables, _padded(x[rows], most)) for rows in row_slices(len(x), most)]
    return np.concatenate([np.asarray(block) for block in blocks])[: len(x)]


def loss_of(loss: Loss, outputs: np.ndarray, targets: np.ndarray | Array, row_weights: np.ndarray | None) -> float:
    """Return the loss of outputs, weighted exactly."""
    weights = np.ones(len(outputs), outputs.dtype) if row_weights is None else np.asarray(row_weights, outputs.dtype)
    return float(_loss(loss, outputs, targets, weights))


@partial(bounded_jit, static_argnames="net")
def _outputs(net: Sequential, variables: Variables, x: Float[Array, "rows ..."]) -> Float[Array, "rows ..."]:
    return net.apply(variables, x)


@partial(bounded_jit, static_argnames="loss")
def _loss(
    loss: Loss, outputs: Float[Array, "rows ..."], targets: Shaped[Array, "rows ..."], weights: Float[Array, " rows"]
) -> Float[Array, ""]:
    return loss.value(outputs, targets, weights)


def _padded(x: np.ndarray | Array, rows: int) -> jax.Array:
    """Return a block filled up to `rows` rows with copies of its first, so that all blocks compile as one."""
    if len(x) == rows:
        return jnp.asarray(x)
    return jnp.asarray(np.concatenate([x, np.broadcast_to(x[:1], (rows - len(x), *x.shape[1:]))]))
