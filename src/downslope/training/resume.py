"""Resume a run from the last state in its folder, to the same bits as if it had never stopped."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from downslope.core import (
    RunError,
    RunWarning,
    Setting,
    SettingError,
    check_integer,
    float_dtype,
    rebuild,
    render,
)
from downslope.data import Dataset
from downslope.losses import Loss
from downslope.networks import Sequential
from downslope.optimizers import as_optimizer
from downslope.parallel import check_one_process
from downslope.runs import RESTORE, Checkpoint, Record, RunFolder, cpu_count, current_versions
from downslope.training.checkpoint_arrays import arrays_under, restore_tree, restore_variables
from downslope.training.checkpointing import history_lines
from downslope.training.earlier import best_saved, check_members, saved_precision, warn_of_gaps
from downslope.training.engine.population import Population, shard_members
from downslope.training.engine.progress import Progress, open_progress, progress_style
from downslope.training.engine.state import TrainingState, begin_training
from downslope.training.engine.stopping import Best, Divergence
from downslope.training.job import TrainingJob, restart_population, run_job
from downslope.training.monitor.curvature_tracker import Tracker
from downslope.training.monitor.recorder import Recorder
from downslope.training.monitor.track import Track
from downslope.training.monitor.trajectory import Record as Recorded
from downslope.training.observers import Observer, check_observers
from downslope.training.open_run import open_run, restore_tracking
from downslope.training.problem.problem import Problem
from downslope.training.recipe import ROOMS, Recipe, check_fingerprint, recipe_of_record
from downslope.training.run import Run

Tree = TypeVar("Tree")

RESUMABLE = {"": "", "none": "", "completed": "", "interrupted": "", "stopped": ""}
"""Stop reasons after which a member can continue."""


def resume(
    path: str | os.PathLike[str],
    data: Dataset | None = None,
    *,
    epochs: int | None = None,
    validation: Dataset | None = None,
    net: Sequential | None = None,
    optimizer: Any = None,
    loss: Loss | None = None,
    file: str | os.PathLike[str] | None = None,
    observers: tuple[Observer, ...] | list[Observer] = (),
    progress: str | bool | Progress = "auto",
) -> Run:
    """Continue a run that was killed, interrupted or stopped, or that is to make more epochs.

    With the same code, versions, machine, number of processors and data, what comes out is bit by bit what `ds.train`
    with as many epochs would have given without a stop: parameters, optimizer, running averages, history. A run that
    stopped early, or has made all its epochs, is returned as it is.

    Args:
        path: the run's folder.
        data: the rows it was trained on, where they did not come from a file or a named set.
        epochs: how many epochs there are in all; None for as many as it was to make.
        validation: the validation rows, if they were given as a data set that did not come from a file or a named set.
        net: the network, if it has layers of your own.
        optimizer: the optimizer, if it is your own.
        loss: the loss, if it is your own.
        file: the file that the rows were read from, if it is elsewhere now.
        observers: as for `ds.train`; those of the first part are not kept.
        progress: as for `ds.train`.

    Returns:
        The run, as `ds.train` returns it; one that had ended already as `ds.open_run` does.

    Raises:
        RunError: the folder holds no run, another process is writing there, or the run diverged.
        DamagedRunError: a file is not what was written, and there is no earlier state to fall back to.
        DataError: the rows cannot be had, or are others now.
        CustomPartError: a part of your own must be passed.
        SettingError: a part that was passed is another one, or fewer epochs are asked for than were made; or this
            process is one of several of a job.

    Warns:
        RunWarning: versions or the number of processors differ from those the run began with, so that bits may; or the
            newest state is damaged, and the one before it is gone on from.

    Example:
        >>> import downslope as ds, tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp()) / "iris"
        >>> settings = {"validation": 0.2, "progress": False}
        >>> run = ds.train(ds.mlp([8], outputs=3), ds.load("iris"), epochs=3, store=folder, **settings)
        >>> longer = ds.resume(folder, epochs=5, progress=False)
        >>> whole = ds.train(ds.mlp([8], outputs=3), ds.load("iris"), epochs=5, **settings)
        >>> bool((longer.history["train_loss"] == whole.history["train_loss"]).all()), longer.epochs
        (True, 5)
    """
    check_one_process()
    observers = check_observers(observers)
    parts = {"net": net, "loss": loss}
    record = RunFolder.open(path).read_record()
    _check_parts(record, network=net, loss=loss, optimizer=None if optimizer is None else as_optimizer(optimizer))
    total = _total_epochs(record, epochs)
    if _is_finished(RunFolder.open(path), record, total):
        run = open_run(path, **parts)
        return run if data is None else run.with_data(data, validation=validation, optimizer=optimizer, file=file)
    rows = {"data": data, "validation": validation, "file": None if file is None else Path(file)}
    job, folder = load_job(path, total, progress=progress, optimizer=optimizer, **parts, **rows)
    return run_job(job, folder=folder, observers=observers, progress=open_progress(progress, total))


def load_job(
    path: str | os.PathLike[str], epochs: int, *, progress: str | bool | Progress = False, **parts: Any
) -> tuple[TrainingJob, RunFolder]:
    """Return the training of a run in its last saved state, and its folder, open for writing.

    Args:
        path: the run's folder.
        epochs: how many epochs there are in all.
        progress: as for `ds.train`.
        **parts: `net`, `loss`, `optimizer`, `data`, `validation`, `file`, as for `resume`; None where not given.
    """
    folder = RunFolder.open(path, to_write=True)
    try:
        record = folder.read_record()
        _check_precision(folder, record)
        _warn_of_differences(record)
        warn_of_gaps(folder, record)
        return _restore_job(folder, record, _recipe(folder, record, epochs, **parts), progress), folder
    except BaseException:
        folder.release()
        raise


def goes_on_after(path: str | os.PathLike[str], *, epochs: int | None = None) -> int | None:
    """Return after how many epochs `resume` goes on with a run; None if it has nothing left to do.

    Args:
        path: the run's folder.
        epochs: as for `resume`.

    Raises:
        RunError: the folder holds no run, or the run diverged.
        SettingError: fewer epochs are asked for than were made.

    Example:
        >>> import downslope as ds, tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp()) / "iris"
        >>> run = ds.train(ds.mlp([], outputs=3), ds.load("iris"), epochs=2, store=folder, progress=False)
        >>> goes_on_after(folder), goes_on_after(folder, epochs=5)
        (None, 2)
    """
    folder = RunFolder.open(path)
    record = folder.read_record()
    if _is_finished(folder, record, _total_epochs(record, epochs)):
        return None
    if record.configuration["restarts"] > 1:
        return int(folder.read("members").arrays["epochs"].max()) if folder.has("members") else 0
    for name in ("last", "previous"):
        with suppress(RunError):
            return int(folder.read(name).facts["epoch"] or 0)
    return 0


def _total_epochs(record: Record, epochs: int | None) -> int:
    """Return how many epochs there are in all."""
    return record.configuration["epochs"] if epochs is None else check_integer("epochs", epochs)


def _is_finished(folder: RunFolder, record: Record, total: int) -> bool:
    """Return whether a run has nothing left to do.

    Raises:
        RunError: it diverged.
        SettingError: it has made more epochs than `total`.
    """
    reason = record.stop_reason or ""
    if reason == "diverged":
        why = Divergence.from_json(record.stop_detail).message if record.stop_detail else ""
        raise RunError(f"{folder.path} diverged, so there is nothing to go on with.", why, "Train again.")
    ended = folder.read_restarts()
    reasons = [reason] if ended is None else str(ended.facts["stop_reasons"]).split()
    epochs = len(folder.read_epochs(0)) if ended is None else int(ended.arrays["epochs"].max())
    if epochs > total:
        raise SettingError(
            Setting("epochs"), f"counts all epochs, got {total} for a run that has made {epochs}. Give more, or none."
        )
    return record.status == "finished" and (epochs == total or not any(reason in RESUMABLE for reason in reasons))


def _recipe(
    folder: RunFolder,
    record: Record,
    epochs: int,
    *,
    net: Sequential | None = None,
    loss: Loss | None = None,
    optimizer: Any = None,
    **rows: Any,
) -> Recipe:
    """Return the recipe of the run, with so many epochs."""
    configuration = record.configuration
    network: Sequential = net or rebuild(configuration["network"], ROOMS)
    minimized: Loss = loss or rebuild(configuration["loss"], ROOMS)
    start = None
    if folder.has("start"):
        shape = tuple(record.preprocessing["input_shape"])
        start = restore_variables(folder.read("start"), network.init(0, shape))
    recipe = recipe_of_record(record, net=network, loss=minimized, optimizer=optimizer, start=start, **rows)
    return recipe.changed({"epochs": epochs})


def _restore_job(folder: RunFolder, record: Record, recipe: Recipe, progress: str | bool | Progress) -> TrainingJob:
    """Return the training in its last saved state."""
    problem = recipe.problem()
    check_fingerprint(problem, record)
    problem = problem.ready(progress_style(progress))
    configuration = record.configuration
    recorder = Recorder(_rebuild_settings(Recorded, configuration["record"]))
    track = None if configuration["track"] is None else _rebuild_settings(Track, configuration["track"])
    tracker = None if track is None else Tracker(problem, track)
    population = None
    if configuration["restarts"] > 1:
        check_members(folder, record)
        population, training = _restore_population(folder, problem, configuration["restarts"]), begin_training(problem)
    else:
        training = _restore_training(folder, problem)
        _restore_monitors(folder, problem, training, recorder, tracker)
    folder.write_epochs(history_lines(training))
    if training.best_variables is None:
        folder.discard("best")
    newest = "last" if population is None or not folder.has("members") else "members"
    seconds = float(folder.read(newest).facts.get("seconds") or 0) if folder.has(newest) else 0.0
    return TrainingJob(
        problem, recipe, training, recorder, tracker, population, notes=tuple(record.notes), seconds=seconds
    )


def _restore_training(folder: RunFolder, problem: Problem) -> TrainingState:
    """Return the state of the last save that is intact, and warn if that is not the newest."""
    try:
        return _read_training("last", folder, problem)
    except RunError as damage:
        sentence, *_ = damage.message.pieces  # the others advise what is done here
        try:
            training = _read_training("previous", folder, problem)
        except RunError:
            raise type(damage)(sentence, RESTORE) from None
        folder.discard("last")
        warnings.warn(RunWarning(sentence, f"Went on from the save before it, epoch {training.epoch}."), stacklevel=5)
        return training


def _read_training(name: str, folder: RunFolder, problem: Problem) -> TrainingState:
    """Return the state that a checkpoint holds."""
    checkpoint = folder.read(name)
    fresh, facts = begin_training(problem), checkpoint.facts
    epoch = int(facts["epoch"] or 0)
    lines = folder.read_epochs(at_least=epoch, most=epoch)
    variables = _restore_tree(fresh.state.variables, "variables", checkpoint)
    total, weight = _restore_tree((fresh.state.total, fresh.state.weight), "epoch", checkpoint)
    best = Best(float(facts["best_loss"] or np.inf), int(facts["best_epoch"] or 0))
    elsewhere = best_saved(folder, checkpoint)
    best_variables = _restore_tree(variables, "best", checkpoint) if arrays_under("best", checkpoint) else variables
    best_variables = best_variables if elsewhere is None else restore_variables(elsewhere, variables)
    return replace(
        fresh,
        state=fresh.state._replace(
            variables=variables,
            optimizer=_restore_tree(fresh.state.optimizer, "optimizer", checkpoint),
            total=total,
            weight=weight,
        ),
        best_variables=best_variables if best.epoch else None,
        epoch=epoch,
        step=int(facts["step"] or 0),
        best=best,
        history=[{key: float(value) for key, value in line.items() if key != "epoch"} for line in lines],
    )


def _restore_population(folder: RunFolder, problem: Problem, restarts: int) -> Population:
    """Return the members of a population as they were saved last, or at their starts."""
    fresh = restart_population(problem, restarts)
    if not folder.has("members"):
        return fresh
    checkpoint = folder.read("members")
    histories = arrays_under("histories", checkpoint)
    epochs = len(next(iter(histories.values()), ()))
    return Population(
        states=shard_members(_restore_tree(fresh.states, "states", checkpoint), restarts),
        best_variables=shard_members(_restore_tree(fresh.best_variables, "best", checkpoint), restarts),
        **{name: checkpoint.arrays[name] for name in ("best_loss", "best_epoch", "epochs")},
        stop_reasons=[RESUMABLE.get(reason, reason) for reason in str(checkpoint.facts["stop_reasons"]).split()],
        history=[{name: values[epoch] for name, values in histories.items()} for epoch in range(epochs)],
    )


def _restore_monitors(
    folder: RunFolder, problem: Problem, training: TrainingState, recorder: Recorder, tracker: Tracker | None
) -> None:
    """Restore the records and measurements of the run so far."""
    last = int(training.state.optimizer.step)
    recorded = folder.read_trajectory()
    if recorded is not None:
        recorder.restore(recorded, problem.start.params, last)
    measured = restore_tracking(folder.read_tracking())
    if tracker is not None and measured is not None:
        tracker.before = measured.until(last)


def _restore_tree(template: Tree, prefix: str, checkpoint: Checkpoint) -> Tree:
    """Return saved arrays as a tree with the structure of a template."""
    return restore_tree(template, arrays_under(prefix, checkpoint), what="saved array")


def _check_precision(folder: RunFolder, record: Record) -> None:
    """Check that this session computes as the run did.

    Raises:
        RunError: it computes in another precision.
    """
    then, now = record.configuration["precision"] or saved_precision(folder), np.dtype(float_dtype()).name
    if then != now:
        raise RunError(
            f"This run was trained in {then}, and this session computes in {now}. "
            f"Set JAX_ENABLE_X64={int(then == 'float64')} in the environment."
        )


def _check_parts(record: Record, **parts: Any) -> None:
    """Check that custom parts are those that the run was made with.

    Raises:
        SettingError: one is another.
    """
    for name, part in parts.items():
        recorded, argument = record.configuration[name], "net" if name == "network" else name
        if part is not None and render(part) != recorded:
            raise SettingError(
                Setting(argument), f"must be the one that this run was trained with, {recorded}, got {render(part)}."
            )


def _rebuild_settings(cls: type[Tree], rendered: dict[str, Any]) -> Tree:
    """Return settings from the output of `render`."""
    return cls(**{name: value for name, value in rendered.items() if name != "kind"})


def _warn_of_differences(record: Record) -> None:
    """Warn if results may differ in their last bits from those of a run that never stopped."""
    now = current_versions()
    differences = [
        f"{name} {old}, now {now.get(name)}" for name, old in record.versions.items() if now.get(name) != old
    ]
    if record.cpu_count != cpu_count():
        differences.append(f"{record.cpu_count} processors, now {cpu_count()}")
    if differences:
        warnings.warn(
            RunWarning(f"This run began with {'; '.join(differences)}: what follows may differ in its last bits."),
            stacklevel=4,
        )
