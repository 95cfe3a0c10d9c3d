"""Class weights: how much the rows of each class count in the loss that is minimized."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from downslope.core import Advice, Setting, SettingError, UnknownNameError, check_number, close_names
from downslope.data import Preprocessing


def class_weights(
    class_weight: str | Mapping[Any, Any] | None, preprocessing: Preprocessing, indices: np.ndarray
) -> dict[Any, float] | None:
    """Return the weight of every class by its label, in the order of the classes; None where none are set.

    Args:
        class_weight: `"balanced"` for `n / (K · count)` of scikit-learn, `K` classes in `n` rows; or weights of 0 or
            more by label, those not named counting 1.
        preprocessing: knows the labels.
        indices: the class of each training row.

    Raises:
        SettingError: the targets are numbers; a label that is none; a weight that is no number of 0 or more.

    Example:
        >>> import downslope as ds
        >>> data = ds.Dataset(np.eye(4), ["no", "no", "no", "yes"])
        >>> class_weights("balanced", ds.data.Preprocessing.fit(data), np.array([0, 0, 0, 1]))
        {'no': 0.666, 'yes': 2.0}
    """
    if class_weight is None:
        return None
    if preprocessing.task != "classification":
        raise SettingError(
            Setting("class_weight"),
            "is for classes, got targets that are numbers.",
            Advice("leave it off"),
            Advice("set the task", task="classification"),
        )
    weights = dict.fromkeys(preprocessing.class_labels, 1.0)
    if isinstance(class_weight, str):
        return weights | _balanced(class_weight, preprocessing.class_labels, indices)
    if not isinstance(class_weight, Mapping):
        raise SettingError(
            Setting("class_weight"),
            f"must be 'balanced' or weights by label, such as {{'yes': 2.0}}, got {class_weight!r}.",
        )
    for label, weight in class_weight.items():
        if label not in weights:
            raise _unknown(label, list(weights))
        advice = f"It is how much a row with the label {label!r} counts."
        weights[label] = check_number("class_weight", weight, at_least=0, advice=advice)
    return weights


def row_weights(
    weights: dict[Any, float] | None, indices: np.ndarray, own: np.ndarray | None, dtype: np.dtype
) -> np.ndarray | None:
    """Return how much each row counts: its own weight times its class's.

    Raises:
        SettingError: no row is left with a weight above 0.
    """
    if weights is None:
        return own
    of_class = np.array(list(weights.values()), dtype)[indices]
    product = of_class if own is None else own * of_class
    if not product.any():
        raise SettingError(Setting("class_weight"), f"must leave some row a weight above 0, got {weights}.")
    return product


def _balanced(name: str, labels: tuple[Any, ...], indices: np.ndarray) -> dict[Any, float]:
    """Return balanced weights of the classes that occur."""
    from sklearn.utils.class_weight import compute_class_weight

    if name != "balanced":
        raise UnknownNameError("class_weight", name, ["balanced"])
    present = np.unique(indices)
    weights = compute_class_weight("balanced", classes=present, y=indices)
    return {labels[index]: float(weight) for index, weight in zip(present, weights, strict=True)}


def _unknown(label: object, labels: list[Any]) -> SettingError:
    """Return the error for a label that the target does not have."""
    close = [known for known in labels if str(known) in close_names(str(label), map(str, labels))]
    advice = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
    listed = ", ".join(map(repr, labels[:30])) + (", …" if len(labels) > 30 else "")
    return SettingError(Setting("class_weight"), f"must name labels of the target ({listed}), got {label!r}.{advice}")
