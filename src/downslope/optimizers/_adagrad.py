"""Adagrad: steps divided by the size of all gradients so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from downslope.core import NumberOrSchedule, PyTree
from downslope.optimizers._facts import GRADIENT, Facts, FormulaLine
from downslope.optimizers._limits import LearningRate, check_hyperparam, check_learning_rate
from downslope.optimizers._linear_step import LinearStep, on_host
from downslope.optimizers._optimizer import Optimizer, make
from downslope.optimizers._rule import Hyperparams, cast, descend, zeros_like


def adagrad(
    learning_rate: LearningRate, *, initial_accumulator: NumberOrSchedule = 0.0, eps: NumberOrSchedule = 1e-10
) -> Optimizer:
    """Return Adagrad with rate `η`; each number's own rate falls as its gradients add up, and never rises again.

        s ← s + g²
        θ ← θ − η g / (√(s₀ + s) + ε)

    Definitions differ: ours is torch's, defaults included. optax and Keras start at `s₀ = 0.1` and add `ε = 1e-7` under
    the root: the same as ours with `s₀ = 0.1 + 1e-7` and `ε = 0`.

    Args:
        learning_rate: `η`, 0 or more: a number or a schedule, as every number here. torch's default is 0.01.
        initial_accumulator: `s₀`, 0 or more; what keeps the first steps from being as long as `η`.
        eps: `ε`, 0 or more; what keeps a step finite where gradients vanish.

    Raises:
        SettingError: a number is out of bounds.

    Example:
        >>> import numpy as np
        >>> optimizer, g = adagrad(0.5), np.array([3.0, -0.1])
        >>> state = optimizer.init(np.zeros(2))
        >>> for _ in range(4):
        ...     updates, state = optimizer.update(g, state)
        >>> [round(float(update), 4) for update in updates]
        [-0.25, 0.25]

    References:
        Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", 2011,
        Figure 1, with diagonal matrices.
    """
    numbers = {
        "learning_rate": check_learning_rate(learning_rate),
        "initial_accumulator": check_hyperparam("initial_accumulator", initial_accumulator),
        "eps": check_hyperparam("eps", eps),
    }
    return make(adagrad, Adagrad(), numbers, numbers)


ADAGRAD = Facts(
    adagrad,
    label="AdaGrad",
    learning_rate=0.01,
    formula=(
        *GRADIENT,
        FormulaLine("s ← s + g²"),
        FormulaLine("θ ← θ − η g / (√s + ε)"),
    ),
    momentum=None,
    scale_invariant=True,
    rate_is_length=True,
    accumulates=True,
)


@dataclass(frozen=True)
class Adagrad:
    """The rule of `adagrad`; `s₀` is added at each step, so that it is a number like the others."""

    def init(self, params: PyTree) -> PyTree:
        """Return `s = 0`."""
        return {"s": zeros_like(params)}

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Array, **extra: object
    ) -> tuple[PyTree, PyTree]:
        """Return `−η g / (√(s₀ + s) + ε)` and the sum of squares."""
        η, s0, ε = (hyperparams[name] for name in ("learning_rate", "initial_accumulator", "eps"))
        g = cast(gradients, η.dtype)
        s = jax.tree.map(lambda s, g: s + jnp.square(g), memory["s"], g)
        d = jax.tree.map(lambda s, g: g / (jnp.sqrt(s0 + s) + ε), s, g)
        return descend(η, d, gradients), {"s": s}

    def linear_step(self, memory: PyTree, numbers: Mapping[str, float], steps: int) -> LinearStep:
        """Return the step with `P = √(s₀ + s) + ε`."""
        s0, ε = numbers["initial_accumulator"], numbers["eps"]
        P = jax.tree.map(lambda s: np.sqrt(s0 + s) + ε, on_host(memory["s"]))
        return LinearStep(numbers["learning_rate"], preconditioner=P)
