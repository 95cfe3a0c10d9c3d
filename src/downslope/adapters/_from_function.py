"""A loss surface from any function of JAX over any tree: plain, Flax NNX, Equinox."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps

import jax
import jax.numpy as jnp
import numpy as np

from downslope.adapters._traced import Traced
from downslope.core import FunctionSurface, PyTree, Setting, SettingError, own_tree


def from_function(
    loss_fn: Callable[..., jax.Array],
    params: PyTree,
    batches: Iterable[PyTree] | None = None,
    *,
    model: Callable[..., PyTree] | None = None,
    chunk_weights: Sequence[float] | None = None,
    description: str = "",
) -> FunctionSurface:
    """Return a function of JAX as a loss surface over its parameters.

    Without `batches` the loss is `loss_fn(params)`. With them it is the mean over all their rows, chunk by chunk,

        l(θ) = Σ_c (n_c / n) loss_fn(θ, batch_c),    n_c the rows of chunk c,  n = Σ n_c

    exact, however unequal the chunks, if `loss_fn` is a mean over rows that do not influence each other. The mode is
    what `loss_fn` says: dropout off, batch norm by its running statistics. A function that answers differently when
    asked the same twice is refused on first use. Nothing that is given is changed or shared: parameters and batches are
    copied here, and arrays that `loss_fn` refers to otherwise when it is first used.

    Arrays of floating-point numbers are what descends. Whatever else `params` holds (None, whole numbers, numbers that
    are no arrays, functions, random keys) is kept as it is now and handed to `loss_fn` in its place, so a whole
    Equinox model will do; `surface.params` is the tree without it, and the one to pass on. The frameworks' own ways to
    part a model do as well, and keep running statistics out:

        graph, params, rest = nnx.split(net, nnx.Param, ...)      # Flax NNX; nnx.merge(graph, params, rest) in the loss
        params, static = eqx.partition(net, eqx.is_inexact_array) # Equinox; eqx.combine(params, static) in the loss

    Args:
        loss_fn: `(params) -> loss`, or `(params, batch) -> loss` with batches; with a `model`, `(outputs, batch) ->
            loss` (or `(outputs) -> loss`).
        params: any tree; their values are used for shapes, types, and the first check alone.
        batches: chunks of the data, as many rows each as fit in memory with their activations, each any tree of arrays
            whose first axes are the rows; read once. None for a function that holds its data.
        model: `(params, batch) -> outputs` (or `(params) -> outputs`), if the Gauss–Newton term is wanted too.
        chunk_weights: what each chunk's loss counts, used as they are, in place of `n_c / n`: ones for a loss that is a
            sum over rows.
        description: what data and which mode the loss is over, for reports.

    Returns:
        A surface with value, gradient, Hessian times vector, values at many points; with batches, gradients of batches
        of their rows; with a model, the Gauss–Newton product.

    Raises:
        SettingError: no floating-point arrays, complex ones, or batches that are none; on first use, a function that
            answers differently twice.
        ShapeError: batches that are no chunks of one data set; on use, a loss that is not one number.

    Example:
        >>> import downslope as ds
        >>> x, y = np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0])
        >>> def loss(params, batch):
        ...     x, y = batch
        ...     return jnp.mean((params["a"] + params["b"] * x - y) ** 2)
        >>> surface = from_function(loss, {"a": np.zeros(()), "b": np.zeros(())}, [(x[:2], y[:2]), (x[2:], y[2:])])
        >>> round(surface.value(surface.params), 4)
        11.6667
        >>> [round(float(value), 4) for value in ds.eigenvalues(surface, surface.params, k=2).values]
        [4.7749, 0.5585]
    """
    leaves, structure = jax.tree.flatten(own_tree(params))
    descends = [_descends(leaf) for leaf in leaves]
    if not any(descends):
        raise SettingError(
            Setting("params"),
            "must hold at least one array of floating-point numbers, got none. Make a number into an array: "
            "np.array(1.0).",
        )
    static = [None if dynamic else leaf for leaf, dynamic in zip(leaves, descends, strict=True)]
    descending = structure.unflatten(
        [leaf if dynamic else None for leaf, dynamic in zip(leaves, descends, strict=True)]
    )

    def combined(params: PyTree) -> PyTree:
        dynamic = iter(jax.tree.leaves(params))
        return structure.unflatten([next(dynamic) if leaf is None else leaf for leaf in static])

    def of_descending(function: Callable[..., PyTree]) -> Callable[..., PyTree]:
        if all(descends):
            return Traced(function)
        return Traced(wraps(function)(lambda params, *batch: function(combined(params), *batch)))

    return FunctionSurface(
        Traced(loss_fn) if model is not None else of_descending(loss_fn),
        descending,
        None if batches is None else tuple(own_tree(_plain(batch)) for batch in batches),
        model=None if model is None else of_descending(model),
        chunk_weights=chunk_weights,
        description=description,
    )


def _plain(batch: PyTree) -> PyTree:
    """Return a batch with dicts in place of other mappings, such as a tokenizer's result, which JAX does not know."""
    if isinstance(batch, Mapping) and not isinstance(batch, dict):
        return {name: _plain(value) for name, value in batch.items()}
    return batch


def _descends(leaf: object) -> bool:
    """Return whether a leaf of the parameters descends: whether it is an array of floating-point numbers."""
    return isinstance(leaf, (np.ndarray, np.generic, jax.Array)) and jnp.issubdtype(leaf.dtype, jnp.inexact)
