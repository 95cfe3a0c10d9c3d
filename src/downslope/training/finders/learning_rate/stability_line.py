"""The rate from which on an optimizer diverges along the sharpest direction of the loss, measured at the start."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

from downslope.core import LossSurface, SettingError, Variables
from downslope.curvature import eigenvalues, preconditioned_sharpness
from downslope.layers import BatchNorm
from downslope.optimizers import OptimizerState, set_hyperparam
from downslope.training.engine.evaluate import block_rows
from downslope.training.engine.single_steps import iterate_batches, single_step
from downslope.training.engine.state import begin_training
from downslope.training.finders.learning_rate.result import CurvatureLine
from downslope.training.monitor.stability_limit import edge_of
from downslope.training.problem.part import SUBSET_ROWS, Part, draw_subset
from downslope.training.problem.problem import Problem
from downslope.training.surfaces.network import NetworkSurface, has_layer, mean_surface

TOLERANCE = 0.01
"""The residual allowed to the sharpness, as a share: a rate needs no more digits."""
MOST_PRODUCTS = 200
MOMENT_STEPS = 50
"""Second moments of gradients are averaged over so many batches."""


def curvature_line(problem: Problem) -> CurvatureLine:
    """Return the limit that curvature sets to the rate at the start of a training.

    The loss is that of at most 2,000 training rows; in training mode if there is batch norm, else in inference mode. A
    loss that is a sum over rows is taken for as many rows as a batch has. What adaptive optimizers divide by is that of
    50 batches at the start, at which the parameters stay.

    Raises:
        SettingError: the Hessian is not finite, or the optimizer's limit is not known.
    """
    part = rows_for_curvature(problem)
    surface, params = surface_at(problem, part, problem.start), problem.start.params
    numerator, shift, divisor = _edge(problem)
    settings: dict[str, Any] = {"tol": TOLERANCE, "max_hvps": MOST_PRODUCTS, "key": problem.seed}
    if divisor is None:
        pairs = eigenvalues(surface, params, **settings)
    else:
        pairs = preconditioned_sharpness(surface, params, divisor, **settings)
    sharpness = float(pairs.values[0])
    return CurvatureLine(
        sharpness=sharpness,
        residual=float(pairs.residuals[0]),
        converged=bool(pairs.converged[0]),
        factor=numerator,
        limit=numerator / (sharpness - shift) if sharpness > max(shift, 0) else float("inf"),
        preconditioned=divisor is not None,
        rows=len(part),
    )


def rows_for_curvature(problem: Problem) -> Part:
    """Return the rows to measure on: all, or a fixed draw of 2,000; fewer where batch norm needs them in one block."""
    most = min(SUBSET_ROWS, block_rows(problem.architecture, problem.train.x)) if mixes_rows(problem) else SUBSET_ROWS
    return draw_subset(problem.train, most, problem.seed, "curvature rows")


def mixes_rows(problem: Problem) -> bool:
    """Return whether rows of a batch influence each other: there is batch norm."""
    return has_layer(problem.net, problem.preprocessing.input_shape, BatchNorm)


def surface_at(problem: Problem, part: Part, variables: Variables) -> LossSurface:
    """Return the loss that steps descend, over rows: in training mode with batch norm, all rows as one batch."""
    if mixes_rows(problem):
        return training_mode_surface(problem, part, variables)
    of_batch = problem.batches.batch_size * (1.0 if part.weights is None else float(np.mean(part.weights)))
    factor = 1.0 if problem.loss.reduction == "mean" else of_batch
    return mean_surface(problem.architecture, problem.loss, part.weighted(), variables).times(factor)


def training_mode_surface(problem: Problem, part: Part, variables: Variables) -> NetworkSurface:
    """Return the mean loss over rows as one batch in training mode, nothing dropped."""
    factor = 1.0 if problem.loss.reduction == "mean" else float(problem.batches.batch_size)
    return mean_surface(problem.architecture, problem.loss, part, variables, mode="training").times(factor)


def _edge(problem: Problem) -> tuple[float, float, Any]:
    """Return `a`, `c` and `P` such that the steps of rate `η` are at the edge of stability where `λ = a/η + c`."""
    state = _moments(problem)
    whole, half = (edge_of(problem.optimizer, set_hyperparam(state, learning_rate=rate)) for rate in (1.0, 0.5))
    if whole is None or half is None:
        raise SettingError(f"the limit of {problem.optimizer.maker.__name__} is not known.", setting="optimizer")
    return half.limit - whole.limit, 2 * whole.limit - half.limit, whole.preconditioner


def _moments(problem: Problem) -> OptimizerState:
    """Return the optimizer's state after the gradients of 50 batches, the parameters held at the start."""
    state = begin_training(problem).state
    for batches, index in islice(iterate_batches(problem), MOMENT_STEPS):
        result = single_step(problem, state, batches, index, learning_rate=0.0)
        state = result.state._replace(variables=problem.start)
    return state.optimizer
