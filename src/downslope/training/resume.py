"""Resume a run from the last state in its folder, to the same bits as if it had never stopped."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from downslope.core import (
    Advice,
    CustomPartError,
    Message,
    RunError,
    RunWarning,
    Setting,
    SettingError,
    check_integer,
    memory_explained,
    rebuild,
    render,
    working,
)
from downslope.data import Dataset
from downslope.losses import Loss
from downslope.networks import Sequential
from downslope.optimizers import as_optimizer
from downslope.parallel import check_one_process
from downslope.runs import Record, RunFolder, content_explained, cpu_count, current_versions
from downslope.training.checkpoint_arrays import restore_variables
from downslope.training.earlier import warn_of_gaps
from downslope.training.early_stopping import as_early_stopping
from downslope.training.engine.progress import Progress, open_progress, progress_style
from downslope.training.engine.stopping import Divergence
from downslope.training.identity.computing import differences
from downslope.training.job import TrainingJob, run_job
from downslope.training.observers import Observer, check_observers
from downslope.training.open_run import open_run
from downslope.training.recipe import ROOMS, Recipe, problem_of_record, recipe_of_record
from downslope.training.resuming.restore import RESUMABLE, check_precision, restore_job, steps_made
from downslope.training.resuming.schedules import Way, check_way, going_on
from downslope.training.run import Run


@memory_explained()
def resume(
    path: str | os.PathLike[str],
    data: Dataset | None = None,
    *,
    epochs: int | None = None,
    schedule: Way = None,
    early_stopping: int | None = None,
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
    with as many epochs would have given without a stop: parameters, optimizer, running averages, history; decisions to
    stop that were taken are kept. A run that stopped early, or has made all its epochs, is returned as it is. The
    preprocessing of a run, its labels among it, is never fitted again: other rows are refused.

    Args:
        path: the run's folder.
        data: the rows it was trained on, where they did not come from a file or a named set.
        epochs: how many epochs there are in all; None for as many as it was to make.
        schedule: how the learning rate goes on with more epochs than its schedule reaches over, which nobody but you
            can know: `"stretch"` (from here on, the rates it would have over all epochs), `"restart"` (from its start,
            over the added epochs) or `"hold"` (it stays where it ended). Or another schedule from here on, whose steps
            count from here, or a number. The run's record then holds a `ds.schedules.sequence`, and what comes out is
            what `ds.train` gives with that.
        early_stopping: go on after early stopping, too, with so many epochs of patience counted anew from here; 0 for
            none. None for the patience that the run has.
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
        SettingError: a part that was passed is another one, fewer epochs are asked for than were made, more than a
            schedule reaches over without `schedule`, or this process is one of several of a job.

    Warns:
        RunWarning: versions, the number of processors, or settings that decide the last bits, such as XLA_FLAGS, differ
            from those the run began with; the newest state is damaged, and the one before it is gone on from; or more
            epochs are asked for of a run that stopped early.

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
    check_way(schedule)
    opened = RunFolder.open(path)
    with content_explained(opened.path, own_parts=True):
        record = opened.read_record()
        _check_parts(record, network=net, loss=loss, optimizer=None if optimizer is None else as_optimizer(optimizer))
        total = _total_epochs(record, epochs)
        finished = _is_finished(opened, record, total, early_stopping)
    if finished:
        _warn_of_early_stop(record, epochs)
        run = open_run(path, **parts)
        return run if data is None else run.with_data(data, validation=validation, optimizer=optimizer, file=file)
    rows = {"data": data, "validation": validation, "file": None if file is None else Path(file)}
    ways = {"schedule": schedule, "early_stopping": early_stopping}
    job, folder = load_job(path, total, progress=progress, optimizer=optimizer, **ways, **parts, **rows)
    return run_job(job, folder=folder, observers=observers, progress=open_progress(progress, total))


def load_job(
    path: str | os.PathLike[str],
    epochs: int,
    *,
    progress: str | bool | Progress = False,
    schedule: Way = None,
    early_stopping: int | None = None,
    **parts: Any,
) -> tuple[TrainingJob, RunFolder]:
    """Return the training of a run in its last saved state, and its folder, open for writing.

    Args:
        path: the run's folder.
        epochs: how many epochs there are in all.
        progress: as for `ds.train`.
        schedule: as for `resume`.
        early_stopping: as for `resume`.
        **parts: `net`, `loss`, `optimizer`, `data`, `validation`, `file`, as for `resume`; None where not given.
    """
    folder = RunFolder.open(path, to_write=True)
    own_parts = any(part is not None for part in parts.values())
    try:
        with content_explained(folder.path, own_parts=True):
            record = folder.read_record()
            _check_begun(folder)
            check_precision(folder, record)
            _warn_of_differences(record)
            warn_of_gaps(folder, record)
            record = _told_to_go_on(folder, record, early_stopping)
        with content_explained(folder.path, own_parts=own_parts):
            recipe = _recipe(folder, record, epochs, **parts)
        with content_explained(folder.path, own_parts=True):
            recipe = _with_schedule(recipe, folder, record, schedule)
        with content_explained(folder.path, own_parts=own_parts):
            with working(progress_style(progress), "Preparing the rows"):
                problem = problem_of_record(recipe, record)
            problem = problem.ready(progress_style(progress))
            return restore_job(folder, record, recipe, problem), folder
    except BaseException:
        folder.release()
        raise


def goes_on_after(
    path: str | os.PathLike[str],
    *,
    epochs: int | None = None,
    schedule: Way = None,
    early_stopping: int | None = None,
) -> int | None:
    """Return after how many epochs `resume` goes on with a run; None if it has nothing left to do.

    Args:
        path: the run's folder.
        epochs: as for `resume`.
        schedule: as for `resume`.
        early_stopping: as for `resume`.

    Raises:
        RunError: the folder holds no run, or the run diverged.
        SettingError: fewer epochs are asked for than were made, or more than a schedule reaches over.

    Example:
        >>> import downslope as ds, tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp()) / "iris"
        >>> run = ds.train(ds.mlp([], outputs=3), ds.load("iris"), epochs=2, store=folder, progress=False)
        >>> goes_on_after(folder), goes_on_after(folder, epochs=5)
        (None, 2)
    """
    folder = RunFolder.open(path)
    check_way(schedule)
    with content_explained(folder.path, own_parts=True):
        record = folder.read_record()
        total = _total_epochs(record, epochs)
        if _is_finished(folder, record, total, early_stopping):
            return None
        _check_begun(folder)
        with suppress(CustomPartError):
            rule, net = (rebuild(record.configuration[name], ROOMS) for name in ("optimizer", "network"))
            steps = steps_made(folder, record.configuration["restarts"])
            going_on(rule, net, record, schedule, steps_done=steps, epochs=total)
        return saved_epochs(folder, record)


def what_is_left(path: str | os.PathLike[str]) -> Message:
    """Return how a run that has ended could go on.

    Args:
        path: the run's folder.
    """
    folder = RunFolder.open(path)
    with content_explained(folder.path):
        record = folder.read_record()
        if record.stop_reason == "early_stopping":
            return early_stop_message(record)
    return Message("For more epochs:", Setting("epochs"), ".")


def saved_epochs(folder: RunFolder, record: Record) -> int:
    """Return how many epochs the last saved state of a run has made."""
    if record.configuration["restarts"] > 1:
        return int(folder.read("members").arrays["epochs"].max()) if folder.has("members") else 0
    for name in ("last", "previous"):
        with suppress(RunError):
            return int(folder.read(name).facts["epoch"] or 0)
    return 0


def _total_epochs(record: Record, epochs: int | None) -> int:
    """Return how many epochs there are in all."""
    return record.configuration["epochs"] if epochs is None else check_integer("epochs", epochs)


def _is_finished(folder: RunFolder, record: Record, total: int, early_stopping: int | None) -> bool:
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
    goes_on = any(reason in RESUMABLE for reason in reasons) or (early_stopping is not None and ended is None)
    return record.status == "finished" and (epochs == total or not goes_on)


def _check_begun(folder: RunFolder) -> None:
    """Check that a run was saved at least once.

    Raises:
        RunError: it was killed before.
    """
    if not folder.has_state:
        raise RunError(
            f"{folder.path} holds a run that was stopped before it was saved for the first time, so there is nothing "
            "to go on with.",
            Advice("train again", overwrite=True),
        )


def _told_to_go_on(folder: RunFolder, record: Record, early_stopping: int | None) -> Record:
    """Return the record of a run that was told to go on though it had ended, or with another patience.

    Raises:
        SettingError: patience for several starts, or for a run without validation rows.
    """
    ended = record.status == "finished" and record.stop_reason in ("early_stopping", "stopped")
    if early_stopping is None and not ended:
        return record
    changes: dict[str, Any] = {"continued_from": saved_epochs(folder, record)}
    if early_stopping is not None:
        if record.configuration["restarts"] > 1:
            raise SettingError(
                Setting("early_stopping"),
                f"goes on with one descent, and this run has {record.configuration['restarts']} starts, each stopped "
                "by itself. Train the best of them again, from its",
                Setting("start"),
                ".",
            )
        patience = check_integer("early_stopping", early_stopping, at_least=0) or None
        changes["early_stopping"] = _with_patience(record.configuration["early_stopping"], patience)
        if patience and not record.data["validation_rows"]:
            raise SettingError(
                Setting("early_stopping"), "watches the validation loss, and this run has no validation rows."
            )
    return record.model_copy(update={"configuration": record.configuration | changes})


def _with_patience(recorded: int | dict[str, Any] | None, patience: int | None) -> int | dict[str, Any] | None:
    """Return early stopping as a record has it, with another patience."""
    return recorded | {"patience": patience} if isinstance(recorded, dict) else patience


def _warn_of_early_stop(record: Record, epochs: int | None) -> None:
    """Warn that a run has stopped early, where more epochs are asked for."""
    if record.stop_reason == "early_stopping" and (epochs or 0) > record.configuration["epochs"]:
        warnings.warn(RunWarning(early_stop_message(record)), stacklevel=3)


def early_stop_message(record: Record) -> Message:
    """Return how a run that stopped early could go on."""
    stopping = as_early_stopping(record.configuration["early_stopping"])
    patience = stopping.patience
    return Message(
        f"It stopped early, after {patience} epoch{'s' * (patience != 1)} without {stopping.progress}, and more epochs "
        "alone would change nothing.",
        Advice("go on with patience counted anew", early_stopping=patience),
        Advice("go on without early stopping", early_stopping=0),
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


def _with_schedule(recipe: Recipe, folder: RunFolder, record: Record, schedule: Way) -> Recipe:
    """Return the recipe of a run with the schedule that it goes on with."""
    steps, rule = steps_made(folder, record.configuration["restarts"]), as_optimizer(recipe.settings.optimizer)
    epochs = recipe.settings.epochs
    return recipe.changed({"optimizer": going_on(rule, recipe.net, record, schedule, steps_done=steps, epochs=epochs)})


def _warn_of_differences(record: Record) -> None:
    """Warn if results may differ in their last bits from those of a run that never stopped."""
    now = current_versions()
    changed = [f"{name} {old}, now {now.get(name)}" for name, old in record.versions.items() if now.get(name) != old]
    if record.cpu_count != cpu_count():
        changed.append(f"{record.cpu_count} processors, now {cpu_count()}")
    changed += differences(record.computing)
    if changed:
        warnings.warn(
            RunWarning(f"This run began with {'; '.join(changed)}: what follows may differ in its last bits."),
            stacklevel=4,
        )
