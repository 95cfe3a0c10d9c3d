"""How signals run through a network, forward and back: size, spread, dead and saturated units, by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float
from numpy.typing import ArrayLike

from downslope.core import Key, Params, Shape, Variables, unit_near
from downslope.layers import (
    Activation,
    AnyLayer,
    Context,
    Layer,
    Residual,
    chain_shapes,
)
from downslope.losses import Loss, as_loss
from downslope.networks._passes import Chain, pass_through
from downslope.networks._sequential import Sequential

FLAT = 1e-3
"""A slope below this share of the one at 0 counts as none."""
SHALLOW = 0.1
"""A slope below this share of the one at 0 counts as saturated."""


class SignalLayer(NamedTuple):
    """One layer whose signals are measured.

    Attributes:
        place: where it is: `"2"`, or `"2.0"` for the first layer inside the block at place 2.
        layer: the layer.
        shape: of its output for one example.
    """

    place: str
    layer: AnyLayer
    shape: Shape


class Signals(NamedTuple):
    """What runs through every layer of `signal_layers`, each `(layers,)`.

    Attributes:
        mean: of the layer's outputs `h`, over rows and units.
        deviation: their standard deviation.
        dead: of an activation, the share of units (of channels, in images) whose slope `σ'(z)` is about 0 on all rows:
            nothing is learned through them. 0 for other layers.
        saturated: of a bounded activation, the share of numbers where the slope is below a tenth of that at 0. 0 for
            other layers.
        gradient: the root mean square of `∂l/∂h`, over rows and units.
    """

    mean: Array
    deviation: Array
    dead: Array
    saturated: Array
    gradient: Array


def signal_layers(net: Sequential, input_shape: Shape) -> tuple[SignalLayer, ...]:
    """Return every layer in the order of `signals`: a block is followed by what is inside it.

    Args:
        net: the network.
        input_shape: the shape of one example.

    Example:
        >>> import downslope as ds
        >>> net = ds.Sequential([ds.Dense(4), ds.Residual([ds.Tanh(), ds.Dense(4)])])
        >>> [found.place for found in signal_layers(net, (3,))]
        ['0', '1', '1.0', '1.1']
    """
    return tuple(_signal_layers(net.layers, input_shape, ""))


def by_layer(net: Sequential, params: tuple[Params, ...]) -> tuple[Params, ...]:
    """Return the parameters, or gradients, of every layer of `signal_layers`; a block's hold those inside it, too."""
    return tuple(_parts(net.layers, params))


def signals(
    net: Sequential,
    variables: Variables,
    x: ArrayLike,
    t: ArrayLike,
    loss: str | Loss,
    *,
    training: bool = False,
    key: Key | None = None,
    row_weights: Float[Array, " batch"] | None = None,
) -> Signals:
    """Return what runs through a network on a batch. Can be compiled; arguments as for `ds.loss_and_gradients`.

    Rows count by their weight, and rows of weight 0 not at all.

    Example:
        >>> import downslope as ds, numpy as np
        >>> net = ds.Sequential([ds.Dense(1, initializer="zeros"), ds.ReLU(), ds.Dense(1)])
        >>> x = np.ones((8, 3))
        >>> measured = signals(net, net.init(0, (3,)), x, np.ones((8, 1)), "squared_error")
        >>> measured.dead.tolist()
        [0.0, 1.0, 0.0]
    """
    loss = as_loss(loss)
    target = jnp.asarray(t)
    forward = net.forward(variables, x, training=training, key=key, row_weights=row_weights)
    d_output = loss.derivative(forward.output, target, row_weights)
    rows = jnp.ones(forward.output.shape[0], forward.output.dtype) if row_weights is None else row_weights
    params, state = variables
    chain = pass_through(
        net.layers, Context(training, key, row_weights), params, state, forward.activations[0], d_output
    )
    measured = _measured(net.layers, params, chain, rows)
    return Signals(*(jnp.stack(values) for values in zip(*measured, strict=True)))


def _signal_layers(layers: Sequence[AnyLayer], input_shape: Shape, within: str) -> Iterator[SignalLayer]:
    """Yield the layers of a chain, and those inside its blocks."""
    shapes = chain_shapes(layers, input_shape)
    for index, layer in enumerate(layers):
        yield SignalLayer(f"{within}{index}", layer, shapes[index + 1])
        if isinstance(layer, Residual):
            yield from _signal_layers(layer.layers, shapes[index], f"{within}{index}.")


def _parts(layers: Sequence[AnyLayer], params: Sequence[Params]) -> Iterator[Params]:
    """Yield the parameters of the layers of a chain, and of those inside its blocks."""
    for layer, own in zip(layers, params, strict=True):
        yield own
        if isinstance(layer, Residual):
            yield from _parts(layer.layers, own["body"])


def _measured(
    layers: Sequence[AnyLayer], params: Sequence[Params], chain: Chain, rows: Array
) -> Iterator[tuple[Array, ...]]:
    """Yield the numbers of every layer of a chain, and of those inside its blocks."""
    for layer, own, passed in zip(layers, params, chain.passed, strict=True):
        mean = _mean(passed.h, rows)
        deviation = _root_mean_square(passed.h - mean, rows)
        yield mean, deviation, *_slopes(layer, own, passed.x, rows), _root_mean_square(passed.dh, rows)
        if isinstance(layer, Residual):
            yield from _measured(layer.layers, own["body"], passed.inside, rows)


def _slopes(layer: AnyLayer, params: Params, z: Array, rows: Array) -> tuple[Array, Array]:
    """Return the shares of dead units and of saturated numbers of an activation, by its own backward pass."""
    none = jnp.zeros((), z.dtype)
    if not isinstance(layer, Activation) or not isinstance(layer, Layer):
        return none, none
    slope = _slope(layer, params, z)
    steepest = jnp.ones((), z.dtype) if layer.rectifier else _slope(layer, params, jnp.zeros((1, 1), z.dtype))[0, 0]
    flat = (slope <= FLAT * steepest) | ~_beside(rows > 0, slope)
    dead = jnp.mean(jnp.all(flat, axis=tuple(range(flat.ndim - 1))).astype(z.dtype))
    return dead, none if layer.rectifier else _mean((slope < SHALLOW * steepest).astype(z.dtype), rows)


def _slope(layer: Layer, params: Params, z: Array) -> Array:
    """Return `|σ'(z)|`, by the activation's own backward pass."""
    return jnp.abs(layer.backward(params, layer.forward(params, z)[1], jnp.ones_like(z))[1])


def _mean(values: Float[Array, "batch ..."], rows: Float[Array, " batch"]) -> Array:
    """Return the mean over rows, each by its weight, and over everything else."""
    of_rows = jnp.mean(values, axis=tuple(range(1, values.ndim)))
    return jnp.sum(rows * of_rows) / jnp.sum(rows)


def _root_mean_square(values: Float[Array, "batch ..."], rows: Float[Array, " batch"]) -> Array:
    """Return the root of the mean square, also where the squares alone over- or underflow."""
    unit = unit_near(jnp.max(jnp.abs(values)))
    return jnp.sqrt(_mean(jnp.square(values / unit), rows)) * unit


def _beside(rows: Bool[Array, " batch"], values: Float[Array, "batch ..."]) -> Array:
    """Return one number a row in a shape that goes with an array of rows."""
    return jnp.reshape(rows, (-1,) + (1,) * (values.ndim - 1))
