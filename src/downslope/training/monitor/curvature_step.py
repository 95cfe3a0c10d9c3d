"""Measure one step of a training: the surface where it begins, and the effect on the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from downslope.core import Key, PyTree, SettingError, tree_size
from downslope.curvature import Eigenpairs, StepModel, eigenvalues, noise_scale, preconditioned_sharpness, step_model
from downslope.optimizers import Optimizer
from downslope.training.engine.step import StepState
from downslope.training.monitor.stability_limit import Edge, edge_of
from downslope.training.monitor.track import Track
from downslope.training.surfaces.network import MeanGradients, NetworkSurface

_BATCHES = 32
"""The noise is measured by the gradients of so many batches, or a few less."""

_LEAST_BATCHES = 3

_NUMBERS_KEPT = 2**25
"""The gradients of all batches are computed once if they hold no more numbers than this, twice beyond."""


@dataclass
class _CachedGradients:
    """A surface that caches the gradients of its batches: `noise_scale` reads the same ones twice."""

    surface: MeanGradients
    gradients: list[PyTree] | None = None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.surface.rows

    def batch_gradients(self, params: PyTree, *, batch_size: int, key: Key = 0) -> Iterator[PyTree]:
        """Yield the gradients, always those of the first call."""
        if self.gradients is None:
            self.gradients = list(self.surface.batch_gradients(params, batch_size=batch_size, key=key))
        return iter(self.gradients)


@dataclass(frozen=True)
class Solvers:
    """The functions of `downslope.curvature` that a measurement calls."""

    eigenvalues: Callable[..., Eigenpairs] = eigenvalues
    preconditioned_sharpness: Callable[..., Eigenpairs] = preconditioned_sharpness
    step_model: Callable[..., StepModel] = step_model


@dataclass(frozen=True)
class Measurement:
    """The measurements at a step.

    Attributes:
        values: the numbers, named as in `Tracking`.
        status: how the search for the sharpness ended.
        vector: the eigenvector of the sharpness, to start from at the next step.
        preconditioned_vector: that of the preconditioned sharpness.
    """

    values: dict[str, Any]
    status: str
    vector: PyTree | None
    preconditioned_vector: PyTree | None


@np.errstate(over="ignore", invalid="ignore")  # on the way to divergence, squares of squares overflow
def measure_step(
    surface: NetworkSurface,
    optimizer: Optimizer,
    params: PyTree,
    after: StepState,
    track: Track,
    training_rows: int,
    conditions: dict[str, Any],
    last: Measurement | None,
    solvers: Solvers,
) -> Measurement:
    """Measure the surface where a step begins, and the step.

    Args:
        surface: the loss.
        optimizer: of the step.
        params: before the step.
        after: the state after it.
        track: the settings of the measurement.
        training_rows: how many rows batches are drawn from.
        conditions: numbers that are known of the step, by name.
        last: the last measurement, whose eigenvectors are near to those of this one.
        solvers: of eigenvalues and of the step.

    Raises:
        KeyboardInterrupt: on Ctrl-C.
    """
    rate = after.optimizer.hyperparams.get("learning_rate")
    rate = None if rate is None else float(rate)
    edge = edge_of(optimizer, after.optimizer)
    values = conditions | {"learning_rate": _number(rate), "limit": _number(edge.limit if edge else None)}
    values |= _step_values(surface, params, after.variables.params, rate, solvers)
    values |= _noise_values(surface, params, conditions["batch_size"], training_rows)
    search = {"tol": track.tol, "max_hvps": track.max_hvps}
    plain = _largest(surface, params, None, last and last.vector, search, solvers)
    adapted = None
    if edge is not None and edge.preconditioner is not None:
        adapted = _largest(surface, params, edge, last and last.preconditioned_vector, search, solvers)
    values |= _pair_values("sharpness", "sharpness_residual", plain)
    values |= _pair_values("preconditioned_sharpness", "preconditioned_residual", adapted)
    values["converged"] = plain is not None and all(bool(p.converged[0]) for p in (plain, adapted) if p is not None)
    status = "not finite" if plain is None else plain.status
    return Measurement(values, status, *(None if pairs is None else pairs.vectors[0] for pairs in (plain, adapted)))


def _step_values(
    surface: NetworkSurface, params: PyTree, after: PyTree, rate: float | None, solvers: Solvers
) -> dict[str, float]:
    """Return the effect on the loss of a step down the gradient, and of the step that was made."""
    names = ("loss", "gradient_norm", "ratio", "best_step", "predicted_ratio", "observed_ratio", "made_ratio")
    values: dict[str, float] = dict.fromkeys(names, float("nan"))
    try:
        model = solvers.step_model(surface, params, rate, k=0)
    except SettingError:  # the loss, the gradient or the Hessian is not finite: the training is about to diverge
        return values | {"loss": surface.value(params)}
    values |= {
        "loss": model.loss,
        "gradient_norm": model.gradient_norm,
        "best_step": _number(model.best_step),
        "made_ratio": surface.value(after) / model.loss if model.loss else float("nan"),
    }
    if rate is None:
        return values
    ratios = ("ratio", "predicted_ratio", "observed_ratio")
    return values | {name: _number(getattr(model, name)) for name in ratios}


def _noise_values(surface: NetworkSurface, params: PyTree, batch_size: int, training_rows: int) -> dict[str, float]:
    """Return how much the gradients of batches scatter."""
    names = ("noise_scale", "noise_scale_low", "noise_scale_high", "agreement")
    unknown: dict[str, float] = dict.fromkeys(names, float("nan"))
    if surface.rows < _LEAST_BATCHES:
        return unknown
    fits, drawn = _BATCHES * tree_size(params) <= _NUMBERS_KEPT, MeanGradients(surface)
    try:
        estimate = noise_scale(
            _CachedGradients(drawn) if fits else drawn, params, batch_size=-(-surface.rows // _BATCHES)
        )
    except OverflowError:
        return unknown
    # |G|² / (|G|² + tr Σ / B), where that sum is above 0; an estimate of |G|² below 0 makes the ratio negative
    ratio = estimate.noise_to_signal
    power, disjoint = 1 + ratio / batch_size, 2 * batch_size <= training_rows
    known = disjoint and (power < 0 if ratio < 0 else np.isfinite(ratio) or estimate.noise != 0)
    agreement = float(np.clip(1 / power, -1, 1)) if known else float("nan")
    return dict(zip(names, (_number(estimate.value), *estimate.interval, agreement), strict=True))


def _largest(
    surface: NetworkSurface,
    params: PyTree,
    edge: Edge | None,
    start: PyTree | None,
    search: dict[str, Any],
    solvers: Solvers,
) -> Eigenpairs | None:
    """Return the largest eigenvalue of the Hessian, or of the preconditioned one; None where it is not finite."""
    try:
        if edge is None:
            pairs = solvers.eigenvalues(surface, params, start=start, **search)
        else:
            pairs = solvers.preconditioned_sharpness(surface, params, edge.preconditioner, start=start, **search)
    except SettingError:
        return None
    if pairs.status == "interrupted":  # by Ctrl-C, which is meant for the training
        raise KeyboardInterrupt
    return pairs


def _pair_values(name: str, residual: str, pairs: Eigenpairs | None) -> dict[str, float]:
    """Return an eigenvalue and its residual."""
    if pairs is None:
        return {name: float("nan"), residual: float("nan")}
    return {name: float(pairs.values[0]), residual: float(pairs.residuals[0])}


def _number(value: float | None) -> float:
    """Return a number; NaN for none."""
    return float("nan") if value is None else float(value)
