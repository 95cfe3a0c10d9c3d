"""When a training stops early, and which of its parameters it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from downslope.core import check_integer, check_number

LOSS = "loss"

LOWER_IS_BETTER = (LOSS, "rmse", "mae")
"""Metrics that are errors, as losses are; of the others, high is good."""


@dataclass(frozen=True)
class EarlyStopping:
    """A training stops after so many epochs without progress on the validation rows, and keeps the best parameters.

    Attributes:
        patience: so many epochs; None never stops, and still keeps the parameters that were best.
        metric: by what: `"loss"`, or one of the metrics of `ds.train`, of which it is known whether high or low is
            good.
        min_delta: an epoch counts as progress if it is better than the last one that counted by more than this, in the
            metric's own units, 0 or more. The best parameters are the best, by however little.

    Raises:
        SettingError: a number that cannot be.

    Example:
        >>> import downslope as ds
        >>> rule = ds.EarlyStopping(patience=3, metric="accuracy", min_delta=0.01)
        >>> net, data, fast = ds.mlp([8], outputs=3), ds.load("iris"), ds.adam(0.03)
        >>> run = ds.train(net, data, optimizer=fast, validation=0.3, early_stopping=rule, progress=False)
        >>> accuracy = run.history["validation_accuracy"]
        >>> run.stop_reason, bool(accuracy[run.best_epoch - 1] == accuracy.max())
        ('early_stopping', True)
    """

    patience: int | None = 10
    metric: str = LOSS
    min_delta: float | int = 0.0

    def __post_init__(self) -> None:
        if self.patience is not None:
            check_integer("patience", self.patience, advice="It counts epochs; None is never.")
        object.__setattr__(self, "min_delta", check_number("min_delta", self.min_delta, at_least=0))

    @property
    def minimizes(self) -> bool:
        """Whether the metric is best where it is lowest."""
        return self.metric in LOWER_IS_BETTER

    @property
    def progress(self) -> str:
        """What it waits for, in words: `"a lower validation loss"`."""
        better = f"a {'lower' if self.minimizes else 'higher'} validation {self.metric.replace('_', ' ')}"
        return f"{better}, by more than {self.min_delta:g}" if self.min_delta else better

    def rendered(self) -> dict[str, Any]:
        """Return how a run records it."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def as_early_stopping(early_stopping: int | EarlyStopping | Mapping[str, Any] | None) -> EarlyStopping:
    """Return the rule that a number of epochs stands for, or a record of one; None never stops.

    Example:
        >>> as_early_stopping(10)
        EarlyStopping(patience=10, metric='loss', min_delta=0.0)
    """
    if isinstance(early_stopping, EarlyStopping):
        return early_stopping
    return EarlyStopping(**early_stopping) if isinstance(early_stopping, Mapping) else EarlyStopping(early_stopping)
