"""From options to a prepared training: its rows, its network, and its settings."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from downslope.cli.compile_cache import keep_compiled_code
from downslope.cli.options import (
    PATIENCE,
    ColumnOptions,
    DataOptions,
    LossOptions,
    NetworkOptions,
    OptimizerOptions,
    PreparationOptions,
    ReadingOptions,
    TrainingOptions,
)
from downslope.cli.output import described
from downslope.cli.parse import (
    AUTO,
    class_weight_of,
    loss_of,
    network_of,
    open_training_data,
    optimizer_of,
    reading_of,
    target_scaling,
)

if TYPE_CHECKING:
    from downslope.data import Dataset, Split
    from downslope.losses import Loss
    from downslope.networks import Sequential
    from downslope.optimizers import Optimizer
    from downslope.training import EarlyStopping, TrainingSettings


@dataclass(frozen=True)
class PreparedTraining:
    """Rows to learn from, a network, and the settings of its training.

    Attributes:
        data: all rows.
        split: the rows in parts.
        net: the network.
        loss: the loss.
        settings: those of `ds.train`, the loss and the validation rows among them.
        notes: what the data are, and how they were split.
    """

    data: Dataset
    split: Split
    net: Sequential
    loss: Loss
    settings: TrainingSettings
    notes: tuple[str, ...]

    @property
    def data_notes(self) -> tuple[str, ...]:
        """What a training would say about the rows."""
        from downslope.training import data_notes

        return data_notes(self.split.train, self.settings)


def prepare(
    source: str,
    data: DataOptions,
    preparation: PreparationOptions,
    network: NetworkOptions,
    loss: LossOptions,
    optimizer: OptimizerOptions,
    training: TrainingOptions,
    *,
    seed: int,
) -> PreparedTraining:
    """Return the training that options describe.

    Raises:
        DownslopeError: a source, or an option, that cannot be used.
    """
    from downslope.training import TrainingSettings

    rows = open_rows(source, data, network)
    split = rows.split(validation=preparation.validation, test=preparation.test, seed=seed)
    keep_compiled_code()
    descended = loss_for(loss, rows)
    net = network_for(network, rows, descended)
    settings = TrainingSettings(
        loss=descended,
        class_weight=class_weight_of(loss.class_weight, rows),
        optimizer=optimizer_for(optimizer, training, net, split.train),
        validation=0.0 if split.validation is None else split.validation,
        normalize=None if preparation.normalize == "none" else preparation.normalize,
        normalize_targets=target_scaling(preparation.normalize, rows.task, descended),
        seed=seed,
        **_settings_of(training, split),
    )
    return PreparedTraining(rows, split, net, descended, settings, (introduction(source, rows), *split.notes))


def open_rows(source: str, data: DataOptions, network: NetworkOptions) -> Dataset:
    """Return the rows of a source, as the network looks at them."""
    columns = {entry.name: getattr(data, entry.name) for entry in fields(ColumnOptions)}
    reading = reading_of(**{entry.name: getattr(data, entry.name) for entry in fields(ReadingOptions)})
    return open_training_data(source, **columns, reading=reading, network=network.network)


def loss_for(options: LossOptions, data: Dataset) -> Loss:
    """Return the loss for rows."""
    return loss_of(options.loss, options.label_smoothing, data.task, quantile_level=options.quantile_level)


def network_for(options: NetworkOptions, data: Dataset, loss: Loss) -> Sequential:
    """Return the network for rows and a loss."""
    return network_of(data, loss=loss, **asdict(options))


def optimizer_for(options: OptimizerOptions, training: TrainingOptions, net: Sequential, rows: Dataset) -> Optimizer:
    """Return the optimizer of a training of a network on some rows."""
    return optimizer_of(**asdict(options), steps=_steps(training, options.schedule, net, rows))


def introduction(source: str, data: Dataset) -> str:
    """Return the name of a source with the size and the task of its data."""
    return f"{Path(source).name}: {described(data)}"


def _settings_of(options: TrainingOptions, split: Split) -> dict[str, Any]:
    """Return options as settings of `ds.train`: what is not to be dropped is for it to decide."""
    settings: dict[str, Any] = asdict(options) | {"drop_last": options.drop_last or None}
    by = {"metric": settings.pop("early_stopping_metric"), "min_delta": settings.pop("min_delta")}
    return settings | {"early_stopping": _early_stopping(options.early_stopping, split, **by)}


def _steps(training: TrainingOptions, schedule: str, net: Sequential, rows: Dataset) -> int:
    """Return how many steps the training makes; 1, which a constant rate ignores, with an automatic batch size.

    Raises:
        SettingError: a schedule needs to know.
    """
    from downslope.core import Setting, SettingError, check_integer
    from downslope.data import Batches
    from downslope.training import TrainingSettings, last_batch_rule

    if training.batch_size != AUTO:
        epochs = check_integer("epochs", training.epochs)
        settings = TrainingSettings(batch_size=training.batch_size, drop_last=training.drop_last or None)
        shape = rows.x.shape[1:]  # categories make rows longer, which is all the same to batch norm
        batches = Batches(len(rows), training.batch_size, drop_last=last_batch_rule(settings, net, shape))
        return epochs * batches.steps
    if schedule != "constant":
        raise SettingError(
            Setting("batch_size"),
            f"auto leaves the number of steps open, got it with the schedule {schedule!r}. Give a number.",
        )
    return 1


def _early_stopping(
    early_stopping: int | None, split: Split, *, metric: str, min_delta: float
) -> int | EarlyStopping | None:
    """Return when to stop early, by default after 10 epochs where there are validation rows.

    Raises:
        SettingError: a number that cannot be, or a metric without rows to measure it on.
    """
    from downslope.core import Advice, Setting, SettingError, check_integer
    from downslope.training import EarlyStopping

    patience = (0 if split.validation is None else PATIENCE) if early_stopping is None else early_stopping
    if metric == EarlyStopping.metric and not min_delta:
        return patience
    name = "min_delta" if metric == EarlyStopping.metric else "early_stopping_metric"
    if split.validation is None:
        raise SettingError(Setting(name), "needs validation rows, got none.", Advice("hold some out", validation=0.2))
    patience = check_integer("early_stopping", patience, at_least=0)
    return EarlyStopping(patience or None, metric, min_delta)
