"""NAdam: Adam that looks ahead as Nesterov's momentum does."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from downslope.core import NumberOrSchedule, PyTree
from downslope.optimizers._facts import GRADIENT, Facts, FormulaLine
from downslope.optimizers._limits import LearningRate, check_hyperparam, check_learning_rate
from downslope.optimizers._optimizer import Optimizer, make
from downslope.optimizers._rule import Hyperparams, cast, descend, working_dtype, zeros_like


def nadam(
    learning_rate: LearningRate,
    *,
    b1: NumberOrSchedule = 0.9,
    b2: NumberOrSchedule = 0.999,
    eps: NumberOrSchedule = 1e-8,
    momentum_decay: NumberOrSchedule = 0.004,
) -> Optimizer:
    """Return NAdam with rate `η`, decays `β₁`, `β₂` and momentum decay `ψ`.

        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
        μₜ = β₁ (1 − ½ · 0.96^(t ψ)),   Πₜ = μ₁ μ₂ … μₜ   (t = 1 at the first step)
        m̂ = μₜ₊₁ m / (1 − Πₜ₊₁) + (1 − μₜ) g / (1 − Πₜ),   v̂ = v / (1 − β₂ᵗ)
        θ ← θ − η m̂ / (√v̂ + ε)

    Definitions differ: ours is torch's, defaults included, but for torch's rate of 2e-3. Keras has `ψ = 1` and
    `ε = 1e-7`. optax keeps the momentum at `β₁`, which is the limit of a large `ψ`: `momentum_decay=1e6` equals it. The
    paper also multiplies `v̂` by `β₂`; no library does.

    Args:
        learning_rate: `η`, 0 or more: a number or a schedule, as every number here.
        b1: `β₁`, 0 or more and below 1.
        b2: `β₂`, 0 or more and below 1.
        eps: `ε`, 0 or more; what keeps a step finite where gradients vanish.
        momentum_decay: `ψ`, 0 or more: how fast the momentum rises from `β₁ / 2` to `β₁`.

    Raises:
        SettingError: a number is out of bounds.

    Example:
        >>> import numpy as np
        >>> optimizer = nadam(0.5, b1=0.5, momentum_decay=0)
        >>> updates, state = optimizer.update(np.array([2.0, -80.0]), optimizer.init(np.zeros(2)))
        >>> [round(float(update), 4) for update in updates]
        [-0.5667, 0.5667]

    References:
        Dozat, "Incorporating Nesterov Momentum into Adam", 2016, Algorithm 2; the schedule of the momentum is that of
        Sutskever, "Training Recurrent Neural Networks", 2013, in Dozat's form of 2015.
    """
    numbers = {
        "learning_rate": check_learning_rate(learning_rate),
        "b1": check_hyperparam("b1", b1),
        "b2": check_hyperparam("b2", b2),
        "eps": check_hyperparam("eps", eps),
        "momentum_decay": check_hyperparam("momentum_decay", momentum_decay),
    }
    return make(nadam, Nadam(), numbers, numbers)


NADAM = Facts(
    nadam,
    label="Nadam",
    learning_rate=1e-3,
    formula=(
        *GRADIENT,
        FormulaLine("m ← β₁ m + (1 − β₁) g"),
        FormulaLine("v ← β₂ v + (1 − β₂) g²"),
        FormulaLine("m̂ = μₜ₊₁ m / (1 − Πₜ₊₁) + (1 − μₜ) g / (1 − Πₜ)"),
        FormulaLine("v̂ = v / (1 − β₂ᵗ)"),
        FormulaLine("θ ← θ − η m̂ / (√v̂ + ε)"),
    ),
    momentum="b1",
    scale_invariant=True,
    rate_is_length=True,
)


@dataclass(frozen=True)
class Nadam:
    """The rule of `nadam`."""

    def init(self, params: PyTree) -> PyTree:
        """Return `m = v = 0` and the empty product `Π₀ = 1`."""
        return {"m": zeros_like(params), "v": zeros_like(params), "product": np.ones((), working_dtype(params))}

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Array, **extra: object
    ) -> tuple[PyTree, PyTree]:
        """Return `−η m̂ / (√v̂ + ε)`, the averages, and the product of the momenta so far."""
        η, β1, β2, ε, ψ = (hyperparams[name] for name in ("learning_rate", "b1", "b2", "eps", "momentum_decay"))
        g = cast(gradients, η.dtype)
        m = jax.tree.map(lambda m, g: β1 * m + (1 - β1) * g, memory["m"], g)
        v = jax.tree.map(lambda v, g: β2 * v + (1 - β2) * jnp.square(g), memory["v"], g)
        t = (step + 1).astype(η.dtype)
        μ, next_μ = _momentum(β1, ψ, t), _momentum(β1, ψ, t + 1)
        product = memory["product"] * μ
        of_m, of_g = next_μ / (1 - product * next_μ), (1 - μ) / (1 - product)
        to_v_hat = 1 / (1 - β2**t)
        d = jax.tree.map(lambda m, v, g: (of_m * m + of_g * g) / (jnp.sqrt(v * to_v_hat) + ε), m, v, g)
        return descend(η, d, gradients), {"m": m, "v": v, "product": product}


def _momentum(β1: Array, ψ: Array, t: Array) -> Array:
    """Return `μₜ = β₁ (1 − ½ · 0.96^(t ψ))`."""
    return β1 * (1 - 0.5 * 0.96 ** (t * ψ))
