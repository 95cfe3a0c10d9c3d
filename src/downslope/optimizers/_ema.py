"""An average of the weights over the last steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.core import Tracer

from downslope.core import Advice, Number, NumberOrSchedule, PyTree, Setting, SettingError
from downslope.optimizers._limits import check_hyperparam
from downslope.optimizers._linear_step import LinearStep, linear_step_of
from downslope.optimizers._named import as_optimizer
from downslope.optimizers._optimizer import Optimizer, OptimizerLike, make
from downslope.optimizers._rule import Hyperparams, Rule, cast, needed, working_dtype
from downslope.optimizers._state import OptimizerState


def ema(ema_decay: NumberOrSchedule, optimizer: OptimizerLike) -> Optimizer:
    """Return an optimizer that also keeps an exponential moving average `a` of the weights, with decay `β`.

        θ ← the optimizer's step
        w ← β w + (1 − β)
        a ← a + (1 − β)/w · (θ − a)

    so that `a = Σ βᵗ⁻ⁱ θᵢ / Σ βᵗ⁻ⁱ` over the steps `i = 1 … t`: the start has no share in it. The steps are those that
    the optimizer makes alone. `averaged_params` reads the average; before the first step it is the start.

    Definitions differ: ours has the bias correction of `optax.ema(β)` applied to weights. torch's
    `get_ema_multi_avg_fn(β)` leaves it out and gives the missing share `βᵗ` to the first weights; the two agree once
    that has faded. The average is of the weights as this optimizer leaves them: put `ema` outside of what else changes
    the step.

    Args:
        ema_decay: `β`, 0 or more and below 1: a number or a schedule. It averages over about `1/(1 − β)` steps.
        optimizer: ours, any of optax, or a name.

    Raises:
        SettingError: the number is out of bounds, or the optimizer averages already.

    Example:
        >>> import numpy as np
        >>> from downslope.optimizers import sgd
        >>> optimizer, params = ema(0.5, sgd(1.0)), np.array([0.0])
        >>> state = optimizer.init(params)
        >>> for _ in range(2):
        ...     updates, state = optimizer.update(np.array([-3.0]), state, params)
        ...     params = params + updates
        >>> float(params[0]), float(averaged_params(state, params)[0])
        (6.0, 5.0)

    References:
        Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992; the bias correction is that
        of Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015, section 3.
    """
    ema_decay, optimizer = check_hyperparam("ema_decay", ema_decay), as_optimizer(optimizer)
    if "ema_decay" in optimizer.hyperparams:
        raise SettingError(
            Setting("optimizer"), f"must be one that does not average weights yet, got {optimizer!r}. Average once."
        )
    numbers = {**optimizer.hyperparams, "ema_decay": ema_decay}
    return make(ema, Ema(optimizer.rule), numbers, {"ema_decay": ema_decay, "optimizer": optimizer})


def keeps_average(state: OptimizerState) -> bool:
    """Return whether the state is that of an optimizer that averages weights, whatever is wrapped around `ema`."""
    return isinstance(state.memory, EmaMemory)


def averaged_params(state: OptimizerState, params: PyTree) -> PyTree:
    """Return the average of the weights that `ema` keeps, in the types of the parameters.

    Batch norm's running statistics belong to the last weights: measure them again for the average.

    Args:
        state: of an optimizer made by `ema`.
        params: the parameters, for their types.

    Raises:
        SettingError: the optimizer keeps no average.
    """
    if not keeps_average(state):
        raise SettingError(
            Setting("state"),
            "must be that of an optimizer that averages weights, got one without an average.",
            Advice("train with {}, say", code="`ema(0.999, optimizer)`"),
        )
    return jax.tree.map(lambda a, θ: a.astype(jnp.result_type(θ)), state.memory.average, params)


class EmaMemory(NamedTuple):
    """What `ema` remembers.

    Attributes:
        average: of the weights after each step; before the first, the start.
        weight: the share that all steps together have in an average without correction, `1 − βᵗ`.
        inner: the memory of the other rule.
    """

    average: PyTree
    weight: Number
    inner: PyTree


@dataclass(frozen=True)
class Ema:
    """The rule of `ema`: another rule, whose steps are watched."""

    rule: Rule

    def init(self, params: PyTree) -> EmaMemory:
        """Return the start as the average, without weight, and the memory of the other rule."""
        dtype = working_dtype(params)
        # A copy, since the parameters' own buffers may be given away to a compiled step.
        average = jax.tree.map(lambda p: jnp.asarray(p, dtype) if isinstance(p, Tracer) else np.array(p, dtype), params)
        return EmaMemory(average, np.zeros((), dtype), self.rule.init(params))

    def update(
        self,
        gradients: PyTree,
        memory: EmaMemory,
        params: PyTree,
        hyperparams: Hyperparams,
        step: Array,
        **extra: object,
    ) -> tuple[PyTree, EmaMemory]:
        """Return the other rule's updates, and the average with the weights that these lead to."""
        β = hyperparams["ema_decay"]
        updates, inner = self.rule.update(gradients, memory.inner, params, hyperparams, step, **extra)
        θ = cast(optax.apply_updates(needed(params, "Averaging"), updates), β.dtype)
        weight = β * memory.weight + (1 - β)
        share = (1 - β) / weight
        average = jax.tree.map(lambda a, θ: (1 - share) * a + share * θ, memory.average, θ)
        return updates, EmaMemory(average, weight, inner)

    def linear_step(self, memory: EmaMemory, numbers: Mapping[str, float], steps: int) -> LinearStep | None:
        """Return that of the other rule."""
        return linear_step_of(self.rule, memory.inner, numbers, steps)
