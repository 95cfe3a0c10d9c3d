"""The compiled part of training: many steps in one call.

A step is: forward, loss, backward, update. Only the network, the loss and the optimizer's rule are static; rates,
weights and the number of steps are traced, so one architecture compiles once. The rows of all steps of a chunk are
gathered first, in one sweep over memory, and each step slices its batch. Gathering is a program of its own, so that the
steps are the same program wherever in the chunk one stops to look at them: docs/decisions/0005.
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
from downslope.training.problem.problem import Part


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


class Batches(NamedTuple):
    """The batches of a chunk, one after another along the first axis.

    Attributes:
        x: inputs, `(steps, B, …)`.
        t: targets, `(steps, B, …)`.
        weights: how much each row counts, `(steps, B)`.
    """

    x: Array
    t: Array
    weights: Array


def batches_at(part: Part, indices: np.ndarray, row_weights: np.ndarray) -> Batches:
    """Return the batches of a chunk: the rows with these numbers, from memory or from disk.

    Args:
        part: the rows.
        indices: their numbers, `(steps, B)`, or one more axis in front for each of several descents.
        row_weights: how much each counts, likewise.
    """
    if not part.on_disk:
        return gather(part.x, part.t, indices, row_weights)
    return Batches(jax.device_put(part.x[indices]), _targets(part.t, indices), jnp.asarray(row_weights))


@jax.jit
def _targets(t: Shaped[Array, "rows ..."], indices: Int[Array, "*steps batch"]) -> Shaped[Array, "*steps batch ..."]:
    return t[indices]


@jax.jit
def gather(
    x: Float[Array, "rows ..."],
    t: Shaped[Array, "rows ..."],
    indices: Int[Array, "*steps batch"],
    row_weights: Float[Array, "*steps batch"],
) -> Batches:
    """Return the batches of a chunk: the rows with these numbers."""
    return Batches(x[indices], t[indices], row_weights)


@partial(jax.jit, static_argnames=("net", "loss", "rule"))
def run_chunk(
    net: Sequential,
    loss: Loss,
    rule: Rule,
    state: State,
    batches: Batches,
    key: Shaped[Array, " words"],
    start: Int[Array, ""],
    steps: Int[Array, ""],
) -> ChunkResult:
    """Make up to `steps` steps; stop after a batch whose loss is not finite.

    Args:
        net: the network.
        loss: what descends.
        rule: the optimizer's static part.
        state: before the first step.
        batches: of the whole chunk; there may be more than there are steps to make.
        key: of the run, for layers that draw random numbers; folded by the step.
        start: the first batch to learn from.
        steps: how many steps to make.
    """

    def unfinished(carry: tuple[Array, Array, State]) -> Array:
        made, last_loss, _ = carry
        return (made < steps) & jnp.isfinite(last_loss)

    def advance(carry: tuple[Array, Array, State]) -> tuple[Array, Array, State]:
        made, _, state = carry
        state, value = _step(net, loss, rule, state, batches, key, start + made)
        return made + 1, value, state

    begun = (jnp.zeros_like(steps), jnp.zeros_like(state.total), state)
    made, last_loss, state = lax.while_loop(unfinished, advance, begun)
    return ChunkResult(state, made, last_loss)


@partial(jax.jit, static_argnames=("net", "loss", "rule"))
def run_population_chunk(
    net: Sequential,
    loss: Loss,
    rule: Rule,
    states: State,
    batches: Batches,
    key: Shaped[Array, "*members words"],
    steps: Int[Array, ""],
) -> State:
    """Make `steps` steps of many descents at once; return their states.

    Every array of `states` has a first axis, one entry a descent. Batches and the key have one too, or are the same for
    all; the other arguments are as for `run_chunk`. A descent whose loss is no longer finite goes on without harm to
    the others: a test of each loss would make every step choose between old and new parameters.
    """

    def descend(state: State, batches: Batches, key: Array) -> State:
        return lax.fori_loop(0, steps, lambda made, state: _step(net, loss, rule, state, batches, key, made)[0], state)

    own = 0 if batches.weights.ndim == 3 else None
    return jax.vmap(descend, in_axes=(0, own, own))(states, batches, key)


def _step(
    net: Sequential, loss: Loss, rule: Rule, state: State, batches: Batches, key: Array, place: Array
) -> tuple[State, Array]:
    """Make one step on the batch at `place`; return the next state, and the loss before the step."""
    variables, optimizer, total, weight = state
    x, t, w = (array[place] for array in batches)
    step_key = jax.random.fold_in(key, optimizer.step)
    result = loss_and_gradients(net, variables, x, t, loss, training=True, key=step_key, row_weights=w)
    updates, optimizer = apply_rule(rule, result.params, optimizer, variables.params)
    params: Any = optax.apply_updates(variables.params, updates)
    counted = jnp.sum(w) if loss.reduction == "mean" else jnp.ones((), w.dtype)
    state = State(Variables(params, result.state), optimizer, total + result.loss * counted, weight + counted)
    return state, result.loss
