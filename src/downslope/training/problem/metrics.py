"""Metrics by name, as scikit-learn defines them: of predictions, in the targets' own units.

Those that are a line of NumPy are that line, for importing scikit-learn takes longer than many a training; the others
are scikit-learn's, imported when they are needed. Errors of several targets are averaged evenly over the targets.

Rows count by their row weights, and rows of weight 0 not at all; class weights change the loss that is minimized, not
what is measured. A metric that is undefined for some rows, such as AUC where all are of one class, is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from downslope.core import Setting, SettingError, UnknownNameError
from downslope.data import Preprocessing
from downslope.losses import Loss
from downslope.training.problem.predictions import class_scores, original_numbers, predicted_classes

NAN = float("nan")


@dataclass(frozen=True)
class MetricInputs:
    """The inputs of a metric: true targets, and what the network predicts for the same rows.

    Attributes:
        truth: class indices `(rows,)`, or targets in their original units.
        outputs: the network's raw outputs, `(rows, outputs)`.
        weights: row weights, or None.
        preprocessing: fitted in training.
        loss: that was minimized.
    """

    truth: np.ndarray
    outputs: np.ndarray
    weights: np.ndarray | None
    preprocessing: Preprocessing
    loss: Loss

    @cached_property
    def predictions(self) -> np.ndarray:
        """Predicted class indices, or numbers in original units, like `truth`."""
        if self.preprocessing.task == "classification":
            return predicted_classes(self.outputs)
        return original_numbers(self.preprocessing, self.loss, self.outputs)

    @property
    def columns(self) -> tuple[np.ndarray, np.ndarray]:
        """Targets and predictions that are numbers, each `(rows, targets)`."""
        rows = len(self.truth)
        return np.reshape(self.truth, (rows, -1)).astype(np.float64), np.reshape(self.predictions, (rows, -1))

    def mean(self, values: np.ndarray) -> Any:
        """Return the mean over rows, by their weights."""
        return np.average(values, axis=0, weights=self.weights)

    @cached_property
    def scores(self) -> np.ndarray:
        """A number for each row and class, `(rows, classes)`: the larger, the likelier that class."""
        return class_scores(self.loss, self.outputs)

    @property
    def two_classes(self) -> bool:
        """Whether there are just two classes, of which the second in sorted order is the positive one."""
        return self.preprocessing.outputs == 2


def _accuracy(inputs: MetricInputs) -> float:
    return inputs.mean(inputs.truth == inputs.predictions)


def _balanced_accuracy(inputs: MetricInputs) -> float:
    from sklearn.metrics import recall_score

    # balanced_accuracy_score itself warns where a class is predicted that does not occur
    occurring, weights = np.unique(inputs.truth), inputs.weights
    return recall_score(inputs.truth, inputs.predictions, labels=occurring, average="macro", sample_weight=weights)


def _f1(inputs: MetricInputs) -> float:
    from sklearn.metrics import f1_score

    labels, weights = [1] if inputs.two_classes else None, inputs.weights
    settings: dict[str, Any] = {"labels": labels, "average": "macro", "zero_division": NAN}
    return f1_score(inputs.truth, inputs.predictions, sample_weight=weights, **settings)


def _auc(inputs: MetricInputs) -> float:
    from sklearn.metrics import roc_auc_score

    occurring = np.unique(inputs.truth)
    if len(occurring) < 2:
        return NAN
    against_rest = occurring[1:] if inputs.two_classes else occurring
    areas = [
        roc_auc_score(inputs.truth == label, inputs.scores[:, label], sample_weight=inputs.weights)
        for label in against_rest
    ]
    return float(np.mean(areas))


def _rmse(inputs: MetricInputs) -> float:
    t, y = inputs.columns
    return np.sqrt(inputs.mean((t - y) ** 2)).mean()


def _mae(inputs: MetricInputs) -> float:
    t, y = inputs.columns
    return inputs.mean(np.abs(t - y)).mean()


def _r2(inputs: MetricInputs) -> float:
    t, y = inputs.columns
    variance = inputs.mean((t - inputs.mean(t)) ** 2)
    # both are checked, for rounding hides equal targets from the one and underflow small differences from the other
    if np.any(np.ptp(t, axis=0) == 0) or np.any(variance == 0):
        return NAN
    return np.mean(1 - inputs.mean((t - y) ** 2) / variance)


METRICS: dict[str, dict[str, Callable[[MetricInputs], float]]] = {
    "classification": {"accuracy": _accuracy, "balanced_accuracy": _balanced_accuracy, "f1": _f1, "auc": _auc},
    "regression": {"rmse": _rmse, "mae": _mae, "r2": _r2},
}
DEFAULTS = {"classification": ("accuracy",), "regression": ("rmse", "r2")}


def check_metrics(names: Sequence[str], task: str) -> tuple[str, ...]:
    """Return the names of metrics that suit a task.

    Raises:
        UnknownNameError: there is none of this name for the task; the message offers close ones.
        SettingError: a single name where a list is needed.
    """
    if isinstance(names, str):
        raise SettingError(Setting("metrics"), f"must be a list of names, got {names!r}. Write [{names!r}].")
    for name in names:
        if name not in METRICS[task]:
            raise UnknownNameError("metrics", name, METRICS[task])
    return tuple(names)


def compute_metrics(names: Iterable[str], inputs: MetricInputs) -> dict[str, float]:
    """Return the metrics of predictions, by name.

    Predictions that are not finite score NaN: a run that diverged has no metrics.
    """
    if inputs.weights is not None:
        counts = inputs.weights > 0
        truth, outputs, weights = (array[counts] for array in (inputs.truth, inputs.outputs, inputs.weights))
        inputs = replace(inputs, truth=truth, outputs=outputs, weights=weights)
    finite = np.all(np.isfinite(inputs.outputs)) and np.all(np.isfinite(inputs.predictions))
    if not len(inputs.truth) or not finite:
        return dict.fromkeys(names, NAN)
    return {name: float(METRICS[inputs.preprocessing.task][name](inputs)) for name in names}
