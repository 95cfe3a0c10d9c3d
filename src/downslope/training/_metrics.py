"""Metrics by name, from scikit-learn: what users ask of predictions, in the targets' own units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from downslope.core import SettingError, UnknownNameError


def _accuracy(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None) -> float:
    from sklearn.metrics import accuracy_score

    return accuracy_score(truth, predicted, sample_weight=weights)


def _rmse(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None) -> float:
    from sklearn.metrics import root_mean_squared_error

    return root_mean_squared_error(truth, predicted, sample_weight=weights)


def _mae(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None) -> float:
    from sklearn.metrics import mean_absolute_error

    return mean_absolute_error(truth, predicted, sample_weight=weights)


def _r2(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None) -> float:
    from sklearn.metrics import r2_score

    return r2_score(truth, predicted, sample_weight=weights) if len(truth) > 1 else float("nan")


Metric = Callable[[Any, Any, Any], float]
METRICS: dict[str, dict[str, Metric]] = {
    "classification": {"accuracy": _accuracy},
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
        raise SettingError(f"`metrics` must be a list of names, got {names!r}. Write [{names!r}].", "metrics")
    for name in names:
        if name not in METRICS[task]:
            raise UnknownNameError("metrics", name, METRICS[task])
    return tuple(names)


def score(
    names: Sequence[str], task: str, truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, float]:
    """Return the metrics of predictions, by name.

    Predictions that are not finite score NaN: a run that diverged has no metrics.
    """
    if task == "regression" and not np.all(np.isfinite(predicted)):
        return dict.fromkeys(names, float("nan"))
    return {name: float(METRICS[task][name](truth, predicted, weights)) for name in names}
