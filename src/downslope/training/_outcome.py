"""What a descent has become, once it has ended: a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from downslope.core import Variables
from downslope.optimizers import averaged_params, ema
from downslope.training._recipe import Recipe
from downslope.training._restarts import Restarts
from downslope.training._run import Run
from downslope.training.engine.state import Descent
from downslope.training.monitor.curvature_history import Tracking
from downslope.training.monitor.recorder import Recorder
from downslope.training.problem.problem import Problem


def run_of(
    problem: Problem,
    descent: Descent,
    recorder: Recorder,
    *,
    recipe: Recipe,
    notes: tuple[str, ...],
    path: Path | None = None,
    restarts: Restarts | None = None,
    tracking: Tracking | None = None,
) -> Run:
    """Return the run that a descent has become.

    Args:
        problem: what was learned.
        descent: ended.
        recorder: what was recorded.
        recipe: what was asked for.
        notes: sentences about the data.
        path: where the run is kept.
        restarts: how other starts ended.
        tracking: what was measured on the way.
    """
    names = descent.history[0] if descent.history else {}
    return Run(
        net=problem.net,
        loss=problem.loss,
        variables=descent.kept,
        last=descent.state.variables,
        optimizer_state=descent.state.optimizer,
        history={name: np.array([values[name] for values in descent.history]) for name in names},
        stop_reason=descent.stop_reason,
        divergence=descent.divergence,
        best_epoch=descent.best.epoch if descent.best_variables is not None else descent.epoch,
        restarts=restarts,
        averaged=_averaged(problem, descent),
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


def _averaged(problem: Problem, descent: Descent) -> Variables | None:
    """Return the average of the weights, if the optimizer keeps one, with the last state."""
    if problem.optimizer.maker is not ema:
        return None
    last = descent.state.variables
    return Variables(averaged_params(descent.state.optimizer, last.params), last.state)
