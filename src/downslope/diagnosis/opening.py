"""The case of a run, or of a point on a surface."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from downslope.core import (
    Advice,
    DataError,
    LossSurface,
    PyTree,
    Setting,
    SettingError,
    check_integer,
    generator,
    offers,
    run_of_estimator,
)
from downslope.data import Dataset
from downslope.diagnosis.announcements import Announce
from downslope.diagnosis.case import ROWS, Case
from downslope.diagnosis.descent import Descent
from downslope.diagnosis.measurements import Vector, flat
from downslope.training import Run


class FittedEstimator(Protocol):
    """An estimator of this package after its `fit`."""

    @property
    def run_(self) -> Run:
        """The run of its fit."""
        ...


if TYPE_CHECKING:
    Diagnosable = Run | LossSurface | FittedEstimator
    """What `diagnose` is about."""
else:  # `case_of` says in its own words what it refuses
    Diagnosable = object


def case_of(
    run_or_surface: Diagnosable,
    data: Dataset | None = None,
    *,
    params: PyTree | None = None,
    starts: int | str | None = "auto",
    region: tuple[PyTree, PyTree] | None = None,
    seed: int = 0,
    progress: Announce | None = None,
    descent: Descent | None = None,
) -> Case:
    """Return the case of a run, or of a point on a surface.

    Args:
        run_or_surface: a run, or any loss surface.
        data: the rows a run was trained on, if it was opened from its folder and they cannot be read again.
        params: the point on a bare surface; a run stands where its last step left it.
        starts: how many other starts to compare with a run that came to rest; `"auto"` for eight, fewer where that
            would be too much work; 0 or None for none.
        region: the lowest and the highest of each parameter of a bare surface, between which descents begin.
        seed: of all that is drawn.
        progress: called with a few words on each measurement before it is made.
        descent: how a point on a bare surface was reached, if that is known.

    Raises:
        SettingError: what was passed is neither, or the point is missing or one too many.
        DataError: the run's rows are not at hand, or `data` are others.
    """
    seed = check_integer("seed", seed, at_least=0)
    count = _checked_starts(starts)
    run_or_surface = _run_within(run_or_surface)
    if isinstance(run_or_surface, Run):
        if region is not None:
            raise SettingError(
                Setting("region"), "goes with a bare surface: a run has starts of its own. Leave it out."
            )
        if params is not None:
            raise SettingError(
                Setting("params"),
                "go with a bare surface: a run stands where its last step left it.",
                Advice("leave them out"),
                Advice("in place of the run pass {}", code="run.surface()"),
            )
        return replace(_case_of_run(run_or_surface, data, seed, progress), starts=count)
    if not offers(run_or_surface, LossSurface):
        raise SettingError(
            Setting("run_or_surface"),
            f"must be a run or a loss surface, got {type(run_or_surface).__name__}.",
            Advice("pass what a training returned", code=run_of_estimator(run_or_surface) or "ds.train(…)"),
            Advice("pass {}", code="ds.adapters.from_function(loss_fn, params)"),
        )
    if params is None or data is not None:
        raise SettingError(
            "A bare surface needs the point to diagnose, and holds its data itself. Pass",
            Setting("params"),
            ", and no",
            Setting("data"),
            ".",
        )
    box = None if region is None else _checked_region(region, params)
    return Case(
        surface=run_or_surface,
        params=params,
        seed=seed,
        progress=progress,
        starts=count,
        region=box,
        descent=descent,
    )


def _run_within(value: Any) -> Any:
    """Return the run of a fitted estimator; anything else as it is."""
    run = None if isinstance(value, Run) else getattr(value, "run_", None)
    return run if isinstance(run, Run) else value


def _checked_starts(starts: int | str | None) -> int | None:
    """Return how many other starts are asked for; None for as many as the bounded work allows."""
    if starts == "auto":
        return None
    advice = "It counts other starts; 'auto' is eight, fewer where that would be too much work."
    return check_integer("starts", 0 if starts is None else starts, at_least=0, advice=advice)


def _checked_region(region: tuple[PyTree, PyTree], params: PyTree) -> tuple[Vector, Vector]:
    """Return the ends of a region as vectors.

    Raises:
        SettingError: it is no pair of ends like the parameters, or the low end is not below the high one.
    """
    size = len(flat(params))
    expected = "must be a pair (low, high), each a number or like the parameters, low below high"
    if not isinstance(region, (tuple, list)) or len(region) != 2:
        raise SettingError(Setting("region"), f"{expected}, got {region!r}.")
    low, high = (np.asarray(flat(end)) for end in region)
    fits = all(len(end) in (1, size) and np.isfinite(end).all() for end in (low, high))
    if not fits or not np.all(low < high):
        raise SettingError(Setting("region"), f"{expected}, got {region!r}.")
    return np.broadcast_to(low, size), np.broadcast_to(high, size)


def _case_of_run(run: Run, data: Dataset | None, seed: int, progress: Announce | None) -> Case:
    """Return the case of a run: the surface over a fixed draw of its rows, at its last variables."""
    if data is not None or run.training_rows is None:
        run = run.with_data(data)
    part, recipe = run.training_rows, run.recipe
    if part is None or recipe is None:
        raise DataError(Setting("data"), "must be given for a run whose folder keeps no rows, got None.")
    if len(part) > ROWS:  # those of `train_loss`; their weights are of what descends
        rows = generator(recipe.settings.seed, "subset").choice(len(part), ROWS, replace=False)
        part = part.take(np.sort(rows))
    surface = replace(run, variables=run.last, training_rows=part).surface()
    return Case(surface=surface, params=run.last.params, run=run, part=part, seed=seed, progress=progress)
