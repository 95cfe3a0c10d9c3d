"""Trainings with several batch sizes: does a small batch find what generalizes better, or is flatter?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import numpy as np

from downslope.core import SettingError, Variables, fold
from downslope.curvature import eigenvalues
from downslope.optimizers import set_hyperparam
from downslope.training.engine.population import member, populate, train_population
from downslope.training.engine.progress import Silent
from downslope.training.engine.state import begin_training
from downslope.training.finders.batch_size.result import BatchTrainings
from downslope.training.finders.learning_rate.stability_line import rows_for_curvature, surface_at
from downslope.training.problem.problem import Problem


def batch_trainings(
    problem: Problem,
    sizes: Sequence[int],
    *,
    rate: float,
    rate_factor: Callable[[int], float],
    seeds: int,
    epochs: int,
    fresh: bool,
    tell: Callable[[str], None],
) -> tuple[BatchTrainings, ...]:
    """Return where trainings with some batch sizes end, after equally many epochs.

    Args:
        problem: what is to be learned; it holds validation rows.
        sizes: rows a step.
        rate: of the problem's own batch size.
        rate_factor: the factor of the rate, by size.
        seeds: trainings of each size, all at once.
        epochs: of each.
        fresh: whether each seed draws a start of its own.
        tell: called with a few words before each training.
    """
    results = []
    for size in sizes:
        tell(f"{seeds} trainings with batches of {size}")
        learning_rate = rate * rate_factor(size)
        resized = problem.resized(size)
        member_seeds = [int(fold(problem.seed, "batch trainings", number)[0]) for number in range(1, seeds)]
        members = [resized, *(resized.with_seed(seed, fresh=fresh) for seed in member_seeds)]
        starts = [begin_training(member).state for member in members]
        states = [s._replace(optimizer=set_hyperparam(s.optimizer, learning_rate=learning_rate)) for s in starts]
        population = populate(states)
        train_population(resized, population, epochs=epochs, patience=None, progress=Silent(), members=members)
        if "interrupted" in population.stop_reasons:
            raise KeyboardInterrupt
        last = population.history[-1]
        completed = np.array([reason == "completed" for reason in population.stop_reasons])
        last_variables = [
            member(population.states.variables, index) if completed[index] else None for index in range(seeds)
        ]
        results.append(
            BatchTrainings(
                batch_size=size,
                learning_rate=learning_rate,
                train_loss=np.where(completed, last["train_loss"], np.nan),
                validation_loss=np.where(completed, last["validation_loss"], np.nan),
                sharpness=np.array([_sharpness(resized, variables) for variables in last_variables]),
            )
        )
    return tuple(results)


def _sharpness(problem: Problem, variables: Variables | None) -> float:
    """Return the largest eigenvalue of the Hessian; NaN where a training diverged, or it was not found."""
    if variables is None or not all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(variables.params)):
        return float("nan")
    surface = surface_at(problem, rows_for_curvature(problem), variables)
    try:
        pairs = eigenvalues(surface, variables.params, tol=0.01, max_hvps=200, key=problem.seed)
    except SettingError:
        return float("nan")
    return float(pairs.values[0]) if pairs.converged[0] else float("nan")
