"""Many descents at once: the same network, data and batches, from different starts or with different numbers.

Every array of a descent gets a first axis, one entry a member, and the chunk is vectorized over it. Each member keeps
its own best parameters and its own patience; one that has stopped is carried along and its result stays as it was. On
several devices the members are spread over them where their number allows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Shaped

from downslope.core import PyTree, Variables
from downslope.losses import Loss
from downslope.networks import Sequential
from downslope.optimizers import observe_loss
from downslope.training.engine.evaluate import block_rows
from downslope.training.engine.members import epoch_together
from downslope.training.engine.progress import Progress
from downslope.training.engine.state import Descent
from downslope.training.engine.step import State
from downslope.training.engine.stopping import SAMPLE_ROWS, Best, explain_divergence
from downslope.training.problem.problem import Part, Problem


@dataclass
class Population:
    """Many descents under way, or ended.

    Attributes:
        states: of all members, stacked.
        best_variables: of all members, stacked: those with the lowest validation loss, or the last.
        best_loss: the loss that members are compared by, `(members,)`: the lowest validation loss where there is one,
            else the last training loss; NaN for one that diverged from the start.
        best_epoch: after how many epochs it was reached, `(members,)`.
        epochs: how many epochs each made before it stopped, `(members,)`.
        stop_reasons: why each stopped; empty while it has not.
        history: the values of each epoch, each `(members,)`.
    """

    states: State
    best_variables: Variables
    best_loss: np.ndarray
    best_epoch: np.ndarray
    epochs: np.ndarray
    stop_reasons: list[str]
    history: list[dict[str, np.ndarray]]

    @property
    def best(self) -> int:
        """The member with the lowest loss."""
        return int(np.nanargmin(self.best_loss)) if np.any(np.isfinite(self.best_loss)) else 0

    @property
    def active(self) -> np.ndarray:
        """Which members have not stopped."""
        return np.array([not reason for reason in self.stop_reasons])


def populate(states: Sequence[State]) -> Population:
    """Return the population of these members before its first step."""
    members = len(states)
    stacked = spread(jax.tree.map(lambda *leaves: np.stack(leaves), *states), members)
    return Population(
        states=stacked,
        best_variables=stacked.variables,
        best_loss=np.full(members, np.nan),
        best_epoch=np.zeros(members, int),
        epochs=np.zeros(members, int),
        stop_reasons=[""] * members,
        history=[],
    )


def histories_of(population: Population) -> dict[str, np.ndarray]:
    """Return the values of all epochs by name, each `(epochs, members)`."""
    names = population.history[0] if population.history else {}
    return {name: np.stack([values[name] for values in population.history]) for name in names}


def member(tree: Any, place: int) -> Any:
    """Return one member's part of a stacked tree."""
    return jax.tree.map(lambda leaf: np.asarray(np.asarray(leaf)[place]), tree)


def descend_together(
    problem: Problem,
    population: Population,
    *,
    epochs: int,
    patience: int | None,
    progress: Progress,
    members: Sequence[Problem] | None = None,
    moved: Callable[[Population], None] | None = None,
) -> None:
    """Train all members until each has stopped, or Ctrl-C; the population is changed in place.

    An epoch that Ctrl-C comes into does not count.

    Args:
        problem: what all members learn.
        population: the members.
        epochs: how many epochs there are.
        patience: epochs without a lower validation loss before a member stops; None for no such end.
        progress: who watches.
        members: each member's own seed and order of batches; None if all see the same batches.
        moved: is shown the population after each epoch.
    """
    whole = _copied(population)
    try:
        while len(population.history) < epochs and population.active.any():
            epoch, before, active = len(population.history), population.states, population.active
            population.states = epoch_together(problem, population.states, epoch, progress, members)
            if not active.all():
                population.states = _chosen(active, population.states, before)
            values = _measure(problem, population.states)
            _finish_epoch(problem, population, epoch + 1, values, patience)
            whole = _copied(population)
            progress.epoch(epoch + 1, _summary(population, values))
            if moved is not None:
                moved(population)
        reason = "completed"
    except KeyboardInterrupt:
        reason = "interrupted"
        vars(population).update(vars(whole))
    population.stop_reasons = [found or reason for found in population.stop_reasons]


def _copied(population: Population) -> Population:
    """Return the population with lists of its own."""
    return replace(population, stop_reasons=list(population.stop_reasons), history=list(population.history))


def descent_of(problem: Problem, population: Population, place: int, start: State) -> Descent:
    """Return a member as a descent of its own; where it diverged in the first epoch, its start, with what happened.

    Args:
        problem: what the member learned.
        population: ended.
        place: which member.
        start: the member's state before the first step.
    """
    epochs = int(population.epochs[place])
    history = [{name: float(value[place]) for name, value in values.items()} for values in population.history[:epochs]]
    descent = Descent(
        state=member(population.states, place),
        epoch=epochs,
        best=Best(float(population.best_loss[place]), int(population.best_epoch[place])),
        history=history,
        stop_reason=population.stop_reasons[place],
    )
    if problem.validation is not None and population.best_epoch[place] > 0:
        descent.best_variables = member(population.best_variables, place)
    if descent.stop_reason == "diverged":
        kept = member(population.best_variables, place) if epochs else start.variables
        descent.state = descent.state._replace(variables=kept)
        descent.divergence = explain_divergence(
            step=epochs * problem.batches.steps,
            epoch=epochs,
            first_loss=history[0]["train_loss"] if history else float("nan"),
            last_loss=history[-1]["train_loss"] if history else float("nan"),
            params=kept.params,
            inputs=np.asarray(problem.train.x[:SAMPLE_ROWS]),
            learning_rate=descent.learning_rate,
        )
    return descent


def _measure(problem: Problem, states: State) -> dict[str, np.ndarray]:
    """Return the values of the epoch that just ended, each `(members,)`."""
    total, weight = np.asarray(states.total, float), np.asarray(states.weight, float)
    stepped = np.where(weight > 0, weight, 1)  # members that have stopped made no step
    values = {"batch_loss": total / stepped if problem.loss.reduction == "mean" else total}
    values["train_loss"] = losses_of(problem.architecture, problem.loss, states.variables, problem.subset)
    if problem.validation is not None:
        values["validation_loss"] = losses_of(problem.architecture, problem.loss, states.variables, problem.validation)
    if "learning_rate" in states.optimizer.hyperparams:
        values["learning_rate"] = np.asarray(states.optimizer.hyperparams["learning_rate"], float)
    return values


def losses_of(net: Sequential, loss: Loss, variables: Variables, part: Part) -> np.ndarray:
    """Return every member's loss over some rows, weighted exactly, `(members,)`."""
    members = len(jax.tree.leaves(variables)[0])
    rows = max(1, block_rows(net, part.x) // members)
    weights = np.ones(len(part)) if part.weights is None else np.asarray(part.weights, float)
    total, weight = np.zeros(members), 0.0
    for start in range(0, len(part), rows):
        block = slice(start, start + rows)
        w = weights[block].astype(part.x.dtype)
        counted = float(w.sum()) if loss.reduction == "mean" else 1.0
        if counted > 0:
            values = _block_losses(net, loss, variables, part.x[block], part.t[block], w)
            total, weight = total + counted * np.asarray(values, float), weight + counted
    return total / weight if loss.reduction == "mean" else total


@partial(jax.jit, static_argnames=("net", "loss"))
def _block_losses(
    net: Sequential,
    loss: Loss,
    variables: Variables,
    x: Float[Array, "rows ..."],
    t: Shaped[Array, "rows ..."],
    weights: Float[Array, " rows"],
) -> Float[Array, " members"]:
    return jax.vmap(lambda one: loss.value(net.apply(one, x), t, weights))(variables)


def _finish_epoch(
    problem: Problem, population: Population, epoch: int, values: dict[str, np.ndarray], patience: int | None
) -> None:
    """Book an epoch: history, best parameters, schedules that watch the loss, members that stop."""
    active = population.active
    population.history.append({name: np.where(active, value, np.nan) for name, value in values.items()})
    finite = np.isfinite(values["train_loss"])
    watched = values.get("validation_loss", values["train_loss"])
    with np.errstate(invalid="ignore"):
        better = ~(watched >= population.best_loss) if problem.validation is not None else np.ones(len(active), bool)
    improved = active & finite & np.isfinite(watched) & better
    population.best_variables = _chosen(improved, population.states.variables, population.best_variables)
    population.best_loss = np.where(improved, watched, population.best_loss)
    population.best_epoch = np.where(improved, epoch, population.best_epoch)
    population.epochs = np.where(active & finite, epoch, population.epochs)
    optimizer = _observe_each(population.states.optimizer, watched)
    zero = jnp.zeros_like(population.states.total)
    population.states = population.states._replace(optimizer=optimizer, total=zero, weight=zero)
    for place in np.flatnonzero(active):
        if not finite[place]:
            population.stop_reasons[place] = "diverged"
        elif patience is not None and epoch - population.best_epoch[place] >= patience:
            population.stop_reasons[place] = "early_stopping"


@jax.jit
def _chosen(which: Bool[Array | np.ndarray, " members"], new: PyTree, old: PyTree) -> PyTree:
    """Return each member's new arrays where it is among those chosen, else the old ones."""

    def choose(a: Array, b: Array) -> Array:
        return jnp.where(jnp.expand_dims(which, tuple(range(1, a.ndim))), a, b)

    return jax.tree.map(choose, new, old)


def _observe_each(optimizer: Any, losses: np.ndarray) -> Any:
    """Return the optimizers after each has seen its member's loss, where any of their schedules wait for one."""
    light = optimizer._replace(memory=())
    seen = [observe_loss(member(light, place), loss) for place, loss in enumerate(losses)]
    if all(one.schedules == {} for one in seen):
        return optimizer
    return jax.tree.map(lambda *leaves: np.stack(leaves), *seen)._replace(memory=optimizer.memory)


def _summary(population: Population, values: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the lowest losses among all members, for whoever watches."""
    shown = {name: value for name, value in values.items() if name.endswith("_loss") and np.isfinite(value).any()}
    return {name: float(np.nanmin(value)) for name, value in shown.items()}


def spread(tree: Any, members: int) -> Any:
    """Return a stacked tree with its members spread over the devices, where there are several and they divide."""
    devices = jax.devices()
    if len(devices) == 1 or members % len(devices):
        return tree
    mesh = jax.make_mesh((len(devices),), ("members",), axis_types=(jax.sharding.AxisType.Auto,))
    return jax.device_put(tree, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("members")))
