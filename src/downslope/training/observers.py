"""Observers of a training, which may change its hyperparameters or end it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from downslope.core import Setting, SettingError, Variables, handed_out
from downslope.optimizers import set_hyperparam
from downslope.training.engine.state import TrainingState


@dataclass(frozen=True)
class Moment:
    """The state of a training at the end of an epoch, as observers see it; nothing of it can be changed.

    Attributes:
        epoch: how many epochs have ended.
        step: how many steps were made.
        values: the epoch's line of the history, by name.
        hyperparams: the optimizer's numbers of the last step, by name.
        variables: the newest parameters and state.
    """

    epoch: int
    step: int
    values: Mapping[str, float]
    hyperparams: Mapping[str, float]
    variables: Variables


@dataclass(frozen=True)
class Stop:
    """Returned by an observer to end the training; the run's `stop_reason` is then `"stopped"`."""


@dataclass(frozen=True, init=False)
class Change:
    """Returned by an observer to change hyperparameters from the next step on.

    Nothing compiles again, unless a number had a schedule: that is dropped.

    Example:
        >>> import downslope as ds
        >>> def halve(moment):
        ...     return ds.Change(learning_rate=moment.hyperparams["learning_rate"] / 2)
        >>> net, data = ds.mlp([8], outputs=3), ds.load("iris")
        >>> run = ds.train(net, data, optimizer=ds.adam(0.5), epochs=3, observers=[halve], progress=False)
        >>> run.history["learning_rate"].tolist()
        [0.5, 0.25, 0.125]
    """

    numbers: Mapping[str, Any]

    def __init__(self, **numbers: Any):
        object.__setattr__(self, "numbers", MappingProxyType(numbers))


Observer = Callable[[Moment], Stop | Change | None]


ALLOWED_RETURNS = "None, ds.Stop() or ds.Change(learning_rate=…)"
"""Allowed results of an observer."""


def check_observers(observers: Sequence[Observer]) -> tuple[Observer, ...]:
    """Return the observers as a tuple.

    Raises:
        SettingError: one cannot be called.
    """
    for observer in observers:
        if not callable(observer):
            raise SettingError(
                Setting("observers"),
                f"must hold functions of one argument, got {observer!r}. They are given a ds.Moment at the end of each "
                f"epoch and return {ALLOWED_RETURNS}.",
            )
    return tuple(observers)


def notify_observers(observers: tuple[Observer, ...], training: TrainingState) -> None:
    """Call each observer with the epoch that just ended, and act on its result.

    Raises:
        SettingError: a result that is not allowed, or a hyperparameter that cannot be.
    """
    for observer in observers:
        decision = observer(_moment(training))
        if isinstance(decision, Stop):
            training.stop_reason = training.stop_reason or "stopped"
        elif isinstance(decision, Change):
            optimizer = set_hyperparam(training.state.optimizer, **decision.numbers)
            training.state = training.state._replace(optimizer=optimizer)
        elif decision is not None:
            raise SettingError(
                f"An observer must return {ALLOWED_RETURNS}, got {decision!r}.",
                setting="observers",
            )


def _moment(training: TrainingState) -> Moment:
    """Return the argument of observers."""
    optimizer = training.state.optimizer
    return Moment(
        epoch=training.epoch,
        step=int(optimizer.step),
        values=MappingProxyType(training.history[-1]),
        hyperparams=MappingProxyType({name: float(value) for name, value in optimizer.hyperparams.items()}),
        variables=handed_out(training.state.variables),
    )
