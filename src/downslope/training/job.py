"""Run a training job from its state to its end: the common part of `train` and `resume`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from downslope.data import Dataset
from downslope.optimizers import initial_state
from downslope.runs import Record as RunRecord
from downslope.runs import RunFolder
from downslope.training.checkpoint_arrays import start_checkpoint
from downslope.training.checkpointing import CheckpointPolicy, FolderWriter
from downslope.training.engine.population import (
    Population,
    compared_losses,
    histories_of,
    member_training,
    populate,
    train_population,
)
from downslope.training.engine.progress import Progress
from downslope.training.engine.state import TrainingState, begin_training
from downslope.training.engine.step import StepState
from downslope.training.identity.digests import digests_of
from downslope.training.loop import NoCheckpoints, train_loop
from downslope.training.monitor.curvature_tracker import Tracker
from downslope.training.monitor.recorder import Recorder
from downslope.training.monitor.track import Track
from downslope.training.monitor.trajectory import Record
from downslope.training.observers import Observer
from downslope.training.open_run import make_record
from downslope.training.outcome import make_run
from downslope.training.problem.problem import Problem
from downslope.training.recipe import Recipe
from downslope.training.restarts import Restarts
from downslope.training.run import Run


@dataclass
class TrainingJob:
    """A training: its problem, its state, and all that follows it.

    Attributes:
        problem: what is learned.
        recipe: the network, data and settings.
        training: the state.
        recorder: the records so far.
        tracker: the measurements so far, or None.
        population: the state of several starts, or None.
        notes: sentences about the data.
        seconds: how long it has trained before.
        digests: of the rows as they were given, by their names in the record; None while they were not taken.
    """

    problem: Problem
    recipe: Recipe
    training: TrainingState
    recorder: Recorder
    tracker: Tracker | None
    population: Population | None
    notes: tuple[str, ...]
    seconds: float = 0.0
    digests: dict[str, Any] | None = None

    @classmethod
    def start(
        cls,
        recipe: Recipe,
        problem: Problem,
        *,
        record: Record | None = None,
        track: Track | None = None,
        restarts: int = 1,
        notes: tuple[str, ...] = (),
    ) -> TrainingJob:
        """Return a training before its first step.

        Args:
            recipe: the network, data and settings.
            problem: prepared from the recipe.
            record: what to record; None for nothing.
            track: what to measure on the way; None for nothing.
            restarts: how many starting weights to try.
            notes: sentences about the settings; those about the data come before them.
        """
        return cls(
            problem,
            recipe,
            training=begin_training(problem),
            recorder=Recorder(record or Record()),
            tracker=None if track is None else Tracker(problem, track),
            population=None if restarts == 1 else restart_population(problem, restarts),
            notes=tuple(dict.fromkeys(recipe.data.notes + problem.notes + notes)),
        )

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the recipe that a run's record holds as they are."""
        settings = self.recipe.settings
        names = ("epochs", "early_stopping", "normalize", "normalize_targets", "drop_last")
        plain = {name: settings[name] for name in names}
        return plain | {
            "validation": "data" if isinstance(settings.validation, Dataset) else settings.validation,
            "started_from": "initialization" if settings.start is None else "given variables",
            "restarts": 1 if self.population is None else len(self.population.epochs),
            "record": self.recorder.record,
            "track": None if self.tracker is None else self.tracker.track,
            "continued_from": self.training.continued_from,
        }

    def record(self) -> RunRecord:
        """Return the record of the run as it begins, or goes on."""
        if self.digests is None:
            validation = self.recipe.settings.validation
            held_out = digests_of(validation) if isinstance(validation, Dataset) else None
            self.digests = {"digests": digests_of(self.recipe.data), "validation_digests": held_out}
        return make_record(self.problem, self.settings, self.notes, self.digests)


def run_job(
    job: TrainingJob,
    *,
    folder: RunFolder | None,
    progress: Progress,
    observers: tuple[Observer, ...] = (),
    policy: CheckpointPolicy | None = None,
) -> Run:
    """Train to the end, for whatever reason it ends, and save the run if it has a folder.

    Args:
        job: the training.
        folder: of the run, open for writing; None for a run in memory.
        progress: shows how far it is.
        observers: called at the end of each epoch.
        policy: when to save; None for the usual one.

    Raises:
        RunError: the folder cannot be written.
    """
    problem, recorder, tracker, recipe = job.problem, job.recorder, job.tracker, job.recipe
    folder_writer = None
    try:
        if folder is not None:
            if recipe.settings.start is not None:
                folder.save("start", start_checkpoint(problem.start))
            policy, before = policy or CheckpointPolicy(), job.seconds
            folder_writer = FolderWriter(folder, job.record(), recorder, tracker, seconds_before=before, policy=policy)
            folder_writer.begin(job.training, job.population)
        restarts, writer = None, folder_writer or NoCheckpoints()
        epochs, patience = recipe.settings.epochs, recipe.settings.stopping.patience
        if job.population is None:
            train_loop(
                problem,
                job.training,
                epochs=epochs,
                patience=patience,
                progress=progress,
                recorder=recorder,
                writer=writer,
                observers=observers,
                tracker=tracker,
            )
        else:
            job.training, restarts = train_restarts(
                problem,
                job.population,
                epochs=epochs,
                patience=patience,
                progress=progress,
                after_epoch=writer.after_population_epoch,
            )
        if folder_writer is not None:
            folder_writer.end(job.training, restarts, job.population)
    finally:
        progress.close()
        if folder_writer is not None:
            folder_writer.close()
        elif folder is not None:
            folder.release()
    if restarts is not None and restarts.best > 0:
        recipe = recipe.changed({"start": problem.restart_variables(restarts.best)})
    path: Path | None = None if folder is None else folder.path
    tracking = None if tracker is None else tracker.tracking()
    return make_run(
        problem, job.training, recorder, recipe=recipe, notes=job.notes, path=path, restarts=restarts, tracking=tracking
    )


def restart_population(problem: Problem, restarts: int) -> Population:
    """Return several starts. Number 0 is the one that a run without restarts has."""
    first = begin_training(problem).state
    return populate([first, *(_restart_state(problem, first, number) for number in range(1, restarts))])


def train_restarts(
    problem: Problem,
    population: Population,
    *,
    epochs: int,
    patience: int | None,
    progress: Progress,
    after_epoch: Callable[[Population], None] | None = None,
) -> tuple[TrainingState, Restarts]:
    """Train from several starts at once; return the training that ended lowest, and how all of them ended.

    All see the same batches. The population is changed in place; `after_epoch` is called with it after each epoch.
    """
    train_population(problem, population, epochs=epochs, patience=patience, progress=progress, after_epoch=after_epoch)
    ended = Restarts(
        losses=compared_losses(problem, population),
        best=population.best,
        epochs=population.epochs,
        stop_reasons=tuple(population.stop_reasons),
        histories=histories_of(population),
    )
    return member_training(problem, population, population.best, begin_training(problem).state), ended


def _restart_state(problem: Problem, state: StepState, number: int) -> StepState:
    """Return the state before the first step of another start."""
    variables = problem.restart_variables(number)
    return state._replace(variables=variables, optimizer=initial_state(problem.optimizer, variables.params))
