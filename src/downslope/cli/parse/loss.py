"""A loss and class weights from the options of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from downslope.data import Dataset
    from downslope.losses import Loss


def loss_of(name: str, label_smoothing: float, task: str | None, *, quantile_level: float | None = None) -> Loss:
    """Return the loss.

    Args:
        name: as `ds.train` takes it.
        label_smoothing: for cross-entropy; 0 for none.
        task: of the data.
        quantile_level: for the quantile loss; None for its usual one.

    Raises:
        UnknownNameError: there is no such loss.
        SettingError: label smoothing or a level for another loss, or out of bounds.
    """
    from downslope.core import Setting, SettingError, check_number
    from downslope.losses import as_loss, cross_entropy, cross_entropy_with, quantile, quantile_with

    loss = as_loss(name, task=task)
    if quantile_level is not None:
        if loss != quantile:
            raise SettingError(Setting("quantile_level"), f"is for the loss quantile, got {loss.name}. Leave it out.")
        loss = quantile_with(level=check_number("quantile_level", quantile_level, above=0, below=1))
    if not label_smoothing:
        return loss
    if loss != cross_entropy:
        raise SettingError(Setting("label_smoothing"), f"is for the loss cross_entropy, got {loss.name}. Leave it out.")
    return cross_entropy_with(label_smoothing=label_smoothing)


def target_scaling(normalize: str, task: str | None, loss: Loss) -> str | None:
    """Return how targets are normalized: like inputs, unless the loss asks for a range of its own."""
    return "standard" if normalize != "none" and task == "regression" and loss.targets == "numbers" else None


def class_weight_of(words: Sequence[str] | None, data: Dataset) -> str | dict[object, float] | None:
    """Return class weights as `ds.train` takes them: `"balanced"`, weights by label, or None.

    Args:
        words: `balanced` alone, or `LABEL=NUMBER` for some classes; None for none.
        data: knows the labels.

    Raises:
        SettingError: words that are neither.
    """
    from downslope.core import Setting, SettingError

    if not words:
        return None
    if list(words) == ["balanced"]:
        return words[0]
    labels = {} if data.classes is None else {str(label): label for label in data.classes.tolist()}
    weights: dict[object, float] = {}
    for word in words:
        label, _, number = word.rpartition("=")
        try:
            weights[labels.get(label, label)] = float(number)
        except ValueError:
            example = f"{label or next(iter(labels), 'yes')}=2"
            raise SettingError(
                Setting("class_weight"),
                f"must be balanced, or LABEL=NUMBER for some classes, such as {example}, got {word!r}.",
            ) from None
    return weights
