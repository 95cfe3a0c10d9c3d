"""The loss of a network of ours over rows, as a surface over its parameters: what `run.surface()` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, UInt32

from downslope.core import (
    Advice,
    FunctionSurface,
    Key,
    Params,
    PyTree,
    SettingError,
    Shape,
    SurfacePrograms,
    Variables,
    bounded_jit,
    displaced,
    float_dtype,
    in_memory,
    key_words,
    tree_size,
    typed_key,
)
from downslope.layers import BatchNorm, Context, Dropout, walk
from downslope.losses import Loss
from downslope.networks import Sequential, architecture, loss_and_gradients, plane_outputs
from downslope.training.engine.evaluate import block_rows, cut_rows
from downslope.training.problem.part import Part

MODES = ("inference", "training")

_ROOM = 4096
"""Planes of so many cells or fewer share one compiled program."""


@dataclass(frozen=True, eq=False, repr=False)
class NetworkSurface:
    """The loss of a network over rows: a `FunctionSurface` that is also fast on planes of parameters.

    Attributes:
        whole: the loss as a function of the parameters, in chunks of rows, its gradient the engine's own. Its
            constants are the state of layers, and the key of dropout or None.
        net: the network, as compiled programs know it.
        loss: that is minimized.
        mode: `"inference"` or `"training"`.
    """

    whole: FunctionSurface
    net: Sequential
    loss: Loss
    mode: str

    def __repr__(self) -> str:
        return f"NetworkSurface({self.description}, {tree_size(self.params):,} parameters)"

    @property
    def params(self) -> PyTree:
        """A tree with the structure, shapes and types of parameters."""
        return self.whole.params

    @property
    def state(self) -> tuple[Params, ...]:
        """The state of layers such as batch norm, held fixed."""
        return self.whole.constants[0]

    @property
    def masked(self) -> bool:
        """Whether something is dropped: every point then has a mask of its own."""
        return self.whole.constants[1] is not None

    def with_state(self, state: tuple[Params, ...]) -> NetworkSurface:
        """Return the same loss with another state of layers; nothing is compiled again."""
        return replace(self, whole=self.whole.with_constants(state, *self.whole.constants[1:]))

    def times(self, factor: float) -> NetworkSurface:
        """Return the loss times a factor; nothing is compiled again."""
        return self if factor == 1 else replace(self, whole=self.whole.times(factor))

    @property
    def rows(self) -> int:
        """How many rows the loss is over."""
        return self.whole.rows

    @property
    def description(self) -> str:
        """The loss, the number of rows and the mode, in words."""
        return self.whole.description

    def value(self, params: PyTree) -> float:
        """Return the loss; infinite or NaN where it is."""
        return self.whole.value(params)

    def gradient(self, params: PyTree) -> PyTree:
        """Return the gradient of the loss, a tree like `params`."""
        return self.whole.gradient(params)

    def value_and_gradient(self, params: PyTree) -> tuple[float, PyTree]:
        """Return the loss and its gradient, in one pass over the rows."""
        return self.whole.value_and_gradient(params)

    def hvp(self, params: PyTree, v: PyTree) -> PyTree:
        """Return the Hessian at `params` times `v`."""
        return self.whole.hvp(params, v)

    def hvp_at(self, params: PyTree) -> Callable[[PyTree], PyTree]:
        """Return the map `v ↦ H v` at `params`, linearized once where all rows fit into one chunk."""
        return self.whole.hvp_at(params)

    def values(self, many_params: PyTree) -> jax.Array:
        """Return the losses at many points, `(points,)`."""
        return self.whole.values(many_params)

    def gauss_newton_product(self, params: PyTree, v: PyTree) -> PyTree:
        """Return the Gauss–Newton term of the Hessian times `v`."""
        return self.whole.gauss_newton_product(params, v)

    def batch_gradients(self, params: PyTree, *, batch_size: int, key: Key = 0) -> Iterator[PyTree]:
        """Yield the gradients of disjoint batches of rows drawn at random by `key`.

        Raises:
            SettingError: batch norm in training mode: the mean over batches is not the gradient of the whole then.
        """
        self._check_apart("Gradients of batches need")
        return self.whole.batch_gradients(params, batch_size=batch_size, key=key)

    def on_rows(self, rows: np.ndarray, *, chunk: int | None = None) -> NetworkSurface:
        """Return the loss over some of the rows, by their numbers, so many at once; nothing is compiled again.

        Raises:
            SettingError: batch norm in training mode; a loss that is no plain mean over rows.
        """
        self._check_apart("The loss over some rows needs")
        return replace(self, whole=self.whole.on_rows(rows, chunk=chunk))

    def _check_apart(self, need: str) -> None:
        """Check that rows do not influence each other.

        Raises:
            SettingError: with batch norm in training mode they do.
        """
        if self.mode == "training" and has_layer(self.net, self._input_shape, BatchNorm):
            raise SettingError(
                f"{need} rows that count one by one, got batch norm in training mode, where the rows of a batch share "
                "their statistics.",
                Advice("use {}", mode="inference"),
                setting="surface",
            )

    def row_losses(self, params: PyTree) -> Float[np.ndarray, " rows"]:
        """Return the contribution of each row to the loss, `(rows,)`; their mean is the loss, up to rounding."""
        chunks: Any = self.whole.batches
        programs, constants = self.whole.compiled, self.whole.constants
        of_chunks = [_row_losses(programs.model, self.loss, params, in_memory(chunk), constants) for chunk in chunks]
        losses = np.concatenate([np.asarray(losses, np.float64) for losses in of_chunks])
        if len(chunks[0]) > 2:
            weights = np.concatenate([np.asarray(w, np.float64) for *_, w in chunks])
            losses = losses * weights / (weights.mean() if self.loss.reduction == "mean" else 1)
        return losses if self.loss.reduction == "mean" else losses * len(losses)

    def values_on_plane(self, params: PyTree, first: PyTree, second: PyTree, a: Any, b: Any) -> np.ndarray:
        """Return the losses at `θ + a[i] d₁ + b[j] d₂`, `(len(a), len(b))`, computing the first layer once.

        Where points have masks, each is computed as `value` would, so that it has the mask that belongs to its bits.

        Args:
            params: `θ`.
            first: `d₁`.
            second: `d₂`.
            a: coefficients of `d₁`.
            b: coefficients of `d₂`.
        """
        if self.masked:
            return np.array([[self.value(displaced(params, (first, second), (i, j))) for j in b] for i in a])
        grid = np.meshgrid(np.asarray(a, float_dtype()), np.asarray(b, float_dtype()), indexing="ij")
        cells = grid[0].size
        room = max(_ROOM, 1 << (cells - 1).bit_length())
        along = [np.pad(coefficients.reshape(-1), (0, room - cells)) for coefficients in grid]
        on_plane = partial(_losses_on_plane, self.net, self.loss, self.mode == "training")
        losses = self.whole.total(on_plane, params, self.state, first, second, *along, cells)
        return np.asarray(losses)[:cells].reshape(len(a), len(b))

    @property
    def _input_shape(self) -> Shape:
        """The shape of one row's input."""
        return tuple(self.whole.batches[0][0].shape[1:])  # pyright: ignore[reportOptionalSubscript]


def network_surface(
    net: Sequential,
    loss: Loss,
    part: Part,
    variables: Variables,
    *,
    mode: str = "inference",
    key: Key | None = None,
    rows_a_block: int | None = None,
) -> NetworkSurface:
    """Return the loss over rows as the network sees them, as a surface over its parameters.

    Args:
        net: the network.
        loss: that is minimized.
        part: the rows.
        variables: their state is held fixed; their parameters show the structure of parameters.
        mode: `"inference"`; or `"training"`: batch norm takes the statistics of all rows as one batch.
        key: of dropout in training mode; None for no dropout. Each point `θ` has a mask of its own, drawn from
            the key and the bits of `θ`: the surface is rocky, but the same each time.
        rows_a_block: at most so many rows at once in inference mode; None for as many as fit into memory.
    """
    chain, training = architecture(net), mode == "training"
    blocks = cut_rows(part, loss, len(part) if training else rows_a_block or block_rows(chain, part.x))
    equal = loss.reduction == "mean" and part.weights is None
    drops = training and has_layer(chain, tuple(part.x.shape[1:]), Dropout)
    words = np.array(key_words(key)[:2], np.uint32) if drops and key is not None else None
    programs = _network_programs(chain, loss, training)
    whole = FunctionSurface(
        programs.loss_fn,
        variables.params,
        blocks.batches,
        model=programs.model,
        gradient_fn=programs.gradient_fn,
        chunk_weights=None if equal else blocks.weights,
        description=f"{loss.name} over {len(part):,} rows, {mode} mode" + ("" if words is None else " with dropout"),
        constants=(variables.state, words),
        programs=programs,
    )
    return NetworkSurface(whole, chain, loss, mode)


def mean_surface(
    net: Sequential, loss: Loss, part: Part, variables: Variables, *, mode: str = "inference"
) -> NetworkSurface:
    """Return the mean loss over rows, also where the loss is a sum; the rows lie where the compiled code runs.

    Args:
        net: the network.
        loss: of which the mean is taken.
        part: the rows.
        variables: as for `network_surface`.
        mode: `"inference"` or `"training"`; nothing is dropped.
    """
    return network_surface(net, replace(loss, reduction="mean"), part.on_device(), variables, mode=mode)


@dataclass(frozen=True, eq=False)
class MeanGradients:
    """The rows of a surface, and the gradients of the mean loss of batches of them, whatever the rows weigh.

    Attributes:
        surface: of a loss that is a mean.
    """

    surface: NetworkSurface

    @property
    def rows(self) -> int:
        """How many rows batches are drawn from."""
        return self.surface.rows

    def batch_gradients(self, params: PyTree, *, batch_size: int, key: Key = 0) -> Iterator[PyTree]:
        """Yield the gradients of disjoint batches of rows drawn at random by `key`, each by the weights of its rows."""
        return self.surface.whole.drawn_gradients(params, batch_size=batch_size, key=key)


@lru_cache(maxsize=16)
def _network_programs(net: Sequential, loss: Loss, training: bool) -> SurfacePrograms:
    """Return the compiled functions that all surfaces of a network share: rows, state and masks are arguments."""

    def circumstances(params: tuple[Params, ...], w: list[Array], words: Array | np.ndarray | None) -> dict[str, Any]:
        drawn = None if words is None else point_key(words, params)
        return {"training": training, "key": drawn, "row_weights": w[0] if w else None}

    def outputs(
        params: tuple[Params, ...], batch: tuple[Any, ...], state: Any, words: Array | np.ndarray | None
    ) -> Any:
        x, _, *w = batch
        return net.forward(Variables(params, state), x, **circumstances(params, w, words)).output

    def gradient(
        params: tuple[Params, ...], batch: tuple[Any, ...], state: Any, words: Array | np.ndarray | None
    ) -> Any:
        x, t, *w = batch
        return loss_and_gradients(net, Variables(params, state), x, t, loss, **circumstances(params, w, words)).params

    return SurfacePrograms(lambda outputs, batch: loss.value(outputs, *batch[1:]), outputs, gradient)


@partial(bounded_jit, static_argnames=("model", "loss"))
def _row_losses(
    model: Callable[..., Array], loss: Loss, params: PyTree, batch: tuple[Any, ...], constants: tuple[PyTree, ...]
) -> Array:
    """Return the loss of each row of one chunk."""
    single = replace(loss, reduction="mean")
    with jax.default_matmul_precision("highest"):
        return jax.vmap(lambda y, t: single.value(y[None], t[None]))(model(params, batch, *constants), batch[1])


@partial(bounded_jit, static_argnames=("net", "loss", "training"))
def _losses_on_plane(
    net: Sequential,
    loss: Loss,
    training: bool,
    params: PyTree,
    batch: tuple[Any, ...],
    state: tuple[Params, ...],
    first: PyTree,
    second: PyTree,
    a: Array,
    b: Array,
    cells: int | Array,
) -> Array:
    """Return the losses of one chunk at some cells of a plane, compiled once for any number of them up to the room."""
    x, t, *w = batch
    context = Context(training, None, w[0] if w else None)
    with jax.default_matmul_precision("highest"):
        outputs = plane_outputs(net, Variables(params, state), first, second, x, context)

        def with_cell(k: Array, losses: Array) -> Array:
            return losses.at[k].set(loss.value(outputs(a[k], b[k]), t, *w).astype(losses.dtype))

        return lax.fori_loop(0, cells, with_cell, jnp.zeros_like(a))


def has_layer(net: Sequential, input_shape: Shape, kind: type) -> bool:
    """Return whether a network has a layer of a type, inside blocks too."""
    return any(isinstance(layer, kind) for layer, _ in walk(net.layers, input_shape))


def point_key(words: UInt32[Array | np.ndarray, " 2"], params: PyTree) -> UInt32[Array, 2]:
    """Return the key that belongs to a point: drawn from a seed's words and all bits of the parameters."""
    key = typed_key(words)
    for leaf in jax.tree.leaves(params):
        key = jax.random.fold_in(key, _hashed(lax.stop_gradient(leaf)))
    return jax.random.key_data(key)


def _hashed(leaf: Float[Array, ...]) -> UInt32[Array, ""]:
    """Return 32 bits of all bits of an array: each word is mixed with its index, then all are summed."""
    positive_zero = leaf + jnp.zeros((), leaf.dtype)  # −0 is the same point as 0
    bits = lax.bitcast_convert_type(positive_zero, jnp.uint32).reshape(-1)
    index = lax.iota(jnp.uint32, bits.size)
    mixed = (bits ^ (bits >> 16)) * jnp.uint32(0x85EBCA6B) + index * jnp.uint32(0x9E3779B9)
    mixed = (mixed ^ (mixed >> 13)) * jnp.uint32(0xC2B2AE35)
    return jnp.sum(mixed ^ (mixed >> 16), dtype=jnp.uint32)
