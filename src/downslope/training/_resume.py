"""Go on with a run where its folder says it stood, to the same bits as if it had never stopped."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from downslope.runs import RESTORE, Checkpoint, Record, RunFolder, cpu_count, current_versions
from downslope.training._carry_out import Undertaking, carry_out
from downslope.training._descent import Descent, begin
from downslope.training._earlier import best_saved, check_members, saved_precision, warn_of_gaps
from downslope.training._observers import Observer, check_observers
from downslope.training._population import Population, spread
from downslope.training._problem import Problem
from downslope.training._progress import open_progress
from downslope.training._recipe import ROOMS, Recipe, check_fingerprint, recipe_of_record
from downslope.training._record import open_run, tracking_of
from downslope.training._recorder import Recorder
from downslope.training._restarts import starts
from downslope.training._run import Run
from downslope.training._saved import fitted, under, variables_of
from downslope.training._stopping import Best, Divergence
from downslope.training._track import Track
from downslope.training._tracker import Tracker
from downslope.training._trajectory import Record as Recorded

GOES_ON = {"": "", "none": "", "completed": "", "interrupted": "", "stopped": ""}
"""Why a training ended that can go on."""


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
    progress: str | bool = "auto",
) -> Run:
    """Go on with a run that was killed, interrupted or stopped, or that is to make more epochs.

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
        SettingError: a part that was passed is another one, or fewer epochs are asked for than were made.

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
    observers = check_observers(observers)
    own = {"net": net, "loss": loss}
    record = RunFolder.open(path).read_record()
    _check_parts(record, network=net, loss=loss, optimizer=None if optimizer is None else as_optimizer(optimizer))
    wanted = _wanted(record, epochs)
    if _ended(RunFolder.open(path), record, wanted):
        run = open_run(path, **own)
        return run if data is None else run.with_data(data, validation=validation, optimizer=optimizer, file=file)
    folder = RunFolder.open(path, to_write=True)
    try:
        _check_precision(folder, record)
        _warn_of_differences(record)
        warn_of_gaps(folder, record)
        rows = {"data": data, "validation": validation, "file": None if file is None else Path(file)}
        recipe = _recipe(folder, record, wanted, optimizer=optimizer, **own, **rows)
        work = _work(folder, record, recipe, progress)
    except BaseException:
        folder.release()
        raise
    return carry_out(work, folder=folder, observers=observers, progress=open_progress(progress, wanted))


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
    if _ended(folder, record, _wanted(record, epochs)):
        return None
    if record.configuration["restarts"] > 1:
        return int(folder.read("members").arrays["epochs"].max()) if folder.has("members") else 0
    for name in ("last", "previous"):
        with suppress(RunError):
            return int(folder.read(name).facts["epoch"] or 0)
    return 0


def _wanted(record: Record, epochs: int | None) -> int:
    """Return how many epochs there are to be in all."""
    return record.configuration["epochs"] if epochs is None else check_integer("epochs", epochs)


def _ended(folder: RunFolder, record: Record, wanted: int) -> bool:
    """Return whether a run has nothing left to do.

    Raises:
        RunError: it diverged.
        SettingError: it has made more epochs than are wanted.
    """
    reason = record.stop_reason or ""
    if reason == "diverged":
        why = Divergence.from_json(record.stop_detail).message if record.stop_detail else ""
        raise RunError(f"{folder.path} diverged, so there is nothing to go on with.", why, "Train again.")
    ended = folder.read_restarts()
    reasons = [reason] if ended is None else str(ended.facts["stop_reasons"]).split()
    made = len(folder.read_epochs(0)) if ended is None else int(ended.arrays["epochs"].max())
    if made > wanted:
        raise SettingError(
            Setting("epochs"), f"counts all epochs, got {wanted} for a run that has made {made}. Give more, or none."
        )
    return record.status == "finished" and (made == wanted or not any(one in GOES_ON for one in reasons))


def _recipe(
    folder: RunFolder,
    record: Record,
    epochs: int,
    *,
    net: Sequential | None,
    loss: Loss | None,
    optimizer: Any,
    **rows: Any,
) -> Recipe:
    """Return what the run was told, to so many epochs."""
    configuration = record.configuration
    network: Sequential = net or rebuild(configuration["network"], ROOMS)
    descended: Loss = loss or rebuild(configuration["loss"], ROOMS)
    start = None
    if folder.has("start"):
        shape = tuple(record.preprocessing["input_shape"])
        start = variables_of(folder.read("start"), network.init(0, shape))
    recipe = recipe_of_record(record, net=network, loss=descended, optimizer=optimizer, start=start, **rows)
    return recipe.changed({"epochs": epochs})


def _work(folder: RunFolder, record: Record, recipe: Recipe, progress: str | bool) -> Undertaking:
    """Return the training as it stood when it was last saved."""
    problem = recipe.problem()
    check_fingerprint(problem, record)
    problem = problem.ready(progress)
    configuration = record.configuration
    recorder = Recorder(_remade(Recorded, configuration["record"]))
    track = None if configuration["track"] is None else _remade(Track, configuration["track"])
    tracker = None if track is None else Tracker(problem, track)
    population = None
    if configuration["restarts"] > 1:
        check_members(folder, record)
        population, descent = _members(folder, problem, configuration["restarts"]), begin(problem)
    else:
        descent = _descent(folder, problem)
        _take_over(folder, problem, descent, recorder, tracker)
    folder.write_epochs([{"epoch": at, **values} for at, values in enumerate(descent.history, start=1)])
    if descent.best_variables is None:
        folder.discard("best")
    newest = "last" if population is None or not folder.has("members") else "members"
    seconds = float(folder.read(newest).facts.get("seconds") or 0) if folder.has(newest) else 0.0
    return Undertaking(
        problem, recipe, descent, recorder, tracker, population, notes=tuple(record.notes), seconds=seconds
    )


def _descent(folder: RunFolder, problem: Problem) -> Descent:
    """Return the descent at the last save that is intact, and warn if that is not the newest."""
    try:
        return _descent_at("last", folder, problem)
    except RunError as damage:
        what, *_ = damage.message.pieces  # behind it stands what to do, which is done here
        try:
            descent = _descent_at("previous", folder, problem)
        except RunError:
            raise type(damage)(what, RESTORE) from None
        folder.discard("last")
        warnings.warn(RunWarning(what, f"Went on from the save before it, epoch {descent.epoch}."), stacklevel=5)
        return descent


def _descent_at(name: str, folder: RunFolder, problem: Problem) -> Descent:
    """Return the descent that a checkpoint holds."""
    checkpoint = folder.read(name)
    fresh, facts = begin(problem), checkpoint.facts
    epoch = int(facts["epoch"] or 0)
    lines = folder.read_epochs(at_least=epoch, most=epoch)
    variables = _like(fresh.state.variables, "variables", checkpoint)
    total, weight = _like((fresh.state.total, fresh.state.weight), "epoch", checkpoint)
    best = Best(float(facts["best_loss"] or np.inf), int(facts["best_epoch"] or 0))
    elsewhere = best_saved(folder, checkpoint)
    kept = _like(variables, "best", checkpoint) if under("best", checkpoint) else variables
    kept = kept if elsewhere is None else variables_of(elsewhere, variables)
    return replace(
        fresh,
        state=fresh.state._replace(
            variables=variables,
            optimizer=_like(fresh.state.optimizer, "optimizer", checkpoint),
            total=total,
            weight=weight,
        ),
        best_variables=kept if best.epoch else None,
        epoch=epoch,
        step=int(facts["step"] or 0),
        best=best,
        history=[{key: float(value) for key, value in line.items() if key != "epoch"} for line in lines],
    )


def _members(folder: RunFolder, problem: Problem, restarts: int) -> Population:
    """Return several descents as they were saved last; those that have not begun are at their starts."""
    fresh = starts(problem, restarts)
    if not folder.has("members"):
        return fresh
    checkpoint = folder.read("members")
    histories = under("histories", checkpoint)
    epochs = len(next(iter(histories.values()), ()))
    return Population(
        states=spread(_like(fresh.states, "states", checkpoint), restarts),
        best_variables=spread(_like(fresh.best_variables, "best", checkpoint), restarts),
        **{name: checkpoint.arrays[name] for name in ("best_loss", "best_epoch", "epochs")},
        stop_reasons=[GOES_ON.get(reason, reason) for reason in str(checkpoint.facts["stop_reasons"]).split()],
        history=[{name: values[at] for name, values in histories.items()} for at in range(epochs)],
    )


def _take_over(
    folder: RunFolder, problem: Problem, descent: Descent, recorder: Recorder, tracker: Tracker | None
) -> None:
    """Give back what was recorded and measured before."""
    last = int(descent.state.optimizer.step)
    recorded = folder.read_trajectory()
    if recorded is not None:
        recorder.go_on_from(recorded, problem.start.params, last)
    measured = tracking_of(folder.read_tracking())
    if tracker is not None and measured is not None:
        tracker.before = measured.until(last)


def _like(template: Any, prefix: str, checkpoint: Checkpoint) -> Any:
    """Return saved arrays as the tree that a template is."""
    return fitted(template, under(prefix, checkpoint), what="saved array")


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
    """Check that parts of a user's own are those that the run was made with.

    Raises:
        SettingError: one is another.
    """
    for name, part in parts.items():
        written, given = record.configuration[name], "net" if name == "network" else name
        if part is not None and render(part) != written:
            raise SettingError(
                Setting(given), f"must be the one that this run was trained with, {written}, got {render(part)}."
            )


def _remade(kind: Any, rendered: dict[str, Any]) -> Any:
    """Return settings from what `render` wrote."""
    return kind(**{name: value for name, value in rendered.items() if name != "kind"})


def _warn_of_differences(record: Record) -> None:
    """Warn if results may differ in their last bits from those of a run that never stopped."""
    now = current_versions()
    found = [f"{name} {old}, now {now.get(name)}" for name, old in record.versions.items() if now.get(name) != old]
    if record.cpu_count != cpu_count():
        found.append(f"{record.cpu_count} processors, now {cpu_count()}")
    if found:
        warnings.warn(
            RunWarning(f"This run began with {'; '.join(found)}: what follows may differ in its last bits."),
            stacklevel=3,
        )
