"""Short trainings with a change, from the same seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from downslope.core import UnknownNameError, tree_size
from downslope.diagnosis.case import Case
from downslope.diagnosis.finding import Change
from downslope.schedules import Schedule
from downslope.training import Problem, Recipe, Run, sweep, train

FACTORS = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0)
"""Rates are tried in powers of ten around the run's own."""

WORK, MOST_STEPS = 1e10, 1000
"""A trial may take so many parameters × rows × steps, and no more steps than this: some seconds on two cores."""

FEWEST_STEPS = 50


@dataclass(frozen=True)
class Trials:
    """Losses of short trainings at several rates.

    Attributes:
        own: the run's first rate.
        rates: the learning rates, in rising order.
        losses: the lowest validation loss of each, or without validation rows the last training loss; infinite for one
            that diverged.
        steps: how many steps each made.
    """

    own: float
    rates: Float[np.ndarray, " rates"]
    losses: Float[np.ndarray, " rates"]
    steps: int

    @property
    def lowest(self) -> float:
        """The lowest loss."""
        return float(np.min(self.losses))

    @property
    def best(self) -> float:
        """The rate that reached it."""
        return float(self.rates[int(np.argmin(self.losses))])

    def __str__(self) -> str:
        """Return the losses by rate."""
        texts = ("diverges" if np.isinf(loss) else f"{loss:.3g}" for loss in self.losses)
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
    settings = shortened(case, case.recipe, members=len(rates)).settings
    try:
        trainings = sweep(case.recipe.net, case.recipe.data, learning_rate=rates, progress=False, **settings)
    except UnknownNameError:  # a transformation of others, whose rate is inside of it
        return None
    losses = np.array([reached_loss(run) for run in trainings.runs])
    steps = settings.epochs * case.problem.batches.steps
    return Trials(rate, np.array(rates), losses, steps) if np.isfinite(losses).any() else None


def short_training(case: Case, change: Change) -> tuple[float, Problem]:
    """Return the loss of a short training with a change, infinite if it diverges, and the problem it solved."""
    recipe = shortened(case, case.recipe.changed(change), members=1)
    run = train(recipe.net, recipe.data, progress=False, **recipe.settings)
    return reached_loss(run), recipe.problem()


def shortened(case: Case, recipe: Recipe, *, members: int) -> Recipe:
    """Return a recipe for as many epochs as a trial may take, and no more than the run was to make."""
    rows = len(case.problem.train)
    size = min(rows, recipe.settings.first_batch_size)
    a_step = tree_size(case.problem.start.params) * size * members
    steps = int(np.clip(WORK / a_step, FEWEST_STEPS, MOST_STEPS))
    epochs = max(1, min(recipe.settings.epochs, steps // -(-rows // size)))
    return recipe.changed({"epochs": epochs, "metrics": (), "early_stopping": None})


def reached_loss(run: Run) -> float:
    """Return the lowest validation loss, or the last training loss; infinite where it diverged."""
    losses = run.history.get("validation_loss", run.history.get("train_loss", np.empty(0))[-1:])
    finite = losses[np.isfinite(losses)]
    return float(finite.min()) if len(finite) and run.stop_reason != "diverged" else float("inf")
