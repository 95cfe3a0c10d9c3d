"""A network's outputs on a plane of parameters, its first layer computed once."""

from __future__ import annotations

from collections.abc import Callable

import jax
from jaxtyping import Array, Float

from downslope.core import Params, PyTree, Variables
from downslope.layers import Context, Conv1D, Conv2D, Dense, chain_forward, forward_in
from downslope.networks._sequential import Sequential

_LINEAR = (Dense, Conv1D, Conv2D)
"""Layers whose output is linear in their parameters."""


def plane_outputs(
    net: Sequential,
    variables: Variables,
    first: tuple[Params, ...],
    second: tuple[Params, ...],
    x: Float[Array, "batch ..."],
    context: Context,
) -> Callable[[Array, Array], Array]:
    """Return the map `(a, b) ↦` outputs at the parameters `θ + a d₁ + b d₂`.

    The first layer that has parameters is linear in them, so with its input `h`, `z = f(h; θ)` and `zₖ = f(h; dₖ)`
    computed once, its output anywhere on the plane is `z + a z₁ + b z₂`. Networks that begin otherwise, with batch norm
    say, are computed whole.

    Args:
        net: the network.
        variables: `θ`, and the state.
        first: `d₁`.
        second: `d₂`.
        x: a batch.
        context: the circumstances; nothing random happens, whatever the mode: without its key nothing is dropped.
    """
    context, (params, state), layers = context._replace(key=None), variables, net.layers
    index = next((k for k, own in enumerate(params) if jax.tree.leaves(own)), len(layers))
    if index == len(layers) or not isinstance(layers[index], _LINEAR):

        def outputs_of_all(a: Array, b: Array) -> Array:
            return chain_forward(layers, context, _point(a, b, params, first, second), state, x).activations[-1]

        return outputs_of_all
    h = chain_forward(layers[:index], context, params[:index], state[:index], x).activations[-1]
    z, z1, z2 = (forward_in(layers[index], context, own[index], {}, h)[0] for own in (params, first, second))
    rest = slice(index + 1, None)

    def outputs(a: Array, b: Array) -> Array:
        point = _point(a, b, params[rest], first[rest], second[rest])
        return chain_forward(layers[rest], context, point, state[rest], _point(a, b, z, z1, z2)).activations[-1]

    return outputs


def _point(a: Array, b: Array, start: PyTree, first: PyTree, second: PyTree) -> PyTree:
    """Return `θ + a d₁ + b d₂` of trees."""
    return jax.tree.map(lambda p, d1, d2: p + a.astype(p.dtype) * d1 + b.astype(p.dtype) * d2, start, first, second)
