"""Gradients by automatic differentiation of the forward pass alone: the judge of every backward pass."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from downslope.core import Key, Params, PyTree, Variables
from downslope.layers import AnyLayer, Context, forward_in
from downslope.networks import Sequential


class Gradients(NamedTuple):
    """Gradients with respect to what goes into a forward pass.

    Attributes:
        params: in the shape of the parameters.
        input: in the shape of the input.
    """

    params: PyTree
    input: Array


def vjp_layer(
    layer: AnyLayer,
    params: Params,
    x: Float[Array, "batch ..."],
    dy: Float[Array, "batch ..."],
    *,
    state: Params | None = None,
    context: Context | None = None,
) -> Gradients:
    """Return what `layer.backward` should, from `layer.forward` by `jax.vjp`.

    Args:
        layer: the layer.
        params: its parameters.
        x: its input, `(B, …)`.
        dy: `∂l/∂y`, in the shape of its output.
        state: its state, where it keeps one.
        context: the circumstances of the forward pass; prediction by default.

    Example:
        >>> import downslope as ds, numpy as np
        >>> vjp_layer(ds.Tanh(), {}, jnp.zeros((1, 2)), jnp.array([[3.0, 4.0]])).input.tolist()
        [[3.0, 4.0]]
    """

    def forward(params: Params, x: Array) -> Array:
        return forward_in(layer, context or Context(), params, state or {}, x)[0]

    return Gradients(*jax.vjp(forward, params, x)[1](dy))


def vjp_network(
    net: Sequential,
    variables: Variables,
    x: ArrayLike,
    d_output: Float[Array, "batch ..."],
    *,
    training: bool = False,
    key: Key | None = None,
    row_weights: Float[Array, " batch"] | None = None,
) -> Gradients:
    """Return what `net.backward` should, from `net.forward` by `jax.vjp`.

    Args:
        net: the network.
        variables: parameters and state.
        x: a batch `(B, …)`.
        d_output: `∂l/∂y`, in the shape of the output.
        training: whether layers behave as in training.
        key: the randomness of this pass.
        row_weights: how much each row counts in the statistics of a batch, `(B,)`.

    Example:
        >>> import downslope as ds, numpy as np
        >>> net = ds.mlp([], outputs=1)
        >>> line = ds.Variables(({"weight": np.array([[2.0]]), "bias": np.array([1.0])},), ({},))
        >>> gradients = vjp_network(net, line, np.array([[3.0]]), jnp.ones((1, 1)))
        >>> gradients.params[0]["weight"].tolist(), gradients.params[0]["bias"].tolist(), gradients.input.tolist()
        ([[3.0]], [1.0], [[2.0]])
    """

    def forward(params: tuple[Params, ...], x: Array) -> Array:
        moved = Variables(params, variables.state)
        return net.forward(moved, x, training=training, key=key, row_weights=row_weights).output

    return Gradients(*jax.vjp(forward, variables.params, jnp.asarray(x))[1](d_output))
