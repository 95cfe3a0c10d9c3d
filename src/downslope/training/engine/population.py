"""A population of trainings: the same network and data, from different starts or with different hyperparameters.

Every array of a training gets a first axis, one entry a member, and the chunk is vectorized over it. Each member has
its own best parameters and its own patience; one that has stopped is carried along and its result stays as it was. On
several devices the members are sharded over them, filled up with copies where their number does not divide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Shaped

from downslope.core import PyTree, Variables, bounded_jit, weighted_sum
from downslope.losses import Loss
from downslope.networks import Sequential
from downslope.optimizers import OptimizerState, observe_loss
from downslope.training.early_stopping import LOSS
from downslope.training.engine.causes import explain_divergence
from downslope.training.engine.epoch import (
    Values,
    is_improvement,
    is_out_of_patience,
    last_progress,
    measure_epoch,
    monitored_loss,
    monitored_score,
    next_epoch,
)
from downslope.training.engine.evaluate import block_rows, cut_rows, outputs_of
from downslope.training.engine.population_epoch import population_epoch, shard_members
from downslope.training.engine.progress import Progress
from downslope.training.engine.state import TrainingState
from downslope.training.engine.step import StepState
from downslope.training.engine.stopping import Best
from downslope.training.problem.metrics import MetricInputs, compute_metrics
from downslope.training.problem.part import Part
from downslope.training.problem.problem import Problem

Tree = TypeVar("Tree")


@dataclass
class Population:
    """Trainings under way together, or ended.

    Attributes:
        states: of all members, stacked.
        best_variables: of all members, stacked: those with the lowest validation loss, or the last.
        best_loss: the loss that members are compared by, `(members,)`: the lowest validation loss where there is one,
            else the last training loss; NaN for one that diverged from the start. Where early stopping goes by another
            metric, the score by it.
        best_epoch: after how many epochs it was reached, `(members,)`.
        epochs: how many epochs each made before it stopped, `(members,)`.
        stop_reasons: why each stopped; empty while it has not.
        history: the values of each epoch by name, each `(members,)`.
    """

    states: StepState
    best_variables: Variables
    best_loss: np.ndarray
    best_epoch: np.ndarray
    epochs: np.ndarray
    stop_reasons: list[str]
    history: list[Values]

    @property
    def best(self) -> int:
        """The member with the lowest loss."""
        return int(np.nanargmin(self.best_loss)) if np.any(np.isfinite(self.best_loss)) else 0

    @property
    def active(self) -> np.ndarray:
        """Which members have not stopped."""
        return np.array([not reason for reason in self.stop_reasons])


def populate(states: Sequence[StepState]) -> Population:
    """Return the population of these members before its first step."""
    members = len(states)
    stacked = shard_members(jax.tree.map(lambda *leaves: np.stack(leaves), *states), members)
    return Population(
        states=stacked,
        best_variables=stacked.variables,
        best_loss=np.full(members, np.nan),
        best_epoch=np.zeros(members, int),
        epochs=np.zeros(members, int),
        stop_reasons=[""] * members,
        history=[],
    )


def compared_losses(problem: Problem, population: Population) -> np.ndarray:
    """Return the loss of each member's best epoch, `(members,)`; NaN for one that has none."""
    if problem.stopping.metric == LOSS:
        return population.best_loss
    losses = np.stack([values["validation_loss"] for values in population.history])
    at_best = losses[population.best_epoch - 1, np.arange(len(population.epochs))]
    return np.where(population.best_epoch > 0, at_best, np.nan)


def histories_of(population: Population) -> dict[str, np.ndarray]:
    """Return the values of all epochs by name, each `(epochs, members)`."""
    names = population.history[0] if population.history else {}
    return {name: np.stack([values[name] for values in population.history]) for name in names}


def member(tree: Tree, index: int) -> Tree:
    """Return one member's part of a stacked tree."""
    return jax.tree.map(lambda leaf: np.asarray(np.asarray(leaf)[index]), tree)


def train_population(
    problem: Problem,
    population: Population,
    *,
    epochs: int,
    patience: int | None,
    progress: Progress,
    members: Sequence[Problem] | None = None,
    after_epoch: Callable[[Population], None] | None = None,
) -> None:
    """Train all members until each has stopped, or Ctrl-C; the population is changed in place.

    An epoch that Ctrl-C comes into does not count.

    Args:
        problem: what all members learn.
        population: the members.
        epochs: how many epochs there are.
        patience: epochs without progress on the validation rows before a member stops; None for no such end.
        progress: shows how far it is.
        members: each member's own seed and order of batches; None if all see the same batches.
        after_epoch: called with the population after each epoch.
    """
    consistent = _copied(population)
    try:
        while len(population.history) < epochs and population.active.any():
            epoch, before, active = len(population.history), population.states, population.active
            population.states = population_epoch(problem, population.states, epoch, progress, members)
            if not active.all():
                population.states = _where(active, population.states, before)
            values = _measure(problem, population.states, active)
            _finish_epoch(problem, population, epoch + 1, values, patience)
            consistent = _copied(population)
            progress.epoch(epoch + 1, _lowest_losses(values))
            if after_epoch is not None:
                after_epoch(population)
        reason = "completed"
    except KeyboardInterrupt:
        reason = "interrupted"
        vars(population).update(vars(consistent))
    population.stop_reasons = [own or reason for own in population.stop_reasons]


def _copied(population: Population) -> Population:
    """Return the population with lists of its own."""
    return replace(population, stop_reasons=list(population.stop_reasons), history=list(population.history))


def member_training(problem: Problem, population: Population, index: int, start: StepState) -> TrainingState:
    """Return a member as a training of its own; if it diverged in the first epoch, its start, with the explanation.

    Args:
        problem: what the member learned.
        population: ended.
        index: which member.
        start: the member's state before the first step.
    """
    epochs = int(population.epochs[index])
    history = [{name: float(value[index]) for name, value in values.items()} for values in population.history[:epochs]]
    training = TrainingState(
        state=member(population.states, index),
        epoch=epochs,
        best=Best(float(population.best_loss[index]), int(population.best_epoch[index])),
        history=history,
        stop_reason=population.stop_reasons[index],
    )
    if problem.validation is not None and population.best_epoch[index] > 0:
        training.best_variables = member(population.best_variables, index)
    if training.stop_reason == "diverged":
        variables = member(population.best_variables, index) if epochs else start.variables
        training.state = training.state._replace(variables=variables)
        training.divergence = explain_divergence(
            problem,
            step=epochs * problem.batches.steps,
            epoch=epochs,
            first_loss=history[0]["train_loss"] if history else float("nan"),
            last_loss=history[-1]["train_loss"] if history else float("nan"),
            params=variables.params,
            learning_rate=training.learning_rate,
            stepped=True,
        )
    return training


def _measure(problem: Problem, states: StepState, active: np.ndarray) -> Values:
    """Return the values of the epoch that just ended, each `(members,)`: losses, and what early stopping goes by."""
    watched = problem.stopping.metric

    def measure(name: str, part: Part) -> Values:
        losses = {f"{name}_loss": population_losses(problem.architecture, problem.loss, states.variables, part)}
        if watched == LOSS or name != "validation":
            return losses
        return losses | {f"{name}_{watched}": _member_metrics(problem, states.variables, part, active)}

    return measure_epoch(problem, states, measure)


def population_losses(net: Sequential, loss: Loss, variables: Variables, part: Part) -> np.ndarray:
    """Return every member's loss over some rows, weighted exactly, `(members,)`."""
    members = len(jax.tree.leaves(variables)[0])
    blocks = cut_rows(part.weighted(), loss, block_rows(net, part.x, members))
    losses = weighted_sum(lambda block: _block_losses(net, loss, variables, *block), *blocks)
    return np.asarray(losses, float)


def _member_metrics(problem: Problem, variables: Variables, part: Part, active: np.ndarray) -> np.ndarray:
    """Return of every member that has not stopped what early stopping goes by, `(members,)`; NaN of the others."""
    name, values = problem.stopping.metric, np.full(len(active), np.nan)
    stacked = jax.tree.map(np.asarray, variables)
    for index in np.flatnonzero(active):
        outputs = outputs_of(problem.architecture, member(stacked, int(index)), part.x)
        inputs = MetricInputs(part.truth, outputs, part.weights, problem.preprocessing, problem.loss)
        values[index] = compute_metrics([name], inputs)[name]
    return values


@partial(bounded_jit, static_argnames=("net", "loss"))
def _block_losses(
    net: Sequential,
    loss: Loss,
    variables: Variables,
    x: Float[Array, "rows ..."],
    t: Shaped[Array, "rows ..."],
    weights: Float[Array, " rows"] | None = None,
) -> Float[Array, " members"]:
    return jax.vmap(lambda member: loss.value(net.apply(member, x), t, weights))(variables)


def _finish_epoch(problem: Problem, population: Population, epoch: int, values: Values, patience: int | None) -> None:
    """Book an epoch: history, best parameters, schedules that watch the loss, members that stop."""
    active = population.active
    population.history.append({name: np.where(active, value, np.nan) for name, value in values.items()})
    finite, score = np.isfinite(values["train_loss"]), monitored_score(problem.stopping, values)
    better = is_improvement(score, population.best_loss if problem.validation is not None else np.asarray(np.inf))
    improved = active & finite & better
    population.best_variables = _where(improved, population.states.variables, population.best_variables)
    population.best_loss = np.where(improved, score, population.best_loss)
    population.best_epoch = np.where(improved, epoch, population.best_epoch)
    population.epochs = np.where(active & finite, epoch, population.epochs)
    optimizer = _observe_each(population.states.optimizer, monitored_loss(values))
    population.states = next_epoch(population.states, optimizer)
    progress = last_progress(problem.stopping, population.history, population.best_epoch)
    impatient = is_out_of_patience(epoch, progress, patience)
    for index in np.flatnonzero(active):
        if not finite[index]:
            population.stop_reasons[index] = "diverged"
        elif impatient[index]:
            population.stop_reasons[index] = "early_stopping"


@bounded_jit
def _where(condition: Bool[Array | np.ndarray, " members"], new: PyTree, old: PyTree) -> PyTree:
    """Return each member's new arrays where its condition holds, else the old ones."""

    def choose(a: Array, b: Array) -> Array:
        return jnp.where(jnp.expand_dims(condition, tuple(range(1, a.ndim))), a, b)

    return jax.tree.map(choose, new, old)


def _observe_each(optimizer: OptimizerState, losses: np.ndarray) -> OptimizerState:
    """Return the optimizers after each was told its member's loss, where any of their schedules wait for one."""
    light = optimizer._replace(memory=())
    members = [observe_loss(member(light, index), loss) for index, loss in enumerate(losses)]
    if all(state.schedules == {} for state in members):
        return optimizer
    return jax.tree.map(lambda *leaves: np.stack(leaves), *members)._replace(memory=optimizer.memory)


def _lowest_losses(values: Values) -> dict[str, float]:
    """Return the lowest losses among all members, to show as progress."""
    losses = {name: value for name, value in values.items() if name.endswith("_loss") and np.isfinite(value).any()}
    return {name: float(np.nanmin(value)) for name, value in losses.items()}
