"""Resolve the settings that are `"auto"`: a batch size, a learning rate."""

from __future__ import annotations

from typing import Any

from downslope.core import Setting, SettingError
from downslope.data import Dataset
from downslope.networks import Sequential
from downslope.optimizers import Optimizer, as_optimizer
from downslope.training.engine.progress import Progress
from downslope.training.finders.batch_size.find import find_batch_size
from downslope.training.finders.batch_size.outlook import USUAL_BATCH
from downslope.training.finders.learning_rate.find import find_learning_rate
from downslope.training.finders.learning_rate.result import FoundLearningRate
from downslope.training.settings import TrainingSettings

AUTO = "auto"


def resolve_auto(
    net: Sequential, data: Dataset, settings: TrainingSettings, *, progress: str | bool | Progress
) -> tuple[TrainingSettings, tuple[str, ...]]:
    """Return settings with numbers where they said `"auto"`, and a sentence for each that was found.

    The batch size comes first, measured with a rate found for batches of 32; then the rate for that size.

    Args:
        net: the network.
        data: rows with targets.
        settings: of the training.
        progress: as for `ds.train`.
    """
    notes: list[str] = []
    if isinstance(settings.batch_size, str):
        if settings.batch_size != AUTO:
            raise SettingError(
                Setting("batch_size"),
                f"must be a whole number, 1 or more, a schedule, or 'auto', got {settings.batch_size!r}.",
            )
        default = settings | {"batch_size": USUAL_BATCH}
        if needs_learning_rate(settings.optimizer):
            default |= {"optimizer": _rate(net, data, default, progress).optimizer}
        size = find_batch_size(net, data, curvature=False, **default, progress=progress)
        settings = settings.for_other_rows() | {"batch_size": size.suggestion}
        how = "found" if size.resolved else "not found, but taken"
        notes.append(f"Batch size {size.suggestion}, {how}: {_lowercase_first(size.reason)}")
    if needs_learning_rate(settings.optimizer):
        rate = _rate(net, data, settings, progress)
        settings |= {"optimizer": rate.optimizer}
        notes.append(f"Learning rate {rate.suggestion:g}, found: {_lowercase_first(rate.reason)}")
    return settings, tuple(notes)


def needs_learning_rate(optimizer: Any) -> bool:
    """Return whether an optimizer, or the one within it, is to have its learning rate found."""
    ours = as_optimizer(optimizer)
    return isinstance(ours, Optimizer) and isinstance(ours.hyperparams.get("learning_rate"), str)


def _rate(
    net: Sequential, data: Dataset, settings: TrainingSettings, progress: str | bool | Progress
) -> FoundLearningRate:
    """Find a learning rate; Ctrl-C ends the training, too."""
    result = find_learning_rate(net, data, curvature=False, progress=progress, **settings)
    if result.trials.interrupted:
        raise KeyboardInterrupt
    return result


def _lowercase_first(sentence: str) -> str:
    """Return a sentence as it continues another."""
    return sentence[0].lower() + sentence[1:]
