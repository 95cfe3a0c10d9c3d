"""The state of an optimizer, and the one function that advances it.

    ηₜ, μₜ, …  ←  the schedules at step t, where there are any
    updates, memory  ←  rule(gradients, memory, ηₜ, μₜ, …)
    t  ←  t + 1

These functions need only the rule, which is static, so that a compiled training step does not depend on the numbers.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from downslope.core import Number, PyTree, UnknownNameError
from downslope.optimizers._limits import check_found, check_value
from downslope.optimizers._rule import Rule, working_dtype
from downslope.schedules import Schedule, observe, with_array_leaves


class OptimizerState(NamedTuple):
    """All that an optimizer knows between steps.

    Attributes:
        step: how many steps were made.
        hyperparams: the numbers of the last step; where there is no schedule, also of the next one. Replace them to
            change them while training.
        schedules: the schedules, by the name of the number each of them sets.
        memory: what the rule remembers, such as a velocity.
    """

    step: jax.Array | np.ndarray
    hyperparams: dict[str, jax.Array | np.ndarray]
    schedules: dict[str, Schedule]
    memory: PyTree


@runtime_checkable
class Described(Protocol):
    """What has a rule and its numbers, such as an `Optimizer`."""

    @property
    def rule(self) -> Rule:
        """Return the rule."""
        ...

    @property
    def hyperparams(self) -> dict[str, Any]:
        """Return the numbers and schedules by name."""
        ...


def initial_state(optimizer: Described, params: PyTree) -> OptimizerState:
    """Return the state before the first step, built on the host: nothing compiles.

    Numbers are float64 if any parameter is, else float32.

    Raises:
        SettingError: the learning rate is `"auto"`, and nobody has found one yet.

    Example:
        >>> from downslope.optimizers import sgd
        >>> initial_state(sgd(0.5), {"weight": np.ones(3)}).hyperparams
        {'learning_rate': array(0.5...)}
    """
    check_found(optimizer.hyperparams)
    dtype = working_dtype(params)
    schedules = {
        name: with_array_leaves(value) for name, value in optimizer.hyperparams.items() if isinstance(value, Schedule)
    }
    first = optimizer.hyperparams | {name: schedule(0) for name, schedule in schedules.items()}
    with np.errstate(over="ignore"):  # a number that this precision does not hold is infinite: the loss will show it
        arrays = {name: np.asarray(value, dtype) for name, value in first.items()}
    return OptimizerState(np.zeros((), np.int32), {**arrays}, schedules, optimizer.rule.init(params))


def apply_rule(
    rule: Rule, gradients: PyTree, state: OptimizerState, params: PyTree = None, **extra: object
) -> tuple[PyTree, OptimizerState]:
    """Return the updates, which are added to the parameters, and the next state.

    Args:
        rule: the static part of the optimizer.
        gradients: as the parameters.
        state: from `initial_state` or the last step.
        params: the parameters; rules without weight decay and averaging can do without.
        extra: handed to foreign transformations that ask for more, such as `value=loss`.
    """
    dtype, step = working_dtype(gradients), jnp.asarray(state.step, jnp.int32)
    scheduled = {name: schedule(step) for name, schedule in state.schedules.items()}
    numbers = {name: jnp.asarray(value, dtype) for name, value in (state.hyperparams | scheduled).items()}
    updates, memory = rule.update(gradients, state.memory, params, numbers, step, **extra)
    return updates, OptimizerState(step + 1, {**numbers}, state.schedules, memory)


def observe_loss(state: OptimizerState, loss: Number) -> OptimizerState:
    """Return the state after an epoch's validation loss was shown to the schedules that wait for it.

    The same object is returned if none does. Runs on the host.

    Args:
        state: the state at the end of an epoch.
        loss: the validation loss.
    """
    observed = {name: observe(schedule, loss) for name, schedule in state.schedules.items()}
    unchanged = all(observed[name] is state.schedules[name] for name in observed)
    return state if unchanged else state._replace(schedules=observed)


def set_hyperparam(state: OptimizerState, **values: Number) -> OptimizerState:
    """Return the state with some numbers replaced, from the next step on.

    Nothing compiles again, unless a number had a schedule: that is dropped, which changes the structure of the state.
    A choice made by a zero stays made: without momentum at the start, there is none to change.

    Args:
        state: any state.
        values: the new numbers by name.

    Raises:
        UnknownNameError: the optimizer uses no number of that name.
        SettingError: the number is out of bounds.

    Example:
        >>> from downslope.optimizers import sgd
        >>> state = initial_state(sgd(0.5), {"weight": np.ones(3)})
        >>> set_hyperparam(state, learning_rate=0.25).hyperparams
        {'learning_rate': array(0.25...)}
    """
    for name in values:
        if name not in state.hyperparams:
            raise UnknownNameError("hyperparams", name, state.hyperparams)
    new = {name: _filled(state.hyperparams[name], check_value(name, value)) for name, value in values.items()}
    schedules = {name: schedule for name, schedule in state.schedules.items() if name not in values}
    return state._replace(hyperparams=state.hyperparams | new, schedules=schedules)


def _filled(old: Number, value: float) -> np.ndarray:
    """Return an array like the old one, filled with a number."""
    return np.full(np.shape(old), value, np.asarray(old).dtype)
