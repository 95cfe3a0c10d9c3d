"""The arguments of `ds.train`, to train again with the same ones or with changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from downslope import layers, losses, networks, optimizers, schedules
from downslope.core import Advice, DataError, Setting, Variables, is_custom, rebuild
from downslope.data import Dataset, Origin, Preprocessing, arranged_as, open_origin, with_roles
from downslope.layers import initializers
from downslope.losses import Loss
from downslope.networks import Sequential
from downslope.runs import Record
from downslope.training.early_stopping import EarlyStopping
from downslope.training.identity.rows import check_rows, other_rows
from downslope.training.problem.problem import Problem, prepare
from downslope.training.settings import TrainingSettings

ROOMS = {
    "layers": layers,
    "initializers": initializers,
    "losses": losses,
    "networks": networks,
    "optimizers": optimizers,
    "schedules": schedules,
}
"""Modules whose public names a run's record may use."""


@dataclass(frozen=True)
class Recipe:
    """The arguments of `ds.train`.

    Attributes:
        net: the network.
        data: the rows.
        settings: all settings that the result depends on. With restarts, `start` holds the starting weights of
            the one that was kept.

    Example:
        >>> import downslope as ds
        >>> run = ds.train(ds.mlp([4], outputs=3), ds.load("iris"), epochs=3, progress=False)
        >>> recipe = run.recipe
        >>> again = ds.train(recipe.net, recipe.data, **recipe.settings, progress=False)
        >>> bool((again.history["train_loss"] == run.history["train_loss"]).all())
        True
    """

    net: Sequential
    data: Dataset = dataclasses.field(repr=False)
    settings: TrainingSettings

    def problem(self, preprocessing: Preprocessing | None = None) -> Problem:
        """Return the problem that these settings pose; it is prepared anew.

        Args:
            preprocessing: that of a run which goes on; None to fit it on the training rows.
        """
        return prepare(self.net, self.data, self.settings, preprocessing)

    def changed(self, changes: Mapping[str, Any]) -> Recipe:
        """Return the recipe with some settings changed, and with another network if `"net"` is among them."""
        settings = {name: value for name, value in changes.items() if name != "net"}
        return Recipe(changes.get("net", self.net), self.data, self.settings | settings)


def recipe_of_record(
    record: Record,
    *,
    net: Sequential,
    loss: Loss,
    data: Dataset | None = None,
    validation: Dataset | None = None,
    optimizer: Any = None,
    start: Variables | None = None,
    file: Path | None = None,
) -> Recipe:
    """Return the recipe of a run on disk, its rows read again from their origin unless they are given.

    Args:
        record: of the run.
        net: its network.
        loss: that was minimized.
        data: the training rows, or None.
        validation: the validation rows, if they were given as a data set, or None.
        optimizer: if it was a custom one.
        start: the variables that it started from, or None.
        file: where the rows' file is now, or None.

    Raises:
        DataError: the rows have no origin, or are others now.
        CustomPartError: the optimizer was a custom one, and is not given.
    """
    configuration = record.configuration
    preprocessing = Preprocessing.from_json(record.preprocessing)
    training = _rows(data, record, "origin", file, preprocessing, "data")
    held_out = configuration["validation"]
    if held_out == "data":
        origin = record.data.get("validation_origin")
        known = validation is not None or origin is not None
        held_out = _rows(validation, record, "validation_origin", file, preprocessing, "validation") if known else 0.0
    names = ("batch_size", "order", "normalize", "metrics", "drop_last")
    plain = {name: rebuild(configuration[name], ROOMS) for name in names}
    weights = configuration["class_weight"]
    custom = optimizer if is_custom(configuration["optimizer"]) else None
    settings = TrainingSettings(
        **plain,
        loss=loss,
        optimizer=rebuild(configuration["optimizer"], ROOMS) if custom is None else custom,
        epochs=configuration["epochs"],
        early_stopping=_early_stopping(configuration["early_stopping"]) if held_out else None,
        validation=held_out,
        seed=record.seed,
        normalize_targets=configuration["normalize_targets"],
        start=start,
        class_weight=weights if weights is None or isinstance(weights, str) else dict(map(tuple, weights)),
    )
    return Recipe(net, training, settings)


def _early_stopping(recorded: int | dict[str, Any] | None) -> int | EarlyStopping | None:
    """Return early stopping as it was set."""
    return EarlyStopping(**recorded) if isinstance(recorded, dict) else recorded


def problem_of_record(recipe: Recipe, record: Record) -> Problem:
    """Return the problem of a run on disk, with the preprocessing that it was trained with.

    Args:
        recipe: of the run, its rows read again or passed again.
        record: of the run.

    Raises:
        DataError: the rows are others.
    """
    check_rows(recipe.data, record)
    held_out = recipe.settings.validation
    if isinstance(held_out, Dataset):
        check_rows(held_out, record, part="validation_", setting="validation")
    problem = recipe.problem(Preprocessing.from_json(record.preprocessing))
    for part, setting in (("", "data"), ("validation_", "validation")):
        now = problem.data[f"{part}fingerprint"]
        if now != record.data.get(f"{part}fingerprint", now):
            raise other_rows(record, part=part, setting=setting, rows=problem.data[f"{part}rows"])
    return problem


def _rows(
    dataset: Dataset | None, record: Record, key: str, file: Path | None, preprocessing: Preprocessing, name: str
) -> Dataset:
    """Return a data set, read again from its origin, or from where its file is now, if it is None."""
    if dataset is None:
        origin = record.data.get(key)
        if origin is None:
            reason = (
                "this run was trained on arrays, and its folder keeps no rows"
                if key in record.data
                else "this run was written by an earlier version, which did not keep where its rows came from"
            )
            raise DataError(
                Setting(name),
                f"must be given: {reason}; only Python can pass them.",
                Advice("pass {}", code="the data set it was trained on"),
            )
        known = Origin.from_json(origin)
        dataset = open_origin(known if file is None else known.moved(file))
    dataset = with_roles(dataset, preprocessing.roles(dataset.feature_names))
    data = arranged_as(dataset, preprocessing.input_shape)
    return data if data.task == preprocessing.task else dataclasses.replace(data, task=preprocessing.task)
