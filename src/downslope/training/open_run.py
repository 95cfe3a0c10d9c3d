"""Open a run from its folder; render settings into a run's record."""

from __future__ import annotations

import os
from typing import Any

import jax
import numpy as np

from downslope.core import Variables, float_dtype, rebuild, render
from downslope.data import Preprocessing
from downslope.losses import Loss
from downslope.networks import Sequential
from downslope.runs import Checkpoint, Record, RunFolder, content_explained
from downslope.training.checkpoint_arrays import arrays_under, restore_tree, restore_variables
from downslope.training.engine.stopping import Divergence
from downslope.training.identity.computing import current_computing
from downslope.training.monitor.curvature_history import Tracking
from downslope.training.monitor.statistics import Statistics, layer_names
from downslope.training.monitor.trajectory import Trajectory
from downslope.training.problem.problem import Problem
from downslope.training.recipe import ROOMS
from downslope.training.restarts import Restarts
from downslope.training.run import Run


def make_record(problem: Problem, settings: dict[str, Any], notes: tuple[str, ...], digests: dict[str, Any]) -> Record:
    """Return the record of a run about to start.

    Args:
        problem: what it learns.
        settings: those that the record holds as they are.
        notes: sentences for the user.
        digests: of the rows as they were given.
    """
    configuration = {
        "network": problem.net,
        "loss": problem.loss,
        "optimizer": problem.optimizer,
        "batch_size": problem.batch_sizes or problem.batches.batch_size,
        "order": problem.batches.order,
        "metrics": problem.metrics,
        "class_weight": problem.class_weight,
        "precision": np.dtype(float_dtype()).name,
        **settings,
    }
    return Record(
        configuration=render(configuration),
        data=problem.data | digests,
        preprocessing=problem.preprocessing.as_json(),
        seed=problem.seed,
        notes=list(notes),
        computing=current_computing(),
    )


def open_run(path: str | os.PathLike[str], *, net: Sequential | None = None, loss: Loss | None = None) -> Run:
    """Return the run that a folder holds, to predict with and to look at.

    Args:
        path: the folder.
        net: the network, if it has layers of your own: those cannot be read from a file.
        loss: the loss, if it is your own.

    Returns:
        The run as `train` returned it. While it is still being trained, the state of its last save, with
        `stop_reason == "running"`.

    Raises:
        RunError: the folder holds no run, or one that this version cannot read.
        DamagedRunError: a file is not what was written.
        CustomPartError: a part of your own must be passed.

    Example:
        >>> import downslope as ds, tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp()) / "iris"
        >>> data = ds.load("iris")
        >>> run = ds.train(ds.mlp([8], outputs=3), data, epochs=3, store=folder, progress=False)
        >>> bool((ds.open_run(folder).predict(data.x) == run.predict(data.x)).all())
        True
    """
    folder = RunFolder.open(path)
    with content_explained(folder.path, own_parts=net is not None or loss is not None):
        return _opened(folder, net, loss)


def _opened(folder: RunFolder, net: Sequential | None, loss: Loss | None) -> Run:
    """Return the run that a folder holds."""
    record = folder.read_record()
    settings = record.configuration
    network: Sequential = net or rebuild(settings["network"], ROOMS)
    minimized: Loss = loss or rebuild(settings["loss"], ROOMS)
    preprocessing = Preprocessing.from_json(record.preprocessing)
    last = folder.read("last")
    best = folder.read("best") if folder.has("best") else last
    template = network.init(0, preprocessing.input_shape)
    trajectory = folder.read_trajectory()
    return Run(
        net=network,
        loss=minimized,
        variables=restore_variables(best, template),
        last=restore_variables(last, template),
        optimizer_state=None,
        history=_history(folder, last),
        stop_reason=record.stop_reason or record.status,
        divergence=Divergence.from_json(record.stop_detail) if record.stop_detail else None,
        best_epoch=int(best.facts["best_epoch"] or best.facts["epoch"] or 0),
        restarts=_restarts(folder.read_restarts()),
        averaged=_averaged(last, template),
        trajectory=_trajectory(trajectory, template),
        statistics=_statistics(trajectory, layer_names(network, preprocessing.input_shape)),
        tracking=restore_tracking(folder.read_tracking()),
        preprocessing=preprocessing,
        metrics=tuple(settings["metrics"]),
        notes=tuple(record.notes),
        path=folder.path,
        training_rows=None,
        recipe=None,
    )


def _history(folder: RunFolder, last: Checkpoint) -> dict[str, np.ndarray]:
    """Return the values of all epochs by name, without the epoch's number."""
    epochs = folder.read_epochs(at_least=int(last.facts["epoch"] or 0))
    names = [name for name in (epochs[0] if epochs else {}) if name != "epoch"]
    return {name: np.array([values[name] for values in epochs]) for name in names}


def _restarts(checkpoint: Checkpoint | None) -> Restarts | None:
    """Return how several starts ended, if there were several."""
    if checkpoint is None:
        return None
    arrays, facts = checkpoint
    reasons = tuple(str(facts["stop_reasons"]).split())
    return Restarts(
        arrays["losses"], int(facts["best"] or 0), arrays["epochs"], reasons, arrays_under("histories", checkpoint)
    )


def _trajectory(checkpoint: Checkpoint | None, template: Variables) -> Trajectory | None:
    """Return recorded parameters, if there are any."""
    if checkpoint is None or "steps" not in checkpoint.arrays:
        return None
    steps = checkpoint.arrays["steps"]
    stacked = jax.tree.map(lambda leaf: np.broadcast_to(leaf, (len(steps), *leaf.shape)), template.params)
    return Trajectory(steps, restore_tree(stacked, arrays_under("params", checkpoint), what="recorded array"))


def _statistics(checkpoint: Checkpoint | None, layers: tuple[str, ...]) -> Statistics | None:
    """Return recorded statistics, if there are any."""
    arrays = {} if checkpoint is None else arrays_under("statistics", checkpoint)
    return Statistics(layers=layers, **arrays) if arrays else None


def restore_tracking(checkpoint: Checkpoint | None) -> Tracking | None:
    """Return the measurements of a checkpoint, if there is one."""
    if checkpoint is None:
        return None
    facts: dict[str, Any] = dict(checkpoint.facts)
    status = tuple(str(facts.pop("status")).split(", "))
    return Tracking(**checkpoint.arrays, **facts, status=status)


def _averaged(last: Checkpoint, template: Variables) -> Variables | None:
    """Return the average of the weights, if the optimizer had one."""
    average = arrays_under("optimizer/memory/average", last)
    if not average:
        return None
    state = restore_variables(last, template).state
    return Variables(restore_tree(template.params, average, what="averaged array"), state)
