"""Metrics by name, as scikit-learn defines them: what users ask of predictions, in the targets' own units.

Those that are a line of NumPy are that line, for importing scikit-learn takes longer than many a training; the others
are scikit-learn's, imported when asked for. Errors of several targets are averaged evenly over the targets.

Rows count by their row weights, and rows of weight 0 not at all; class weights change what descends, not what is
measured. A metric that is undefined for some rows, such as AUC where all are of one class, is NaN.
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
class Answers:
    """What a metric may ask for: the truth, and what the network makes of the same rows.

    Attributes:
        truth: class indices `(rows,)`, or targets in their original units.
        outputs: the network's raw outputs, `(rows, outputs)`.
        weights: row weights, or None.
        preprocessing: fitted in training.
        loss: what descended.
    """

    truth: np.ndarray
    outputs: np.ndarray
    weights: np.ndarray | None
    preprocessing: Preprocessing
    loss: Loss

    @cached_property
    def predictions(self) -> np.ndarray:
        """What is predicted, of the same kind as `truth`."""
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


def _accuracy(answers: Answers) -> float:
    return answers.mean(answers.truth == answers.predictions)


def _balanced_accuracy(answers: Answers) -> float:
    from sklearn.metrics import recall_score

    # balanced_accuracy_score itself warns where a class is predicted that does not occur
    occurring, weights = np.unique(answers.truth), answers.weights
    return recall_score(answers.truth, answers.predictions, labels=occurring, average="macro", sample_weight=weights)


def _f1(answers: Answers) -> float:
    from sklearn.metrics import f1_score

    labels, weights = [1] if answers.two_classes else None, answers.weights
    settings: dict[str, Any] = {"labels": labels, "average": "macro", "zero_division": NAN}
    return f1_score(answers.truth, answers.predictions, sample_weight=weights, **settings)


def _auc(answers: Answers) -> float:
    from sklearn.metrics import roc_auc_score

    occurring = np.unique(answers.truth)
    if len(occurring) < 2:
        return NAN
    against_rest = occurring[1:] if answers.two_classes else occurring
    areas = [
        roc_auc_score(answers.truth == place, answers.scores[:, place], sample_weight=answers.weights)
        for place in against_rest
    ]
    return float(np.mean(areas))


def _rmse(answers: Answers) -> float:
    t, y = answers.columns
    return np.sqrt(answers.mean((t - y) ** 2)).mean()


def _mae(answers: Answers) -> float:
    t, y = answers.columns
    return answers.mean(np.abs(t - y)).mean()


def _r2(answers: Answers) -> float:
    t, y = answers.columns
    variance = answers.mean((t - answers.mean(t)) ** 2)
    # both are asked, for rounding hides equal targets from the one and underflow small differences from the other
    if np.any(np.ptp(t, axis=0) == 0) or np.any(variance == 0):
        return NAN
    return np.mean(1 - answers.mean((t - y) ** 2) / variance)


METRICS: dict[str, dict[str, Callable[[Answers], float]]] = {
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


def score(names: Iterable[str], answers: Answers) -> dict[str, float]:
    """Return the metrics of predictions, by name.

    Predictions that are not finite score NaN: a run that diverged has no metrics.
    """
    if answers.weights is not None:
        counts = answers.weights > 0
        truth, outputs, weights = (array[counts] for array in (answers.truth, answers.outputs, answers.weights))
        answers = replace(answers, truth=truth, outputs=outputs, weights=weights)
    finite = np.all(np.isfinite(answers.outputs)) and np.all(np.isfinite(answers.predictions))
    if not len(answers.truth) or not finite:
        return dict.fromkeys(names, NAN)
    return {name: float(METRICS[answers.preprocessing.task][name](answers)) for name in names}
