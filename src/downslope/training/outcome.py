"""The run that a training becomes, once it has ended."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from downslope.core import Variables
from downslope.optimizers import averaged_params, keeps_average
from downslope.training.engine.state import TrainingState
from downslope.training.monitor.curvature_history import Tracking
from downslope.training.monitor.recorder import Recorder
from downslope.training.problem.problem import Problem
from downslope.training.recipe import Recipe
from downslope.training.restarts import Restarts
from downslope.training.run import Run


def make_run(
    problem: Problem,
    training: TrainingState,
    recorder: Recorder,
    *,
    recipe: Recipe,
    notes: tuple[str, ...],
    path: Path | None = None,
    restarts: Restarts | None = None,
    tracking: Tracking | None = None,
) -> Run:
    """Return the run of a training that has ended.

    Args:
        problem: what was learned.
        training: ended.
        recorder: its records.
        recipe: its network, data and settings.
        notes: sentences about the data.
        path: the run's folder.
        restarts: how other starts ended.
        tracking: measurements on the way.
    """
    names = training.history[0] if training.history else {}
    return Run(
        net=problem.net,
        loss=problem.loss,
        variables=training.chosen_variables,
        last=training.state.variables,
        optimizer_state=training.state.optimizer,
        history={name: np.array([values[name] for values in training.history]) for name in names},
        stop_reason=training.stop_reason,
        divergence=training.divergence,
        best_epoch=training.best.epoch if training.best_variables is not None else training.epoch,
        restarts=restarts,
        averaged=_averaged(training),
        trajectory=recorder.trajectory(),
        statistics=recorder.statistics_of(problem.net, problem.preprocessing.input_shape),
        tracking=tracking,
        preprocessing=problem.preprocessing,
        metrics=problem.metrics,
        notes=notes,
        path=path,
        training_rows=problem.train,
        recipe=recipe,
    )


def _averaged(training: TrainingState) -> Variables | None:
    """Return the average of the weights, if the optimizer has one, with the last state."""
    if not keeps_average(training.state.optimizer):
        return None
    last = training.state.variables
    return Variables(averaged_params(training.state.optimizer, last.params), last.state)
