"""RMSProp: steps divided by the size that gradients had lately."""

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


def rmsprop(
    learning_rate: LearningRate,
    *,
    decay: NumberOrSchedule = 0.9,
    eps: NumberOrSchedule = 1e-8,
    eps_in_sqrt: bool = True,
    momentum: NumberOrSchedule = 0,
    centered: bool = False,
) -> Optimizer:
    """Return RMSProp with rate `η`, decay `ρ` and momentum `μ`.

        v ← ρ v + (1 − ρ) g²
        θ ← θ − η g / √(v + ε)

    `eps_in_sqrt=False` divides by `√v + ε`; `centered` takes `v − m²`, the variance, in place of `v`, with
    `m ← ρ m + (1 − ρ) g`; with momentum `u ← μ u + g / √(v + ε)`, `θ ← θ − η u`.

    Definitions differ: `ε` inside the root is optax's, outside it torch's, whose decay is 0.99. Our rate stays outside
    of `u`, as torch's; optax's is inside, the same only while the rate is constant. There is no bias correction, so the
    first steps are `1/√(1 − ρ)` times as long as Adam's.

    Args:
        learning_rate: `η`, 0 or more: a number or a schedule, as every number here.
        decay: `ρ`, 0 or more and below 1.
        eps: `ε`, 0 or more; what keeps a step finite where gradients vanish.
        eps_in_sqrt: whether `ε` is added under the root.
        momentum: `μ`, 0 or more and below 1. Exactly 0 keeps no such memory.
        centered: divide by the deviation from the mean gradient.

    Raises:
        SettingError: a number is out of bounds.

    Example:
        >>> import numpy as np
        >>> optimizer = rmsprop(0.5, decay=0.75)
        >>> updates, state = optimizer.update(np.array([2.0, -8.0]), optimizer.init(np.zeros(2)))
        >>> [round(float(update), 6) for update in updates]
        [-1.0, 1.0]

    References:
        Tieleman and Hinton, "Neural Networks for Machine Learning", lecture 6.5, 2012, whose decay of 0.9 is the
        default; Graves, "Generating Sequences With Recurrent Neural Networks", 2013, equations (38) to (41), the
        centered form.
    """
    momentum = check_hyperparam("momentum", momentum)
    settings = {
        "learning_rate": check_learning_rate(learning_rate),
        "decay": check_hyperparam("decay", decay),
        "eps": check_hyperparam("eps", eps),
        "eps_in_sqrt": eps_in_sqrt,
        "momentum": momentum,
        "centered": centered,
    }
    names = ["learning_rate", "decay", "eps", *(["momentum"] if momentum != 0 else [])]
    rule = RmsProp(eps_in_sqrt, momentum != 0, centered)
    return make(rmsprop, rule, {name: settings[name] for name in names}, settings)


RMSPROP = Facts(
    rmsprop,
    label="RMSprop",
    learning_rate=1e-3,
    formula=(
        *GRADIENT,
        FormulaLine("v ← ρ v + (1 − ρ) g²"),
        FormulaLine("θ ← θ − η g / √(v + ε)", lacks=("momentum",)),
        FormulaLine("u ← μ u + g / √(v + ε)", needs=("momentum",)),
        FormulaLine("θ ← θ − η u", needs=("momentum",)),
    ),
    momentum="momentum",
    scale_invariant=True,
    rate_is_length=True,
)


@dataclass(frozen=True)
class RmsProp:
    """The rule of `rmsprop`; the flags say which terms there are."""

    eps_in_sqrt: bool
    momentum: bool
    centered: bool

    def init(self, params: PyTree) -> PyTree:
        """Return `v = 0`, and where they are used `m = 0` and `u = 0`."""
        names = ["v", *(["m"] if self.centered else []), *(["u"] if self.momentum else [])]
        return {name: zeros_like(params) for name in names}

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Array, **extra: object
    ) -> tuple[PyTree, PyTree]:
        """Return `−η g / √(v + ε)`, or its variants, and the averages."""
        η, ρ, ε = (hyperparams[name] for name in ("learning_rate", "decay", "eps"))
        g = cast(gradients, η.dtype)
        v = jax.tree.map(lambda v, g: ρ * v + (1 - ρ) * jnp.square(g), memory["v"], g)
        new, power = {"v": v}, v
        if self.centered:
            m = jax.tree.map(lambda m, g: ρ * m + (1 - ρ) * g, memory["m"], g)
            # A variance is never negative, but rounding makes it so where gradients are constant.
            power = jax.tree.map(lambda v, m: jnp.maximum(v - jnp.square(m), 0), v, m)
            new["m"] = m
        d = jax.tree.map(lambda g, p: g / self._root(p, ε), g, power)
        if self.momentum:
            μ = hyperparams["momentum"]
            d = jax.tree.map(lambda u, d: μ * u + d, memory["u"], d)
            new["u"] = d
        return descend(η, d, gradients), new

    def linear_step(self, memory: PyTree, numbers: Mapping[str, float], steps: int) -> LinearStep:
        """Return the step with `P = √(v + ε)`, or its variants."""
        ε, power = numbers["eps"], on_host(memory["v"])
        if self.centered:
            power = jax.tree.map(lambda v, m: np.maximum(v - np.square(m), 0), power, on_host(memory["m"]))
        P = jax.tree.map(lambda p: np.sqrt(p + ε) if self.eps_in_sqrt else np.sqrt(p) + ε, power)
        return LinearStep(numbers["learning_rate"], momentum=numbers.get("momentum", 0.0), preconditioner=P)

    def _root(self, power: Array, ε: Array) -> Array:
        """Return `√(v + ε)` or `√v + ε`."""
        return jnp.sqrt(power + ε) if self.eps_in_sqrt else jnp.sqrt(power) + ε
