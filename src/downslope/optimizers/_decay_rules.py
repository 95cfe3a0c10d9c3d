"""The two kinds of weight decay, each as a rule around another rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from downslope.core import PyTree
from downslope.optimizers._rule import Hyperparams, Rule, cast, needed


@dataclass(frozen=True)
class L2:
    """The other rule, with the gradient of `½ λ ‖θ‖²` added to the gradients before."""

    rule: Rule

    def init(self, params: PyTree) -> PyTree:
        """Return the memory of the other rule."""
        return self.rule.init(params)

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Any, **extra: Any
    ) -> tuple[PyTree, PyTree]:
        """Return the other rule's updates and memory for `g + λ θ`."""
        λ = hyperparams["weight_decay"]
        θ, g = cast(needed(params, "Weight decay"), λ.dtype), cast(gradients, λ.dtype)
        decayed = jax.tree.map(lambda g, θ, like: (g + λ * θ).astype(jnp.result_type(like)), g, θ, gradients)
        return self.rule.update(decayed, memory, params, hyperparams, step, **extra)


@dataclass(frozen=True)
class DecoupledWeightDecay:
    """The other rule, with `−η λ θ` added to its updates after."""

    rule: Rule

    def init(self, params: PyTree) -> PyTree:
        """Return the memory of the other rule."""
        return self.rule.init(params)

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Any, **extra: Any
    ) -> tuple[PyTree, PyTree]:
        """Return `Δ − η λ θ`, with the other rule's updates `Δ`, and its memory."""
        η, λ = hyperparams["learning_rate"], hyperparams["weight_decay"]
        θ = cast(needed(params, "Weight decay"), λ.dtype)
        updates, memory = self.rule.update(gradients, memory, params, hyperparams, step, **extra)
        shrunk = jax.tree.map(lambda Δ, θ: (Δ.astype(λ.dtype) - η * λ * θ).astype(Δ.dtype), updates, θ)
        return shrunk, memory
