"""Optimizers of others: any pair of optax's protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeGuard

import optax
from jax import Array

from downslope.core import PyTree, Setting, SettingError
from downslope.optimizers._optimizer import Optimizer, OptimizerLike, make
from downslope.optimizers._rule import Hyperparams


def from_optax(transformation: OptimizerLike) -> Optimizer:
    """Return any optax transformation as an `Optimizer`; ours stay as they are.

    Its numbers stay inside of it: `hyperparams` is empty, each transformation compiles a program of its own, and a run
    records its name only, so that it has to be passed again on resuming.

    Args:
        transformation: an `optax.GradientTransformation`, or a pair of functions `(init, update)` that works as one.

    Raises:
        SettingError: it is no such pair.

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
    if not isinstance(transformation, optax.GradientTransformation):
        transformation = optax.GradientTransformation(*transformation)
    widened = optax.with_extra_args_support(transformation)
    rule = Foreign(transformation.init, transformation.update, widened is transformation)
    return make(from_optax, rule, {}, {"transformation": transformation})


def is_pair(value: object) -> TypeGuard[tuple[Callable, Callable]]:
    """Return whether a value is a pair of functions, as optax's transformations are."""
    return isinstance(value, tuple) and len(value) == 2 and all(callable(part) for part in value)


@dataclass(frozen=True)
class Foreign:
    """The rule of `from_optax`: the pair itself, equal by identity of its functions."""

    init_function: Callable
    update_function: Callable
    takes_extra: bool

    def init(self, params: PyTree) -> PyTree:
        """Return the pair's own state."""
        return self.init_function(params)

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Array, **extra: object
    ) -> tuple[PyTree, PyTree]:
        """Return the pair's updates and state; only a pair that takes extra arguments is given them."""
        return self.update_function(gradients, memory, params, **(extra if self.takes_extra else {}))
