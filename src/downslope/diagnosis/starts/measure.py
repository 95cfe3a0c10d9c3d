"""The initialization report: signals of a network on its first batch, before any training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from downslope.core import Params, Variables, bounded_jit, check_integer, generator
from downslope.data import Dataset
from downslope.diagnosis.starts.cosines import activation_cosine, weight_cosine
from downslope.diagnosis.starts.findings import findings_of
from downslope.diagnosis.starts.report import InitializationReport, Inputs, LayerStart
from downslope.diagnosis.starts.signal_theory import PredictedSignal, predict, weight_statistics
from downslope.layers import Activation, Context
from downslope.losses import Loss
from downslope.networks import (
    Chain,
    Sequential,
    Signals,
    each_passed,
    pass_through,
    signal_layers,
    signals,
    with_initializer,
)
from downslope.training import Part, Problem, TrainingSettings, prepare

ALIKE = 1e-4
"""Units whose weights differ by less than this share of the largest are the same, up to rounding."""

ROUNDING = 1e-6
"""A mean that is a smaller share of the size is 0, up to rounding."""


def initialization_report(
    net: Sequential,
    data: Dataset,
    *,
    rows: int = 256,
    **settings: Any,
) -> InitializationReport:
    """Return the signals through a network before its first step, beside theory, and the faults found.

    The network is that which `ds.train` with the same settings starts from. Batch norm normalizes by the rows measured
    on, as in training; dropout drops nothing. The theory is that of wide layers (it is derived in
    `downslope.diagnosis.starts.signal_theory`): with `n` units, mean squares differ from it by about `√(5/n)` a layer,
    and these differences add up with depth.

    Args:
        net: the network.
        data: rows with targets.
        rows: how many rows to measure on, at most.
        **settings: of `ds.train`: the seed draws the weights and the rows, `start` gives other weights to report on,
            and so on; validation rows are left out. Those of the descent change nothing, so that
            `**run.recipe.settings` can be given.

    Raises:
        UnknownNameError: there is no setting of that name.
        SettingError: a setting that cannot be.
        DataError: data that cannot be learned from as it is.
        ShapeError: a network that does not fit the data.

    Example:
        Glorot's variance halves the signal at every relu:

        >>> import downslope as ds
        >>> from downslope.diagnosis import initialization_report
        >>> net = ds.mlp([64] * 12, outputs=3, initializer="glorot_normal")
        >>> report = initialization_report(net, ds.load("iris"), normalize="standard")
        >>> report.findings[0].code
        'vanishing_signal'
        >>> print(report.findings[0].fix)
        Use initializer='he_normal': the weights' n_in · variance is 1, 2 suits these activations.
        >>> report.layers[1].place, report.layers[1].name, report.layers[1].shape
        ('0', 'Dense', (64,))
    """
    check_integer("rows", rows)
    training = TrainingSettings.of(settings)
    problem = prepare(net, data, training | {"optimizer": "sgd", "batch_size": len(data), "order": "sequential"})
    part = _sample(problem.train, rows, training.seed)
    layers, inputs = _layer_starts(problem, part), _inputs(np.asarray(part.x, np.float64))
    return InitializationReport(
        layers=layers,
        inputs=inputs,
        findings=findings_of(layers, inputs),
        loss=problem.loss.name,
        rows=len(part),
        seed=None if training.start is not None else training.seed,
    )


def _sample(part: Part, rows: int, seed: int) -> Part:
    """Return some rows that count, drawn without replacement."""
    counted = np.arange(len(part)) if part.weights is None else np.flatnonzero(part.weights)
    if len(counted) > rows:
        counted = np.sort(generator(seed, "initialization report").choice(counted, rows, replace=False))
    return part.take(counted)


def _layer_starts(problem: Problem, part: Part) -> tuple[LayerStart, ...]:
    """Return the input and every layer."""
    net, start, x, weights = problem.net, problem.start, jnp.asarray(part.x), _weights(part)
    compiled = with_initializer(net, "auto")  # one for all starts: how weights were drawn is no part of it
    statistics, chain = _passes(compiled, problem.loss, start, x, jnp.asarray(part.t), weights)
    predictions = predict(compiled, weight_statistics(net.layers, *start), chain, weights)
    layers = [_input(chain, weights)]
    in_order = signal_layers(net, tuple(x.shape[1:])), each_passed(net.layers, *start, chain), predictions
    numbers = zip(*(np.asarray(values, np.float64).tolist() for values in statistics), strict=True)
    for (place, layer, shape), (opened, params, passed), prediction, values in zip(*in_order, numbers, strict=True):
        mean, deviation, dead, saturated, gradient = values
        active, bounded = isinstance(opened, Activation), not getattr(opened, "rectifier", True)
        layers.append(
            LayerStart(
                place=place,
                layer=layer,
                shape=shape,
                mean=mean,
                variance=deviation * deviation,
                gradient=gradient,
                dead=dead if active else None,
                saturated=saturated if bounded else None,
                activation_cosine=activation_cosine(passed.h),
                **_theory_fields(prediction),
                **_weight_fields(params, passed.gradients),
            )
        )
    return tuple(layers)


@partial(bounded_jit, static_argnames=("net", "loss"))
def _passes(
    net: Sequential,
    loss: Loss,
    start: Variables,
    x: Float[Array, "rows ..."],
    t: Shaped[Array, "rows ..."],
    weights: Float[Array, " rows"],
) -> tuple[Signals, Chain]:
    """Return the statistics of a pass forward and back, and its signals."""
    statistics = signals(net, start, x, t, loss, training=True, row_weights=weights)
    output = net.forward(start, x, training=True, row_weights=weights).output
    context = Context(training=True, row_weights=weights)
    return statistics, pass_through(net.layers, context, *start, x, loss.derivative(output, t, weights))


def _weights(part: Part) -> Float[Array, " rows"]:
    """Return how much each row counts."""
    return jnp.ones(len(part), part.x.dtype) if part.weights is None else jnp.asarray(part.weights)


def _input(chain: Chain, weights: Float[Array, " rows"]) -> LayerStart:
    """Return the input as the first line of the report, where there is nothing to predict."""
    x, dx = np.asarray(chain.x, np.float64), np.asarray(chain.dx, np.float64)
    mean, square, gradient = (_mean(values, weights) for values in (x, np.square(x), np.square(dx)))
    return LayerStart(
        place="input",
        layer=None,
        shape=tuple(x.shape[1:]),
        mean=mean,
        mean_theory=None,
        variance=max(square - mean * mean, 0.0),
        variance_theory=None,
        gradient=gradient**0.5,
        gradient_theory=None,
        activation_cosine=activation_cosine(x),
    )


def _mean(values: Float[np.ndarray, "rows ..."], weights: Float[Array, " rows"]) -> float:
    """Return the mean over rows, each by its weight, and over everything else."""
    return float(np.average(values.reshape(len(values), -1).mean(axis=1), weights=np.asarray(weights, np.float64)))


def _theory_fields(prediction: PredictedSignal) -> dict[str, Any]:
    """Return the fields predicted by theory; None also where they overflow."""
    mean, square, gradient = (None if value is None else float(value) for value in prediction)
    numbers: dict[str, Any] = {"mean_theory": None, "variance_theory": None, "gradient_theory": None}
    if mean is not None and square is not None:
        mean = 0.0 if abs(mean) < ROUNDING * square**0.5 else mean
        numbers |= {"mean_theory": mean, "variance_theory": max(square - mean * mean, 0.0)}
    if gradient is not None:
        numbers["gradient_theory"] = gradient**0.5
    return {name: value if value is not None and math.isfinite(value) else None for name, value in numbers.items()}


def _weight_fields(params: Params, gradients: Params) -> dict[str, Any]:
    """Return the fields on a layer's weights, if it has any. Frozen weights have no gradients."""
    if "weight" not in params or np.ndim(params["weight"]) < 2:
        return {}
    W = np.asarray(params["weight"], np.float64)
    gradient = np.asarray(gradients["weight"], np.float64) if "weight" in gradients else None
    n_in = W.size // W.shape[-1]
    return {
        "gain": n_in * float(np.mean(np.square(W))),
        "weight_gradient": None if gradient is None else float(np.sqrt(np.mean(np.square(gradient)))),
        "weight_cosine": weight_cosine(W),
        "weight_cosine_theory": n_in**-0.5,
        "identical": gradient is not None and bool(W.any()) and all(map(_all_alike, _units(params, gradients))),
    }


def _units(*trees: Params) -> Sequence[np.ndarray]:
    """Return the arrays of a layer, one row for each unit."""
    arrays = [np.asarray(leaf, np.float64) for tree in trees for leaf in tree.values()]
    return [array.reshape(-1, array.shape[-1]).T for array in arrays]


def _all_alike(units: np.ndarray) -> bool:
    """Return whether there are several units, all the same."""
    return len(units) > 1 and bool(np.ptp(units, axis=0).max() <= ALIKE * np.abs(units).max())


def _inputs(x: np.ndarray) -> Inputs:
    """Return the statistics of the inputs."""
    flat_x = np.asarray(x.reshape(len(x), -1), np.float64)
    square, means, deviations = np.mean(np.square(flat_x)), flat_x.mean(axis=0), flat_x.std(axis=0)
    varying = deviations[deviations > 1e-6 * np.abs(means)]
    return Inputs(
        size=float(np.sqrt(square)),
        shift=float(np.mean(np.square(means)) / square) if square > 0 else 0.0,
        deviations=(float(varying.min()), float(varying.max())) if len(varying) else (0.0, 0.0),
    )
