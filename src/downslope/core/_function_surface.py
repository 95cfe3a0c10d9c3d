"""Any function of JAX as a loss surface, over one data set in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from downslope.core._checks import check_integer
from downslope.core._errors import SettingError, ShapeError
from downslope.core._keys import Key, generator
from downslope.core._message import Advice, Setting
from downslope.core._surface import check_repeats
from downslope.core._trees import named_leaves, tree_size
from downslope.core._types import Number, PyTree

_NO_DATA = ()
"""The one chunk of a function that holds its data itself."""

_VALUES_AT_ONCE = 100_000
"""`values` evaluates as many points at once as together hold so many parameters; one by one beyond."""


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

    def __post_init__(self) -> None:
        _check_template(self.params)
        if self.batches is not None:
            object.__setattr__(self, "batches", tuple(self.batches))
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
        return float(self.total(self._value, self._checked(params)))

    def gradient(self, params: PyTree) -> PyTree:
        """Return the gradient of the loss, a tree like `params`."""
        return self.total(self._gradient, self._checked(params))

    def hvp(self, params: PyTree, v: PyTree) -> PyTree:
        """Return the Hessian at `params` times `v`, both trees like the template."""
        return self.total(self._hvp, self._checked(params), self._fitted(v, "v"))

    def hvp_at(self, params: PyTree) -> Callable[[PyTree], PyTree]:
        """Return the map `v ↦ H v` at `params`.

        With all data in one chunk the gradient is linearized once, and each product costs about one gradient in place
        of one and a half. With several, all their activations would have to be kept, and each product is `hvp`.
        """
        params = self._checked(params)
        if len(self._chunks) == 1 and self._weights[0] == 1:
            linear = self._linearized(params, in_memory(self._chunks[0]))
            return lambda v: _applied(linear, self._fitted(v, "v"))
        return lambda v: self.total(self._hvp, params, self._fitted(v, "v"))

    def values(self, many_params: PyTree) -> jax.Array:
        """Return the losses at many points, `(points,)`; each leaf of `many_params` has them along its first axis."""
        first = jax.tree.map(lambda leaf: leaf[0], many_params)
        self._checked(first)
        return self.total(self._values, many_params)

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
        return self.total(self._gauss_newton, self._checked(params), self._fitted(v, "v"))

    def batch_gradients(self, params: PyTree, *, batch_size: int, key: Key = 0) -> Iterator[PyTree]:
        """Yield the gradients of disjoint batches of `batch_size` rows drawn at random from all chunks by `key`.

        Raises:
            SettingError: the function holds its data itself, or there are fewer rows than one batch has.
        """
        batch_size = check_integer("batch_size", batch_size)
        if self.batches is None or self.chunk_weights is not None:
            raise SettingError(
                "Gradients of batches need a loss that is a mean over the rows of its batches. Pass",
                Setting("batches"),
                ", and no",
                Setting("chunk_weights"),
                ".",
                setting="surface",
            )
        if batch_size > self.rows:
            raise SettingError(Setting("batch_size"), f"must be at most {self.rows}, the rows, got {batch_size}.")
        params = self._checked(params)
        return self._batch_gradients(params, batch_size, generator(key, "batch gradients").permutation(self.rows))

    def _batch_gradients(self, params: PyTree, size: int, order: np.ndarray) -> Iterator[PyTree]:
        for start in range(0, len(order) - size + 1, size):
            yield self._gradient(params, self._gathered(np.sort(order[start : start + size])))

    def _gathered(self, rows: np.ndarray) -> PyTree:
        """Return some rows, by their numbers over all chunks in ascending order, as one batch."""
        ends = np.cumsum([_rows(batch) for batch in self._chunks])
        parts, start = [], 0
        for batch, end in zip(self._chunks, ends, strict=True):
            inside = rows[(rows >= start) & (rows < end)] - start
            if len(inside):
                parts.append(jax.tree.map(lambda leaf, index=inside: np.asarray(leaf)[index], batch))
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

    def total(self, part: Callable[..., PyTree], params: PyTree, *others: PyTree) -> PyTree:
        """Return the weighted sum over chunks of `part(params, batch, *others)`, computed chunk by chunk."""
        if len(self._chunks) == 1 and self._weights[0] == 1:
            return part(params, in_memory(self._chunks[0]), *others)
        total = None
        for batch, weight in zip(self._chunks, self._weights, strict=True):
            term = part(params, in_memory(batch), *others)
            total = _scaled(term, weight) if total is None else _add(total, term, weight)
        return total

    def _loss(self, params: PyTree, batch: PyTree) -> jax.Array:
        """Return the loss of one chunk."""
        data = () if self.batches is None else (batch,)
        arguments = (params, *data) if self.model is None else (self.model(params, *data), *data)
        loss = jnp.asarray(self.loss_fn(*arguments))
        if loss.shape != () or not jnp.issubdtype(loss.dtype, jnp.floating):
            raise ShapeError(
                f"The loss function must return one floating-point number, got {loss.dtype}{list(loss.shape)}. "
                "Take the mean over rows inside it."
            )
        return loss

    def _slope(self, params: PyTree, batch: PyTree) -> PyTree:
        """Return the gradient of one chunk."""
        if self.gradient_fn is None:
            return jax.grad(self._loss)(params, batch)
        return self.gradient_fn(params) if self.batches is None else self.gradient_fn(params, batch)

    @cached_property
    def _value(self) -> Callable[..., jax.Array]:
        return _compiled(self._loss)

    @cached_property
    def _gradient(self) -> Callable[..., PyTree]:
        return _compiled(self._slope)

    @cached_property
    def _hvp(self) -> Callable[..., PyTree]:
        return _compiled(lambda p, batch, v: jax.jvp(lambda q: self._slope(q, batch), (p,), (v,))[1])

    @cached_property
    def _linearized(self) -> Callable[..., Callable[[PyTree], PyTree]]:
        def slope(p: PyTree, batch: PyTree) -> PyTree:
            # before jax 0.10.1 a constant gradient leaks a tracer when it is linearized: `0 q` makes it depend on `q`
            return jax.tree.map(lambda g, q: g + 0 * q, self._slope(p, batch), p)

        return _compiled(lambda p, batch: jax.linearize(lambda q: slope(q, batch), p)[1])

    @cached_property
    def _values(self) -> Callable[..., jax.Array]:
        together = max(1, _VALUES_AT_ONCE // tree_size(self.params))
        return _compiled(lambda many, batch: jax.lax.map(lambda p: self._loss(p, batch), many, batch_size=together))

    @cached_property
    def _gauss_newton(self) -> Callable[..., PyTree]:
        def product(params: PyTree, batch: PyTree, v: PyTree) -> PyTree:
            data = () if self.batches is None else (batch,)
            model = self.model or self.loss_fn
            outputs, pull_back = jax.vjp(lambda p: model(p, *data), params)
            _, d_outputs = jax.jvp(lambda p: model(p, *data), (params,), (v,))
            of_loss = jax.grad(lambda y: self.loss_fn(y, *data))
            return pull_back(jax.jvp(of_loss, (outputs,), (d_outputs,))[1])[0]

        return _compiled(product)

    def _checked(self, params: PyTree) -> PyTree:
        """Return parameters that fit the template; the first time, refuse a function that changes its answers."""
        params = self._fitted(params, "params")
        _ = self._repeats
        return params

    @cached_property
    def _repeats(self) -> bool:
        """Whether the loss is the same when traced and run again: refused if not."""
        batch, params = in_memory(self._chunks[0]), self._fitted(self.params, "params")
        again = _compiled(lambda p, rows: self._loss(p, rows))
        check_repeats(float(self._value(params, batch)), float(again(params, batch)), dtype=_dtype(params))
        return True

    def _fitted(self, tree: PyTree, setting: str) -> PyTree:
        """Return a tree in the types of the template.

        Raises:
            ShapeError: it has another structure or other shapes.
        """
        shapes = {name: np.shape(leaf) for name, leaf in named_leaves(tree).items()}
        expected = {name: np.shape(leaf) for name, leaf in named_leaves(self.params).items()}
        if shapes != expected or jax.tree.structure(tree) != jax.tree.structure(self.params):
            raise ShapeError(
                Setting(setting),
                f"must be a tree like the surface's parameters, with {_listed(expected)}, got {_listed(shapes)}.",
            )
        return jax.tree.map(lambda leaf, like: jnp.asarray(leaf, _canonical(like)), tree, self.params)


def in_memory(batch: PyTree) -> PyTree:
    """Return a batch with arrays in place of what stands for arrays on disk, which is read."""
    return jax.tree.map(lambda leaf: np.asarray(leaf) if _on_disk(leaf) else leaf, batch)


def _on_disk(leaf: object) -> bool:
    """Return whether a leaf of a batch stands for an array without being one."""
    return hasattr(leaf, "__array__") and not isinstance(leaf, (np.ndarray, np.generic, jax.Array))


def _compiled(function: Callable[..., PyTree]) -> Callable[..., PyTree]:
    """Return a function compiled, its products of matrices in full precision."""

    def precise(*arguments: PyTree) -> PyTree:
        with jax.default_matmul_precision("highest"):
            return function(*arguments)

    return jax.jit(precise)


@jax.jit
def _applied(linear: Callable[[PyTree], PyTree], v: PyTree) -> PyTree:
    """Return a linear map of a vector; its precision was set when it was made."""
    return linear(v)


@jax.jit
def _scaled(term: PyTree, weight: Number) -> PyTree:
    """Return a tree times a number."""
    return jax.tree.map(lambda leaf: leaf * jnp.asarray(weight, leaf.dtype), term)


@jax.jit
def _add(total: PyTree, term: PyTree, weight: Number) -> PyTree:
    """Return `total + weight · term`."""
    return jax.tree.map(lambda sum_, leaf: sum_ + leaf * jnp.asarray(weight, leaf.dtype), total, term)


def _canonical(leaf: PyTree) -> np.dtype:
    """Return the type that JAX gives a leaf: float32 for NumPy's float64 unless x64 mode is on."""
    return jax.dtypes.canonicalize_dtype(np.asarray(leaf).dtype if not hasattr(leaf, "dtype") else leaf.dtype)


def _dtype(params: PyTree) -> np.dtype:
    """Return the type of least precision among the leaves."""
    return max((leaf.dtype for leaf in jax.tree.leaves(params)), key=lambda dtype: float(jnp.finfo(dtype).eps))


def _rows(batch: PyTree) -> int:
    """Return how many rows a chunk has."""
    return int(np.shape(jax.tree.leaves(batch)[0])[0])


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
    """Return names and shapes in a few words."""
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
