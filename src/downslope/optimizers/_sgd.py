"""Gradient descent, with momentum in its three forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from downslope.core import Advice, NumberOrSchedule, PyTree, Setting, SettingError
from downslope.optimizers._decay_rules import L2
from downslope.optimizers._facts import GRADIENT, Facts, FormulaLine
from downslope.optimizers._limits import LearningRate, check_hyperparam, check_learning_rate
from downslope.optimizers._linear_step import LinearStep
from downslope.optimizers._optimizer import Optimizer, make
from downslope.optimizers._rule import Hyperparams, cast, descend, working_dtype, zeros_like


def sgd(
    learning_rate: LearningRate,
    *,
    momentum: NumberOrSchedule = 0,
    nesterov: bool = False,
    averaged: bool = False,
    bias_correction: bool = False,
    hold_effective_rate: bool = False,
    weight_decay: NumberOrSchedule = 0,
    decay_biases: bool = True,
) -> Optimizer:
    """Return (stochastic) gradient descent with rate `η`, momentum `μ` and weight decay `λ`.

        g ← g + λ θ
        v ← μ v + g
        θ ← θ − η v,    with Nesterov's momentum  θ ← θ − η (g + μ v)

    The averaged form is

        v ← μ v + (1 − μ) g
        θ ← θ − η v,    with bias correction  θ ← θ − η v / (1 − μᵗ)   (t = 1 at the first step)

    Along a steady gradient the first form moves `η / (1 − μ)` a step in the long run: its effective rate.
    `hold_effective_rate` holds that fixed when `μ` changes, by a schedule or by hand: `η` is meant at the momentum `μ₁`
    of the first step, and

        θ ← θ − η (1 − μₜ)/(1 − μ₁) v

    The velocity stays as it is, and takes about `1/(1 − μ)` steps to fit the new momentum. The averaged form moves `η`
    whatever `μ` is, without that delay.

    Definitions differ: the rate stays outside the velocity, as in torch and optax (both agree with ours in all forms
    they have); Keras and scikit-learn put it inside, `v ← μ v − η g`, which is the same only while the rate is
    constant. `weight_decay` is that of `l2`, before the momentum, as torch's. torch's `dampening` is `averaged` but for
    the first step, where torch takes `v = g`.

    Args:
        learning_rate: `η`, 0 or more: a number or a schedule, as every number here.
        momentum: `μ`, 0 or more and below 1. Exactly 0 keeps no velocity.
        nesterov: look ahead along the velocity; needs momentum, and does not go with `averaged`.
        averaged: average the gradients instead of summing them up.
        bias_correction: correct the average for its start at 0; goes with `averaged` only.
        hold_effective_rate: hold `η / (1 − μ)` at its first value; needs momentum, and does not go with `averaged`.
        weight_decay: `λ`, 0 or more. Exactly 0 keeps no such term.
        decay_biases: whether biases, and scales and shifts of norms, decay too: parameters by the names `bias`, `scale`
            and `shift`.

    Raises:
        SettingError: a number is out of bounds, or two settings exclude each other.

    Example:
        >>> import numpy as np
        >>> optimizer = sgd(0.5, momentum=0.5)
        >>> state = optimizer.init(np.zeros(1))
        >>> for _ in range(3):
        ...     updates, state = optimizer.update(np.ones(1), state)
        ...     print(float(updates[0]))
        -0.5
        -0.75
        -0.875

    References:
        Polyak, "Some methods of speeding up the convergence of iteration methods", 1964, equation (9); Sutskever et
        al., "On the importance of initialization and momentum in deep learning", 2013, section 2, whose Nesterov form
        this is after the usual change of variables.
    """
    momentum, weight_decay = check_hyperparam("momentum", momentum), check_hyperparam("weight_decay", weight_decay)
    rule = Sgd(momentum != 0, nesterov, averaged, bias_correction, hold_effective_rate)
    _check_choices(rule)
    settings = {
        "learning_rate": check_learning_rate(learning_rate),
        "momentum": momentum,
        "nesterov": nesterov,
        "averaged": averaged,
        "bias_correction": bias_correction,
        "hold_effective_rate": hold_effective_rate,
        "weight_decay": weight_decay,
        "decay_biases": decay_biases,
    }
    decayed = weight_decay != 0
    used = {"learning_rate": True, "momentum": rule.momentum, "weight_decay": decayed}
    numbers = {name: settings[name] for name in used if used[name]}
    return make(sgd, L2(rule, decay_biases) if decayed else rule, numbers, settings)


SGD = Facts(
    sgd,
    label="SGD",
    learning_rate=0.01,
    formula=(
        *GRADIENT,
        FormulaLine("θ ← θ − η g", lacks=("momentum",)),
        FormulaLine("v ← μ v + g", needs=("momentum",)),
        FormulaLine("θ ← θ − η v", needs=("momentum",), lacks=("nesterov",)),
        FormulaLine("θ ← θ − η (g + μ v)", needs=("momentum", "nesterov")),
    ),
    momentum="momentum",
    scale_invariant=False,
    rate_is_length=False,
)


@dataclass(frozen=True)
class Sgd:
    """The rule of `sgd`; the flags say which terms there are."""

    momentum: bool
    nesterov: bool
    averaged: bool
    bias_correction: bool
    hold_effective_rate: bool

    def init(self, params: PyTree) -> PyTree:
        """Return the velocity `v = 0`, or nothing without momentum; and room for `μ₁` where it is needed."""
        velocity = {"v": zeros_like(params)} if self.momentum else {}
        return velocity | ({"first_momentum": np.zeros((), working_dtype(params))} if self.hold_effective_rate else {})

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Array, **extra: object
    ) -> tuple[PyTree, PyTree]:
        """Return `−η v`, or its variants, and `v`."""
        η = hyperparams["learning_rate"]
        g = cast(gradients, η.dtype)
        if not self.momentum:
            return descend(η, g, gradients), memory
        μ = hyperparams["momentum"]
        weight = 1 - μ if self.averaged else 1
        v = jax.tree.map(lambda v, g: μ * v + weight * g, memory["v"], g)
        new = {"v": v}
        if self.hold_effective_rate:
            μ1 = jnp.where(step == 0, μ, memory["first_momentum"])
            η = η * (1 - μ) / (1 - μ1)
            new["first_momentum"] = μ1
        if self.bias_correction:
            η = η / (1 - μ ** (step + 1).astype(μ.dtype))
        d = jax.tree.map(lambda v, g: g + μ * v, v, g) if self.nesterov else v
        return descend(η, d, gradients), new

    def linear_step(self, memory: PyTree, numbers: Mapping[str, float], steps: int) -> LinearStep:
        """Return the step with all that multiplies the rate in it."""
        η, μ, factor = numbers["learning_rate"], numbers.get("momentum", 0.0), 1.0
        if self.hold_effective_rate:
            factor = (1 - μ) / (1 - float(memory["first_momentum"]))
        elif self.bias_correction and μ:
            factor = 1 / (1 - μ**steps)
        return LinearStep(η * factor, momentum=μ, nesterov=self.nesterov, averaged=self.averaged)


def _check_choices(rule: Sgd) -> None:
    """Raise if two settings exclude each other."""
    for name in ("nesterov", "averaged", "hold_effective_rate"):
        if getattr(rule, name) and not rule.momentum:
            raise SettingError(
                Setting(name),
                "needs a momentum above 0, got",
                Setting("momentum"),
                "of 0.",
                Advice("pass {}, say", momentum=0.9),
            )
    if rule.nesterov and rule.averaged:
        raise SettingError(
            Setting("nesterov"), "and", Setting("averaged"), "exclude each other. Leave one of them out."
        )
    if rule.hold_effective_rate and rule.averaged:
        raise SettingError(
            Setting("hold_effective_rate"),
            "and",
            Setting("averaged"),
            "exclude each other: the averaged form holds it already. Leave one of them out.",
        )
    if rule.bias_correction and not rule.averaged:
        raise SettingError(
            Setting("bias_correction"),
            "goes with",
            Setting("averaged"),
            "only: a plain velocity is a sum, and has no bias.",
        )
