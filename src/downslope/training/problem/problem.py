"""A training problem: settings checked, data split, normalized and turned into arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from downslope.core import (
    Advice,
    DataError,
    Message,
    Setting,
    SettingError,
    ShapeError,
    UnknownNameError,
    Variables,
    check_integer,
    check_number,
    float_dtype,
    fold,
    named_leaves,
)
from downslope.data import Batches, Dataset, Preprocessing
from downslope.losses import Loss, as_loss
from downslope.networks import Sequential, architecture, rearranged
from downslope.optimizers import Optimizer, as_optimizer
from downslope.schedules import Schedule
from downslope.training.early_stopping import LOSS, EarlyStopping
from downslope.training.problem.class_weights import class_weights, row_weights
from downslope.training.problem.last_batch import (
    check_last_batches,
    last_batch_rule,
    lone_row_notes,
    needs_two_rows,
)
from downslope.training.problem.metrics import METRICS, check_metrics
from downslope.training.problem.part import SUBSET_ROWS, Part, draw_subset, make_part
from downslope.training.settings import TrainingSettings, size_at


@dataclass(frozen=True)
class Problem:
    """Everything that a training needs and never changes.

    Attributes:
        net: the network.
        architecture: the network as compiled programs know it, without how it starts.
        loss: what descends.
        optimizer: how.
        batches: which rows each step learns from; with a schedule of sizes, those of the first epoch.
        batch_sizes: a schedule of the epoch that gives the size of its batches, or None.
        train: the training rows; their weights are multiplied by those of their classes.
        subset: those that `train_loss` is measured on.
        validation: rows to stop by, or None.
        class_weight: `"balanced"`, pairs of label and weight, or None.
        preprocessing: fitted on the training rows.
        metrics: names of metrics to put into the history, that which early stopping goes by among them.
        stopping: when training stops early, and by what.
        start: the variables before the first step.
        seed: the one seed.
        key: for layers that draw random numbers while training.
        data: facts about the data, for the record.
        longest_chunk: at most so many steps are compiled into one call; None for as many as suit memory and time.
    """

    net: Sequential
    architecture: Sequential
    loss: Loss
    optimizer: Optimizer
    batches: Batches
    batch_sizes: Schedule | None
    train: Part
    subset: Part
    validation: Part | None
    class_weight: str | tuple[tuple[Any, float], ...] | None
    preprocessing: Preprocessing
    metrics: tuple[str, ...]
    stopping: EarlyStopping
    start: Variables
    seed: int
    key: np.ndarray
    data: dict[str, Any]
    longest_chunk: int | None = None

    @property
    def outputs(self) -> int:
        """How many outputs the network has."""
        return self.net.output_shape(self.preprocessing.input_shape)[-1]

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was done to the rows."""
        return self.preprocessing.notes + lone_row_notes(self.batches)

    @property
    def judged(self) -> Part:
        """The rows that a training is judged by: those held out, else those of `train_loss`."""
        return self.subset if self.validation is None else self.validation

    def ready(self, progress: str | bool) -> Problem:
        """Return the same problem, tables on disk prepared for many epochs; see `StoredRows.ready`."""
        validation = None if self.validation is None else self.validation.ready(progress)
        return replace(self, train=self.train.ready(progress), validation=validation)

    def with_seed(self, seed: int, *, fresh: bool) -> Problem:
        """Return the same problem with another order of rows, and with other starting weights if `fresh`."""
        start = self.start
        if fresh:
            start = self.net.init(fold(seed, "initialize"), self.preprocessing.input_shape)
        batches = replace(self.batches, seed=seed)
        return replace(self, seed=seed, key=fold(seed, "train"), batches=batches, start=start)

    def restart_variables(self, number: int) -> Variables:
        """Return the starting weights of a restart; those of number 0 are the problem's own."""
        return self.net.init(fold(self.seed, "initialize", number), self.preprocessing.input_shape)

    def resized(self, batch_size: int) -> Problem:
        """Return the same problem in batches of another size, of which a single row that is too few is left out."""
        lone = "lone" if needs_two_rows(self.net, self.preprocessing.input_shape) else False
        drop_last = self.batches.drop_last or lone
        return replace(self, batches=replace(self.batches, batch_size=batch_size, drop_last=drop_last))

    def limited_to(self, steps: int) -> Problem:
        """Return the same problem on a fixed draw of rows that makes an epoch of so many steps, where it has more."""
        if self.batches.steps <= steps:
            return self
        train = draw_subset(self.train, steps * self.batches.batch_size, self.seed, "finder rows").on_device()
        return replace(self, train=train, batches=replace(self.batches, rows=len(train)))


def prepare(
    net: Sequential, data: Dataset, settings: TrainingSettings, preprocessing: Preprocessing | None = None
) -> Problem:
    """Return the problem that a training solves.

    Args:
        net: the network.
        data: rows with targets.
        settings: of the training; a learning rate and a batch size must be numbers, or schedules, by now.
        preprocessing: that of a run which goes on; None to fit it on the training rows.

    Raises:
        SettingError: a setting that cannot be.
        DataError: data that cannot be learned from as it is.
        ShapeError: a network that does not fit the data.
    """
    check_kinds(net, data)
    seed, batch_size = settings.seed, settings.batch_size
    rule = as_optimizer(settings.optimizer)
    sizes = _batch_sizes(batch_size, settings.epochs)
    as_loss(settings.loss)
    training, held_out = _split(data, settings.validation, seed)
    preprocessing = preprocessing or _fitted(training, data, settings)
    outputs = _outputs(net, preprocessing)
    drop_last = last_batch_rule(settings, net, preprocessing.input_shape)
    check_last_batches(net, preprocessing.input_shape, len(training), sizes, drop_last)
    loss = as_loss(settings.loss, task=preprocessing.task, outputs=outputs)
    train = make_part(training, preprocessing, loss, outputs)
    of_classes = class_weights(settings.class_weight, preprocessing, train.truth)
    stopping = None if held_out is None else make_part(held_out, preprocessing, loss, outputs)
    weighted = replace(train, weights=row_weights(of_classes, train.truth, train.weights, float_dtype()))
    return Problem(
        net=net,
        architecture=architecture(net),
        loss=loss,
        optimizer=rule,
        batches=Batches(len(train), sizes[0], order=settings.order, seed=seed, drop_last=drop_last),
        batch_sizes=batch_size if isinstance(batch_size, Schedule) else None,
        train=weighted.on_device(),
        subset=draw_subset(train, SUBSET_ROWS, seed).on_device(),
        validation=None if stopping is None else stopping.on_device(),
        class_weight=settings.class_weight if isinstance(settings.class_weight, str) else _pairs(of_classes),
        preprocessing=preprocessing,
        metrics=_metrics(settings, preprocessing.task),
        stopping=settings.stopping,
        start=_initial_variables(net, preprocessing, settings.start, seed),
        seed=seed,
        key=fold(seed, "train"),
        data={
            "rows": len(train),
            "validation_rows": 0 if held_out is None else len(held_out),
            "fingerprint": train.fingerprint(),
            "validation_fingerprint": None if stopping is None else stopping.fingerprint(),
            "target": data.target_name,
            "origin": _origin(data),
            "validation_origin": _origin(settings.validation),
            "class_weights": _pairs(of_classes),
        },
    )


def data_notes(data: Dataset, settings: TrainingSettings) -> tuple[str, ...]:
    """Return what a training would say about its rows: how they were read, what is left out, filled in and encoded.

    Args:
        data: rows with targets.
        settings: of the training.

    Raises:
        DataError: data that cannot be learned from as it is.
    """
    training, _ = _split(data, settings.validation, settings.seed)
    return tuple(dict.fromkeys(data.notes + _fitted(training, data, settings).notes))


def _fitted(training: Dataset, data: Dataset, settings: TrainingSettings) -> Preprocessing:
    """Return the preprocessing fitted on the training part of rows."""
    scales = {"normalize": settings.normalize, "normalize_targets": settings.normalize_targets}
    return Preprocessing.fit(training, classes=data.classes, **scales)


def check_kinds(net: object, data: object) -> None:
    """Check that the network is a network and the data a data set."""
    if not isinstance(net, Sequential):
        raise SettingError(
            Setting("net"), f"must be a network such as ds.mlp([64], outputs=10), got {type(net).__name__}."
        )
    if not isinstance(data, Dataset):
        raise SettingError(
            Setting("data"),
            f"must be a ds.Dataset, got {type(data).__name__}.",
            Advice("make one:", code="ds.Dataset(x, y), ds.load('digits'), ds.read('table.csv', target='price')"),
        )


def _split(data: Dataset, validation: float | Dataset, seed: int) -> tuple[Dataset, Dataset | None]:
    """Return the training part and the validation part, if there is one."""
    if isinstance(validation, Dataset):
        return data, validation
    advice = Message(Advice("give a share of the rows, such as 0.2"), Advice("give {}", code="a ds.Dataset"))
    share = check_number("validation", validation, at_least=0, below=1, advice=advice)
    if share == 0:
        return data, None
    split = data.split(validation=share, seed=seed)
    return split.train, split.validation


def _batch_sizes(batch_size: int | Schedule | str, epochs: int) -> list[int]:
    """Return the sizes that batches will have, checked, each once, that of the first epoch first."""
    if not isinstance(batch_size, Schedule):
        return [check_integer("batch_size", batch_size)]
    advice = "A schedule for it is called with the epoch, from 0, and must give 1 or more."
    sizes = dict.fromkeys(size_at(batch_size, epoch) for epoch in range(epochs))
    return [check_integer("batch_size", size, advice=advice) for size in sizes]


def _metrics(settings: TrainingSettings, task: str) -> tuple[str, ...]:
    """Return the metrics of the history, and that which early stopping goes by."""
    metrics, watched = check_metrics(settings.metrics, task), settings.stopping.metric
    if watched == LOSS or watched in metrics:
        return metrics
    if watched not in METRICS[task]:
        raise UnknownNameError("early_stopping.metric", watched, [LOSS, *METRICS[task]])
    return (*metrics, watched)


def _outputs(net: Sequential, preprocessing: Preprocessing) -> int:
    """Return the number of a network's outputs.

    Raises:
        ShapeError: the network does not suit the data.
    """
    shape = net.output_shape(preprocessing.input_shape)
    if len(shape) != 1:
        raise ShapeError(f"The network must end in a row of outputs, such as Dense(10), got outputs of shape {shape}.")
    needed, outputs = preprocessing.outputs, shape[0]
    two_sides = preprocessing.task == "classification" and needed == 2 and outputs == 1
    if preprocessing.task == "classification" and outputs < needed and not two_sides:
        raise DataError(
            f"The network must have {needed} outputs, one a class, got {outputs}. Make its last layer Dense({needed})."
        )
    return outputs


def _initial_variables(net: Sequential, preprocessing: Preprocessing, start: Variables | None, seed: int) -> Variables:
    """Return the variables to begin with, in the precision of the session.

    Raises:
        ShapeError: those given do not fit the network.
    """
    fresh = net.init(fold(seed, "initialize"), preprocessing.input_shape)
    if start is None:
        return fresh
    if len(start.params) == len(start.state) == len(net.layers):
        start = rearranged(net, start)
    shapes, expected = _shapes(start), _shapes(fresh)
    if shapes != expected:
        raise ShapeError(
            Setting("start"), f"must hold variables of this network, with shapes {expected}, got {shapes}."
        )
    return jax.tree.map(lambda old, new: np.asarray(new, old.dtype), fresh, Variables(*start))


def _shapes(variables: Variables) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array by its path."""
    return {name: np.shape(array) for name, array in named_leaves(tuple(variables)).items()}


def _origin(data: object) -> dict[str, Any] | None:
    """Return the origin of a data set, if it has one."""
    return data.origin.as_json() if isinstance(data, Dataset) and data.origin is not None else None


def _pairs(weights: dict[Any, float] | None) -> tuple[tuple[Any, float], ...] | None:
    """Return weights by label as JSON can hold them: its names are text, labels may be numbers."""
    return None if weights is None else tuple(weights.items())
