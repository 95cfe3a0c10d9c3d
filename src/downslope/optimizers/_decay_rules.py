"""The two kinds of weight decay, each as a rule around another rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from downslope.core import PyTree
from downslope.optimizers._linear_step import LinearStep, linear_step_of
from downslope.optimizers._rule import Hyperparams, Rule, cast, needed


@dataclass(frozen=True)
class L2:
    """The other rule, with the gradient of `½ λ ‖θ‖²` added to the gradients before."""

    rule: Rule

    def init(self, params: PyTree) -> PyTree:
        """Return the memory of the other rule."""
        return self.rule.init(params)

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Array, **extra: object
    ) -> tuple[PyTree, PyTree]:
        """Return the other rule's updates and memory for `g + λ θ`."""
        λ = hyperparams["weight_decay"]
        θ, g = cast(needed(params, "Weight decay"), λ.dtype), cast(gradients, λ.dtype)
        decayed = jax.tree.map(lambda g, θ, like: (g + λ * θ).astype(jnp.result_type(like)), g, θ, gradients)
        return self.rule.update(decayed, memory, params, hyperparams, step, **extra)

    def linear_step(self, memory: PyTree, numbers: Mapping[str, float], steps: int) -> LinearStep | None:
        """Return that of the other rule, with `λ`."""
        step = linear_step_of(self.rule, memory, numbers, steps)
        return None if step is None else step._replace(l2=numbers["weight_decay"])


@dataclass(frozen=True)
class DecoupledWeightDecay:
    """The other rule, with `−η λ θ` added to its updates after."""

    rule: Rule

    def init(self, params: PyTree) -> PyTree:
        """Return the memory of the other rule."""
        return self.rule.init(params)

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Array, **extra: object
    ) -> tuple[PyTree, PyTree]:
        """Return `Δ − η λ θ`, with the other rule's updates `Δ`, and its memory."""
        η, λ = hyperparams["learning_rate"], hyperparams["weight_decay"]
        θ = cast(needed(params, "Weight decay"), λ.dtype)
        updates, memory = self.rule.update(gradients, memory, params, hyperparams, step, **extra)
        shrunk = jax.tree.map(lambda Δ, θ: (Δ.astype(λ.dtype) - η * λ * θ).astype(Δ.dtype), updates, θ)
        return shrunk, memory

    def linear_step(self, memory: PyTree, numbers: Mapping[str, float], steps: int) -> LinearStep | None:
        """Return that of the other rule, with the decay."""
        step = linear_step_of(self.rule, memory, numbers, steps)
        return None if step is None else step._replace(decoupled_weight_decay=numbers["weight_decay"])
