"""A training carried out, from where it stands to its end: what `train` and `resume` share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from downslope.data import Dataset
from downslope.runs import RunFolder
from downslope.training._checkpoint_arrays import start_checkpoint
from downslope.training._checkpointing import FolderKeeper, Forgetful
from downslope.training._loop import descend
from downslope.training._observers import Observer
from downslope.training._open_run import record_of
from downslope.training._outcome import run_of
from downslope.training._recipe import Recipe
from downslope.training._restarts import descend_from_many_starts, start_of
from downslope.training._run import Run
from downslope.training.engine.population import Population
from downslope.training.engine.progress import Progress
from downslope.training.engine.state import Descent
from downslope.training.monitor.curvature_tracker import Tracker
from downslope.training.monitor.recorder import Recorder
from downslope.training.problem.problem import Problem


@dataclass
class Undertaking:
    """A training as it stands.

    Attributes:
        problem: what is learned.
        recipe: what was asked for.
        descent: where it stands.
        recorder: what was recorded.
        tracker: what was measured, or None.
        population: where several starts stand, or None.
        notes: sentences about the data.
        seconds: how long it has trained before.
    """

    problem: Problem
    recipe: Recipe
    descent: Descent
    recorder: Recorder
    tracker: Tracker | None
    population: Population | None
    notes: tuple[str, ...]
    seconds: float = 0.0

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of the recipe that a run's record holds as they are."""
        asked = self.recipe.settings
        given = {name: asked[name] for name in ("epochs", "early_stopping", "normalize", "normalize_targets")}
        return given | {
            "validation": "data" if isinstance(asked.validation, Dataset) else asked.validation,
            "started_from": "initialization" if asked.start is None else "given variables",
            "restarts": 1 if self.population is None else len(self.population.epochs),
            "record": self.recorder.record,
            "track": None if self.tracker is None else self.tracker.track,
        }


def carry_out(
    work: Undertaking, *, folder: RunFolder | None, observers: tuple[Observer, ...], progress: Progress
) -> Run:
    """Train to the end, whatever ends it, keeping it in a folder if there is one.

    Raises:
        RunError: the folder cannot be written.
    """
    problem, recorder, tracker = work.problem, work.recorder, work.tracker
    keeper = None
    try:
        if folder is not None:
            if work.recipe.settings.start is not None:
                folder.save("start", start_checkpoint(problem.start))
            record = record_of(problem, work.settings, work.notes)
            keeper = FolderKeeper(folder, record, recorder, tracker, before=work.seconds)
            keeper.begin(work.descent)
        ended, following = None, keeper or Forgetful()
        asked = work.recipe.settings
        common = {"epochs": asked.epochs, "patience": asked.early_stopping, "progress": progress}
        if work.population is None:
            parts = {"recorder": recorder, "keeper": following, "observers": observers, "tracker": tracker}
            descend(problem, work.descent, **common, **parts)
        else:
            moved = following.members_moved
            work.descent, ended = descend_from_many_starts(problem, work.population, **common, moved=moved)
        if keeper is not None:
            keeper.end(work.descent, ended, work.population)
    finally:
        progress.close()
        if keeper is not None:
            keeper.close()
        elif folder is not None:
            folder.release()
    recipe = work.recipe
    if ended is not None and ended.best > 0:
        recipe = recipe.changed({"start": start_of(problem, ended.best)})
    path: Path | None = None if folder is None else folder.path
    tracking = None if tracker is None else tracker.tracking()
    return run_of(
        problem, work.descent, recorder, recipe=recipe, notes=work.notes, path=path, restarts=ended, tracking=tracking
    )
