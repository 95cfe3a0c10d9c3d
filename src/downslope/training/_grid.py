"""The combinations of settings that a sweep tries, and which of them can descend together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import jax
import numpy as np

from downslope.core import Setting, SettingError, UnknownNameError, render
from downslope.networks import Sequential
from downslope.optimizers import Optimizer, as_optimizer
from downslope.training._settings import DEFAULTS, TrainingSettings

FIXED = ("loss", "validation", "normalize_targets", "start")
"""Settings that must be the same throughout, or losses would not compare."""

OF_ONE_RUN = ("restarts", "store", "overwrite", "record", "track", "observers")
"""Arguments of `train` that have no meaning for many runs."""


@dataclass(frozen=True)
class Point:
    """One combination of settings.

    Attributes:
        number: which.
        settings: of its training, the optimizer with its numbers.
        net: the network.
        label: what differs between points, by name, as the user gave it.
    """

    number: int
    settings: TrainingSettings
    net: Sequential
    label: dict[str, Any]

    @property
    def optimizer(self) -> Optimizer:
        """How it descends, with its numbers."""
        return as_optimizer(self.settings.optimizer)

    @property
    def group(self) -> Any:
        """What must be equal for two points to descend together."""
        schedules = {name: value for name, value in self.optimizer.hyperparams.items() if callable(value)}
        kinds = jax.tree.structure(schedules), tuple(np.shape(leaf) for leaf in jax.tree.leaves(schedules))
        free = ("optimizer",) if self.settings.split_by_seed else ("optimizer", "seed")
        others = {name: value for name, value in self.settings.items() if name not in free}
        return self.net, self.optimizer.rule, kinds, str(render(_by_name(others)))


def points_of(settings: dict[str, Any]) -> list[Point]:
    """Return every combination of the settings that are lists, the last one changing fastest."""
    _check_names(settings)
    choices = {name: _choices(name, value) for name, value in settings.items()}
    swept = [name for name, given in choices.items() if len(given) > 1 or isinstance(settings[name], (list, dict))]
    found = []
    for number, chosen in enumerate(product(*(given.items() for given in choices.values()))):
        labels = {name: label for name, (label, _) in zip(choices, chosen, strict=True)}
        values = {name: value for name, (_, value) in zip(choices, chosen, strict=True)}
        optimizer = as_optimizer(values.pop("optimizer"))
        net = values.pop("net")
        numbers = {name: values.pop(name) for name in list(values) if name not in DEFAULTS}
        values["optimizer"] = _with_numbers(optimizer, numbers)
        found.append(Point(number, TrainingSettings(**values), net, {name: labels[name] for name in swept}))
    return found


def _choices(name: str, value: Any) -> dict[Any, Any]:
    """Return the values of a setting by their labels."""
    if name in ("net", "optimizer") and isinstance(value, dict):
        return value
    if not isinstance(value, list) or name == "metrics":
        return {_label(value): value}
    if not value:
        raise SettingError(Setting(name), "must hold one value at least, got an empty list.")
    if name in FIXED:
        raise SettingError(
            Setting(name), "must be the same for all runs of a sweep, or their losses would not compare, got a list."
        )
    return {_label(each): each for each in value}


def _label(value: Any) -> Any:
    """Return what names a value in a table; it can be a key."""
    return value if isinstance(value, (int, float, str)) or value is None else repr(value)


def _with_numbers(optimizer: Optimizer, numbers: dict[str, Any]) -> Optimizer:
    """Return the optimizer with some of its numbers replaced, those of an optimizer within it, too.

    Raises:
        UnknownNameError: it has no number of that name.
    """
    if not numbers:
        return optimizer
    own, inner = dict(optimizer.settings), optimizer.settings.get("optimizer")
    known = _numbers_of(optimizer)
    for name in numbers:
        if name not in known:
            raise UnknownNameError("settings", name, [*DEFAULTS, *known])
    own |= {name: value for name, value in numbers.items() if name in own}
    rest = {name: value for name, value in numbers.items() if name not in optimizer.settings}
    if inner is not None:
        own["optimizer"] = _with_numbers(inner, rest)
    return optimizer.maker(**own)


def _numbers_of(optimizer: Optimizer) -> list[str]:
    """Return the names of all settings of an optimizer, and of the one within it."""
    names = [name for name in optimizer.settings if name != "optimizer"]
    inner = optimizer.settings.get("optimizer")
    return names if inner is None else [*names, *_numbers_of(inner)]


def _check_names(settings: dict[str, Any]) -> None:
    """Check that no setting is one of `train` that has no meaning for many runs."""
    for name in OF_ONE_RUN:
        if name in settings:
            raise SettingError(
                Setting(name), "is for one run, not for a sweep. Sweep, then train with the best settings."
            )


def _by_name(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings with data sets and arrays replaced by who they are."""
    return {
        name: id(value) if name in ("validation", "start") and value is not None and not np.isscalar(value) else value
        for name, value in settings.items()
    }
