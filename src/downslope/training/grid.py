"""The combinations of settings that a sweep tries, grouped by which can be trained as one population."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any

import jax
import numpy as np

from downslope.core import Setting, SettingError, UnknownNameError, render
from downslope.networks import Sequential
from downslope.optimizers import Optimizer, as_optimizer
from downslope.training.settings import DEFAULTS, TrainingSettings

FIXED = ("loss", "validation", "normalize_targets", "start")
"""Settings that must be the same throughout, or losses would not compare."""

OF_ONE_RUN = ("restarts", "store", "overwrite", "record", "track", "observers")
"""Arguments of `train` that have no meaning for many runs."""


@dataclass(frozen=True)
class GridPoint:
    """One combination of settings.

    Attributes:
        number: index in the grid.
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
        """The optimizer, with its numbers."""
        return as_optimizer(self.settings.optimizer)

    @property
    def group(self) -> Hashable:
        """A key that is equal for points that can be trained together."""
        schedules = {name: value for name, value in self.optimizer.hyperparams.items() if callable(value)}
        kinds = jax.tree.structure(schedules), tuple(np.shape(leaf) for leaf in jax.tree.leaves(schedules))
        free = ("optimizer",) if self.settings.split_by_seed else ("optimizer", "seed")
        fixed = {name: value for name, value in self.settings.items() if name not in free}
        return self.net, self.optimizer.rule, kinds, str(render(_by_name(fixed)))


def grid_points(settings: dict[str, Any]) -> list[GridPoint]:
    """Return every combination of the settings that are lists, the last one changing fastest."""
    _check_names(settings)
    choices = {name: _choices(name, value) for name, value in settings.items()}
    swept = [name for name, options in choices.items() if len(options) > 1 or isinstance(settings[name], (list, dict))]
    points = []
    for number, chosen in enumerate(product(*(options.items() for options in choices.values()))):
        labels = {name: label for name, (label, _) in zip(choices, chosen, strict=True)}
        values = {name: value for name, (_, value) in zip(choices, chosen, strict=True)}
        optimizer = as_optimizer(values.pop("optimizer"))
        net = values.pop("net")
        numbers = {name: values.pop(name) for name in list(values) if name not in DEFAULTS}
        _check_known(numbers, optimizer)
        values["optimizer"] = optimizer.replace(**numbers)
        points.append(GridPoint(number, TrainingSettings(**values), net, {name: labels[name] for name in swept}))
    return points


def population_groups(points: Iterable[GridPoint]) -> list[list[GridPoint]]:
    """Return the points in groups that can be trained as one population each."""
    groups: dict[Hashable, list[GridPoint]] = {}
    for point in points:
        groups.setdefault(point.group, []).append(point)
    return list(groups.values())


def _choices(name: str, value: Any) -> dict[Hashable, Any]:
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
    return {_label(item): item for item in value}


def _label(value: object) -> Hashable:
    """Return a label of a value for tables; it can be a key."""
    return value if isinstance(value, (int, float, str)) or value is None else repr(value)


def _check_known(numbers: dict[str, Any], optimizer: Optimizer) -> None:
    """Check that the settings that are none of `train`'s are those of an optimizer."""
    for name in numbers:
        if name not in optimizer.all_settings:
            raise UnknownNameError("settings", name, [*DEFAULTS, *optimizer.all_settings])


def _check_names(settings: dict[str, Any]) -> None:
    """Check that no setting is one of `train` that has no meaning for many runs."""
    for name in OF_ONE_RUN:
        if name in settings:
            raise SettingError(
                Setting(name), "is for one run, not for a sweep. Sweep, then train with the best settings."
            )


def _by_name(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings with data sets and arrays replaced by their identity."""
    return {
        name: id(value) if name in ("validation", "start") and value is not None and not np.isscalar(value) else value
        for name, value in settings.items()
    }
