"""The functions of a loss surface, compiled for one chunk of its data, and their sum over all chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from downslope.core._bounded_jit import bounded_jit
from downslope.core._errors import ShapeError
from downslope.core._surface import check_repeats
from downslope.core._trees import tree_size
from downslope.core._types import Number, PyTree

_VALUES_AT_ONCE = 100_000
"""`values` evaluates as many points at once as together hold so many parameters; one by one beyond."""


@dataclass(eq=False)
class SurfacePrograms:
    """The functions of a surface, compiled when they are first called; surfaces over other rows can share them.

    Each is `(params, batch, constants)` and arguments of its own, over one chunk of the data. Products of matrices use
    the full precision of the parameters' type.

    Attributes:
        loss_fn: see `FunctionSurface`, as for the others.
        model: the parameters' outputs, or None.
        gradient_fn: in place of the automatic gradient, or None.
        repeats: whether the loss was computed twice and is the same.
    """

    loss_fn: Callable[..., Number]
    model: Callable[..., PyTree] | None = None
    gradient_fn: Callable[..., PyTree] | None = None
    repeats: bool = False

    def loss(self, params: PyTree, batch: PyTree, constants: tuple[PyTree, ...]) -> jax.Array:
        """Return the loss of one chunk, not compiled."""
        data = _arguments(batch)
        if self.model is None:
            loss = jnp.asarray(self.loss_fn(params, *data, *constants))
        else:
            loss = jnp.asarray(self.loss_fn(self.model(params, *data, *constants), *data))
        if loss.shape != () or not jnp.issubdtype(loss.dtype, jnp.floating):
            raise ShapeError(
                f"The loss function must return one floating-point number, got {loss.dtype}{list(loss.shape)}. "
                "Take the mean over rows inside it."
            )
        return loss

    def slope(self, params: PyTree, batch: PyTree, constants: tuple[PyTree, ...]) -> PyTree:
        """Return the gradient of one chunk, not compiled."""
        if self.gradient_fn is None:
            return jax.grad(self.loss)(params, batch, constants)
        return self.gradient_fn(params, *_arguments(batch), *constants)

    @cached_property
    def value(self) -> Callable[..., jax.Array]:
        """The loss."""
        return _compiled(self.loss)

    @cached_property
    def gradient(self) -> Callable[..., PyTree]:
        """The gradient."""
        return _compiled(self.slope)

    @cached_property
    def value_and_gradient(self) -> Callable[..., tuple[jax.Array, PyTree]]:
        """The loss and the gradient, whose forward pass is one and the same."""
        return _compiled(lambda *arguments: (self.loss(*arguments), self.slope(*arguments)))

    @cached_property
    def hvp(self) -> Callable[..., PyTree]:
        """`(params, batch, constants, v)`: the Hessian times a vector."""
        return _compiled(
            lambda p, batch, constants, v: jax.jvp(lambda q: self.slope(q, batch, constants), (p,), (v,))[1]
        )

    @cached_property
    def linearized(self) -> Callable[..., Callable[[PyTree], PyTree]]:
        """The map from a vector to the Hessian times it."""

        def slope(p: PyTree, batch: PyTree, constants: tuple[PyTree, ...]) -> PyTree:
            # before jax 0.10.1 a constant gradient leaks a tracer when it is linearized: `0 q` makes it depend on `q`
            return jax.tree.map(lambda g, q: g + 0 * q, self.slope(p, batch, constants), p)

        return _compiled(lambda p, batch, constants: jax.linearize(lambda q: slope(q, batch, constants), p)[1])

    @cached_property
    def values(self) -> Callable[..., jax.Array]:
        """`(many_params, batch, constants)`: the losses at many points."""

        def losses(many: PyTree, batch: PyTree, constants: tuple[PyTree, ...]) -> jax.Array:
            points = jax.tree.leaves(many)[0].shape[0]
            together = max(1, _VALUES_AT_ONCE * points // tree_size(many))
            return jax.lax.map(lambda p: self.loss(p, batch, constants), many, batch_size=together)

        return _compiled(losses)

    @cached_property
    def gauss_newton(self) -> Callable[..., PyTree]:
        """`(params, batch, constants, v)`: the Gauss–Newton term of the Hessian times a vector."""

        def product(params: PyTree, batch: PyTree, constants: tuple[PyTree, ...], v: PyTree) -> PyTree:
            data, model = _arguments(batch), self.model or self.loss_fn
            outputs, pull_back = jax.vjp(lambda p: model(p, *data, *constants), params)
            _, d_outputs = jax.jvp(lambda p: model(p, *data, *constants), (params,), (v,))
            of_loss = jax.grad(lambda y: self.loss_fn(y, *data))
            return pull_back(jax.jvp(of_loss, (outputs,), (d_outputs,))[1])[0]

        return _compiled(product)

    def check_repeats(self, params: PyTree, batch: PyTree, constants: tuple[PyTree, ...]) -> None:
        """Trace and run the loss again, and refuse one that is not the same."""
        anew = SurfacePrograms(_anew(self.loss_fn), None if self.model is None else _anew(self.model))
        again = _compiled(anew.loss)
        first, second = (float(loss(params, batch, constants)) for loss in (self.value, again))
        check_repeats(first, second, dtype=_dtype(params))
        self.repeats = True


def _anew(function: Callable[..., PyTree]) -> Callable[..., PyTree]:
    """Return a function that is computed from the start, also one that keeps what it traced."""
    again = getattr(function, "again", None)
    return function if again is None else again()


def weighted_sum(function: Callable[[PyTree], PyTree], batches: Sequence[PyTree], weights: Sequence[float]) -> PyTree:
    """Return `Σ_c weights[c] · function(batches[c])`, trees of arrays, read from disk and computed one by one."""
    if len(batches) == 1 and weights[0] == 1:
        return function(in_memory(batches[0]))
    total = None
    for batch, weight in zip(batches, weights, strict=True):
        term = function(in_memory(batch))
        total = _scaled(term, weight) if total is None else _add(total, term, weight)
    return total


def in_memory(batch: PyTree) -> PyTree:
    """Return a batch with arrays in place of what stands for arrays on disk, which is read."""
    return jax.tree.map(lambda leaf: np.asarray(leaf) if _on_disk(leaf) else leaf, batch)


def _arguments(batch: PyTree) -> tuple[PyTree, ...]:
    """Return the arguments that a chunk is: none where the function holds its data."""
    return () if isinstance(batch, tuple) and not batch else (batch,)


def _on_disk(leaf: object) -> bool:
    """Return whether a leaf of a batch stands for an array without being one."""
    return hasattr(leaf, "__array__") and not isinstance(leaf, (np.ndarray, np.generic, jax.Array))


def _compiled(function: Callable[..., PyTree]) -> Callable[..., PyTree]:
    """Return a function compiled, its products of matrices in full precision."""

    def precise(*arguments: PyTree) -> PyTree:
        with jax.default_matmul_precision("highest"):
            return function(*arguments)

    return bounded_jit(precise)


@bounded_jit
def _scaled(term: PyTree, weight: Number) -> PyTree:
    """Return a tree times a number."""
    return jax.tree.map(lambda leaf: leaf * jnp.asarray(weight, leaf.dtype), term)


@bounded_jit
def _add(total: PyTree, term: PyTree, weight: Number) -> PyTree:
    """Return `total + weight · term`."""
    return jax.tree.map(lambda sum_, leaf: sum_ + leaf * jnp.asarray(weight, leaf.dtype), total, term)


def _dtype(params: PyTree) -> np.dtype:
    """Return the type of least precision among the leaves."""
    return max((leaf.dtype for leaf in jax.tree.leaves(params)), key=lambda dtype: float(jnp.finfo(dtype).eps))
