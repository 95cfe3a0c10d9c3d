"""Adam, and Adam with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from downslope.core import Number, NumberOrSchedule, PyTree
from downslope.optimizers._decay_rules import DecoupledWeightDecay
from downslope.optimizers._facts import GRADIENT, Facts, FormulaLine
from downslope.optimizers._limits import LearningRate, check_hyperparam, check_learning_rate
from downslope.optimizers._linear_step import LinearStep, on_host
from downslope.optimizers._optimizer import Optimizer, make
from downslope.optimizers._rule import Hyperparams, cast, descend, zeros_like


def adam(
    learning_rate: LearningRate,
    *,
    b1: NumberOrSchedule = 0.9,
    b2: NumberOrSchedule = 0.999,
    eps: NumberOrSchedule = 1e-8,
    eps_in_sqrt: bool = False,
    bias_correction: bool = True,
) -> Optimizer:
    """Return Adam with rate `η` and decays `β₁`, `β₂`.

        m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
        θ ← θ − η m̂ / (√v̂ + ε),   m̂ = m / (1 − β₁ᵗ),   v̂ = v / (1 − β₂ᵗ)   (t = 1 at the first step)

    `eps_in_sqrt` divides by `√(v̂ + ε)`; without bias correction `m̂ = m`, `v̂ = v`.

    Definitions differ: ours is Algorithm 1 of the paper, as torch's and optax's. Keras and scikit-learn add the
    paper's `ε̂` to the uncorrected root: the same as ours with `ε = ε̂ / √(1 − β₂ᵗ)`, which changes with the step.

    Args:
        learning_rate: `η`, 0 or more: a number or a schedule, as every number here. Usual are 1e-5 to 1e-3.
        b1: `β₁`, 0 or more and below 1.
        b2: `β₂`, 0 or more and below 1.
        eps: `ε`, 0 or more; what keeps a step finite where gradients vanish.
        eps_in_sqrt: whether `ε` is added under the root.
        bias_correction: correct the averages for their start at 0.

    Raises:
        SettingError: a number is out of bounds.

    Example:
        >>> import numpy as np
        >>> optimizer = adam(0.5)
        >>> updates, state = optimizer.update(np.array([2.0, -80.0]), optimizer.init(np.zeros(2)))
        >>> [round(float(update), 4) for update in updates]
        [-0.5, 0.5]

    References:
        Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, Algorithm 1, and its defaults.
    """
    numbers = {
        "learning_rate": check_learning_rate(learning_rate),
        "b1": check_hyperparam("b1", b1),
        "b2": check_hyperparam("b2", b2),
        "eps": check_hyperparam("eps", eps),
    }
    flags = {"eps_in_sqrt": eps_in_sqrt, "bias_correction": bias_correction}
    return make(adam, Adam(**flags), numbers, numbers | flags)


def adamw(
    learning_rate: LearningRate,
    *,
    weight_decay: NumberOrSchedule = 0.01,
    decay_biases: bool = True,
    b1: NumberOrSchedule = 0.9,
    b2: NumberOrSchedule = 0.999,
    eps: NumberOrSchedule = 1e-8,
    eps_in_sqrt: bool = False,
    bias_correction: bool = True,
) -> Optimizer:
    """Return Adam with decoupled weight decay `λ`.

        m, v, m̂, v̂ as in `adam`, of the gradient without any decay
        θ ← θ − η (m̂ / (√v̂ + ε) + λ θ)

    The same as `decoupled_weight_decay(λ, adam(…))`, which says how definitions differ. The default `λ` is torch's;
    optax's is 1e-4.

    Args:
        learning_rate: `η`, 0 or more: a number or a schedule, as every number here.
        weight_decay: `λ`, 0 or more. Exactly 0 keeps no such term.
        decay_biases: whether biases, and scales and shifts of norms, decay too: parameters by the names `bias`, `scale`
            and `shift`.
        b1: `β₁`, 0 or more and below 1.
        b2: `β₂`, 0 or more and below 1.
        eps: `ε`, 0 or more.
        eps_in_sqrt: whether `ε` is added under the root.
        bias_correction: correct the averages for their start at 0.

    Raises:
        SettingError: a number is out of bounds.

    Example:
        >>> import numpy as np
        >>> optimizer, params = adamw(0.5, weight_decay=0.5), np.array([4.0])
        >>> updates, state = optimizer.update(np.array([3.0]), optimizer.init(params), params)
        >>> round(float(updates[0]), 4)
        -1.5

    References:
        Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019, Algorithm 2.
    """
    weight_decay = check_hyperparam("weight_decay", weight_decay)
    plain = adam(learning_rate, b1=b1, b2=b2, eps=eps, eps_in_sqrt=eps_in_sqrt, bias_correction=bias_correction)
    settings = plain.settings | {"weight_decay": weight_decay, "decay_biases": decay_biases}
    if weight_decay == 0:
        return make(adamw, plain.rule, plain.hyperparams, settings)
    numbers = plain.hyperparams | {"weight_decay": weight_decay}
    return make(adamw, DecoupledWeightDecay(plain.rule, decay_biases), numbers, settings)


MOMENTS = (
    FormulaLine("m ← β₁ m + (1 − β₁) g"),
    FormulaLine("v ← β₂ v + (1 − β₂) g²"),
    FormulaLine("m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)"),
)
"""The lines that both have."""

ADAM = Facts(
    adam,
    label="Adam",
    learning_rate=1e-3,
    formula=(
        *GRADIENT,
        *MOMENTS,
        FormulaLine("θ ← θ − η m̂ / (√v̂ + ε)"),
    ),
    momentum="b1",
    scale_invariant=True,
    rate_is_length=True,
)
ADAMW = Facts(
    adamw,
    label="AdamW",
    learning_rate=1e-3,
    formula=(
        FormulaLine("g = ∇L(θ)"),
        *MOMENTS,
        FormulaLine("θ ← θ − η (m̂ / (√v̂ + ε) + λ θ)"),
    ),
    momentum="b1",
    scale_invariant=True,
    rate_is_length=True,
)


@dataclass(frozen=True)
class Adam:
    """The rule of `adam`, and within `adamw`; the flags say which terms there are."""

    eps_in_sqrt: bool
    bias_correction: bool

    def init(self, params: PyTree) -> PyTree:
        """Return `m = v = 0`."""
        return {"m": zeros_like(params), "v": zeros_like(params)}

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Array, **extra: object
    ) -> tuple[PyTree, PyTree]:
        """Return `−η m̂ / (√v̂ + ε)`, or its variants, and the averages."""
        η, β1, β2, ε = (hyperparams[name] for name in ("learning_rate", "b1", "b2", "eps"))
        g = cast(gradients, η.dtype)
        m = jax.tree.map(lambda m, g: β1 * m + (1 - β1) * g, memory["m"], g)
        v = jax.tree.map(lambda v, g: β2 * v + (1 - β2) * jnp.square(g), memory["v"], g)
        to_m_hat, to_v_hat = self._corrections(β1, β2, step)
        d = jax.tree.map(lambda m, v: m * to_m_hat / self._root(v * to_v_hat, ε), m, v)
        return descend(η, d, gradients), {"m": m, "v": v}

    def linear_step(self, memory: PyTree, numbers: Mapping[str, float], steps: int) -> LinearStep:
        """Return the step with `P = (1 − β₁ᵗ) (√v̂ + ε)`, or its variants."""
        β1, β2, ε = (numbers[name] for name in ("b1", "b2", "eps"))
        of_m, of_v = (1 - β1**steps, 1 - β2**steps) if self.bias_correction else (1.0, 1.0)
        root = (lambda v: np.sqrt(v / of_v + ε)) if self.eps_in_sqrt else (lambda v: np.sqrt(v / of_v) + ε)
        P = jax.tree.map(lambda v: of_m * root(v), on_host(memory["v"]))
        return LinearStep(numbers["learning_rate"], momentum=β1, averaged=True, preconditioner=P)

    def _corrections(self, β1: Array, β2: Array, step: Array) -> tuple[Number, Number]:
        """Return `1 / (1 − β₁ᵗ)` and `1 / (1 − β₂ᵗ)`: once a step, since multiplying is cheaper than dividing."""
        if not self.bias_correction:
            return 1, 1
        t = (step + 1).astype(β1.dtype)
        return 1 / (1 - β1**t), 1 / (1 - β2**t)

    def _root(self, v_hat: Array, ε: Array) -> Array:
        """Return `√v̂ + ε` or `√(v̂ + ε)`."""
        return jnp.sqrt(v_hat + ε) if self.eps_in_sqrt else jnp.sqrt(v_hat) + ε
