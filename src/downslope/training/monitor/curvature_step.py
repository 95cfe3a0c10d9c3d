"""One step of a training, measured: the surface where it begins, and what it does to the loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from downslope.core import Key, PyTree, SettingError, tree_size
from downslope.curvature import Eigenpairs, eigenvalues, noise_scale, preconditioned_sharpness, step_model
from downslope.optimizers import Optimizer
from downslope.training.engine.step import State
from downslope.training.monitor.stability_limit import Edge, edge_of
from downslope.training.monitor.track import Track
from downslope.training.surfaces.rows import RowsSurface

_BATCHES = 32
"""The noise is measured by the gradients of so many batches, or a few less."""

_LEAST_BATCHES = 3

_NUMBERS_KEPT = 2**25
"""The gradients of all batches are computed once if they hold no more numbers than this, twice beyond."""


@dataclass
class _Kept:
    """A surface that keeps the gradients of its batches: `noise_scale` asks for the same ones twice."""

    surface: RowsSurface
    gradients: list[PyTree] | None = None

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.surface.rows

    def batch_gradients(self, params: PyTree, *, batch_size: int, key: Key = 0) -> Iterator[PyTree]:
        """Yield the gradients, always those first asked for."""
        if self.gradients is None:
            self.gradients = list(self.surface.batch_gradients(params, batch_size=batch_size, key=key))
        return iter(self.gradients)


@dataclass(frozen=True)
class Found:
    """What was measured at a step.

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
def tracked_step(
    surface: RowsSurface,
    optimizer: Optimizer,
    params: PyTree,
    made: State,
    track: Track,
    training_rows: int,
    circumstances: dict[str, Any],
    last: Found | None,
) -> Found:
    """Return what is measured at a step.

    Args:
        surface: the loss.
        optimizer: what makes the step.
        params: where it begins.
        made: the state after it.
        track: what to measure, how closely.
        training_rows: how many rows batches are drawn from.
        circumstances: numbers that are known of it, by name.
        last: the last measurement, whose eigenvectors are near to those sought.

    Raises:
        KeyboardInterrupt: on Ctrl-C.
    """
    rate = made.optimizer.hyperparams.get("learning_rate")
    rate = None if rate is None else float(rate)
    edge = edge_of(optimizer, made.optimizer)
    values = circumstances | {"learning_rate": _number(rate), "limit": _number(edge.limit if edge else None)}
    values |= _step_values(surface, params, made.variables.params, rate)
    values |= _noise_values(surface, params, circumstances["batch_size"], training_rows)
    search = {"tol": track.tol, "max_hvps": track.max_hvps}
    plain = _largest(surface, params, None, last and last.vector, search)
    adapted = None
    if edge is not None and edge.preconditioner is not None:
        adapted = _largest(surface, params, edge, last and last.preconditioned_vector, search)
    values |= _pair_values("sharpness", "sharpness_residual", plain)
    values |= _pair_values("preconditioned_sharpness", "preconditioned_residual", adapted)
    values["converged"] = plain is not None and all(bool(p.converged[0]) for p in (plain, adapted) if p is not None)
    status = "not finite" if plain is None else plain.status
    return Found(values, status, *(None if pairs is None else pairs.vectors[0] for pairs in (plain, adapted)))


def _step_values(surface: RowsSurface, params: PyTree, led_to: PyTree, rate: float | None) -> dict[str, float]:
    """Return what a step down the gradient does to the loss, and what the step that was made did."""
    names = ("loss", "gradient_norm", "ratio", "best_step", "predicted_ratio", "observed_ratio", "made_ratio")
    values: dict[str, float] = dict.fromkeys(names, float("nan"))
    try:
        model = step_model(surface, params, rate, k=0)
    except SettingError:  # the loss, the gradient or the Hessian is not finite: the training is about to diverge
        return values | {"loss": surface.value(params)}
    values |= {
        "loss": model.loss,
        "gradient_norm": float(np.sqrt(model.squared_gradient)),
        "best_step": _number(model.best_step),
        "made_ratio": surface.value(led_to) / model.loss if model.loss else float("nan"),
    }
    if rate is None:
        return values
    ratios = ("ratio", "predicted_ratio", "observed_ratio")
    return values | {name: _number(getattr(model, name)) for name in ratios}


def _noise_values(surface: RowsSurface, params: PyTree, batch_size: int, training_rows: int) -> dict[str, float]:
    """Return how much the gradients of batches scatter."""
    names = ("noise_scale", "noise_scale_low", "noise_scale_high", "agreement")
    unknown: dict[str, float] = dict.fromkeys(names, float("nan"))
    if surface.rows < _LEAST_BATCHES:
        return unknown
    fits = _BATCHES * tree_size(params) <= _NUMBERS_KEPT
    try:
        found = noise_scale(_Kept(surface) if fits else surface, params, batch_size=-(-surface.rows // _BATCHES))
    except OverflowError:
        return unknown
    power = found.squared_gradient + found.noise / batch_size
    disjoint = 2 * batch_size <= training_rows
    agreement = float(np.clip(found.squared_gradient / power, -1, 1)) if disjoint and power > 0 else float("nan")
    return dict(zip(names, (_number(found.value), *found.interval, agreement), strict=True))


def _largest(
    surface: RowsSurface, params: PyTree, edge: Edge | None, start: PyTree | None, search: dict[str, Any]
) -> Eigenpairs | None:
    """Return the largest eigenvalue of the Hessian, or of the one that an edge sees; None where it is not finite."""
    try:
        if edge is None:
            pairs = eigenvalues(surface, params, start=start, **search)
        else:
            pairs = preconditioned_sharpness(surface, params, edge.preconditioner, start=start, **search)
    except SettingError:
        return None
    if pairs.status == "interrupted":  # by Ctrl-C, which is meant for the training
        raise KeyboardInterrupt
    return pairs


def _pair_values(name: str, residual: str, pairs: Eigenpairs | None) -> dict[str, float]:
    """Return an eigenvalue and its residual."""
    found = (float("nan"), float("nan")) if pairs is None else (float(pairs.values[0]), float(pairs.residuals[0]))
    return dict(zip((name, residual), found, strict=True))


def _number(value: float | None) -> float:
    """Return a number; NaN for none."""
    return float("nan") if value is None else float(value)
