"""Which loss: by name, by task, and whether it fits the targets and the network's outputs."""

from __future__ import annotations

import numpy as np

from downslope.core import Advice, DataError, Setting, SettingError, UnknownNameError
from downslope.losses._classes import binary_cross_entropy, cross_entropy, hinge, perceptron
from downslope.losses._loss import Loss
from downslope.losses._numbers import (
    absolute_error,
    huber,
    mean_squared_error,
    poisson,
    quantile,
    squared_error,
    sum_squared_error,
)

_NAMED = {
    loss.name: loss
    for loss in (
        squared_error,
        sum_squared_error,
        mean_squared_error,
        absolute_error,
        quantile,
        huber,
        poisson,
        cross_entropy,
        binary_cross_entropy,
        hinge,
        perceptron,
    )
}
_ROUNDING = 1e-3
"""By so much the shares of a row may miss 1: they may have been rounded, in half precision too."""

_RANGES = {"shares": (1.0, "lie between 0 and 1"), "counts": (np.inf, "be 0 or more")}


def loss_names() -> tuple[str, ...]:
    """Return the names of all losses."""
    return tuple(_NAMED)


def as_loss(loss: str | Loss, *, task: str | None = None, outputs: int | None = None) -> Loss:
    """Return the loss of this name; a loss stays as it is.

    Args:
        loss: a name, a `Loss`, or `"auto"`: cross-entropy for classes (binary where the network has one output),
            squared error for numbers.
        task: `"classification"` or `"regression"`; `"auto"` needs it.
        outputs: the network's outputs.

    Raises:
        UnknownNameError: there is none of this name; the message offers close ones.
        SettingError: it is neither a name nor a loss.

    Example:
        >>> as_loss("auto", task="classification", outputs=3).name
        'cross_entropy'
    """
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str):
        raise SettingError(Setting("loss"), f"must be a name or a ds.losses.Loss, got {loss!r}.")
    if loss == "auto":
        if task == "classification":
            return binary_cross_entropy if outputs == 1 else cross_entropy
        return squared_error
    if loss not in _NAMED:
        raise UnknownNameError("loss", loss, ["auto", *_NAMED])
    return _NAMED[loss]


def outputs_for(loss: Loss, *, classes: int | None, target_columns: int = 1) -> int:
    """Return how many outputs a network needs: one a class, one for two sides, or one a column of numbers.

    Raises:
        SettingError: the loss cannot tell so many classes apart.
    """
    if loss.targets in ("numbers", "counts") or classes is None:
        return target_columns
    if loss.targets == "classes":
        return classes
    if loss.targets == "shares" and classes > 2:
        raise SettingError(
            Setting("loss"),
            f"must tell {classes} classes apart, got {loss.name!r}, which knows two.",
            Advice("use {}", loss="cross_entropy"),
        )
    return 1 if classes == 2 else classes


def check_targets(loss: Loss, targets: np.ndarray, *, outputs: int, task: str | None = None) -> None:
    """Check that targets suit a loss and a network with so many outputs.

    Args:
        loss: the loss.
        targets: class indices `(rows,)`, or numbers `(rows, columns)`: for cross-entropy the share of each class,
            one-hot or soft, which sum to 1 in every row.
        outputs: the network's outputs.
        task: what the data set says its targets are, where it does.

    Raises:
        SettingError: the loss is for another kind of target, or the network has too few outputs.
        DataError: targets out of the range that the loss allows.
    """
    are_shares = loss.targets == "classes" and targets.ndim == 2 and targets.shape[1] > 1
    if loss.targets in ("classes", "sides") and task == "regression" and not are_shares:
        raise SettingError(
            Setting("loss"),
            f"must suit targets that are numbers (squared_error, for one), got {loss.name!r}, which is for classes.",
            Advice("if they are classes, set the task", task="classification"),
        )
    if loss.targets in ("numbers", "counts") and task == "classification" and loss.name in _NAMED:
        raise SettingError(
            Setting("loss"),
            f"must suit targets that are classes (cross_entropy, for one), got {loss.name!r}, which is for numbers.",
            Advice("if they are numbers, set the task", task="regression"),
        )
    if targets.ndim == 1 and np.issubdtype(targets.dtype, np.integer) and loss.targets not in ("numbers", "counts"):
        _check_indices(loss, targets, outputs)
    else:
        _check_columns(loss, targets, outputs)


def _check_indices(loss: Loss, targets: np.ndarray, outputs: int) -> None:
    """Check class indices against the outputs there are."""
    sides = outputs == 1 and loss.targets in ("sides", "shares")
    low, high = (-1 if sides and loss.targets == "sides" else 0), max(outputs, 2 if sides else 1) - 1
    outside = (targets < low) | (targets > high)
    if outside.any():
        row = int(np.argmax(outside))
        raise DataError(
            f"Labels must lie in {low}…{high} for a network with {outputs} output{'s' if outputs != 1 else ''}, "
            f"got {int(targets[row])} in row {row}. Give the network one output a class, or mend the labels."
        )


def _check_columns(loss: Loss, targets: np.ndarray, outputs: int) -> None:
    """Check numbers against the outputs there are."""
    columns = 1 if targets.ndim == 1 else targets.shape[1]
    if columns != outputs:
        raise SettingError(
            f"The network must have {columns} output{('s' if columns != 1 else '')}, one for each target column, got "
            f"{outputs}.",
            setting="outputs",
        )
    if loss.targets in _RANGES:
        _check_range(loss, targets, *_RANGES[loss.targets])
    if loss.targets == "classes" and columns > 1:
        _check_shares(loss, targets)


def _check_shares(loss: Loss, targets: np.ndarray) -> None:
    """Check that every row holds shares of classes, one-hot or soft."""
    totals = targets.sum(axis=1, dtype=float)
    wrong = (targets < 0).any(axis=1) | ~(np.abs(totals - 1) <= _ROUNDING)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"Targets of {loss.name} that are numbers must be shares that sum to 1 in each row, got "
            f"{[float(f'{share:.4g}') for share in targets[row].tolist()]} in row {row}.",
            Advice("divide each row by its sum"),
            Advice("choose another loss"),
            Advice("leave the targets as they are", normalize_targets=None),
        )


def _check_range(loss: Loss, targets: np.ndarray, highest: float, words: str) -> None:
    """Check that targets lie between 0 and the highest that the loss allows."""
    if targets.min() < 0 or targets.max() > highest:
        row = int(np.argmax(((targets < 0) | (targets > highest)).reshape(len(targets), -1).any(axis=1)))
        raise DataError(
            f"Targets of {loss.name} must {words}, got {targets[row]} in row {row}.",
            Advice("choose another loss"),
            Advice("leave the targets as they are", normalize_targets=None),
        )
