"""Statistics of every layer at one step, in a compiled program of their own: see docs/decisions/0005."""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Shaped

from downslope.core import PyTree, Variables, bounded_jit, tree_norm, typed_key
from downslope.losses import Loss
from downslope.networks import Sequential, by_layer, loss_and_gradients, signals
from downslope.optimizers import OptimizerState, Rule, apply_rule
from downslope.training.engine.step import offered_arguments
from downslope.training.problem.part import GatheredBatches


class LayerStatistics(NamedTuple):
    """Numbers of every layer, the layers along the last axis.

    Attributes:
        mean: of the outputs `h`.
        deviation: of the outputs.
        dead: share of an activation's units with no slope on any row.
        saturated: share of a bounded activation's numbers with little slope.
        activation_gradient: root mean square of `∂l/∂h`.
        weight_gradient: root mean square of the gradients of the layer's parameters; NaN where it has none.
        update_ratio: norm of the step's update over norm of the layer's parameters; NaN where it has none.
    """

    mean: Array
    deviation: Array
    dead: Array
    saturated: Array
    activation_gradient: Array
    weight_gradient: Array
    update_ratio: Array


@partial(bounded_jit, static_argnames=("net", "loss", "rule"))
def measure_layers(
    net: Sequential,
    loss: Loss,
    rule: Rule,
    variables: Variables,
    optimizer: OptimizerState,
    batches: GatheredBatches,
    key: Shaped[Array, " words"],
    index: Int[Array, ""],
) -> LayerStatistics:
    """Return the statistics of the step that is about to be made on the batch `index` of a chunk."""
    x, t, w = (array[index] for array in batches)
    key = jax.random.fold_in(typed_key(key), optimizer.step)
    conditions = {"training": True, "key": key, "row_weights": w}
    result = loss_and_gradients(net, variables, x, t, loss, **conditions)
    gradients, offered = result.params, offered_arguments(net, loss, variables.state, (x, t, w), key, result)
    updates, _ = apply_rule(rule, gradients, optimizer, variables.params, **offered)
    signal = signals(net, variables, x, t, loss, **conditions)
    layers = zip(*(by_layer(net, tree) for tree in (variables.params, gradients, updates)), strict=True)
    sizes = [(_size(params, gradient), _ratio(update, params)) for params, gradient, update in layers]
    gradient_sizes, ratios = (jnp.stack(values).astype(signal.mean.dtype) for values in zip(*sizes, strict=True))
    return LayerStatistics(
        signal.mean, signal.deviation, signal.dead, signal.saturated, signal.gradient, gradient_sizes, ratios
    )


def _size(params: PyTree, gradients: PyTree) -> Array:
    """Return the root mean square of a layer's gradients."""
    numbers = sum(leaf.size for leaf in jax.tree.leaves(params))
    return tree_norm(gradients) / math.sqrt(numbers) if numbers else jnp.asarray(jnp.nan)


def _ratio(updates: PyTree, params: PyTree) -> Array:
    """Return `‖Δθ‖ / ‖θ‖` of a layer."""
    if not jax.tree.leaves(params):
        return jnp.asarray(jnp.nan)
    return tree_norm(updates) / tree_norm(params)
