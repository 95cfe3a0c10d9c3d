"""Any function of JAX as a loss surface, over one data set in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from downslope.core._bounded_jit import bounded_jit
from downslope.core._checks import check_integer
from downslope.core._errors import SettingError, ShapeError
from downslope.core._keys import Key, generator
from downslope.core._message import Advice, Setting
from downslope.core._own import own_array
from downslope.core._surface_programs import SurfacePrograms, in_memory, weighted_sum
from downslope.core._trees import named_leaves, tree_size
from downslope.core._types import Number, PyTree

_NO_DATA = ()
"""The one chunk of a function that holds its data itself."""


class _Template(NamedTuple):
    """What parameters look like: a tree's structure, and its leaves' shapes and types."""

    structure: PyTree
    shapes: list[tuple[int, ...]]
    dtypes: list[np.dtype]


@dataclass(frozen=True, eq=False, repr=False)
class FunctionSurface:
    """A loss function of JAX as a surface: value, gradient, Hessian times vector.

    Without `batches` the loss is `loss_fn(params)`. With them it is the mean over all their rows, chunk by chunk:

        l(θ) = Σ_c (n_c / n) loss_fn(θ, batch_c),    n_c the rows of chunk c,  n = Σ n_c

    exact if `loss_fn` is a mean over rows. The gradient is automatic unless given; the Hessian's product with a vector
    differentiates it forward, `H v = ∂/∂ε ∇l(θ + ε v)` at `ε = 0`, and no Hessian is formed. Each is compiled once for
    every shape of chunk; products of matrices use the full precision of the parameters' type on every device.

    Attributes:
        loss_fn: `(params) -> loss`, or `(params, batch) -> loss` with batches; with a `model`, `(outputs, batch) ->
            loss` (or `(outputs) -> loss`).
        params: parameters that show what all later ones must look like; only shapes and types are used, except on first
            use, when the loss is computed twice there to refuse a function that answers differently.
        batches: chunks of the data, each any tree of arrays whose first axes are the rows; None for a function that
            holds its data. What only stands for an array, with a `shape` and an `__array__` that reads it from disk, is
            read whenever its chunk's turn comes.
        model: `(params, batch) -> outputs` (or `(params) -> outputs`), if the Gauss–Newton term is wanted too.
        gradient_fn: `(params, batch) -> gradient` (or `(params) -> gradient`) to use in place of the automatic one.
        chunk_weights: what each chunk's loss counts, used as they are, in place of `n_c / n`: ones for a loss that is a
            sum over rows.
        description: what data and which mode the loss is over, for reports.
        constants: arrays that are no parameters, such as the running averages of batch norm. They follow the batch as
            arguments of what takes the parameters; see `with_constants`.
        programs: the three functions compiled, to be shared by surfaces over other rows; None compiles them anew.

    Raises:
        SettingError: on construction, parameters that are not floating-point, or batches that are none; on first use, a
            function that answers differently twice.
        ShapeError: batches that are no chunks of one data set; a loss that is not one number.

    Example:
        >>> bowl = FunctionSurface(lambda p: 0.5 * jnp.sum(jnp.array([1.0, 3.0]) * p["w"] ** 2), {"w": np.ones(2)})
        >>> bowl
        FunctionSurface(<lambda>, 2 parameters)
        >>> bowl.value({"w": np.ones(2)})
        2.0
        >>> [float(x) for x in bowl.hvp({"w": np.ones(2)}, {"w": np.array([0.0, 1.0])})["w"]]
        [0.0, 3.0]

        A line through data in two chunks of unequal size, the mean over all three rows:

        >>> x, y = np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0])
        >>> loss = lambda p, rows: jnp.mean((p[0] + p[1] * rows[0] - rows[1]) ** 2)
        >>> line = FunctionSurface(loss, np.zeros(2), [(x[:2], y[:2]), (x[2:], y[2:])])
        >>> round(line.value(np.array([0.0, 0.0])), 4)
        11.6667

    References:
        Pearlmutter, "Fast exact multiplication by the Hessian" (1994).
        Schraudolph, "Fast curvature matrix-vector products for second-order gradient descent" (2002), for Gauss–Newton.
    """

    loss_fn: Callable[..., Number]
    params: PyTree
    batches: Sequence[PyTree] | None = None
    model: Callable[..., PyTree] | None = None
    gradient_fn: Callable[..., PyTree] | None = None
    chunk_weights: Sequence[float] | None = None
    description: str = ""
    constants: tuple[PyTree, ...] = ()
    programs: SurfacePrograms | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "params", _own(self.params))
        _check_template(self.params)
        if self.batches is not None:
            object.__setattr__(self, "batches", tuple(map(_own, self.batches)))
            _check_chunks(self.batches)
        if self.chunk_weights is not None and len(self.chunk_weights) != len(self._chunks):
            raise ShapeError(
                Setting("chunk_weights"),
                f"must hold one number a chunk, {len(self._chunks)}, got {len(self.chunk_weights)}.",
            )

    def __repr__(self) -> str:
        name = self.description or getattr(self.loss_fn, "__name__", type(self.loss_fn).__name__)
        rows = f" over {self.rows:,} rows" if self.rows and not self.description else ""
        return f"FunctionSurface({name}{rows}, {tree_size(self.params):,} parameters)"

    @property
    def rows(self) -> int:
        """How many rows the batches hold; 0 for a function that holds its data."""
        return sum(_rows(batch) for batch in self.batches or ())

    def value(self, params: PyTree) -> float:
        """Return the loss; infinite or NaN where it is."""
        return float(self.total(self.compiled.value, self._checked(params), self.constants))

    def gradient(self, params: PyTree) -> PyTree:
        """Return the gradient of the loss, a tree like `params`."""
        return self.total(self.compiled.gradient, self._checked(params), self.constants)

    def value_and_gradient(self, params: PyTree) -> tuple[float, PyTree]:
        """Return the loss and its gradient, in one pass over the data."""
        value, gradient = self.total(self.compiled.value_and_gradient, self._checked(params), self.constants)
        return float(value), gradient

    def with_constants(self, *constants: PyTree) -> FunctionSurface:
        """Return the same loss with other constants of the same shapes: nothing is checked or compiled again."""
        other = copy(self)
        object.__setattr__(other, "constants", constants)
        return other

    def times(self, factor: float) -> FunctionSurface:
        """Return the loss times a factor."""
        return replace(self, chunk_weights=[factor * weight for weight in self._weights])

    def hvp(self, params: PyTree, v: PyTree) -> PyTree:
        """Return the Hessian at `params` times `v`, both trees like the template."""
        return self.total(self.compiled.hvp, self._checked(params), self.constants, self._fitted(v, "v"))

    def hvp_at(self, params: PyTree) -> Callable[[PyTree], PyTree]:
        """Return the map `v ↦ H v` at `params`.

        With all data in one chunk the gradient is linearized once, and each product costs about one gradient in place
        of one and a half. With several, all their activations would have to be kept, and each product is `hvp`.
        """
        params = self._checked(params)
        if len(self._chunks) == 1 and self._weights[0] == 1:
            linear = self.compiled.linearized(params, in_memory(self._chunks[0]), self.constants)
            return lambda v: _applied(linear, self._fitted(v, "v"))
        return lambda v: self.total(self.compiled.hvp, params, self.constants, self._fitted(v, "v"))

    def values(self, many_params: PyTree) -> jax.Array:
        """Return the losses at many points, `(points,)`; each leaf of `many_params` has them along its first axis."""
        first = jax.tree.map(lambda leaf: leaf[0], many_params)
        self._checked(first)
        return self.total(self.compiled.values, many_params, self.constants)

    def gauss_newton_product(self, params: PyTree, v: PyTree) -> PyTree:
        """Return the Gauss–Newton term `Jᵀ (∂²l/∂y²) J` of the Hessian times `v`.

        Raises:
            SettingError: the surface was made without `model`.
        """
        if self.model is None:
            raise SettingError(
                "The Gauss–Newton term needs a surface that knows its model, got a loss function alone. Pass",
                Setting("model"),
                "(parameters to outputs), and a",
                Setting("loss_fn"),
                "of the outputs.",
                setting="operator",
            )
        return self.total(self.compiled.gauss_newton, self._checked(params), self.constants, self._fitted(v, "v"))

    def batch_gradients(self, params: PyTree, *, batch_size: int, key: Key = 0) -> Iterator[PyTree]:
        """Yield the gradients of disjoint batches of `batch_size` rows drawn at random from all chunks by `key`.

        Raises:
            SettingError: the function holds its data itself, or there are fewer rows than one batch has.
        """
        batch_size = check_integer("batch_size", batch_size)
        self._check_mean("Gradients of batches need")
        if batch_size > self.rows:
            raise SettingError(Setting("batch_size"), f"must be at most {self.rows}, the rows, got {batch_size}.")
        return self.drawn_gradients(params, batch_size=batch_size, key=key)

    def drawn_gradients(self, params: PyTree, *, batch_size: int, key: Key = 0) -> Iterator[PyTree]:
        """Yield the gradients of `loss_fn` over the batches of `batch_gradients`, whatever a chunk of rows counts."""
        params, order = self._checked(params), generator(key, "batch gradients").permutation(self.rows)
        drawn = (order[start : start + batch_size] for start in range(0, self.rows - batch_size + 1, batch_size))
        return (self.compiled.gradient(params, self._gathered(np.sort(rows)), self.constants) for rows in drawn)

    def on_rows(self, rows: np.ndarray, *, chunk: int | None = None) -> FunctionSurface:
        """Return the same loss over some of its rows; it shares the compiled functions.

        Args:
            rows: their numbers over all chunks.
            chunk: how many rows at once, a divisor of their number, so that draws of several sizes share programs; None
                for all of them.

        Raises:
            SettingError: the function holds its data itself, or its chunks count otherwise than by their rows.
        """
        self._check_mean("The loss over some rows needs")
        parts = np.sort(rows).reshape(-1, len(rows) if chunk is None else chunk)
        return replace(self, batches=[self._gathered(part) for part in parts], programs=self.compiled)

    def _check_mean(self, need: str) -> None:
        """Check that the loss is a mean over the rows of its batches.

        Raises:
            SettingError: it is not, or they are not known.
        """
        if self.batches is None or self.chunk_weights is not None:
            raise SettingError(
                f"{need} a loss that is a mean over the rows of its batches. Pass",
                Setting("batches"),
                ", and no",
                Setting("chunk_weights"),
                ".",
                setting="surface",
            )

    def _gathered(self, rows: np.ndarray) -> PyTree:
        """Return some rows, by their numbers over all chunks in ascending order, as one batch."""
        if len(self._chunks) == 1:
            return jax.tree.map(lambda leaf: _rows_of(leaf, rows), self._chunks[0])
        ends = np.cumsum([_rows(batch) for batch in self._chunks])
        parts, start = [], 0
        for batch, end in zip(self._chunks, ends, strict=True):
            inside = rows[(rows >= start) & (rows < end)] - start
            if len(inside):
                parts.append(jax.tree.map(lambda leaf, index=inside: _rows_of(leaf, index), batch))
            start = end
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)

    @property
    def _chunks(self) -> tuple[PyTree, ...]:
        return (_NO_DATA,) if self.batches is None else tuple(self.batches)

    @cached_property
    def _weights(self) -> tuple[float, ...]:
        """What each chunk counts."""
        if self.chunk_weights is not None:
            return tuple(float(weight) for weight in self.chunk_weights)
        return (1.0,) if self.batches is None else tuple(_rows(batch) / self.rows for batch in self.batches)

    @cached_property
    def compiled(self) -> SurfacePrograms:
        """Its functions, each compiled when it is first called."""
        return self.programs or SurfacePrograms(self.loss_fn, self.model, self.gradient_fn)

    def total(self, part: Callable[..., PyTree], params: PyTree, *others: PyTree) -> PyTree:
        """Return the weighted sum over chunks of `part(params, batch, *others)`, computed chunk by chunk."""
        return weighted_sum(lambda batch: part(params, batch, *others), self._chunks, self._weights)

    def _checked(self, params: PyTree) -> PyTree:
        """Return parameters that fit the template; the first time, refuse a function that changes its answers."""
        params = self._fitted(params, "params")
        if not self.compiled.repeats:
            template = self._fitted(self.params, "params")
            self.compiled.check_repeats(template, in_memory(self._chunks[0]), self.constants)
        return params

    def _fitted(self, tree: PyTree, setting: str) -> PyTree:
        """Return a tree in the types of the template.

        Raises:
            ShapeError: it has another structure or other shapes.
        """
        leaves, structure = jax.tree.flatten(tree)
        like = self._template
        if structure != like.structure or [np.shape(leaf) for leaf in leaves] != like.shapes:
            raise ShapeError(
                Setting(setting),
                f"must be a tree like the surface's parameters, with {_listed(self.params)}, got {_listed(tree)}.",
            )
        return structure.unflatten(map(_as_type, leaves, like.dtypes))

    @cached_property
    def _template(self) -> _Template:
        """What all parameters must look like."""
        leaves, structure = jax.tree.flatten(self.params)
        return _Template(structure, [np.shape(leaf) for leaf in leaves], [_canonical(leaf) for leaf in leaves])


@bounded_jit
def _applied(linear: Callable[[PyTree], PyTree], v: PyTree) -> PyTree:
    """Return a linear map of a vector; its precision was set when it was made."""
    return linear(v)


def _rows_of(leaf: Any, rows: np.ndarray) -> np.ndarray:
    """Return some rows of an array, or of what stands for one: of that on disk no others are read, if it can be."""
    return np.asarray(leaf)[rows] if isinstance(leaf, jax.Array) or not hasattr(leaf, "__getitem__") else leaf[rows]


def _as_type(leaf: PyTree, dtype: np.dtype) -> jax.Array | np.ndarray:
    """Return a leaf as an array of a type that nobody writes to: what is compiled may still be computing by then."""
    ready = isinstance(leaf, jax.Array) or (isinstance(leaf, np.ndarray) and not leaf.flags.writeable)
    return leaf if ready and leaf.dtype == dtype else jnp.array(leaf, dtype)


def _own(tree: PyTree) -> PyTree:
    """Return a tree that shares no array that can be written to; rows on disk stay there."""
    return jax.tree.map(
        lambda leaf: own_array(leaf) if type(leaf) is np.ndarray and leaf.flags.writeable else leaf, tree
    )


def _canonical(leaf: PyTree) -> np.dtype:
    """Return the type that JAX gives a leaf: float32 for NumPy's float64 unless x64 mode is on."""
    return jax.dtypes.canonicalize_dtype(np.asarray(leaf).dtype if not hasattr(leaf, "dtype") else leaf.dtype)


def _rows(batch: PyTree) -> int:
    """Return how many rows a chunk has."""
    return int(np.shape(jax.tree.leaves(batch)[0])[0])


def _listed(tree: PyTree) -> str:
    """Return the names and shapes of a tree's arrays in a few words."""
    shapes = {name: np.shape(leaf) for name, leaf in named_leaves(tree).items()}
    words = [f"{name or 'an array'} {list(shape)}" for name, shape in shapes.items()]
    return ", ".join(words[:6]) + (f" and {len(words) - 6} more" if len(words) > 6 else "") if words else "no arrays"


def _check_template(params: PyTree) -> None:
    """Check that parameters are arrays of floating-point numbers, at least one.

    Raises:
        SettingError: they are not.
    """
    leaves = named_leaves(params)
    if not sum(np.size(leaf) for leaf in leaves.values()):
        raise SettingError(Setting("params"), "must hold at least one number, got none.")
    for name, leaf in leaves.items():
        if not jnp.issubdtype(_canonical(leaf), jnp.floating):
            raise SettingError(
                Setting("params"),
                f"must hold floating-point numbers, got {_canonical(leaf)} at {name or 'the top'!r}. "
                "Keep what does not descend out of them, inside the loss function.",
            )


def _check_chunks(batches: Sequence[PyTree] | None) -> None:
    """Check that batches are chunks of one data set: rows first, otherwise of one shape.

    Raises:
        SettingError: there are none.
        ShapeError: they are not.
    """
    if not batches:
        raise SettingError(Setting("batches"), "must hold at least one chunk of rows, got none.")
    kinds = set()
    for batch in batches:
        shapes = [np.shape(leaf) for leaf in jax.tree.leaves(batch)]
        if not shapes or not all(shapes) or len({shape[0] for shape in shapes}) != 1 or shapes[0][0] == 0:
            raise ShapeError(
                "Each chunk of", Setting("batches"), f"must hold arrays of equally many rows, got shapes {shapes}."
            )
        kinds.add((jax.tree.structure(batch), tuple(shape[1:] for shape in shapes)))
    if len(kinds) != 1:
        raise ShapeError(
            Setting("batches"),
            "must be chunks of one data set, alike but for the number of rows, got different ones.",
            Advice("for one chunk of inputs and targets pass {}", code="`[(x, y)]`"),
        )
