"""Signals at the start as predicted by the theory of random networks, row by row.

Weights are taken as independent draws of mean 0 and variance `v`. Then for a unit `z = Σᵢ hᵢ Wᵢ + b`, over draws,

    E[z] = b,    E[z²] = v Σᵢ E[hᵢ²] + b²,        the sum over the unit's inputs: v n_in E[h²] for a dense layer,

`z` is nearly normal for many inputs, and an activation has `E[σ(z)]` and `E[σ(z)²]` by quadrature. Backward, with
`∂l/∂h` independent of the weights,

    E[(∂l/∂z)²] = E[σ'(z)²] E[(∂l/∂h)²],    E[(∂l/∂hᵢ)²] = v Σⱼ E[(∂l/∂zⱼ)²],   v n_out E[(∂l/∂z)²] for a dense layer.

`Σ` is computed by the layer's own forward and backward pass with `v` in place of every weight, so windows and padding
are counted as they are; `σ` and `σ'` are the layer's own, too. `v` is the mean square of the weights that were drawn,
so any initializer will do. Gradients are independent of the weights as far as the error is that of the targets; where
it is the output's own, `∂l/∂y ∝ y`, they come back larger than predicted, the more so the more outputs there are for
the hidden units. Where a layer has no such theory (pools, norms, weights that are not drawn around 0, skips with a
projection, layers of a user), the prediction starts again behind it from the measured signals.

References:
    LeCun, Bottou, Orr, Müller (1998), Efficient BackProp, §4.6. Glorot, Bengio (2010), eq. 5–6. He, Zhang, Ren, Sun
    (2015), eq. 7–14. Poole, Lahiri, Raghu, Sohl-Dickstein, Ganguli (2016), Exponential expressivity, eq. 3 (the length
    map); Schoenholz, Gilmer, Ganguli, Sohl-Dickstein (2017), Deep information propagation, eq. 9 (gradients).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from downslope.core import Params, Shape, bounded_jit
from downslope.diagnosis.starts.layer_theory import (
    Moments,
    after_weights,
    before_weights,
    expectations,
    is_plain_activation,
    is_weighted,
)
from downslope.layers import (
    AnyLayer,
    Dropout,
    Flatten,
    Residual,
    placed,
    thawed,
)
from downslope.networks import Chain, Passed, Sequential

OFF_CENTER = 5.0
"""Weights whose mean is so many standard errors from 0 were not drawn around 0."""


class WeightStatistics(NamedTuple):
    """The facts of a layer's weights that theory rests on.

    Attributes:
        variance: `v`; None where there are no weights, or they were not drawn around 0.
        bias: `b`; None where it is 0.
        inside: of the layers of a block.
    """

    variance: float | None
    bias: Array | None
    inside: tuple[WeightStatistics, ...]


class PredictedSignal(NamedTuple):
    """The prediction for a layer, over rows and units; None where there is no theory.

    Attributes:
        mean: of its activations.
        square: the mean square of its activations.
        gradient: the mean square of `∂l/∂h`.
    """

    mean: Array | None
    square: Array | None
    gradient: Array | None


class _PassedLayer(NamedTuple):
    """A layer after the forward pass.

    Attributes:
        layer: the layer.
        weights: the statistics of its weights.
        shape: of its input, with the row axis.
        after: the moments of its output; None where there is no theory.
        slope: `E[σ'(z)²]` of an activation.
        inside: the layers of a block.
    """

    layer: Any
    weights: WeightStatistics
    shape: Shape
    after: Moments | None
    slope: Array | None
    inside: list[_PassedLayer]


def weight_statistics(
    layers: Sequence[AnyLayer], params: Sequence[Params], state: Sequence[Params]
) -> tuple[WeightStatistics, ...]:
    """Return the facts of each layer's weights."""
    opened = thawed(layers)
    return tuple(map(_layer_weights, layers, *placed(opened, params, state)))


def predict(
    net: Sequential, weights: tuple[WeightStatistics, ...], chain: Chain, rows: Float[Array, " batch"]
) -> list[PredictedSignal]:
    """Return the prediction for every layer, blocks before the layers inside them.

    It starts from the input as it is, and back from the output's measured gradient. Every kind of layer is compiled by
    itself, so that deep networks take no longer to compile than shallow ones.

    Args:
        net: the network.
        weights: the facts of its weights.
        chain: the signals that passed through it.
        rows: how much each row counts.
    """
    known = _forward(net.layers, weights, chain, _exact(chain.x))
    gradients = _backward(known, chain, jnp.square(chain.passed[-1].dh))[1]
    return [
        PredictedSignal(
            None if after is None else _mean(after.mean, rows),
            None if after is None else _mean(after.square, rows),
            None if gradient is None else _mean(gradient, rows),
        )
        for after, gradient in zip(_outputs(known), gradients, strict=True)
    ]


def _layer_weights(layer: AnyLayer, params: Params, state: Params) -> WeightStatistics:
    """Return the facts of a layer's weights."""
    if isinstance(layer, Residual):
        return WeightStatistics(None, None, weight_statistics(layer.layers, params["body"], state["body"]))
    if "weight" not in params:
        return WeightStatistics(None, None, ())
    W, b = np.asarray(params["weight"], np.float64), params.get("bias")
    centered = abs(W.mean()) <= OFF_CENTER * W.std() / np.sqrt(W.size)  # zeros are
    return WeightStatistics(float(np.mean(W * W)) if centered else None, jnp.asarray(b) if np.any(b) else None, ())


def _exact(h: Array) -> Moments:
    """Return the moments of activations that are known."""
    return Moments(h, jnp.square(h))


def _forward(
    layers: Sequence[AnyLayer], weights: Sequence[WeightStatistics], chain: Chain, before: Moments
) -> list[_PassedLayer]:
    """Return every layer of a chain after the forward pass, from the moments of its input."""
    known, x = [], chain.x
    for layer, own, passed in zip(thawed(layers), weights, chain.passed, strict=True):
        after, slope, inside = None, None, []
        if isinstance(layer, Residual) and passed.inside is not None:
            inside = _forward(layer.layers, own.inside, passed.inside, before)
            after = _after_block(layer, passed, inside[-1].after, before)
        elif is_weighted(layer) and own.variance is not None:
            after = after_weights(layer, own.variance, own.bias, _broadcast(before.square, x.shape))
        elif is_plain_activation(layer):
            mean, square, slope = expectations(layer, *before)
            after = Moments(mean, square)
        elif isinstance(layer, Flatten):
            after = Moments(*(layer.forward({}, _broadcast(moment, x.shape))[0] for moment in before))
        elif isinstance(layer, Dropout):
            after = before
        known.append(_PassedLayer(layer, own, x.shape, after, slope, inside))
        x, before = passed.h, _exact(passed.h) if after is None else after
    return known


def _after_block(layer: Residual, passed: Passed, body: Moments | None, before: Moments) -> Moments | None:
    """Return the moments of `body(x) + x`, the two taken as independent."""
    if not _is_identity_skip(layer, passed):
        return None
    body = _exact(passed.inside.passed[-1].h) if body is None else body
    return Moments(body.mean + before.mean, body.square + before.square + 2 * body.mean * before.mean)


def _backward(known: Sequence[_PassedLayer], chain: Chain, d: Array) -> tuple[Array, list[Array | None]]:
    """Return the mean square of the gradient at a chain's input, and at every layer's output.

    Args:
        known: the layers after the forward pass.
        chain: the signals that passed through them.
        d: the mean square of the gradient at the output.
    """
    gradients: list[Array | None] = []
    at_output: Array | None = d
    for layer, passed in zip(reversed(known), reversed(chain.passed), strict=True):
        d = jnp.square(passed.dh) if at_output is None else at_output
        within: list[Array | None] = []
        if layer.inside:
            through_body, within = _backward(layer.inside, passed.inside, d)
            before = through_body + d if _is_identity_skip(layer.layer, passed) else None
        else:
            before = _before(layer, d, passed.h.shape)
        gradients = [at_output, *within, *gradients]
        at_output = before
    return jnp.square(chain.dx) if at_output is None else at_output, gradients


def _before(known: _PassedLayer, d: Array, shape: Shape) -> Array | None:
    """Return the mean square of the gradient before a layer; None where there is no theory.

    Args:
        known: the layer after the forward pass.
        d: the mean square of the gradient behind it.
        shape: of its output.
    """
    if known.weights.variance is not None:
        return before_weights(known.layer, known.weights.variance, _broadcast(d, shape), known.shape)
    if known.slope is not None:
        return known.slope * d
    if isinstance(known.layer, Flatten):
        return known.layer.backward({}, jnp.zeros(known.shape, d.dtype), _broadcast(d, shape))[1]
    return d if isinstance(known.layer, Dropout) else None


def _is_identity_skip(layer: Residual, passed: Passed) -> bool:
    """Return whether a block passes its input on as it is."""
    return layer.projection == "auto" and passed.inside.x.shape == passed.h.shape


def _broadcast(moment: Array, shape: Shape) -> Array:
    """Return an array whose units may all be alike, with all of them."""
    return jnp.broadcast_to(moment, shape)


@bounded_jit
def _mean(values: Float[Array, "batch ..."], rows: Float[Array, " batch"]) -> Array:
    """Return the mean over rows, each by its weight, and over everything else."""
    row_means = jnp.mean(values, axis=tuple(range(1, values.ndim)))
    return jnp.sum(rows * row_means) / jnp.sum(rows)


def _outputs(known: Sequence[_PassedLayer]) -> list[Moments | None]:
    """Return the moments after every layer, blocks before the layers inside them."""
    return [after for layer in known for after in (layer.after, *_outputs(layer.inside))]
