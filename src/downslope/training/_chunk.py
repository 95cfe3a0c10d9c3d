"""The compiled part of training: many steps in one call.

A step is: forward, loss, backward, update. Only the network, the loss and the optimizer's rule are static; rates,
weights and the number of steps are traced, so one architecture compiles once. The rows of all steps of a chunk are
gathered at its head, in one sweep over memory, and each step slices its batch.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Float, Int, Shaped

from downslope.core import Variables
from downslope.losses import Loss
from downslope.networks import Sequential, loss_and_gradients
from downslope.optimizers import OptimizerState, Rule, apply_rule


class State(NamedTuple):
    """What a step changes.

    Attributes:
        variables: the network's parameters and state.
        optimizer: the optimizer's state.
        total: of this epoch so far, the losses of the batches, each times its weight.
        weight: of this epoch so far, the weights of the batches.
    """

    variables: Variables
    optimizer: OptimizerState
    total: Array | np.ndarray
    weight: Array | np.ndarray


class ChunkResult(NamedTuple):
    """What a chunk returns.

    Attributes:
        state: after its steps.
        steps: how many were made: fewer than asked if a loss was not finite.
        loss: of the last batch, at the parameters before its step.
    """

    state: State
    steps: Array
    loss: Array


@partial(jax.jit, static_argnames=("net", "loss", "rule"))
def run_chunk(
    net: Sequential,
    loss: Loss,
    rule: Rule,
    state: State,
    x: Float[Array, "rows ..."],
    t: Shaped[Array, "rows ..."],
    indices: Int[Array, "steps batch"],
    row_weights: Float[Array, "steps batch"],
    key: Shaped[Array, " words"],
    steps: Int[Array, ""],
) -> ChunkResult:
    """Make up to `steps` steps; stop after a batch whose loss is not finite.

    Args:
        net: the network.
        loss: what descends.
        rule: the optimizer's static part.
        state: before the first step.
        x: all inputs.
        t: all targets.
        indices: the rows of each step's batch; there may be more steps than are made.
        row_weights: how much each row of each batch counts.
        key: of the run, for layers that draw random numbers; folded by the step.
        steps: how many steps to make.
    """
    batches_x, batches_t = x[indices], t[indices]

    def unfinished(carry: tuple[Array, Array, State]) -> Array:
        made, last_loss, _ = carry
        return (made < steps) & jnp.isfinite(last_loss)

    def step(carry: tuple[Array, Array, State]) -> tuple[Array, Array, State]:
        made, _, (variables, optimizer, total, weight) = carry
        w = row_weights[made]
        result = loss_and_gradients(
            net,
            variables,
            batches_x[made],
            batches_t[made],
            loss,
            training=True,
            key=jax.random.fold_in(key, optimizer.step),
            row_weights=w,
        )
        updates, optimizer = apply_rule(rule, result.params, optimizer, variables.params)
        params: Any = optax.apply_updates(variables.params, updates)
        variables = Variables(params, result.state)
        batch_weight = jnp.sum(w) if loss.reduction == "mean" else jnp.ones((), w.dtype)
        return (
            made + 1,
            result.loss,
            State(variables, optimizer, total + result.loss * batch_weight, weight + batch_weight),
        )

    start = (jnp.zeros_like(steps), jnp.zeros_like(state.total), state)
    made, last_loss, state = lax.while_loop(unfinished, step, start)
    return ChunkResult(state, made, last_loss)
