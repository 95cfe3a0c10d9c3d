"""The loss over fixed rows as a surface whose running state is an argument: compiled once for a whole training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, Shaped

from downslope.core import Key, Params, PyTree, Variables, float_dtype, generator
from downslope.data import StoredRows
from downslope.losses import Loss
from downslope.networks import Sequential, loss_and_gradients
from downslope.training.engine.evaluate import block_rows
from downslope.training.problem.part import Part


class Blocks(NamedTuple):
    """Rows in blocks of equal size, the last filled up with rows of weight 0.

    Attributes:
        x: inputs, `(blocks, size, …)`.
        t: targets, `(blocks, size, …)`.
        weights: how much each row counts, `(blocks, size)`.
    """

    x: Shaped[Array, "blocks size ..."]
    t: Shaped[Array, "blocks size ..."]
    weights: Float[Array, "blocks size"]


@dataclass(frozen=True, eq=False)
class RowsSurface:
    """The mean loss of a network of ours over rows, times a factor, in inference mode.

    `ds.surface_of` compiles anew for every state of batch norm, which changes at each step of a training; here the
    state is data. The gradient is the engine's own.

    Attributes:
        net: the network as compiled programs know it.
        loss: that is minimized; taken as a mean over rows.
        blocks: the rows.
        rows: how many there are.
        state: of layers such as batch norm.
        factor: the mean is multiplied by it: 1, or for a loss that is a sum over rows the weight of a batch.
    """

    net: Sequential
    loss: Loss
    blocks: Blocks
    rows: int
    state: tuple[Params, ...]
    factor: float = 1.0

    @classmethod
    def over(
        cls, net: Sequential, loss: Loss, part: Part, state: tuple[Params, ...], *, rows_a_block: int | None = None
    ) -> RowsSurface:
        """Return the surface of the mean loss over rows.

        Args:
            net: the network.
            loss: of which the mean is taken.
            part: the rows.
            state: of layers such as batch norm.
            rows_a_block: at most so many rows at once; None for as many as fit into memory.
        """
        blocks = _blocks(part, rows_a_block or block_rows(net, part.x))
        return cls(net, replace(loss, reduction="mean"), blocks, len(part), state)

    def value(self, params: PyTree) -> float:
        """Return the loss."""
        return float(_value(self.net, self.loss, Variables(params, self.state), self.blocks, self._factor))

    def gradient(self, params: PyTree) -> PyTree:
        """Return the gradient."""
        return _gradient(self.net, self.loss, Variables(params, self.state), self.blocks, self._factor)

    def hvp(self, params: PyTree, v: PyTree) -> PyTree:
        """Return the Hessian times a vector."""
        return _hvp(self.net, self.loss, Variables(params, self.state), self.blocks, self._factor, v)

    def values(self, many_params: PyTree) -> Float[np.ndarray, " points"]:
        """Return the losses at many points, one after another."""
        points = len(jax.tree.leaves(many_params)[0])
        return np.array([self.value(jax.tree.map(itemgetter(index), many_params)) for index in range(points)])

    def batch_gradients(self, params: PyTree, *, batch_size: int, key: Key = 0) -> Iterator[PyTree]:
        """Yield the gradients of disjoint batches of rows drawn at random by `key`."""
        order = generator(key, "batch gradients").permutation(self.rows).astype(np.int32)
        for start in range(0, self.rows - batch_size + 1, batch_size):
            batch = np.sort(order[start : start + batch_size])
            variables = Variables(params, self.state)
            yield _batch_gradient(self.net, self.loss, variables, self.blocks, self._factor, batch)

    @property
    def _factor(self) -> np.ndarray:
        return np.asarray(self.factor, float_dtype())


def _blocks(part: Part, rows: int) -> Blocks:
    """Return rows in equal blocks of at most so many rows."""
    count = -(-len(part) // rows)
    size = -(-len(part) // count)
    weights = np.ones(len(part)) if part.weights is None else np.asarray(part.weights)

    def blocked(rows: np.ndarray | Array | StoredRows) -> jax.Array:
        missing = [(0, count * size - len(rows))] + [(0, 0)] * (np.ndim(rows) - 1)
        return jnp.asarray(np.pad(np.asarray(rows), missing).reshape(count, size, *np.shape(rows)[1:]))

    return Blocks(blocked(part.x), blocked(part.t), blocked(weights.astype(float_dtype())))


_compiled = partial(jax.jit, static_argnames=("net", "loss"))


@_compiled
def _value(net: Sequential, loss: Loss, variables: Variables, blocks: Blocks, factor: Float[Array, ""]) -> Array:
    return _mean(lambda *rows: _loss(net, loss, variables, *rows), blocks, factor)


@_compiled
def _gradient(net: Sequential, loss: Loss, variables: Variables, blocks: Blocks, factor: Float[Array, ""]) -> PyTree:
    return _mean(lambda *rows: _slope(net, loss, variables, *rows), blocks, factor)


@_compiled
def _hvp(
    net: Sequential, loss: Loss, variables: Variables, blocks: Blocks, factor: Float[Array, ""], v: PyTree
) -> PyTree:
    def product(*rows: Array) -> PyTree:
        slope = lambda params: _slope(net, loss, Variables(params, variables.state), *rows)  # noqa: E731
        return jax.jvp(slope, (variables.params,), (v,))[1]

    return _mean(product, blocks, factor)


@_compiled
def _batch_gradient(
    net: Sequential,
    loss: Loss,
    variables: Variables,
    blocks: Blocks,
    factor: Float[Array, ""],
    batch: Int[Array, " batch"],
) -> PyTree:
    drawn = [array.reshape(-1, *array.shape[2:])[batch] for array in blocks]
    return jax.tree.map(lambda leaf: leaf * factor.astype(leaf.dtype), _slope(net, loss, variables, *drawn))


def _loss(net: Sequential, loss: Loss, variables: Variables, x: Array, t: Array, w: Array) -> Array:
    """Return the loss of some rows."""
    with jax.default_matmul_precision("highest"):
        return loss.value(net.apply(variables, x), t, w)


def _slope(net: Sequential, loss: Loss, variables: Variables, x: Array, t: Array, w: Array) -> PyTree:
    """Return the gradient of the loss of some rows."""
    with jax.default_matmul_precision("highest"):
        return loss_and_gradients(net, variables, x, t, loss, row_weights=w).params


def _mean(of_rows: Callable[..., PyTree], blocks: Blocks, factor: Array) -> PyTree:
    """Return the mean over blocks by their weights, times a factor."""
    shares = factor * jnp.sum(blocks.weights, axis=1) / jnp.sum(blocks.weights)

    def term(block: tuple[Blocks, Array]) -> PyTree:
        rows, share = block
        return jax.tree.map(lambda leaf: leaf * share.astype(leaf.dtype), of_rows(*rows))

    first = term(jax.tree.map(lambda array: array[0], (blocks, shares)))
    if len(shares) == 1:
        return first
    others = jax.tree.map(lambda array: array[1:], (blocks, shares))
    return lax.scan(lambda total, block: (jax.tree.map(jnp.add, total, term(block)), None), first, others)[0]
