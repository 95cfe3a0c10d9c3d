"""Gradients no longer than a given norm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from downslope.core import NumberOrSchedule, PyTree, Setting, SettingError, tree_norm
from downslope.optimizers._limits import check_hyperparam
from downslope.optimizers._linear_step import LinearStep, linear_step_of
from downslope.optimizers._named import as_optimizer
from downslope.optimizers._optimizer import Optimizer, OptimizerLike, make
from downslope.optimizers._rule import Hyperparams, Rule, cast


def clip(max_norm: NumberOrSchedule, optimizer: OptimizerLike) -> Optimizer:
    """Return an optimizer whose gradients are first shortened to a norm `c`, taken over all parameters together.

        g ← g · c / ‖g‖  if ‖g‖ > c
        θ, … ← the optimizer's step with g

    Definitions differ: as optax's `clip_by_global_norm`; torch's `clip_grad_norm_` divides by `‖g‖ + 1e-6`. The
    direction of the gradient stays; clipping each number by itself would turn it.

    Args:
        max_norm: `c`, above 0: a number or a schedule.
        optimizer: ours, any of optax, or a name.

    Raises:
        SettingError: the norm is out of bounds, or the optimizer clips already.

    Example:
        >>> import numpy as np
        >>> from downslope.optimizers import sgd
        >>> optimizer = clip(1.0, sgd(0.5))
        >>> updates, state = optimizer.update(np.array([3.0, 4.0]), optimizer.init(np.zeros(2)))
        >>> [round(float(update), 6) for update in updates]
        [-0.3, -0.4]
        >>> sorted(state.hyperparams)
        ['learning_rate', 'max_norm']

    References:
        Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013, Algorithm 1.
    """
    max_norm, optimizer = check_hyperparam("max_norm", max_norm), as_optimizer(optimizer)
    if "max_norm" in optimizer.hyperparams:
        raise SettingError(
            Setting("optimizer"),
            f"must be one that does not clip yet, got {optimizer!r}. Clip once, to the smaller norm.",
        )
    numbers = {"max_norm": max_norm, **optimizer.hyperparams}
    return make(clip, Clip(optimizer.rule), numbers, {"max_norm": max_norm, "optimizer": optimizer})


@dataclass(frozen=True)
class Clip:
    """The rule of `clip`: another rule, with gradients shortened before."""

    rule: Rule

    def init(self, params: PyTree) -> PyTree:
        """Return the memory of the other rule."""
        return self.rule.init(params)

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Array, **extra: object
    ) -> tuple[PyTree, PyTree]:
        """Return the other rule's updates and memory for `g · min(1, c / ‖g‖)`."""
        c = hyperparams["max_norm"]
        g = cast(gradients, c.dtype)
        norm = tree_norm(g)
        scale = jnp.where(norm > c, c / norm, 1)
        shortened = jax.tree.map(lambda g, like: (g * scale).astype(jnp.result_type(like)), g, gradients)
        return self.rule.update(shortened, memory, params, hyperparams, step, **extra)

    def linear_step(self, memory: PyTree, numbers: Mapping[str, float], steps: int) -> LinearStep | None:
        """Return that of the other rule: the step with a gradient that is not shortened."""
        return linear_step_of(self.rule, memory, numbers, steps)
