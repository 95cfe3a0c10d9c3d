"""A rule's step with all but the gradient standing still, which is linear: what its stability follows from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import jax
import numpy as np

from downslope.core import PyTree
from downslope.optimizers._rule import Rule


class LinearStep(NamedTuple):
    """The step that a rule makes while its numbers and the size of gradients stand still.

        v ← μ v + w P⁻¹ (g + λ θ),    w = 1,  or 1 − μ where gradients are averaged
        θ ← θ − η v − η κ θ,          or with Nesterov's momentum  θ ← θ − η (P⁻¹ (g + λ θ) + μ v) − η κ θ

    Attributes:
        rate: `η`, with all that multiplies it.
        momentum: `μ`.
        nesterov: whether the momentum is Nesterov's.
        averaged: whether `v` averages gradients instead of summing them up.
        preconditioner: the diagonal `P`, a tree like the parameters; None for a rule that divides by nothing.
        l2: `λ`, the weight decay in the gradient.
        decoupled_weight_decay: `κ`, the weight decay past the preconditioner and the momentum.
    """

    rate: float
    momentum: float = 0.0
    nesterov: bool = False
    averaged: bool = False
    preconditioner: PyTree | None = None
    l2: float = 0.0
    decoupled_weight_decay: float = 0.0


@runtime_checkable
class Linearizable(Protocol):
    """A rule that knows its linear step."""

    def linear_step(self, memory: PyTree, numbers: Mapping[str, float], steps: int) -> LinearStep | None:
        """Return the step that was just made, the `steps`-th; None for a rule around one that does not know its own."""
        ...


def linear_step_of(rule: Rule, memory: PyTree, numbers: Mapping[str, float], steps: int) -> LinearStep | None:
    """Return the linear step of a rule, for a rule around it."""
    return rule.linear_step(memory, numbers, steps) if isinstance(rule, Linearizable) else None


def on_host(tree: PyTree) -> PyTree:
    """Return a tree as arrays of NumPy in double precision."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree)
