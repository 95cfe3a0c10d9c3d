"""Short trainings with a change, or at other rates, from several starts at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from downslope.core import UnknownNameError, tree_size
from downslope.diagnosis.case import Case
from downslope.diagnosis.finding import Change
from downslope.diagnosis.measurements import held_out_apart
from downslope.schedules import Schedule
from downslope.training import Problem, Recipe, Run, sweep

FACTORS = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0)
"""Rates are tried in powers of ten around the run's own."""

WORK, MOST_STEPS = 1e10, 1000
"""A trial may take so many parameters × rows × steps, and no more steps than this: some seconds on two cores."""

FEWEST_STEPS = 50

STARTS = 3
"""A change is tried from so many starts where that makes no trial shorter: their spread tells luck from gain."""


class Attempt(NamedTuple):
    """The losses of a short training with a change.

    Attributes:
        loss: the median over the starts; infinite where half of them or more diverged.
        spread: the highest less the lowest; 0 of a single start.
    """

    loss: float
    spread: float


@dataclass(frozen=True)
class Trials:
    """Losses of short trainings at several rates.

    Attributes:
        own: the run's first rate.
        rates: the learning rates, in rising order.
        attempts: of each rate, by the lowest validation loss, or without validation rows the last training loss.
        steps: how many steps each made.
    """

    own: float
    rates: Float[np.ndarray, " rates"]
    attempts: tuple[Attempt, ...]
    steps: int

    @property
    def losses(self) -> Float[np.ndarray, " rates"]:
        """The loss of each rate; infinite where it diverged."""
        return np.array([attempt.loss for attempt in self.attempts])

    @property
    def lowest(self) -> float:
        """The lowest loss."""
        return float(np.min(self.losses))

    @property
    def spread(self) -> float:
        """How much starts differ at the rate that reached it."""
        return self.attempts[int(np.argmin(self.losses))].spread

    @property
    def best(self) -> float:
        """The rate that reached it."""
        return float(self.rates[int(np.argmin(self.losses))])

    def __str__(self) -> str:
        """Return the losses by rate."""
        texts = ("blows up" if np.isinf(loss) else f"{loss:.3g}" for loss in self.losses)
        return ", ".join(f"{rate:.3g}: {loss}" for rate, loss in zip(self.rates, texts, strict=True))


def rate_trials(case: Case) -> Trials | None:
    """Return short trainings at other rates, from the run's own start; None if the optimizer shows no rate."""
    first = case.history.get("learning_rate", np.empty(0))
    rate = float(first[0]) if len(first) else None
    number = case.problem.optimizer.hyperparams.get("learning_rate")
    if rate is None and number is not None:
        rate = float(number(0) if isinstance(number, Schedule) else number)
    if not rate:
        return None
    rates = [float(f"{rate * factor:.6g}") for factor in FACTORS]  # the history holds 0.01 as 0.00999999977648
    recipe, seeds = _several(case, case.recipe, members=len(rates))
    try:
        trainings = sweep(recipe.net, recipe.data, learning_rate=rates, seed=seeds, progress=False, **_unseeded(recipe))
    except UnknownNameError:  # a transformation of others, whose rate is inside of it
        return None
    losses = np.array([reached_loss(run) for run in trainings.runs]).reshape(len(rates), len(seeds))
    steps = recipe.settings.epochs * case.problem.batches.steps
    attempts = tuple(map(_attempt, losses))
    return Trials(rate, np.array(rates), attempts, steps) if np.isfinite(losses).any() else None


def short_training(case: Case, change: Change) -> tuple[Attempt, Problem]:
    """Return the losses of short trainings with a change, and the problem they solved."""
    changed = case.recipe.changed(change)
    recipe, seeds = _several(case, changed, members=1)
    runs = sweep(recipe.net, recipe.data, seed=seeds, progress=False, **_unseeded(recipe)).runs
    return _attempt(np.array([reached_loss(run) for run in runs])), changed.problem()


def shortened(case: Case, recipe: Recipe, *, members: int, work: float = WORK) -> Recipe:
    """Return a recipe for as many epochs as a trial may take, and no more than the run was to make."""
    rows = len(case.problem.train)
    size = min(rows, recipe.settings.first_batch_size)
    a_step = tree_size(case.problem.start.params) * size * members
    most = MOST_STEPS * work / WORK
    steps = int(np.clip(work / a_step, FEWEST_STEPS, most))
    epochs = max(1, min(recipe.settings.epochs, steps // -(-rows // size)))
    return recipe.changed({"epochs": epochs, "metrics": (), "early_stopping": None})


def reached_loss(run: Run) -> float:
    """Return the lowest validation loss, or the last training loss; infinite where it diverged."""
    losses = run.history.get("validation_loss", run.history.get("train_loss", np.empty(0))[-1:])
    finite = losses[np.isfinite(losses)]
    return float(finite.min()) if len(finite) and run.stop_reason != "diverged" else float("inf")


def _several(case: Case, recipe: Recipe, *, members: int) -> tuple[Recipe, list[int]]:
    """Return a recipe of short trainings, and their seeds: several where that does not make them shorter."""
    data, validation = held_out_apart(recipe)
    alone = shortened(case, recipe, members=members)
    several = shortened(case, recipe, members=members * STARTS)
    count = STARTS if several.settings.epochs == alone.settings.epochs else 1
    settings = alone.settings.for_other_rows() | {"validation": validation}
    apart = replace(alone, data=data, settings=settings)
    return apart, [alone.settings.seed + number for number in range(count)]


def _unseeded(recipe: Recipe) -> dict[str, object]:
    """Return the settings of a recipe but for its seed."""
    return {name: value for name, value in recipe.settings.items() if name != "seed"}


def _attempt(losses: Float[np.ndarray, " starts"]) -> Attempt:
    """Return what several starts reached."""
    finite = losses[np.isfinite(losses)]
    return Attempt(float(np.median(losses)), float(np.ptp(finite)) if len(finite) else 0.0)
