"""Short trainings at several rates, all at once, from the same start on the same batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from downslope.core import fold
from downslope.optimizers import set_hyperparam
from downslope.training.engine.population import Population, populate, population_losses, train_population
from downslope.training.engine.progress import Progress
from downslope.training.engine.state import begin_training
from downslope.training.finders.learning_rate.result import RateTrials
from downslope.training.problem.constant_predictor import one_answer_loss
from downslope.training.problem.problem import Problem

STARTS = 3
"""From so many starts each rate is tried: one alone may be lucky, or die of a rate that others survive."""


def rate_trials(problem: Problem, rates: Sequence[float], *, steps: int, fresh: bool, progress: Progress) -> RateTrials:
    """Train briefly at several rates; return the losses, each the mean over three starts and orders of rows.

    Args:
        problem: what is to be learned; its optimizer's rate is not used.
        rates: to try.
        steps: of each training, filled up to whole epochs.
        fresh: whether the start is the network's own, so that another can be drawn.
        progress: shows how far it is.
    """
    epochs = -(-steps // problem.batches.steps)
    seeds = [int(fold(problem.seed, "trial", number)[0]) for number in range(1, STARTS)]
    members, states = [], []
    for member in (problem, *(problem.with_seed(seed, fresh=fresh) for seed in seeds)):
        first = begin_training(member).state
        for rate in rates:
            members.append(member)
            states.append(first._replace(optimizer=set_hyperparam(first.optimizer, learning_rate=float(rate))))
    population = populate(states)
    before = population_losses(problem.architecture, problem.loss, population.states.variables, problem.judged)
    train_population(problem, population, epochs=epochs, patience=None, progress=progress, members=members)
    losses = _trial_losses(population, validated=problem.validation is not None)
    return RateTrials(
        rates=np.array(rates, float),
        by_start=losses.reshape(STARTS, len(rates)),
        untrained=before.reshape(STARTS, len(rates))[:, 0],
        constant=one_answer_loss(problem),
        epochs=epochs,
        steps=epochs * problem.batches.steps,
        measured="training loss" if problem.validation is None else "validation loss",
        interrupted="interrupted" in population.stop_reasons,
    )


def merge(first: RateTrials, second: RateTrials) -> RateTrials:
    """Return the trials of two calls together, in rising order of rates."""
    rates = np.concatenate([first.rates, second.rates])
    losses = np.concatenate([first.by_start, second.by_start], axis=1)
    order = np.argsort(rates)
    interrupted = first.interrupted or second.interrupted
    return replace(first, rates=rates[order], by_start=losses[:, order], interrupted=interrupted)


def _trial_losses(population: Population, *, validated: bool) -> np.ndarray:
    """Return the loss that each member is judged by; infinite for those that diverged."""
    if not population.history:
        return np.full(len(population.stop_reasons), np.inf)
    name = "validation_loss" if validated else "train_loss"
    losses = np.stack([values[name] for values in population.history])
    with np.errstate(invalid="ignore"):
        values = np.min(losses, axis=0) if validated else np.mean(losses[-max(1, len(losses) // 5) :], axis=0)
    diverged = np.array([reason == "diverged" for reason in population.stop_reasons])
    return np.where(diverged | ~np.isfinite(values), np.inf, values)
