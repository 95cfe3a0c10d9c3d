"""Gradient descent, with momentum in its three forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax

from downslope.core import PyTree, SettingError
from downslope.optimizers._limits import check_hyperparam
from downslope.optimizers._optimizer import Optimizer, make
from downslope.optimizers._rule import Hyperparams, cast, descend, zeros_like
from downslope.optimizers._weight_decay import check_params


def sgd(
    learning_rate: Any,
    *,
    momentum: Any = 0,
    nesterov: bool = False,
    averaged: bool = False,
    bias_correction: bool = False,
    weight_decay: Any = 0,
) -> Optimizer:
    """Return (stochastic) gradient descent with rate `η`, momentum `μ` and weight decay `λ`.

        g ← g + λ θ
        v ← μ v + g
        θ ← θ − η v,    with Nesterov's momentum  θ ← θ − η (g + μ v)

    The averaged form is

        v ← μ v + (1 − μ) g
        θ ← θ − η v,    with bias correction  θ ← θ − η v / (1 − μᵗ)   (t = 1 at the first step)

    Along a steady gradient the first form moves `η / (1 − μ)` a step, the averaged one `η` whatever `μ` is: take the
    averaged form to hold the effective rate when `μ` changes.

    Definitions differ: the rate stays outside the velocity, as in torch and optax (both agree with ours in all forms
    they have); Keras and scikit-learn put it inside, `v ← μ v − η g`, which is the same only while the rate is
    constant. `weight_decay` is L2 in the gradient, before the momentum, as torch's. torch's `dampening` is `averaged`
    but for the first step, where torch takes `v = g`.

    Args:
        learning_rate: `η`, 0 or more: a number or a schedule, as every number here.
        momentum: `μ`, 0 or more and below 1. Exactly 0 keeps no velocity.
        nesterov: look ahead along the velocity; needs momentum, and does not go with `averaged`.
        averaged: average the gradients instead of summing them up.
        bias_correction: correct the average for its start at 0; goes with `averaged` only.
        weight_decay: `λ`, 0 or more. Exactly 0 keeps no such term.

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
    rule = Sgd(momentum != 0, nesterov, averaged, bias_correction, weight_decay != 0)
    _check_choices(rule)
    settings = {
        "learning_rate": check_hyperparam("learning_rate", learning_rate),
        "momentum": momentum,
        "nesterov": nesterov,
        "averaged": averaged,
        "bias_correction": bias_correction,
        "weight_decay": weight_decay,
    }
    used = {"learning_rate": True, "momentum": rule.momentum, "weight_decay": rule.weight_decay}
    return make(sgd, rule, {name: settings[name] for name in used if used[name]}, settings)


@dataclass(frozen=True)
class Sgd:
    """The rule of `sgd`; the flags say which terms there are."""

    momentum: bool
    nesterov: bool
    averaged: bool
    bias_correction: bool
    weight_decay: bool

    def init(self, params: PyTree) -> PyTree:
        """Return the velocity `v = 0`, or nothing without momentum."""
        return {"v": zeros_like(params)} if self.momentum else {}

    def update(
        self, gradients: PyTree, memory: PyTree, params: PyTree, hyperparams: Hyperparams, step: Any, **extra: Any
    ) -> tuple[PyTree, PyTree]:
        """Return `−η v`, or its variants, and `v`."""
        η = hyperparams["learning_rate"]
        g = cast(gradients, η.dtype)
        if self.weight_decay:
            λ = hyperparams["weight_decay"]
            g = jax.tree.map(lambda g, θ: g + λ * θ, g, cast(check_params(params), η.dtype))
        if not self.momentum:
            return descend(η, g, gradients), memory
        μ = hyperparams["momentum"]
        weight = 1 - μ if self.averaged else 1
        v = jax.tree.map(lambda v, g: μ * v + weight * g, memory["v"], g)
        if self.nesterov:
            return descend(η, jax.tree.map(lambda v, g: g + μ * v, v, g), gradients), {"v": v}
        if self.bias_correction:
            η = η / (1 - μ ** (step + 1).astype(μ.dtype))
        return descend(η, v, gradients), {"v": v}


def _check_choices(rule: Sgd) -> None:
    """Raise if two settings exclude each other."""
    if rule.nesterov and not rule.momentum:
        raise SettingError("`nesterov` needs momentum, got a `momentum` of 0. Pass `momentum=0.9`, say.", "nesterov")
    if rule.nesterov and rule.averaged:
        raise SettingError("`nesterov` and `averaged` exclude each other. Leave one of them out.", "nesterov")
    if rule.averaged and not rule.momentum:
        raise SettingError("`averaged` needs momentum, got a `momentum` of 0. Pass `momentum=0.9`, say.", "averaged")
    if rule.bias_correction and not rule.averaged:
        raise SettingError(
            "`bias_correction` goes with `averaged=True` only: a plain velocity is a sum, and has no bias.",
            "bias_correction",
        )
