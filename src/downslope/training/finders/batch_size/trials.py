"""Trainings with several batch sizes: does a small batch find what generalizes better, or is flatter?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import jax
import numpy as np

from downslope.core import SettingError, Variables, fold
from downslope.curvature import eigenvalues
from downslope.optimizers import set_hyperparam
from downslope.training.engine.population import descend_together, member, populate
from downslope.training.engine.progress import Silent
from downslope.training.engine.state import begin
from downslope.training.finders.learning_rate.stability_line import rows_for_curvature, surface_at
from downslope.training.finders.learning_rate.trials import with_seed
from downslope.training.problem.problem import Problem


@dataclass(frozen=True)
class BatchTrainings:
    """What trainings with one batch size ended at; each array has one entry a seed, NaN for one that diverged.

    Attributes:
        batch_size: rows a step.
        learning_rate: scaled to the size.
        train_loss: at the end, on at most 2,000 training rows.
        validation_loss: at the end, on rows not learned from.
        sharpness: the largest eigenvalue of the Hessian at the end, on at most 2,000 training rows.
    """

    batch_size: int
    learning_rate: float
    train_loss: np.ndarray
    validation_loss: np.ndarray
    sharpness: np.ndarray

    @property
    def gap(self) -> np.ndarray:
        """The generalization gap: validation loss less training loss."""
        return self.validation_loss - self.train_loss


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
        rate_factor: what it is multiplied by, by size.
        seeds: trainings of each size, all at once.
        epochs: of each.
        fresh: whether each seed draws a start of its own.
        tell: is told what comes next.
    """
    found = []
    for size in sizes:
        tell(f"{seeds} trainings with batches of {size}")
        own = rate * rate_factor(size)
        one = replace(problem, batches=replace(problem.batches, batch_size=size))
        numbers = [int(fold(problem.seed, "batch trainings", number)[0]) for number in range(1, seeds)]
        members = [one, *(with_seed(one, seed, fresh=fresh) for seed in numbers)]
        starts = [begin(each).state for each in members]
        states = [s._replace(optimizer=set_hyperparam(s.optimizer, learning_rate=own)) for s in starts]
        population = populate(states)
        descend_together(one, population, epochs=epochs, patience=None, progress=Silent(), members=members)
        if "interrupted" in population.stop_reasons:
            raise KeyboardInterrupt
        last = population.history[-1]
        kept = np.array([reason == "completed" for reason in population.stop_reasons])
        ends = [member(population.states.variables, place) if kept[place] else None for place in range(seeds)]
        found.append(
            BatchTrainings(
                batch_size=size,
                learning_rate=own,
                train_loss=np.where(kept, last["train_loss"], np.nan),
                validation_loss=np.where(kept, last["validation_loss"], np.nan),
                sharpness=np.array([_sharpness(one, end) for end in ends]),
            )
        )
    return tuple(found)


def _sharpness(problem: Problem, variables: Variables | None) -> float:
    """Return the largest eigenvalue of the Hessian; NaN where a training diverged, or there is none."""
    if variables is None or not all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(variables.params)):
        return float("nan")
    surface = surface_at(problem, rows_for_curvature(problem), variables)
    try:
        return float(eigenvalues(surface, variables.params, tol=0.01, max_hvps=200, key=problem.seed).values[0])
    except SettingError:
        return float("nan")
