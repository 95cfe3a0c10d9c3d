"""The two kinds of weight decay, each as a rule around another rule.

Biases, and the scales and shifts of norms, need no decay to keep a network simple: both kinds can spare them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import DictKey, GetAttrKey, KeyPath, tree_map_with_path

from downslope.core import PyTree
from downslope.optimizers._linear_step import LinearStep, linear_step_of
from downslope.optimizers._rule import Hyperparams, Rule, cast, needed

SPARED = ("bias", "scale", "shift")
"""The names of parameters that are spared: what is added, and what a norm multiplies by and adds."""


@dataclass(frozen=True)
class L2:
    """The other rule, with the gradient of `½ λ ‖θ‖²` added to the gradients before.

    Attributes:
        rule: the other rule.
        decay_biases: whether `θ` are all parameters; else all but biases, and scales and shifts of norms.
    """

    rule: Rule
    decay_biases: bool = True

    def init(self, params: PyTree) -> PyTree:
        """Return the memory of the other rule."""
        return self.rule.init(params)

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Array, **extra: object
    ) -> tuple[PyTree, PyTree]:
        """Return the other rule's updates and memory for `g + λ θ`."""
        λ = hyperparams["weight_decay"]
        θ, g = cast(needed(params, "Weight decay"), λ.dtype), cast(gradients, λ.dtype)
        θ = _decaying(θ, decay_biases=self.decay_biases)
        decayed = jax.tree.map(lambda g, θ, like: (g + λ * θ).astype(jnp.result_type(like)), g, θ, gradients)
        return self.rule.update(decayed, memory, params, hyperparams, step, **extra)

    def linear_step(self, memory: PyTree, numbers: Mapping[str, float], steps: int) -> LinearStep | None:
        """Return that of the other rule, with `λ`."""
        step = linear_step_of(self.rule, memory, numbers, steps)
        return None if step is None else step._replace(l2=numbers["weight_decay"])


@dataclass(frozen=True)
class DecoupledWeightDecay:
    """The other rule, with `−η λ θ` added to its updates after; attributes as of `L2`."""

    rule: Rule
    decay_biases: bool = True

    def init(self, params: PyTree) -> PyTree:
        """Return the memory of the other rule."""
        return self.rule.init(params)

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Array, **extra: object
    ) -> tuple[PyTree, PyTree]:
        """Return `Δ − η λ θ`, with the other rule's updates `Δ`, and its memory."""
        η, λ = hyperparams["learning_rate"], hyperparams["weight_decay"]
        θ = _decaying(cast(needed(params, "Weight decay"), λ.dtype), decay_biases=self.decay_biases)
        updates, memory = self.rule.update(gradients, memory, params, hyperparams, step, **extra)
        shrunk = jax.tree.map(lambda Δ, θ: (Δ.astype(λ.dtype) - η * λ * θ).astype(Δ.dtype), updates, θ)
        return shrunk, memory

    def linear_step(self, memory: PyTree, numbers: Mapping[str, float], steps: int) -> LinearStep | None:
        """Return that of the other rule, with the decay."""
        step = linear_step_of(self.rule, memory, numbers, steps)
        return None if step is None else step._replace(decoupled_weight_decay=numbers["weight_decay"])


def _decaying(params: PyTree, *, decay_biases: bool) -> PyTree:
    """Return the parameters with zeros for those that are spared."""

    def spared(path: KeyPath, θ: Array) -> Array:
        return jnp.zeros_like(θ) if path and _name_of(path[-1]) in SPARED else θ

    return params if decay_biases else tree_map_with_path(spared, params)


def _name_of(key: Any) -> str | None:
    """Return the name of a parameter, where it has one."""
    if isinstance(key, DictKey):
        return str(key.key)
    return key.name if isinstance(key, GetAttrKey) else None
