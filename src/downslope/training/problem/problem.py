"""What is to be learned, prepared: settings checked, data split, fitted and turned into arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from downslope.core import (
    Advice,
    DataError,
    Message,
    Setting,
    SettingError,
    ShapeError,
    Variables,
    check_integer,
    check_number,
    float_dtype,
    fold,
    generator,
    named_leaves,
)
from downslope.data import Batches, Dataset, Preprocessing, StoredRows, row_blocks
from downslope.layers import BatchNorm, walk
from downslope.losses import Loss, as_loss, check_targets
from downslope.networks import Sequential, architecture, rearranged
from downslope.optimizers import Optimizer, as_optimizer
from downslope.schedules import Schedule
from downslope.training._settings import TrainingSettings, size_at
from downslope.training.problem.class_weights import class_weights, row_weights
from downslope.training.problem.metrics import check_metrics

SUBSET_ROWS = 2000
"""`train_loss` is measured on at most so many training rows, always the same."""


@dataclass(frozen=True)
class Part:
    """Rows as the network sees them.

    Attributes:
        x: inputs, `(rows, …)`.
        t: targets: class indices `(rows,)` or numbers `(rows, outputs)`.
        weights: row weights, or None.
        truth: what metrics compare predictions with: class indices, or targets in their original units.
    """

    x: np.ndarray | Array | StoredRows
    t: np.ndarray | Array
    weights: np.ndarray | None
    truth: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: np.ndarray) -> Part:
        """Return some of the rows."""
        weights = None if self.weights is None else self.weights[rows]
        x = self.x if self.on_disk else np.asarray(self.x)
        return Part(x[rows], np.asarray(self.t)[rows], weights, self.truth[rows])

    @property
    def on_disk(self) -> bool:
        """Whether inputs are read as they are wanted."""
        return isinstance(self.x, StoredRows)

    def lazily(self, rows: slice) -> np.ndarray | Array | StoredRows:
        """Return the inputs of rows that lie side by side; from disk they are read when they are asked for."""
        return self.x.block(rows) if isinstance(self.x, StoredRows) else self.x[rows]

    def ready(self, progress: str | bool) -> Part:
        """Return the same rows, those of a table on disk prepared beforehand; see `StoredRows.ready`."""
        return replace(self, x=self.x.ready(progress)) if isinstance(self.x, StoredRows) else self

    def on_device(self) -> Part:
        """Return the same rows where the compiled code runs, but for inputs that stay on disk."""
        x = self.x if self.on_disk else jax.device_put(self.x)
        return Part(x, jax.device_put(self.t), self.weights, self.truth)


@dataclass(frozen=True)
class Problem:
    """Everything that training needs and never changes.

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
        metrics: names of metrics to put into the history.
        start: the variables before the first step.
        seed: the one seed.
        key: for layers that draw random numbers while training.
        data: facts about the data, for the record.
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
    start: Variables
    seed: int
    key: np.ndarray
    data: dict[str, Any]

    def ready(self, progress: str | bool) -> Problem:
        """Return the same problem, tables on disk prepared for many epochs; see `StoredRows.ready`."""
        validation = None if self.validation is None else self.validation.ready(progress)
        return replace(self, train=self.train.ready(progress), validation=validation)


def prepare(net: Sequential, data: Dataset, settings: TrainingSettings) -> Problem:
    """Return the problem that a training solves.

    Args:
        net: the network.
        data: rows with targets.
        settings: of the training; a learning rate and a batch size must be numbers, or schedules, by now.

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
    preprocessing = Preprocessing.fit(
        training,
        normalize=settings.normalize,
        normalize_targets=settings.normalize_targets,
        classes=data.classes,
    )
    outputs = _outputs(net, preprocessing)
    for size in sizes:
        _check_batch_norm(net, preprocessing.input_shape, len(training), size)
    chosen = as_loss(settings.loss, task=preprocessing.task, outputs=outputs)
    train = part_of(training, preprocessing, chosen, outputs)
    of_classes = class_weights(settings.class_weight, preprocessing, train.truth)
    stopping = None if held_out is None else part_of(held_out, preprocessing, chosen, outputs)
    weighted = replace(train, weights=row_weights(of_classes, train.truth, train.weights, float_dtype()))
    return Problem(
        net=net,
        architecture=architecture(net),
        loss=chosen,
        optimizer=rule,
        batches=Batches(len(train), sizes[0], order=settings.order, seed=seed),
        batch_sizes=batch_size if isinstance(batch_size, Schedule) else None,
        train=weighted.on_device(),
        subset=_subset(train, seed).on_device(),
        validation=None if stopping is None else stopping.on_device(),
        class_weight=settings.class_weight if isinstance(settings.class_weight, str) else _pairs(of_classes),
        preprocessing=preprocessing,
        metrics=check_metrics(settings.metrics, preprocessing.task),
        start=_started(net, preprocessing, settings.start, seed),
        seed=seed,
        key=fold(seed, "train"),
        data={
            "rows": len(train),
            "validation_rows": 0 if held_out is None else len(held_out),
            "fingerprint": _fingerprint(train),
            "validation_fingerprint": None if stopping is None else _fingerprint(stopping),
            "target": data.target_name,
            "origin": _origin(data),
            "validation_origin": _origin(settings.validation),
            "class_weights": _pairs(of_classes),
        },
    )


def part_of(data: Dataset, preprocessing: Preprocessing, loss: Loss, outputs: int) -> Part:
    """Return a data set as the network sees it.

    Raises:
        DataError: it has no target, targets that the loss does not allow, or no row of a weight above 0.
        SettingError: the loss does not suit the target.
    """
    if data.y is None:
        raise DataError(
            "A target is needed here, got a data set without one.",
            Advice("name its column", target=...),
            Advice("pass {}", code="`y`"),
        )
    targets = preprocessing.targets(data.y)
    check_targets(loss, targets, outputs=outputs, task=preprocessing.task)
    weights = None if data.row_weights is None else np.asarray(data.row_weights, float_dtype())
    if weights is not None and not weights.any():
        raise DataError(f"Some row must have a weight above 0, got {len(weights)} rows that all weigh 0.")
    truth = targets if preprocessing.task == "classification" else data.y
    return Part(preprocessing.inputs(data.x), targets, weights, truth)


def check_kinds(net: Any, data: Any) -> None:
    """Check that a network and a data set came in their places."""
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


def _split(data: Dataset, validation: Any, seed: int) -> tuple[Dataset, Dataset | None]:
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


def _check_batch_norm(net: Sequential, input_shape: tuple[int, ...], rows: int, batch_size: int) -> None:
    """Check that no batch leaves batch norm a single number of each feature, which it would make 0.

    Raises:
        SettingError: a batch would, every one or the last.
    """
    norms = [shape for layer, shape in walk(net.layers, input_shape) if isinstance(layer, BatchNorm)]
    alone = batch_size == 1 or rows % batch_size == 1
    if not alone or all(int(np.prod(shape[:-1])) > 1 for shape in norms):
        return
    if rows == 1:
        raise SettingError(
            "Batch norm needs 2 training rows or more, got 1.",
            Advice("use layer norm", norm="layer"),
            setting="batch_size",
        )
    which = "every batch holds" if batch_size == 1 else "the last batch holds"
    near = sorted(range(2, rows + 1), key=lambda size: (abs(size - batch_size), size))
    works = sorted(islice((size for size in near if rows % size != 1), 3))
    raise SettingError(
        "With batch norm every batch must hold 2 rows or more, but with",
        Setting("batch_size"),
        f"{batch_size} and {rows} training rows {which} one. Sizes that do not divide {rows - 1} work: "
        f"{', '.join(map(str, works))} are near.",
    )


def _subset(train: Part, seed: int) -> Part:
    """Return the rows that `train_loss` is measured on: all, or a fixed draw of `SUBSET_ROWS`."""
    if len(train) <= SUBSET_ROWS:
        return train
    rows = generator(seed, "subset").choice(len(train), SUBSET_ROWS, replace=False)
    return train.take(np.sort(rows))


def _started(net: Sequential, preprocessing: Preprocessing, start: Variables | None, seed: int) -> Variables:
    """Return the variables to begin with, in the precision of the session.

    Raises:
        ShapeError: those given do not fit the network.
    """
    fresh = net.init(fold(seed, "initialize"), preprocessing.input_shape)
    if start is None:
        return fresh
    if len(start.params) == len(start.state) == len(net.layers):
        start = rearranged(net, start)
    given, expected = named_leaves(tuple(start)), named_leaves(tuple(fresh))
    shapes = {name: np.shape(array) for name, array in given.items()}
    wanted = {name: np.shape(array) for name, array in expected.items()}
    if shapes != wanted:
        raise ShapeError(Setting("start"), f"must hold variables of this network, with shapes {wanted}, got {shapes}.")
    return jax.tree.map(lambda old, new: np.asarray(new, old.dtype), fresh, Variables(*start))


def _origin(data: Any) -> dict[str, Any] | None:
    """Return where a data set came from, if it knows."""
    return data.origin.as_json() if isinstance(data, Dataset) and data.origin is not None else None


def _pairs(weights: dict[Any, float] | None) -> tuple[tuple[Any, float], ...] | None:
    """Return weights by label as JSON can hold them: its names are text, labels may be numbers."""
    return None if weights is None else tuple(weights.items())


def _fingerprint(train: Part) -> str:
    """Return a digest of the training rows as the network sees them."""
    digest = hashlib.blake2b(digest_size=16)
    for array in (train.x, train.t, train.weights):
        if array is not None:
            digest.update(f"{array.dtype} {array.shape}".encode())
            for rows in row_blocks(array):
                digest.update(np.ascontiguousarray(array[rows]).data)
    return digest.hexdigest()
