"""Gradient descent as predicted by quadratic theory, beside the observed descent.

To second order the loss at a displacement `x` from a point is `l + gᵀx + ½ xᵀHx`. Along an eigenvector of `H`, with
eigenvalue `λᵢ` and gradient `gᵢ`, a step of `ds.sgd` is

    v ← μ v + gᵢ + λᵢ x;  x ← x − η v        (Nesterov: x ← x − η (gᵢ + λᵢ x + μ v))

and the loss changes by `Σ gᵢ xᵢ + ½ λᵢ xᵢ²`. This needs no minimum: flat and downward directions follow it as well, as
far as the loss is quadratic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from downslope.core import Advice, PyTree, Setting, SettingError, check_integer, vector_length
from downslope.curvature import quadratic
from downslope.diagnosis.measurements import Point, Vector, flat
from downslope.optimizers import sgd
from downslope.reference import dense_hessian
from downslope.training import Run

LARGEST = 1000
"""The whole spectrum is needed, so networks of no more parameters can be predicted."""

SETTLED = 0.5
"""The rates are those over the last half of the steps, when the slowest direction alone is left."""

RESOLVED = 1e-9
"""Eigenvalues below this share of the largest are taken as zero."""


@dataclass(frozen=True)
class Prediction:
    """The loss before each step, as predicted from one point, and as it was.

    Attributes:
        epoch: after how many epochs the point was reached that the prediction is made from.
        steps: how many steps have been made from there, `0 … n − 1`; with the full batch an epoch is one.
        predicted: the loss, to second order.
        observed: the loss, as training recorded it.
        eigenvalues: of the Hessian at the point, ascending.
        lowest: the loss at the bottom of the quadratic; None where it has none.
        rate_predicted: by what the distance to the minimum shrinks a step in the long run, the largest over the
            directions that the gradient has; None where there is no minimum.
        rate_observed: the same, from the observed losses above the lowest over the last half of the steps; None where
            they are none.
    """

    epoch: int
    steps: Int[np.ndarray, " steps"]
    predicted: Float[np.ndarray, " steps"]
    observed: Float[np.ndarray, " steps"]
    eigenvalues: Float[np.ndarray, " params"] = field(repr=False)
    lowest: float | None
    rate_predicted: float | None
    rate_observed: float | None

    @property
    def worst(self) -> float:
        """The largest difference between the two, as a share of how much the loss changed."""
        span = float(np.ptp(self.observed))
        return float(np.max(np.abs(self.predicted - self.observed))) / span if span else 0.0

    def __str__(self) -> str:
        if self.rate_predicted is None or self.rate_observed is None:
            rates = "There is no minimum to come closer to."
        else:
            rates = (
                f"The distance to the minimum shrinks by a factor of {self.rate_predicted:.6g} a step, predicted, and "
                f"of {self.rate_observed:.6g}, observed."
            )
        return (
            f"{len(self.steps) - 1} steps from epoch {self.epoch}: predicted {self.predicted[0]:.6g} to "
            f"{self.predicted[-1]:.6g}, observed {self.observed[0]:.6g} to {self.observed[-1]:.6g}. {rates}"
        )


def predict_descent(run: Run, *, epoch: int = 0) -> Prediction:
    """Predict a descent with the full batch by quadratic theory, beside the losses that training recorded.

    For a linear model with a squared error the loss is quadratic everywhere, and the prediction from the start is exact
    to rounding. For others it holds near the point it is made from; record the parameters to start from a later epoch.

    Args:
        run: of `ds.sgd` with constant rate and momentum, in full batches, without dropout and batch norm.
        epoch: predict from the parameters after so many epochs. Later ones than 0 must have been recorded, with
            momentum also those one epoch earlier: `record=ds.Record(parameters_every=1)`.

    Raises:
        SettingError: the run descended in another way, the network is too large, or the epoch was not recorded.
        DataError: the run was opened from its folder, and its rows cannot be had again.

    Example:
        Line fitting on raw Old Faithful, where the condition number is 159:

        >>> import downslope as ds
        >>> from downslope.diagnosis import predict_descent
        >>> line, eruptions = ds.mlp([], outputs=1), ds.load("old_faithful")
        >>> run = ds.train(line, eruptions, optimizer=ds.sgd(0.06), batch_size=272, epochs=300, progress=False)
        >>> prediction = predict_descent(run)
        >>> round(prediction.rate_predicted, 3), round(prediction.rate_observed, 3)
        (0.989, 0.989)
    """
    epoch = check_integer("epoch", epoch, at_least=0)
    run = run.with_data()
    rule = _rule(run)
    params, before = _recorded(run, epoch), _recorded(run, epoch - 1) if epoch and rule.momentum else None
    point = Point(run.surface(), params)
    if point.size > LARGEST:
        raise SettingError(
            f"Only networks of {LARGEST:,} parameters or fewer can be predicted, got {point.size:,}: the whole "
            "spectrum is needed.",
            Advice("for the ends of it take {}", code="`ds.eigenvalues`"),
            setting="run",
        )
    origin = np.zeros(point.size)
    loss, g = point.loss(origin), point.gradient(origin)
    velocity = origin if before is None else _velocity(rule, point, flat(before))
    H = dense_hessian(point.surface.gradient, params, limit=LARGEST)
    values, vectors = np.linalg.eigh((H + H.T) / 2)
    c = vectors.T @ g
    observed = np.asarray(run.history["batch_loss"][epoch:], float)
    changes = _changes(values, c, vectors.T @ velocity, rule, len(observed))
    lowest = _lowest(loss, values, c)
    factor = None
    if lowest is not None:
        bowl = quadratic(values[_resolved(values)])
        factor = bowl.factor(rule.learning_rate, momentum=rule.momentum, nesterov=rule.nesterov)
    return Prediction(
        epoch=epoch,
        steps=np.arange(len(observed)),
        predicted=loss + changes,
        observed=observed,
        eigenvalues=values,
        lowest=lowest,
        rate_predicted=factor,
        rate_observed=None if lowest is None else _rate(observed - lowest),
    )


class _Rule(NamedTuple):
    """How a run descended: `v ← μ v + g; θ ← θ − η v`."""

    learning_rate: float
    momentum: float
    nesterov: bool


def _rule(run: Run) -> _Rule:
    """Return how a run descended.

    Raises:
        SettingError: not by full batches of gradient descent at a constant rate.
    """
    recipe = run.recipe
    if recipe is None or run.training_rows is None:
        raise SettingError("A run with its rows is needed here. Pass what a training returned.", setting="run")
    problem = recipe.problem()
    plain = problem.optimizer
    numbers = plain.hyperparams
    simple = plain.maker is sgd and not plain.settings["averaged"] and not plain.settings["weight_decay"]
    full = problem.batch_sizes is None and problem.batches.steps == 1 and problem.batches.order != "replacement"
    if not simple or not full or any(callable(number) for number in numbers.values()):
        raise SettingError(
            f"Only full batches of plain gradient descent can be predicted, got {plain!r} in batches of "
            f"{problem.batches.batch_size} of {len(problem.train)} rows.",
            Advice("use {} with constant numbers, and all rows in a batch", code="ds.sgd"),
            setting="run",
        )
    return _Rule(float(numbers["learning_rate"]), float(numbers.get("momentum", 0.0)), plain.settings["nesterov"])


def _recorded(run: Run, epoch: int) -> PyTree:
    """Return the parameters after some epochs.

    Raises:
        SettingError: they were not recorded.
    """
    if epoch == 0 and run.recipe is not None:
        return run.recipe.problem().start.params
    if run.trajectory is None or epoch not in run.trajectory.steps or epoch >= run.epochs:
        raise SettingError(
            Setting("epoch"),
            f"must be one whose parameters were recorded, below {run.epochs}, got {epoch}.",
            Advice("train with {}", code="record=ds.Record(parameters_every=1)"),
        )
    return run.trajectory.at(int(np.searchsorted(run.trajectory.steps, epoch)))


def _velocity(rule: _Rule, point: Point, before: Vector) -> Vector:
    """Return the velocity `v` at a point, from the point `θ′` one step before.

    `θ − θ′ = −η v`; with Nesterov's momentum it is `−η (g(θ′) + μ v)`.
    """
    back = before - point.theta
    moved = back / rule.learning_rate
    return (moved - point.gradient(back)) / rule.momentum if rule.nesterov else moved


def _changes(values: Vector, c: Vector, velocity: Vector, rule: _Rule, count: int) -> Float[np.ndarray, " steps"]:
    """Return how much the loss has changed before each step, to second order."""
    eta, mu, nesterov = rule
    x, v, changes = np.zeros_like(c), velocity, np.empty(count)
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(count):
            changes[step] = np.sum(c * x + 0.5 * values * x * x)
            g = c + values * x
            v = mu * v + g
            x = x - eta * (g + mu * v if nesterov else v)
    return changes


def _resolved(values: Vector) -> Bool[np.ndarray, " params"]:
    """Return a mask of the eigenvalues that are resolved and positive."""
    return values > RESOLVED * np.max(np.abs(values))


def _lowest(loss: float, values: Vector, c: Vector) -> float | None:
    """Return the lowest loss of the quadratic; None where it falls without end."""
    resolved, size = _resolved(values), np.max(np.abs(values))
    downward = values < -RESOLVED * size
    sloping = np.abs(c) > RESOLVED**0.5 * vector_length(c)
    if not resolved.any() or downward.any() or (sloping & ~resolved).any():
        return None
    return loss - float(np.sum(0.5 * c[resolved] * (c[resolved] / values[resolved])))


def _rate(above: Float[np.ndarray, " steps"]) -> float | None:
    """Return the factor by which the distance shrinks a step, from losses above the lowest, its square."""
    last = above[int(SETTLED * len(above)) :]
    if len(last) < 2 or not np.all(np.isfinite(last)) or np.min(last) <= 0:
        return None
    slope = np.polyfit(np.arange(len(last)), np.log(last), 1)[0]
    return float(np.exp(slope / 2))
