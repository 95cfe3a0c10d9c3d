"""Optimizers of others: any pair of optax's protocol.

Some ask for more than the gradients: the loss, a function that computes it elsewhere (line searches), its gradient. A
training offers them all, by optax's names, and a transformation is given those that it takes.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from downslope.core import PyTree, Setting, SettingError
from downslope.optimizers._optimizer import Optimizer, OptimizerLike, make, name_of
from downslope.optimizers._rule import Hyperparams, Rule

WAYS = (
    ("value", "grad", "value_fn", "grad_fn", "obj_fn"),
    ("value", "grad", "value_fn"),
    ("value",),
    ("grad_fn",),
    (),
)
"""Which arguments to offer to a transformation that takes any by name, in turn: one within it may take fewer."""

ROUNDS = 3
"""So often the types of a first state may change before they are those of the next."""


def from_optax(transformation: OptimizerLike) -> Optimizer:
    """Return any optax transformation as an `Optimizer`; ours stay as they are.

    Its numbers stay inside of it: `hyperparams` is empty, each transformation compiles a program of its own, and a run
    records its name only, so that it has to be passed again on resuming. Its own state is the `memory` of the
    `OptimizerState`, with `jax.random` keys as their data.

    Transformations that ask for more than gradients (`optax.lbfgs`, `optax.polyak_sgd`,
    `optax.contrib.reduce_on_plateau`) are given, by name, as they take them: `value`, the loss of the step's batch;
    `grad`, its gradient; `value_fn` and `obj_fn`, `params -> loss` on the same batch, with the same random numbers;
    `grad_fn`, `(params, i) -> gradient` likewise.

    Args:
        transformation: an `optax.GradientTransformation`, an `optax.MultiSteps`, or anything with functions `init` and
            `update` that work as one, such as a pair `(init, update)`.

    Raises:
        SettingError: it is no such thing; on first use, it cannot step on the parameters.

    Example:
        >>> import numpy as np
        >>> import optax
        >>> optimizer = from_optax(optax.sgd(0.5))
        >>> updates, state = optimizer.update(np.array([2.0]), optimizer.init(np.zeros(1)))
        >>> float(updates[0])
        -1.0
    """
    if isinstance(transformation, Optimizer):
        return transformation
    if not is_pair(transformation):
        raise SettingError(
            Setting("optimizer"),
            f"must be an optax transformation, a pair of functions (init, update), got {transformation!r}.",
        )
    init, update = transformation if isinstance(transformation, tuple) else (transformation.init, transformation.update)
    pair = optax.GradientTransformationExtraArgs(init, update)
    return make(from_optax, Foreign(init, update), {}, {"transformation": pair})


def is_pair(value: object) -> TypeGuard[Any]:
    """Return whether a value is a pair of functions, as optax's transformations are, or has them by name."""
    if isinstance(value, tuple):
        return len(value) == 2 and all(callable(part) for part in value)
    has_both = callable(getattr(value, "init", None)) and callable(getattr(value, "update", None))
    return has_both and not isinstance(value, type)


@dataclass(frozen=True)
class Foreign:
    """The rule of `from_optax`: the pair itself, equal by identity of its functions."""

    init_function: Callable
    update_function: Callable

    def init(self, params: PyTree) -> PyTree:
        """Return the pair's own state, in the types that its steps keep.

        Raises:
            SettingError: it cannot step on such parameters, or its state changes its form from step to step.
        """
        try:
            with jax.numpy_dtype_promotion("standard"):  # which optax's own code relies on
                memory = _plain(self.init_function(params))
        except Exception as error:
            raise self._refusal(error) from error
        zeros = jax.tree.map(lambda leaf: jnp.zeros(np.shape(leaf), jnp.result_type(leaf)), params)
        for _ in range(ROUNDS):
            following = jax.eval_shape(lambda state: self._step(zeros, state, params, _trial_loss(zeros))[1], memory)
            if _kinds(memory) == _kinds(following):
                return memory
            if _shapes(memory) != _shapes(following):
                break
            memory = jax.tree.map(lambda leaf, like: jnp.asarray(leaf, like.dtype), memory, following)
        raise SettingError(
            Setting("optimizer"),
            f"must keep the form of its state from step to step, but {self._name} changes it.",
        )

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Array, **extra: object
    ) -> tuple[PyTree, PyTree]:
        """Return the pair's updates and state; it is given what it takes of the extra arguments.

        Raises:
            SettingError: it cannot step so.
        """
        updates, following = self._step(gradients, memory, params, extra)
        return updates, jax.tree.map(lambda new, old: jnp.asarray(new, jnp.result_type(old)), following, memory)

    def _step(
        self, gradients: PyTree, memory: PyTree, params: PyTree, extra: Mapping[str, object]
    ) -> tuple[PyTree, PyTree]:
        """Return the pair's updates and its plain state; of several ways to call it, the first that it takes."""
        refused: Exception | None = None
        for arguments in self._ways(extra):
            try:
                with jax.numpy_dtype_promotion("standard"):
                    updates, state = self.update_function(gradients, _own(memory), params, **arguments)
                return updates, _plain(state)
            except TypeError as error:  # one within a chain takes fewer
                refused = refused or error
            except Exception as error:
                raise self._refusal(error) from error
        raise self._refusal(refused) from refused

    def _ways(self, extra: Mapping[str, object]) -> Iterator[dict[str, object]]:
        """Yield arguments to call it with: those it names, or where it takes any, ever fewer."""
        parameters = inspect.signature(self.update_function).parameters
        if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
            yield {name: value for name, value in extra.items() if name in parameters}
            return
        for names in WAYS if extra else ((),):
            yield {name: value for name, value in extra.items() if name in names}

    @property
    def _name(self) -> str:
        """What it is called in a message: `optax.lookahead`."""
        path, _, name = name_of(self.update_function).partition(".<locals>")[0].rpartition(".")
        public = itertools.takewhile(lambda part: not part.startswith("_"), path.split("."))
        return ".".join([*public, name])

    def _refusal(self, error: Exception | None) -> SettingError:
        """Return the error for a transformation that cannot step."""
        if isinstance(error, SettingError):
            return error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        return SettingError(
            Setting("optimizer"),
            "must step with parameters, their gradients and the loss of a batch, but "
            f"{self._name} cannot: {reason}. Choose another.",
        )


@jax.tree_util.register_pytree_with_keys_class
@dataclass(frozen=True)
class KeyData:
    """A random key within a state, as an array that can be stacked and stored."""

    data: Any
    implementation: str

    def tree_flatten_with_keys(self) -> tuple[tuple[tuple[Any, Any]], str]:
        """Return the array by its name, and the kind of key."""
        return ((jax.tree_util.GetAttrKey("data"), self.data),), self.implementation

    @classmethod
    def tree_unflatten(cls, implementation: str, children: tuple[Any, ...]) -> KeyData:
        """Return the key that has this array."""
        return cls(children[0], implementation)


def _plain(memory: PyTree) -> PyTree:
    """Return a transformation's own state with arrays for leaves: keys as their data, numbers as arrays."""
    return jax.tree.map(_plain_leaf, memory)


def _plain_leaf(leaf: Any) -> Any:
    """Return one leaf as an array, or a key as its data."""
    if jnp.issubdtype(getattr(leaf, "dtype", np.float32), jax.dtypes.prng_key):
        return KeyData(jax.random.key_data(leaf), str(jax.random.key_impl(leaf)))
    return jnp.asarray(leaf)


def _own(memory: PyTree) -> PyTree:
    """Return a plain state as the transformation's own."""

    def key_of(leaf: Any) -> Any:
        return jax.random.wrap_key_data(leaf.data, impl=leaf.implementation) if isinstance(leaf, KeyData) else leaf

    return jax.tree.map(key_of, memory, is_leaf=lambda leaf: isinstance(leaf, KeyData))


def _trial_loss(params: PyTree) -> dict[str, Any]:
    """Return what a training offers about its loss, of one that is zero."""

    def loss(params: PyTree) -> Array:
        return sum((jnp.sum(0 * leaf) for leaf in jax.tree.leaves(params)), jnp.zeros(()))

    return loss_arguments(loss, loss(params), params)


def loss_arguments(loss: Callable[[PyTree], Array], value: Array, gradients: PyTree) -> dict[str, Any]:
    """Return what a step offers to transformations that ask for more than gradients, by optax's names.

    Args:
        loss: the loss that is descended in this step, of any parameters.
        value: at the parameters.
        gradients: there.
    """
    return {
        "value": value,
        "grad": gradients,
        "value_fn": lambda params: loss(params),
        "grad_fn": lambda params, _: jax.grad(loss)(params),
        "obj_fn": lambda params: loss(params),
    }


def takes_loss(rule: Rule) -> bool:
    """Return whether a rule is, or holds, one of others, which may ask for the loss that is descended."""
    inside = getattr(rule, "rule", None)
    return isinstance(rule, Foreign) or (inside is not None and takes_loss(inside))


def _kinds(tree: PyTree) -> tuple[Any, list[Any]]:
    """Return the structure of a tree, and shape and type of its leaves."""
    structure, shapes = _shapes(tree)
    return structure, list(zip(shapes, [leaf.dtype for leaf in jax.tree.leaves(tree)], strict=True))


def _shapes(tree: PyTree) -> tuple[Any, list[Any]]:
    """Return the structure of a tree, and the shapes of its leaves."""
    return jax.tree.structure(tree), [np.shape(leaf) for leaf in jax.tree.leaves(tree)]
