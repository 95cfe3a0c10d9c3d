"""The effect of one layer on the moments of signals and of gradients, over draws of its weights.

The formulas, and their assumptions, are in `downslope.diagnosis.starts.signal_theory`.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from downslope.core import Shape, bounded_jit
from downslope.layers import Activation, AnyLayer, Conv1D, Conv2D, Dense, Layer, Parametrized


class Moments(NamedTuple):
    """The mean and the mean square of activations over draws of the weights.

    Each is `(B, …)`; the last axis has the length 1 where all units are alike.
    """

    mean: Array
    square: Array


def is_weighted(layer: AnyLayer) -> bool:
    """Return whether a layer is a sum over its inputs with weights."""
    return isinstance(layer, (Dense, Conv1D, Conv2D))


def is_plain_activation(layer: AnyLayer) -> bool:
    """Return whether a layer is a function `σ` of every number, without parameters."""
    return isinstance(layer, Activation) and isinstance(layer, Layer) and not isinstance(layer, Parametrized)


@partial(bounded_jit, static_argnames="layer")
def after_weights(layer: Any, variance: float | Array, bias: Array | None, squares: Array) -> Moments:
    """Return `E[z] = b` and `E[z²] = v Σ E[h²] + b²`."""
    window = _window(layer, squares.ndim)
    alike = {"weight": jnp.ones((*window, squares.shape[-1], 1), squares.dtype), "bias": jnp.zeros(1, squares.dtype)}
    square = variance * layer.forward(alike, squares)[0]
    if bias is None:
        return Moments(jnp.zeros_like(square), square)
    b = bias.reshape((1,) * (square.ndim - 1) + (-1,))
    return Moments(jnp.broadcast_to(b, (*square.shape[:-1], b.shape[-1])), square + jnp.square(b))


@partial(bounded_jit, static_argnames=("layer", "shape"))
def before_weights(layer: Any, variance: float | Array, d: Array, shape: Shape) -> Array:
    """Return `v Σ E[(∂l/∂z)²]`, for an input of this shape."""
    alike = {"weight": jnp.ones((*_window(layer, d.ndim), 1, d.shape[-1]), d.dtype)}
    return variance * layer.backward(alike, jnp.ones((*shape[:-1], 1), d.dtype), d)[1]


@partial(bounded_jit, static_argnames="layer")
def expectations(layer: Any, mean: Array, square: Array) -> tuple[Array, Array, Array]:
    """Return `E[σ(z)]`, `E[σ(z)²]` and `E[σ'(z)²]` for normal `z` of these moments."""
    deviation = jnp.sqrt(jnp.maximum(square - jnp.square(mean), 0))

    def moments_at(node: Array) -> tuple[Array, Array, Array]:
        h, cache = layer.forward({}, mean + node * deviation)
        slope = layer.backward({}, cache, jnp.ones_like(h))[1]
        return h, jnp.square(h), jnp.square(slope)

    def add(sums: Any, node: tuple[Array, Array]) -> tuple[Any, None]:
        return jax.tree.map(lambda total, term: total + node[1] * term, sums, moments_at(node[0])), None

    zero = jnp.zeros_like(deviation)
    nodes, weights = (jnp.asarray(part, mean.dtype) for part in _nodes())
    return jax.lax.scan(add, (zero, zero, zero), (nodes, weights))[0]


def _nodes() -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of `E[f(x)]` for a standard normal `x`.

    Gauss–Legendre on either side of 0, out to 8 deviations, rather than Gauss–Hermite, which converges slowly for an
    `f` with a kink at 0.
    """
    node, weight = np.polynomial.legendre.leggauss(24)
    node, weight = 4 * (node + 1), 4 * weight
    weight = weight * np.exp(-0.5 * node**2)
    weight = weight / (2 * weight.sum())
    return np.concatenate([-node, node]), np.concatenate([weight, weight])


def _window(layer: Any, axes: int) -> Shape:
    """Return the shape of the window of a layer whose batches have so many axes."""
    kernel = getattr(layer, "kernel", ())
    return (kernel,) * (axes - 2) if isinstance(kernel, int) else tuple(kernel)
