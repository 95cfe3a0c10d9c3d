"""The compiled part of training: many steps in one call.

A step is: forward, loss, backward, update. Only the network, the loss and the optimizer's rule are static; rates,
weights and the number of steps are traced, so one architecture compiles once. The rows of all steps of a chunk are
gathered first, in one sweep over memory, and each step slices its batch. Gathering is a program of its own, so that the
steps are the same program wherever in the chunk they are interrupted for a measurement: docs/decisions/0005.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Int, Shaped

from downslope.core import Params, PyTree, Variables, bounded_jit, typed_key
from downslope.losses import Loss
from downslope.networks import LossAndGradients, Sequential, loss_and_gradients
from downslope.optimizers import OptimizerState, Rule, apply_rule, loss_arguments
from downslope.training.problem.part import GatheredBatches
from downslope.training.problem.problem import Problem


class StepState(NamedTuple):
    """The part of a training that a step changes.

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

    state: StepState
    steps: Array
    loss: Array


@partial(bounded_jit, static_argnames=("net", "loss", "rule"))
def run_chunk(
    net: Sequential,
    loss: Loss,
    rule: Rule,
    state: StepState,
    batches: GatheredBatches,
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

    def unfinished(carry: tuple[Array, Array, StepState]) -> Array:
        count, last_loss, _ = carry
        return (count < steps) & jnp.isfinite(last_loss)

    def advance(carry: tuple[Array, Array, StepState]) -> tuple[Array, Array, StepState]:
        count, _, state = carry
        state, value = _step(net, loss, rule, state, batches, key, start + count)
        return count + 1, value, state

    initial = (jnp.zeros_like(steps), jnp.zeros_like(state.total), state)
    count, last_loss, state = lax.while_loop(unfinished, advance, initial)
    return ChunkResult(state, count, last_loss)


def run_steps(problem: Problem, state: StepState, batches: GatheredBatches, start: int, steps: int) -> ChunkResult:
    """Make up to `steps` steps of a problem, from the batch `start` of a chunk on; see `run_chunk`."""
    static = problem.architecture, problem.loss, problem.optimizer.rule
    return run_chunk(*static, state, batches, problem.key, np.int32(start), np.int32(steps))


@partial(bounded_jit, static_argnames=("net", "loss", "rule"))
def run_population_chunk(
    net: Sequential,
    loss: Loss,
    rule: Rule,
    states: StepState,
    batches: GatheredBatches,
    key: Shaped[Array, "*members words"],
    steps: Int[Array, ""],
) -> StepState:
    """Make `steps` steps of all members of a population at once; return their states.

    Every array of `states` has a first axis, one entry a member. Batches and the key have one too, or are the same for
    all; the other arguments are as for `run_chunk`. A member whose loss is no longer finite goes on without harm to
    the others: a test of each loss would make every step choose between old and new parameters.
    """

    def run_member(state: StepState, batches: GatheredBatches, key: Array) -> StepState:
        return lax.fori_loop(
            0, steps, lambda index, state: _step(net, loss, rule, state, batches, key, index)[0], state
        )

    own = 0 if batches.weights.ndim == 3 else None
    return jax.vmap(run_member, in_axes=(0, own, own))(states, batches, key)


def _step(
    net: Sequential, loss: Loss, rule: Rule, state: StepState, batches: GatheredBatches, key: Array, index: Array
) -> tuple[StepState, Array]:
    """Make one step on the batch `index` of a chunk; return the next state, and the loss before the step."""
    variables, optimizer, total, weight = state
    x, t, w = (array[index] for array in batches)
    step_key = jax.random.fold_in(typed_key(key), optimizer.step)
    result = loss_and_gradients(net, variables, x, t, loss, training=True, key=step_key, row_weights=w)
    offered = offered_arguments(net, loss, variables.state, (x, t, w), step_key, result)
    updates, optimizer = apply_rule(rule, result.params, optimizer, variables.params, **offered)
    params: Any = optax.apply_updates(variables.params, updates)
    counted = jnp.sum(w) if loss.reduction == "mean" else jnp.ones((), w.dtype)
    state = StepState(Variables(params, result.state), optimizer, total + result.loss * counted, weight + counted)
    return state, result.loss


def offered_arguments(
    net: Sequential,
    loss: Loss,
    state: tuple[Params, ...],
    batch: tuple[Array, Array, Array],
    key: Array,
    result: LossAndGradients,
) -> dict[str, Any]:
    """Return what a step offers to optimizers of others; what none of them calls is not compiled.

    Args:
        net: the network.
        loss: what descends.
        state: of the layers, before the step.
        batch: inputs, targets and weights of its rows.
        key: of the step.
        result: the loss and its gradients.
    """
    x, t, w = batch

    def batch_loss(params: PyTree) -> Array:
        forward = net.forward(Variables(params, state), x, training=True, key=key, row_weights=w)
        return loss.value(forward.output, t, w)

    return loss_arguments(batch_loss, result.loss, result.params)
