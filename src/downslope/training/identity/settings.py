"""Compare the settings of a training with those of a run on disk, and name the one that differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from downslope.core import Advice, Function, Message, Setting, SettingError, Variables, named_leaves
from downslope.optimizers import Optimizer
from downslope.runs import Record, RunFolder, differing_settings, setting_text
from downslope.training.settings import TrainingSettings

GROWS = ("epochs", "continued_from")
"""Settings that may differ in a run that goes on; the first only upward."""

NAMES = {"network": "net", "started_from": "start"}
"""The arguments of `ds.train` for settings that have another name in a record."""

AUTO = "auto"


def with_found(settings: TrainingSettings, record: Record) -> TrainingSettings:
    """Return settings with the numbers that a run found, where they say `"auto"`: they are not searched again."""
    configuration, optimizer = record.configuration, settings.optimizer
    if settings.batch_size == AUTO:
        settings |= {"batch_size": configuration["batch_size"]}
    if isinstance(optimizer, Optimizer) and optimizer.hyperparams.get("learning_rate") == AUTO:
        rate = _learning_rate(configuration["optimizer"])
        settings |= {"optimizer": optimizer if rate is None else optimizer.replace(learning_rate=rate)}
    return settings


def check_settings(now: Record, then: Record, folder: RunFolder) -> None:
    """Check that a training is the run that a folder holds, but for epochs, of which there may be more.

    Args:
        now: the record that the training would have.
        then: that of the run.
        folder: of the run.

    Raises:
        SettingError: it is another one; the message names the settings that differ.
    """
    present, recorded = _described(now), _described(then)
    grows = now.configuration["epochs"] > then.configuration["epochs"]
    if now.configuration["epochs"] < then.configuration["epochs"]:
        raise SettingError(
            Setting("epochs"),
            f"of a run that goes on may grow, got {now.configuration['epochs']} for the run in {folder.path}, which is "
            f"to make {then.configuration['epochs']}.",
        )
    for name in present:
        if present[name] != recorded.get(name):
            raise SettingError(_difference(name, present[name], recorded.get(name), folder, grows=grows))


def check_start(start: Variables | None, folder: RunFolder) -> None:
    """Check that a training begins from the variables that a run began from.

    Raises:
        SettingError: they are others.
    """
    if start is None or not folder.has("start"):
        return
    saved = folder.read("start").arrays
    named = {f"variables/{name}": np.asarray(array) for name, array in named_leaves(start).items()}
    if saved.keys() != named.keys() or any(not np.array_equal(saved[name], named[name]) for name in saved):
        raise SettingError(
            Setting("start"), f"must be what the run in {folder.path} began from, got other variables.", _ways_out()
        )


def _described(record: Record) -> dict[str, Any]:
    """Return the settings of a record that make a run what it is."""
    settings = {name: value for name, value in record.configuration.items() if name not in GROWS}
    return settings | {"seed": record.seed}


def _difference(name: str, now: Any, then: Any, folder: RunFolder, *, grows: bool) -> Message:
    """Return in which setting a training is not the run in a folder."""
    words = differing_settings([{name: now}, {name: then}])
    [(setting, present), *_] = words[0].items() or [(name, setting_text(now))]
    recorded = words[1].get(setting, setting_text(then))
    schedule = name == "optimizer" and grows and setting not in ("momentum", "weight_decay")
    way_out = _schedule_out() if schedule and _same_rule(now, then) else _ways_out()
    argument = NAMES.get(name, name if "." in setting or setting.isdigit() else setting)
    return Message(
        f"The folder {folder.path} holds another run:",
        Setting(argument),
        f"was {recorded} there, got {present}.",
        way_out,
    )


def _ways_out() -> Message:
    """Return what to do where another run is in the folder."""
    return Message(Advice("name another folder", store=...), Advice("replace the run", overwrite=True))


def _schedule_out() -> Message:
    """Return what to do where a schedule that reaches over all epochs is to reach over more."""
    return Message(
        "A schedule over all epochs is another one with more of them. Say how it goes on with", Function("resume"), "."
    )


def _same_rule(now: Any, then: Any) -> bool:
    """Return whether two optimizers are of one kind."""
    return isinstance(now, Mapping) and isinstance(then, Mapping) and now.get("kind") == then.get("kind")


def _learning_rate(optimizer: Mapping[str, Any]) -> float | None:
    """Return the rate in a rendered optimizer, or in the one within it; None where there is no number."""
    inner = optimizer.get("optimizer")
    rate = optimizer.get("learning_rate", _learning_rate(inner) if isinstance(inner, Mapping) else None)
    return float(rate) if isinstance(rate, (int, float)) else None
