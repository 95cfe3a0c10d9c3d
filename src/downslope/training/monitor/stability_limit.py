"""The edge of stability: the curvature from which on the steps of an optimizer overshoot ever farther.

Along a direction of curvature `λ` the gradient is `λ` times the distance. A distance that flips its sign at each step
and keeps its size is the edge: there a velocity of momentum `μ` has settled at `g / (1 + μ)`, and the step at `−η c g`
with `c = 1` for gradient descent, `1/(1 + μ)` for momentum, `(1 + 2μ)/(1 + μ)` for Nesterov's, each times `1 − μ` where
gradients are averaged. It must equal `−2` distances: `λ = 2/(η c)`, which is `stability_limit` solved for `λ`.
"""

from __future__ import annotations

from typing import NamedTuple

from downslope.core import PyTree
from downslope.curvature import stability_limit
from downslope.optimizers import Optimizer, OptimizerState, linear_step


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
    step = linear_step(optimizer, state)
    if step is None or (step.preconditioner is not None and step.l2):
        return None
    limit = float("inf")
    if step.rate > 0:
        at_rate_1 = stability_limit(1.0, momentum=step.momentum, nesterov=step.nesterov, averaged=step.averaged)
        limit = (1 / step.rate - step.decoupled_weight_decay / 2) * at_rate_1
    return Edge(limit - step.l2, step.preconditioner)
