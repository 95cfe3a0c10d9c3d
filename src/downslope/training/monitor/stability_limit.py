"""The edge of stability: the curvature from which on the steps of an optimizer overshoot ever farther.

Along a direction of curvature `λ` the gradient is `λ` times the distance. A distance that flips its sign at each step
and keeps its size is the edge: there a velocity of momentum `μ` has settled at `g / (1 + μ)`, and the step at `−η c g`
with `c = 1` for gradient descent, `1/(1 + μ)` for momentum, `(1 + 2μ)/(1 + μ)` for Nesterov's, each times `1 − μ` where
gradients are averaged. It must equal `−2` distances: `λ = 2/(η c)`, which is `stability_limit` solved for `λ`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np

from downslope.core import PyTree
from downslope.curvature import stability_limit
from downslope.optimizers import (
    Optimizer,
    OptimizerState,
    adagrad,
    adam,
    adamw,
    clip,
    decoupled_weight_decay,
    ema,
    l2,
    rmsprop,
    sgd,
)

_AROUND = (clip, decoupled_weight_decay, ema, l2)
_ADAPTIVE = (adagrad, adam, adamw, rmsprop)


class Edge(NamedTuple):
    """Where an optimizer's steps become unstable.

    Attributes:
        limit: the sharpness at its edge; infinite at a rate of 0.
        preconditioner: for an adaptive optimizer the diagonal `P` that its steps are divided by, a tree like the
            parameters: the limit is then one of the largest eigenvalue of `P⁻¹H`. None for the others.
    """

    limit: float
    preconditioner: PyTree | None


def edge_of(optimizer: Optimizer, state: OptimizerState) -> Edge | None:
    """Return the edge of the step that was just made; None for optimizers whose edge is not known.

    Known are `sgd` in all its forms, `adam`, `adamw`, `rmsprop` and `adagrad`, with their rates and moments taken as
    standing still. Weight decay `λ` of the gradient adds `λ` to every curvature, decoupled one shrinks the distance by
    `η λ`; with `clip` the edge is that of steps that are not shortened.

    Args:
        optimizer: what steps.
        state: after the step: its numbers and moments are those that the step was made with.

    References:
        Cohen et al., "Gradient descent on neural networks typically occurs at the edge of stability" (2021), appendix
        B; Cohen et al., "Adaptive gradient methods at the edge of stability" (2022), section 2, whose `P` this is,
        with the bias corrections in it.
    """
    decay, memory = "", state.memory
    while optimizer.maker in _AROUND:
        if optimizer.maker is ema:
            memory = memory.inner
        decay = {l2: "l2", decoupled_weight_decay: "decoupled"}.get(optimizer.maker, decay)
        optimizer = optimizer.settings["optimizer"]
    numbers = {name: float(value) for name, value in state.hyperparams.items()}
    adaptive = optimizer.maker in _ADAPTIVE
    weight_decay = numbers.get("weight_decay", 0.0)
    if (optimizer.maker is not sgd and not adaptive) or (adaptive and decay == "l2" and weight_decay):
        return None
    rate = numbers["learning_rate"] * _rate_factor(optimizer, numbers, memory, int(state.step))
    decoupled = decay == "decoupled" or optimizer.maker is adamw
    limit = float("inf")
    if rate > 0:
        limit = (1 / rate - decoupled * weight_decay / 2) * _limit_at_rate_1(optimizer, numbers)
    preconditioner = _preconditioner(optimizer, numbers, memory, int(state.step)) if adaptive else None
    return Edge(limit - (not decoupled) * weight_decay, preconditioner)


def _limit_at_rate_1(optimizer: Optimizer, numbers: dict[str, float]) -> float:
    """Return `2/c`."""
    settings = optimizer.settings
    averaged = settings.get("averaged", False) or optimizer.maker in (adam, adamw)
    momentum = numbers.get("b1", numbers.get("momentum", 0.0))
    return stability_limit(1.0, momentum=momentum, nesterov=settings.get("nesterov", False), averaged=averaged)


def _rate_factor(optimizer: Optimizer, numbers: dict[str, float], memory: PyTree, steps: int) -> float:
    """Return what `sgd` multiplies the rate by at its `steps`-th step."""
    settings, momentum = optimizer.settings, numbers.get("momentum", 0.0)
    if optimizer.maker is not sgd:
        return 1.0
    if settings["hold_effective_rate"]:
        return (1 - momentum) / (1 - float(memory["first_momentum"]))
    return 1 / (1 - momentum**steps) if settings["bias_correction"] and momentum else 1.0


def _preconditioner(optimizer: Optimizer, numbers: dict[str, float], memory: PyTree, steps: int) -> PyTree:
    """Return `P` of the `steps`-th step, computed on the host: nothing compiles."""
    settings, eps = optimizer.settings, numbers["eps"]
    memory = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), memory)
    if optimizer.maker is adagrad:
        return jax.tree.map(lambda s: np.sqrt(numbers["initial_accumulator"] + s) + eps, memory["s"])
    power, factor = memory["v"], 1.0
    if optimizer.maker is rmsprop and settings["centered"]:
        power = jax.tree.map(lambda v, m: np.maximum(v - np.square(m), 0), memory["v"], memory["m"])
    if optimizer.maker is not rmsprop and settings["bias_correction"]:
        factor, second = (1 - numbers[name] ** steps for name in ("b1", "b2"))
        power = jax.tree.map(lambda v: v / second, power)
    in_root = settings["eps_in_sqrt"]
    return jax.tree.map(lambda v: factor * (np.sqrt(v + eps) if in_root else np.sqrt(v) + eps), power)
