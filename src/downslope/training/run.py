"""The result of a training: the trained network, the history, and the reason that it ended."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from downslope.core import (
    Advice,
    DataError,
    Key,
    Params,
    RunWarning,
    Setting,
    Shape,
    Variables,
    check_choice,
    handed_out,
    read_only,
)
from downslope.data import Dataset, Preprocessing
from downslope.layers import thawed, walk
from downslope.losses import Loss
from downslope.networks import Sequential, architecture
from downslope.optimizers import OptimizerState, initial_state
from downslope.runs import RunFolder, content_explained
from downslope.training.checkpoint_arrays import restore_optimizer, restore_variables
from downslope.training.engine.evaluate import loss_of, outputs_of
from downslope.training.engine.stopping import Divergence
from downslope.training.monitor.curvature_history import Tracking
from downslope.training.monitor.statistics import Statistics
from downslope.training.monitor.trajectory import Trajectory
from downslope.training.problem.metrics import DEFAULTS, MetricInputs, compute_metrics
from downslope.training.problem.part import Part, make_part
from downslope.training.problem.predictions import predicted, probabilities
from downslope.training.recipe import Recipe, problem_of_record, recipe_of_record
from downslope.training.restarts import Restarts
from downslope.training.surfaces.network import MODES, NetworkSurface, network_surface


@dataclass(frozen=True, repr=False)
class Run:
    """A training that has ended, and the network that it trained.

    Attributes:
        net: the network's description.
        loss: what descended.
        variables: the best by validation loss where there is one, else the last.
        last: the variables after the last step.
        optimizer_state: the optimizer's numbers and moments after the last step; None for a run opened from its folder.
        history: name → values, one an epoch: `batch_loss`, the mean over batches while weights move; `train_loss`, at
            the epoch's end on a fixed draw of at most 2,000 training rows; `validation_loss`; `learning_rate`; metrics.
        stop_reason: `"completed"`, `"early_stopping"`, `"stopped"` (by an observer), `"interrupted"` or `"diverged"`.
        divergence: what happened, if it diverged: step, loss, norm, likely cause, remedy.
        best_epoch: after how many epochs `variables` were reached.
        restarts: how each of several starts ended; None for a run with one.
        averaged: the average of the weights that `ds.ema` kept, with the state of `last`; else None.
        trajectory: recorded parameters, if any were asked for.
        statistics: recorded statistics of every layer, if any were asked for.
        tracking: curvature and noise as the run went on, if they were asked for.
        preprocessing: what is done to inputs and targets, fitted on the training part.
        metrics: names of metrics that `evaluate` adds to those of the task.
        notes: sentences about the data: the task, what was imputed, encoded, constant.
        path: the run's folder, if it has one.
        training_rows: what it learned from, as the network saw it; None for a run opened from its folder.
        recipe: what `ds.train` was told, so that it can be told again; None for a run opened from its folder.
    """

    net: Sequential
    loss: Loss
    variables: Variables
    last: Variables
    optimizer_state: OptimizerState | None
    history: dict[str, np.ndarray]
    stop_reason: str
    divergence: Divergence | None
    best_epoch: int
    restarts: Restarts | None
    averaged: Variables | None
    trajectory: Trajectory | None
    statistics: Statistics | None
    tracking: Tracking | None
    preprocessing: Preprocessing
    metrics: tuple[str, ...]
    notes: tuple[str, ...]
    path: Path | None
    training_rows: Part | None
    recipe: Recipe | None

    def __post_init__(self) -> None:
        path = None if self.trajectory is None else (self.trajectory.steps, self.trajectory.params)
        jax.tree.map(read_only, (self.variables, self.last, self.optimizer_state, self.history, self.averaged, path))

    def __repr__(self) -> str:
        facts = [
            f"{_name_of(self)}{_widths_text(self.net, self.preprocessing.input_shape)}",
            f"{self.epochs} epoch{'s' * (self.epochs != 1)}",
        ]
        if self.best_epoch:
            measured = "validation_loss" if "validation_loss" in self.history else "train_loss"
            facts += [f"kept {self.best_epoch}", f"{measured} {self.history[measured][self.best_epoch - 1]:.4g}"]
        if self.stop_reason in ("diverged", "interrupted", "running"):
            facts.append(self.stop_reason)
        return f"Run({', '.join(facts)})"

    @property
    def params(self) -> tuple[Params, ...]:
        """The parameters of `variables`, in containers of their own; their arrays cannot be written to."""
        return handed_out(self.variables.params)

    @property
    def epochs(self) -> int:
        """How many epochs ended."""
        return len(next(iter(self.history.values()), ()))

    @property
    def task(self) -> str:
        """`"classification"` or `"regression"`."""
        return self.preprocessing.task

    def outputs(self, x: Any) -> np.ndarray:
        """Return the network's raw outputs, `(rows, outputs)`.

        Args:
            x: rows as in the data this run was trained on: an array, a data frame, or a `Dataset`.

        Raises:
            DataError: a column is missing, or holds what it did not hold in training.
            RunWarning: numbers without a sign seem to be shares, where training had percent.
            ShapeError: rows of another shape.
        """
        inputs = self.preprocessing.inputs(x)
        for sentence in self.preprocessing.unit_notes(x):
            warnings.warn(RunWarning(sentence), stacklevel=3)
        return outputs_of(architecture(self.net), self.variables, inputs)

    def predict(self, x: Any) -> np.ndarray:
        """Return the predicted labels, or targets in their original units, of counts the mean. `x` as for `outputs`."""
        return predicted(self.preprocessing, self.loss, self.outputs(x))

    def predict_proba(self, x: Any) -> np.ndarray:
        """Return the probability of each class, `(rows, classes)`, in the order of `preprocessing.classes`.

        Raises:
            SettingError: the run predicts numbers, or its loss gives no probabilities.
        """
        return probabilities(self.preprocessing, self.loss, self.outputs(x))

    def evaluate(self, data: Dataset) -> dict[str, float]:
        """Return the loss and the task's metrics over all rows of a data set.

        The loss is the one descended, on targets as the network sees them; metrics are in the targets' own units.

        Args:
            data: rows with a target.

        Returns:
            `loss`; for classes `accuracy`; for numbers `rmse` and `r2`; and the run's other metrics.

        Raises:
            DataError: there is no target, or a label that was not seen in training.
        """
        if not isinstance(data, Dataset):
            raise DataError(
                Setting("data"),
                f"must be a ds.Dataset with a target, got {type(data).__name__}.",
                Advice("make {}", code="ds.Dataset(x, y)"),
            )
        outputs = self.outputs(data)
        part = make_part(data, self.preprocessing, self.loss, outputs.shape[1])
        names = tuple(dict.fromkeys(DEFAULTS[self.task] + self.metrics))
        scores = compute_metrics(names, MetricInputs(part.truth, outputs, part.weights, self.preprocessing, self.loss))
        return {"loss": loss_of(self.loss, outputs, part.t, part.weights)} | scores

    def surface(self, data: Dataset | None = None, *, mode: str = "inference", key: Key = 0) -> NetworkSurface:
        """Return the loss as a surface over the network's parameters: value, gradient, Hessian times a vector.

        All rows, with the state of `variables`. Training rows count by their weights and those of their classes, as
        they did in training. In training mode, batch norm takes the statistics of all rows as one batch, and every
        point of the surface has a dropout mask of its own, the same each time.

        Args:
            data: rows with a target; None for those of the training, as the network saw them. A run opened from its
                folder gets them `with_data`.
            mode: `"inference"` or `"training"`.
            key: what the masks of training mode are drawn from.

        Raises:
            DataError: none are given, and the rows of a run opened from its folder cannot be had again.

        Example:
            >>> import downslope as ds
            >>> run = ds.train(ds.mlp([4], outputs=3), ds.load("iris"), epochs=5, normalize="standard", progress=False)
            >>> bool(abs(run.surface().value(run.params) - run.history["train_loss"][-1]) < 1e-6)
            True
        """
        check_choice("mode", mode, MODES)
        if data is None:
            rows: Any = self.with_data().training_rows
        else:
            outputs = self.net.output_shape(self.preprocessing.input_shape)[-1]
            rows = make_part(data, self.preprocessing, self.loss, outputs)
        return network_surface(self.net, self.loss, rows, self.variables, mode=mode, key=key)

    def with_data(
        self,
        data: Dataset | None = None,
        *,
        validation: Dataset | None = None,
        optimizer: Any = None,
        file: str | os.PathLike[str] | None = None,
    ) -> Run:
        """Return the run with the rows it was trained on; a run that has them stays as it is.

        The folder of a run keeps no rows, but where `ds.load` or `ds.read` had them from. They are had from there
        again, and compared with what was learned from. `recipe` and `optimizer_state` are there then, too.

        Args:
            data: the rows it was trained on, where they did not come from a file or a named set.
            validation: likewise for the validation rows, if they were given as a data set; without them the recipe has
                none.
            optimizer: the optimizer, if it was your own.
            file: the file that the rows were read from, if it is elsewhere now.

        Raises:
            DataError: the rows cannot be had, or are others now.
            CustomPartError: the optimizer was your own, and is not given.

        Example:
            >>> import downslope as ds, tempfile, pathlib
            >>> folder = pathlib.Path(tempfile.mkdtemp()) / "iris"
            >>> run = ds.train(ds.mlp([4], outputs=3), ds.load("iris"), epochs=3, store=folder, progress=False)
            >>> ds.open_run(folder).with_data().recipe.data
            Dataset(150 rows, 4 features, classification into 3 classes)
        """
        if self.training_rows is not None:
            return self
        if self.path is None:
            raise DataError("A run without rows must have a folder to find them by, got one without. Train it again.")
        parts: dict[str, Any] = {"data": data, "validation": validation, "optimizer": optimizer}
        parts["file"] = None if file is None else Path(file)
        own_parts = any(part is not None for part in parts.values())
        with content_explained(self.path, own_parts=own_parts):
            return self._with_rows(RunFolder.open(self.path), parts)

    def _with_rows(self, folder: RunFolder, parts: dict[str, Any]) -> Run:
        """Return this run with the rows of its folder's record, or with those among the parts."""
        record = folder.read_record()
        if folder.has("start"):
            parts["start"] = restore_variables(folder.read("start"), self.last)
        recipe = recipe_of_record(record, net=self.net, loss=self.loss, **parts)
        problem = problem_of_record(recipe, record)
        if self.restarts is not None and self.restarts.best > 0:
            recipe = recipe.changed({"start": problem.restart_variables(self.restarts.best)})
        fresh = initial_state(problem.optimizer, problem.start.params)
        state = restore_optimizer(folder.read("last"), fresh)
        return replace(self, training_rows=problem.train, recipe=recipe, optimizer_state=state)

    def table(self) -> Any:
        """Return the history as a polars table, one row an epoch, `epoch` counted from 1."""
        import polars

        return polars.DataFrame({"epoch": np.arange(1, self.epochs + 1), **self.history})


def _name_of(run: Run) -> str:
    """Return the name of a run: of its folder, or of its data's origin; nothing if it has neither."""
    origin = None if run.recipe is None else run.recipe.data.origin
    if run.path is not None:
        return f"{run.path.name}: "
    return "" if origin is None else f"{Path(str(next(iter(origin.arguments.values())))).stem}: "


def _widths_text(net: Sequential, input_shape: Shape) -> str:
    """Return the size of the input and of the outputs of each layer with weights.

    Example:
        >>> import downslope as ds
        >>> _widths_text(ds.cnn([8, 16], outputs=10), (28, 28, 1))
        '28×28×1-8-16-10'
    """
    layers = thawed([layer for layer, _ in walk(net.layers, input_shape)])
    widths = [getattr(layer, "units", getattr(layer, "channels", None)) for layer in layers]
    return "-".join(["×".join(map(str, input_shape)), *(str(width) for width in widths if width is not None)])
