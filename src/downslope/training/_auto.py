"""What `ds.train` finds by itself where it was told `"auto"`: a batch size, a learning rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from downslope.core import Setting, SettingError
from downslope.data import Dataset
from downslope.networks import Sequential
from downslope.optimizers import Optimizer, as_optimizer
from downslope.schedules import Schedule
from downslope.training._find_batch_size import find_batch_size
from downslope.training._find_learning_rate import find_learning_rate
from downslope.training._found_learning_rate import FoundLearningRate
from downslope.training._problem import size_at

AUTO = "auto"
USUAL_BATCH = 32
"""The size that a learning rate is found for while the size is looked for."""

OF_FINDERS = (
    "loss",
    "validation",
    "seed",
    "normalize",
    "normalize_targets",
    "order",
    "start",
    "class_weight",
)
"""The settings of `ds.train` that finders take, besides the optimizer and the batch size."""


def settled(
    net: Sequential, data: Dataset, asked: Mapping[str, Any], *, progress: str | bool
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the settings of `ds.train` with numbers where they said `"auto"`, and a sentence for each that was found.

    The batch size comes first, measured with a rate found for batches of 32; then the rate for that size.

    Args:
        net: the network.
        data: rows with targets.
        asked: the settings, by name.
        progress: as for `ds.train`.
    """
    found, notes = dict(asked), []
    by_size, by_rate = isinstance(asked["batch_size"], str), wants_rate(asked["optimizer"])
    if by_size and asked["batch_size"] != AUTO:
        raise SettingError(
            Setting("batch_size"),
            f"must be a whole number, 1 or more, a schedule, or 'auto', got {asked['batch_size']!r}.",
        )
    shared: dict[str, Any] = {name: asked[name] for name in OF_FINDERS} | {"progress": progress}
    if by_size:
        optimizer = asked["optimizer"]
        if by_rate:
            optimizer = _rate(net, data, optimizer, USUAL_BATCH, shared).optimizer
        size = find_batch_size(net, data, optimizer=optimizer, batch_size=USUAL_BATCH, **shared)
        found["batch_size"] = size.suggestion
        notes.append(f"Batch size {size.suggestion}, found: {_began_low(size.reason)}")
    if by_rate:
        rate = _rate(net, data, asked["optimizer"], _first_size(found["batch_size"]), shared)
        found["optimizer"] = rate.optimizer
        notes.append(f"Learning rate {rate.suggestion:g}, found: {_began_low(rate.reason)}")
    return found, tuple(notes)


def wants_rate(optimizer: Any) -> bool:
    """Return whether an optimizer, or the one within it, is to have its learning rate found."""
    made = as_optimizer(optimizer)
    return isinstance(made, Optimizer) and isinstance(made.hyperparams.get("learning_rate"), str)


def _rate(net: Sequential, data: Dataset, optimizer: Any, size: int, shared: dict[str, Any]) -> FoundLearningRate:
    """Return what looking for a rate found; Ctrl-C ends it all."""
    found = find_learning_rate(net, data, optimizer=optimizer, batch_size=size, curvature=False, **shared)
    if found.trials.interrupted:
        raise KeyboardInterrupt
    return found


def _first_size(batch_size: Any) -> int:
    """Return a batch size, of a schedule that of the first epoch."""
    return size_at(batch_size, 0) if isinstance(batch_size, Schedule) else batch_size


def _began_low(sentence: str) -> str:
    """Return a sentence as it continues another."""
    return sentence[0].lower() + sentence[1:]
