"""What `ds.train` finds by itself where it was told `"auto"`: a batch size, a learning rate."""

from __future__ import annotations

from typing import Any

from downslope.core import Setting, SettingError
from downslope.data import Dataset
from downslope.networks import Sequential
from downslope.optimizers import Optimizer, as_optimizer
from downslope.training._settings import TrainingSettings
from downslope.training.finders.batch_size.find import find_batch_size
from downslope.training.finders.learning_rate.find import find_learning_rate
from downslope.training.finders.learning_rate.result import FoundLearningRate

AUTO = "auto"
USUAL_BATCH = 32
"""The size that a learning rate is found for while the size is looked for."""


def settled(
    net: Sequential, data: Dataset, asked: TrainingSettings, *, progress: str | bool
) -> tuple[TrainingSettings, tuple[str, ...]]:
    """Return settings with numbers where they said `"auto"`, and a sentence for each that was found.

    The batch size comes first, measured with a rate found for batches of 32; then the rate for that size.

    Args:
        net: the network.
        data: rows with targets.
        asked: the settings.
        progress: as for `ds.train`.
    """
    notes: list[str] = []
    if isinstance(asked.batch_size, str):
        if asked.batch_size != AUTO:
            raise SettingError(
                Setting("batch_size"),
                f"must be a whole number, 1 or more, a schedule, or 'auto', got {asked.batch_size!r}.",
            )
        usual = asked | {"batch_size": USUAL_BATCH}
        if wants_rate(asked.optimizer):
            usual |= {"optimizer": _rate(net, data, usual, progress).optimizer}
        size = find_batch_size(net, data, **usual, progress=progress)
        asked |= {"batch_size": size.suggestion}
        notes.append(f"Batch size {size.suggestion}, found: {_began_low(size.reason)}")
    if wants_rate(asked.optimizer):
        rate = _rate(net, data, asked, progress)
        asked |= {"optimizer": rate.optimizer}
        notes.append(f"Learning rate {rate.suggestion:g}, found: {_began_low(rate.reason)}")
    return asked, tuple(notes)


def wants_rate(optimizer: Any) -> bool:
    """Return whether an optimizer, or the one within it, is to have its learning rate found."""
    made = as_optimizer(optimizer)
    return isinstance(made, Optimizer) and isinstance(made.hyperparams.get("learning_rate"), str)


def _rate(net: Sequential, data: Dataset, settings: TrainingSettings, progress: str | bool) -> FoundLearningRate:
    """Return what looking for a rate found; Ctrl-C ends it all."""
    found = find_learning_rate(net, data, curvature=False, progress=progress, **settings)
    if found.trials.interrupted:
        raise KeyboardInterrupt
    return found


def _began_low(sentence: str) -> str:
    """Return a sentence as it continues another."""
    return sentence[0].lower() + sentence[1:]
