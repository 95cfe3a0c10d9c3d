"""Descent on any loss surface, step by step, with the whole path kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from downslope.core import FunctionSurface, LossSurface, Number, PyTree, all_finite, bounded_jit, check_integer
from downslope.optimizers import (
    OptimizerLike,
    OptimizerState,
    Rule,
    apply_rule,
    as_optimizer,
    initial_state,
    loss_arguments,
    takes_loss,
)

LossFunction: TypeAlias = Callable[[PyTree], jax.Array]


@dataclass(frozen=True)
class Descent:
    """A path down a surface.

    Attributes:
        steps: how many steps had been made at each point, `0 … n`.
        params: all points, a tree like the parameters with a first axis of length `n + 1`.
        losses: the loss at each point.
        diverged: the step after which loss or parameters were not finite, where the path ends; None if they all were.
    """

    steps: Int[np.ndarray, " points"]
    params: PyTree
    losses: Float[np.ndarray, " points"]
    diverged: int | None

    def __len__(self) -> int:
        return len(self.steps)

    def at(self, index: int) -> PyTree:
        """Return the parameters at one of the points."""
        return jax.tree.map(lambda values: values[index], self.params)


def descend(
    surface: LossSurface,
    params: PyTree,
    *,
    optimizer: OptimizerLike = "sgd",
    steps: int = 100,
) -> Descent:
    """Walk down a surface with an optimizer, and return the path.

    Each step follows the surface's own gradient, over all its rows: nothing is drawn. For mini-batches, validation and
    the rest of a training, use `ds.train`.

    Args:
        surface: the loss.
        params: where to start.
        optimizer: an optimizer, a name, or an optax transformation.
        steps: how many.

    Returns:
        The path, the start included; it ends early where loss or parameters are no longer finite.

    Example:
        >>> import downslope as ds
        >>> bowl = ds.FunctionSurface(lambda p: p[0] ** 2 + 4 * p[1] ** 2, np.ones(2))
        >>> path = descend(bowl, np.ones(2), optimizer=ds.sgd(0.2), steps=20)
        >>> len(path), [float(loss) for loss in path.losses[:2].round(3)], bool(path.losses[-1] < 1e-4)
        (21, [5.0, 1.8], True)
    """
    steps = check_integer("steps", steps, at_least=0)
    rule = as_optimizer(optimizer)
    state = initial_state(rule, params)
    points, losses, diverged = [jax.tree.map(np.asarray, params)], [surface.value(params)], None
    for step in range(1, steps + 1):
        params, state = surface_step(surface, rule.rule, state, params, losses[-1])
        loss = surface.value(params)
        points.append(jax.tree.map(np.asarray, params))
        losses.append(loss)
        if not np.isfinite(loss) or not all_finite(points[-1]):
            diverged = step
            break
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *points)
    return Descent(np.arange(len(points)), stacked, np.array(losses), diverged)


def surface_step(
    surface: LossSurface, rule: Rule, state: OptimizerState, params: PyTree, loss: Number
) -> tuple[PyTree, OptimizerState]:
    """Return the parameters after a step down a surface, and the optimizer's next state.

    Rules of others that search along a line are offered the loss itself, where it is a function that JAX can trace.

    Args:
        surface: the loss.
        rule: the optimizer's.
        state: from `initial_state` or the last step.
        params: before the step.
        loss: there.
    """
    loss_fn = _traceable(surface) if takes_loss(rule) else None
    return _step(rule, loss_fn, surface.gradient(params), state, params, loss)


def _traceable(surface: LossSurface) -> LossFunction | None:
    """Return the loss as a function of parameters alone that JAX can trace; None where there is none."""
    if not isinstance(surface, FunctionSurface):
        return None
    parts = surface.batches, surface.model, surface.gradient_fn
    alone = all(part is None for part in parts) and not surface.constants
    return cast(LossFunction, surface.loss_fn) if alone else None


@partial(bounded_jit, static_argnums=(0, 1))
def _step(
    rule: Rule, loss_fn: LossFunction | None, gradient: PyTree, state: OptimizerState, params: PyTree, loss: Number
) -> tuple[PyTree, OptimizerState]:
    """Return the parameters after a step, and the optimizer's next state."""
    offered = {"value": loss, "grad": gradient}
    offered = offered if loss_fn is None else loss_arguments(loss_fn, jnp.asarray(loss), gradient)
    updates, state = apply_rule(rule, gradient, state, params, **offered)
    return jax.tree.map(lambda leaf, update: leaf + update, params, updates), state
