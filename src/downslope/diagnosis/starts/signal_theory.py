"""What the theory of random networks predicts for signals at the start, row by row.

Weights are taken as independent draws of mean 0 and variance `v`. Then for a unit `z = Σᵢ hᵢ Wᵢ + b`, over draws,

    E[z] = b,    E[z²] = v Σᵢ E[hᵢ²] + b²,        the sum over what the unit sees: v n_in E[h²] for a dense layer,

`z` is nearly normal for many inputs, and an activation has `E[σ(z)]` and `E[σ(z)²]` by quadrature. Backward, with
`∂l/∂h` independent of the weights,

    E[(∂l/∂z)²] = E[σ'(z)²] E[(∂l/∂h)²],    E[(∂l/∂hᵢ)²] = v Σⱼ E[(∂l/∂zⱼ)²],   v n_out E[(∂l/∂z)²] for a dense layer.

`Σ` is made by the layer's own forward and backward pass with `v` in place of every weight, so windows and padding are
counted as they are; `σ` and `σ'` are the layer's own, too. `v` is the mean square of the weights that were drawn, so
any initializer will do. Gradients are independent of the weights as far as the error is that of the targets; where it
is the output's own, `∂l/∂y ∝ y`, they come back larger than predicted, the more so the more outputs there are for the
hidden units. Where a layer has no such theory (pools, norms, weights that are not drawn around 0, skips with a
projection, layers of a user), the prediction starts again behind it from what was measured there.

References:
    LeCun, Bottou, Orr, Müller (1998), Efficient BackProp, §4.6. Glorot, Bengio (2010), eq. 5–6. He, Zhang, Ren, Sun
    (2015), eq. 7–14. Poole, Lahiri, Raghu, Sohl-Dickstein, Ganguli (2016), Exponential expressivity, eq. 3 (the length
    map); Schoenholz, Gilmer, Ganguli, Sohl-Dickstein (2017), Deep information propagation, eq. 9 (gradients).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from downslope.core import Params, Shape
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


class Drawn(NamedTuple):
    """What theory knows of a layer's weights.

    Attributes:
        variance: `v`; None where there are no weights, or they were not drawn around 0.
        bias: `b`; None where it is 0.
        inside: of the layers of a block.
    """

    variance: float | None
    bias: Array | None
    inside: tuple[Any, ...]


class Prediction(NamedTuple):
    """What theory says of a layer, over rows and units; None where there is no theory.

    Attributes:
        mean: of its activations.
        square: the mean square of its activations.
        gradient: the mean square of `∂l/∂h`.
    """

    mean: Array | None
    square: Array | None
    gradient: Array | None


class _Known(NamedTuple):
    """What is known of a layer after the way forward.

    Attributes:
        layer: the layer.
        drawn: its weights.
        shape: of its input, with the row axis.
        after: the moments of its output; None where there is no theory.
        slope: `E[σ'(z)²]` of an activation.
        inside: the layers of a block.
    """

    layer: Any
    drawn: Drawn
    shape: Shape
    after: Moments | None
    slope: Array | None
    inside: list[Any]


def drawn(layers: Sequence[AnyLayer], params: Sequence[Params], state: Sequence[Params]) -> tuple[Drawn, ...]:
    """Return what theory knows of the weights of each layer."""
    opened = thawed(layers)
    return tuple(map(_drawn, layers, *placed(opened, params, state)))


def predict(
    net: Sequential, weights: tuple[Drawn, ...], chain: Chain, rows: Float[Array, " batch"]
) -> list[Prediction]:
    """Return the prediction for every layer, blocks before what is inside them.

    It starts from the input as it is, and back from the output's measured gradient. Every kind of layer is compiled by
    itself, so that deep networks take no longer to compile than shallow ones.

    Args:
        net: the network.
        weights: what theory knows of its weights.
        chain: what passed through it.
        rows: how much each row counts.
    """
    known = _forward(net.layers, weights, chain, _certain(chain.x))
    gradients = _backward(known, chain, jnp.square(chain.passed[-1].dh))[1]
    return [
        Prediction(
            None if after is None else _mean(after.mean, rows),
            None if after is None else _mean(after.square, rows),
            None if gradient is None else _mean(gradient, rows),
        )
        for after, gradient in zip(_outputs(known), gradients, strict=True)
    ]


def _drawn(layer: AnyLayer, params: Params, state: Params) -> Drawn:
    """Return what theory knows of a layer's weights."""
    if isinstance(layer, Residual):
        return Drawn(None, None, drawn(layer.layers, params["body"], state["body"]))
    if "weight" not in params:
        return Drawn(None, None, ())
    W, b = np.asarray(params["weight"], np.float64), params.get("bias")
    centered = abs(W.mean()) <= OFF_CENTER * W.std() / np.sqrt(W.size)  # zeros are
    return Drawn(float(np.mean(W * W)) if centered else None, jnp.asarray(b) if np.any(b) else None, ())


def _certain(h: Array) -> Moments:
    """Return the moments of activations that are known."""
    return Moments(h, jnp.square(h))


def _forward(layers: Sequence[AnyLayer], weights: Sequence[Drawn], chain: Chain, before: Moments) -> list[_Known]:
    """Return what is known of every layer of a chain, from the moments of its input."""
    known, x = [], chain.x
    for layer, own, passed in zip(thawed(layers), weights, chain.passed, strict=True):
        after, slope, inside = None, None, []
        if isinstance(layer, Residual) and passed.inside is not None:
            inside = _forward(layer.layers, own.inside, passed.inside, before)
            after = _after_block(layer, passed, inside[-1].after, before)
        elif is_weighted(layer) and own.variance is not None:
            after = after_weights(layer, own.variance, own.bias, _whole(before.square, x.shape))
        elif is_plain_activation(layer):
            mean, square, slope = expectations(layer, *before)
            after = Moments(mean, square)
        elif isinstance(layer, Flatten):
            after = Moments(*(layer.forward({}, _whole(moment, x.shape))[0] for moment in before))
        elif isinstance(layer, Dropout):
            after = before
        known.append(_Known(layer, own, x.shape, after, slope, inside))
        x, before = passed.h, _certain(passed.h) if after is None else after
    return known


def _after_block(layer: Residual, passed: Passed, body: Moments | None, before: Moments) -> Moments | None:
    """Return the moments of `body(x) + x`, the two taken as independent."""
    if not _is_identity_skip(layer, passed):
        return None
    body = _certain(passed.inside.passed[-1].h) if body is None else body
    return Moments(body.mean + before.mean, body.square + before.square + 2 * body.mean * before.mean)


def _backward(known: Sequence[_Known], chain: Chain, d: Array) -> tuple[Array, list[Array | None]]:
    """Return the mean square of the gradient at a chain's input, and at every layer's output.

    Args:
        known: what is known of the layers.
        chain: what passed through them.
        d: the mean square of the gradient at the output.
    """
    gradients: list[Array | None] = []
    at_output: Array | None = d
    for one, passed in zip(reversed(known), reversed(chain.passed), strict=True):
        d = jnp.square(passed.dh) if at_output is None else at_output
        within: list[Array | None] = []
        if one.inside:
            through_body, within = _backward(one.inside, passed.inside, d)
            before = through_body + d if _is_identity_skip(one.layer, passed) else None
        else:
            before = _before(one, d, passed.h.shape)
        gradients = [at_output, *within, *gradients]
        at_output = before
    return jnp.square(chain.dx) if at_output is None else at_output, gradients


def _before(one: _Known, d: Array, shape: Shape) -> Array | None:
    """Return the mean square of the gradient before a layer; None where there is no theory.

    Args:
        one: what is known of the layer.
        d: the mean square of the gradient behind it.
        shape: of its output.
    """
    if one.drawn.variance is not None:
        return before_weights(one.layer, one.drawn.variance, _whole(d, shape), one.shape)
    if one.slope is not None:
        return one.slope * d
    if isinstance(one.layer, Flatten):
        return one.layer.backward({}, jnp.zeros(one.shape, d.dtype), _whole(d, shape))[1]
    return d if isinstance(one.layer, Dropout) else None


def _is_identity_skip(layer: Residual, passed: Passed) -> bool:
    """Return whether a block passes its input on as it is."""
    return layer.projection == "auto" and passed.inside.x.shape == passed.h.shape


def _whole(moment: Array, shape: Shape) -> Array:
    """Return an array whose units may all be alike, with all of them."""
    return jnp.broadcast_to(moment, shape)


@jax.jit
def _mean(values: Float[Array, "batch ..."], rows: Float[Array, " batch"]) -> Array:
    """Return the mean over rows, each by its weight, and over everything else."""
    each = jnp.mean(values, axis=tuple(range(1, values.ndim)))
    return jnp.sum(rows * each) / jnp.sum(rows)


def _outputs(known: Sequence[_Known]) -> list[Moments | None]:
    """Return the moments after every layer, blocks before what is inside them."""
    return [after for one in known for after in (one.after, *_outputs(one.inside))]
