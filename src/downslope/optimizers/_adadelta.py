"""Adadelta: steps as long as the last ones were, in the units of the parameters."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from downslope.core import NumberOrSchedule, PyTree
from downslope.optimizers._facts import GRADIENT, Facts, FormulaLine
from downslope.optimizers._limits import LearningRate, check_hyperparam, check_learning_rate
from downslope.optimizers._optimizer import Optimizer, make
from downslope.optimizers._rule import Hyperparams, cast, descend, zeros_like


def adadelta(
    learning_rate: LearningRate = 1.0, *, decay: NumberOrSchedule = 0.9, eps: NumberOrSchedule = 1e-6
) -> Optimizer:
    """Return Adadelta with decay `ρ` and rate `η`, which the paper does not have: it is 1 there.

        v ← ρ v + (1 − ρ) g²
        d = √(u + ε) / √(v + ε) · g
        u ← ρ u + (1 − ρ) d²
        θ ← θ − η d

    Definitions agree: ours is torch's, optax's and the paper's. Defaults differ: these are torch's; Keras has a rate of
    0.001, `ρ = 0.95` and `ε = 1e-7`. The first steps are about `√ε` long.

    Args:
        learning_rate: `η`, 0 or more: a number or a schedule, as every number here.
        decay: `ρ`, 0 or more and below 1.
        eps: `ε`, 0 or more. With exactly 0 nothing moves.

    Raises:
        SettingError: a number is out of bounds.

    Example:
        >>> import numpy as np
        >>> optimizer = adadelta(decay=0.75)
        >>> updates, state = optimizer.update(np.array([3.0, -80.0]), optimizer.init(np.zeros(2)))
        >>> [round(float(update), 4) for update in updates]
        [-0.002, 0.002]

    References:
        Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, Algorithm 1.
    """
    numbers = {
        "learning_rate": check_learning_rate(learning_rate),
        "decay": check_hyperparam("decay", decay),
        "eps": check_hyperparam("eps", eps),
    }
    return make(adadelta, Adadelta(), numbers, numbers)


ADADELTA = Facts(
    adadelta,
    label="AdaDelta",
    learning_rate=1.0,
    formula=(
        *GRADIENT,
        FormulaLine("v ← ρ v + (1 − ρ) g²"),
        FormulaLine("d = √(u + ε) / √(v + ε) · g"),
        FormulaLine("u ← ρ u + (1 − ρ) d²"),
        FormulaLine("θ ← θ − η d"),
    ),
    momentum=None,
    scale_invariant=True,
    rate_is_length=False,
)


@dataclass(frozen=True)
class Adadelta:
    """The rule of `adadelta`."""

    def init(self, params: PyTree) -> PyTree:
        """Return `v = u = 0`."""
        return {"v": zeros_like(params), "u": zeros_like(params)}

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Array, **extra: object
    ) -> tuple[PyTree, PyTree]:
        """Return `−η d`, and the averages of squared gradients and squared steps."""
        η, ρ, ε = (hyperparams[name] for name in ("learning_rate", "decay", "eps"))
        g = cast(gradients, η.dtype)
        v = jax.tree.map(lambda v, g: ρ * v + (1 - ρ) * jnp.square(g), memory["v"], g)
        d = jax.tree.map(lambda u, v, g: jnp.sqrt(u + ε) / jnp.sqrt(v + ε) * g, memory["u"], v, g)
        u = jax.tree.map(lambda u, d: ρ * u + (1 - ρ) * jnp.square(d), memory["u"], d)
        return descend(η, d, gradients), {"v": v, "u": u}
