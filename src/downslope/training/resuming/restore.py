"""A training restored from its folder, in its last saved state."""

from __future__ import annotations

import json
import warnings
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from downslope.core import RunError, RunWarning, float_dtype
from downslope.runs import RESTORE, Checkpoint, Record, RunFolder
from downslope.training.checkpoint_arrays import arrays_under, restore_optimizer, restore_tree, restore_variables
from downslope.training.checkpointing import history_lines
from downslope.training.earlier import best_saved, check_members, saved_precision
from downslope.training.engine.epoch import is_out_of_patience
from downslope.training.engine.population import Population, shard_members
from downslope.training.engine.state import TrainingState, begin_training
from downslope.training.engine.step import StepState
from downslope.training.engine.stopping import Best, Divergence
from downslope.training.job import TrainingJob, restart_population
from downslope.training.monitor.curvature_tracker import Tracker
from downslope.training.monitor.recorder import Recorder
from downslope.training.monitor.track import Track
from downslope.training.monitor.trajectory import Record as Recorded
from downslope.training.open_run import restore_tracking
from downslope.training.problem.problem import Problem
from downslope.training.recipe import Recipe

Tree = TypeVar("Tree")

RESUMABLE = {"": "", "none": "", "completed": "", "interrupted": "", "stopped": ""}
"""Stop reasons after which a member can continue."""


def restore_job(folder: RunFolder, record: Record, recipe: Recipe, problem: Problem) -> TrainingJob:
    """Return the training in its last saved state.

    Args:
        folder: of the run, open for writing.
        record: of the run.
        recipe: its network, rows and settings.
        problem: of the recipe, with the optimizer that the run goes on with.

    Raises:
        RunError: there is no state that is intact.
    """
    configuration = record.configuration
    recorder = Recorder(_rebuild_settings(Recorded, configuration["record"]))
    track = None if configuration["track"] is None else _rebuild_settings(Track, configuration["track"])
    tracker = None if track is None else Tracker(problem, track)
    population = None
    if configuration["restarts"] > 1:
        check_members(folder, record)
        population, training = _restore_population(folder, problem, configuration["restarts"]), begin_training(problem)
    else:
        training = _restore_training(folder, problem, record)
        _restore_monitors(folder, problem, training, recorder, tracker)
        folder.write_epochs(history_lines(training))
        if training.best_variables is None:
            folder.discard("best")
    training.continued_from = int(configuration["continued_from"])
    newest = "last" if population is None or not folder.has("members") else "members"
    seconds = float(folder.read(newest).facts.get("seconds") or 0) if folder.has(newest) else 0.0
    return TrainingJob(
        problem,
        recipe,
        training,
        recorder,
        tracker,
        population,
        notes=tuple(record.notes),
        seconds=seconds,
        digests={name: value for name, value in record.data.items() if name.endswith("digests")} or None,
    )


def steps_made(folder: RunFolder, restarts: int) -> int:
    """Return how many steps a run had made when its state was saved last; 0 if none was."""
    if restarts > 1:
        return int(folder.read("members").arrays["states/optimizer/step"].max()) if folder.has("members") else 0
    for name in ("last", "previous"):
        with suppress(RunError):
            return int(folder.read(name).arrays["optimizer/step"].max())  # first versions saved it in a shape of (1,)
    return 0


def _restore_training(folder: RunFolder, problem: Problem, record: Record) -> TrainingState:
    """Return the state of the last save that is intact, and warn if that is not the newest."""
    try:
        return _read_training("last", folder, problem, record)
    except RunError as damage:
        sentence, *_ = damage.message.pieces  # the others advise what is done here
        try:
            training = _read_training("previous", folder, problem, record)
        except RunError:
            raise type(damage)(sentence, RESTORE) from None
        folder.discard("last")
        warnings.warn(RunWarning(sentence, f"Went on from the save before it, epoch {training.epoch}."), stacklevel=5)
        return training


def _read_training(name: str, folder: RunFolder, problem: Problem, record: Record) -> TrainingState:
    """Return the state that a checkpoint holds, with the decision to end that it had come to."""
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
    training = replace(
        fresh,
        state=fresh.state._replace(
            variables=variables,
            optimizer=restore_optimizer(checkpoint, fresh.state.optimizer),
            total=total,
            weight=weight,
        ),
        best_variables=best_variables if best.epoch else None,
        epoch=epoch,
        step=int(facts["step"] or 0),
        best=best,
        history=[{key: float(value) for key, value in line.items() if key != "epoch"} for line in lines],
        batch_loss=float(facts.get("batch_loss") or np.nan),
        continued_from=int(record.configuration["continued_from"]),
    )
    _restore_end(training, facts, problem)
    return training


def _restore_end(training: TrainingState, facts: dict[str, int | float | str | None], problem: Problem) -> None:
    """Restore why training was to end, if that was decided before the state was saved, and holds yet.

    An end that came before the run was told to go on holds no more.

    Args:
        training: restored but for that.
        facts: of its checkpoint.
        problem: of the run.
    """
    if training.epoch <= training.continued_from:
        return
    if facts.get("divergence"):
        training.stop_reason, training.divergence = (
            "diverged",
            Divergence.from_json(json.loads(str(facts["divergence"]))),
        )
    elif facts.get("stop_reason") == "stopped":
        training.stop_reason = "stopped"
    elif problem.validation is not None and training.step == 0:
        stopping = problem.stopping
        if is_out_of_patience(training.epoch, training.watched_from(stopping), stopping.patience):
            training.stop_reason = "early_stopping"


def _restore_population(folder: RunFolder, problem: Problem, restarts: int) -> Population:
    """Return the members of a population as they were saved last, or at their starts."""
    fresh = restart_population(problem, restarts)
    if not folder.has("members"):
        return fresh
    checkpoint = folder.read("members")
    states = _restore_states(fresh.states, checkpoint)
    histories = arrays_under("histories", checkpoint)
    epochs = len(next(iter(histories.values()), ()))
    return Population(
        states=shard_members(states, restarts),
        best_variables=shard_members(_restore_tree(fresh.best_variables, "best", checkpoint), restarts),
        **{name: checkpoint.arrays[name] for name in ("best_loss", "best_epoch", "epochs")},
        stop_reasons=[RESUMABLE.get(reason, reason) for reason in str(checkpoint.facts["stop_reasons"]).split()],
        history=[{name: values[epoch] for name, values in histories.items()} for epoch in range(epochs)],
    )


def _restore_states(fresh: StepState, checkpoint: Checkpoint) -> StepState:
    """Return the states of all members."""
    optimizer = restore_optimizer(checkpoint, fresh.optimizer, "states/optimizer")
    arrays = {name: a for name, a in arrays_under("states", checkpoint).items() if not name.startswith("optimizer/")}
    rest = restore_tree(fresh._replace(optimizer=()), arrays, what="saved array")
    return rest._replace(optimizer=optimizer)


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


def check_precision(folder: RunFolder, record: Record) -> None:
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


def _rebuild_settings(cls: type[Tree], rendered: dict[str, Any]) -> Tree:
    """Return settings from the output of `render`."""
    return cls(**{name: value for name, value in rendered.items() if name != "kind"})
