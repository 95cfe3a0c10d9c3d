"""Those who watch a training and may change its numbers or end it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from downslope.core import Setting, SettingError, Variables
from downslope.optimizers import set_hyperparam
from downslope.training.engine.state import Descent


@dataclass(frozen=True)
class Moment:
    """What an observer sees at the end of an epoch; nothing of it can be changed.

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
    """An observer's wish to end the training; the run's `stop_reason` is then `"stopped"`."""


@dataclass(frozen=True, init=False)
class Change:
    """An observer's wish to go on with other numbers, from the next step on.

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


WISHES = "None, ds.Stop() or ds.Change(learning_rate=…)"
"""What an observer may return."""


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
                f"epoch and return {WISHES}.",
            )
    return tuple(observers)


def consult(observers: tuple[Observer, ...], descent: Descent) -> None:
    """Show each observer the epoch that just ended, and do as they wish.

    Raises:
        SettingError: one wishes for what cannot be.
    """
    for observer in observers:
        wish = observer(_moment(descent))
        if isinstance(wish, Stop):
            descent.stop_reason = descent.stop_reason or "stopped"
        elif isinstance(wish, Change):
            optimizer = set_hyperparam(descent.state.optimizer, **wish.numbers)
            descent.state = descent.state._replace(optimizer=optimizer)
        elif wish is not None:
            raise SettingError(
                f"An observer must return {WISHES}, got {wish!r}.",
                setting="observers",
            )


def _moment(descent: Descent) -> Moment:
    """Return what observers see."""
    optimizer = descent.state.optimizer
    return Moment(
        epoch=descent.epoch,
        step=int(optimizer.step),
        values=MappingProxyType(descent.history[-1]),
        hyperparams=MappingProxyType({name: float(value) for name, value in optimizer.hyperparams.items()}),
        variables=descent.state.variables,
    )
