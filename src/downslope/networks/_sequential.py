"""A network: layers in a chain, one sweep forward and one back.

Forward: `h⁰ = x`, `hᵏ = layerₖ(hᵏ⁻¹)`, every `hᵏ` kept. Backward: from `∂l/∂hᴸ`, each layer in turn, last to first,
gives the gradients of its parameters and `∂l/∂hᵏ⁻¹`. A batch goes through whole, one matrix product a layer. The two
sweeps themselves are in `downslope.layers._chain`, for blocks hold chains as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from downslope.core import Key, Params, PyTree, Shape, Variables, float_dtype
from downslope.layers import (
    AnyLayer,
    Cache,
    Context,
    chain_backward,
    chain_forward,
    chain_params,
    chain_shapes,
    chain_state,
    checked_layers,
    placed,
    thawed,
)
from downslope.networks._summary import Summary, summarize


class Forward(NamedTuple):
    """What a forward pass returns.

    Attributes:
        output: the last activation, `(B, outputs)`.
        activations: `h⁰ … hᴸ`, one more than there are layers; the first is the input.
        caches: what each layer's backward pass needs.
        state: the layers' next state (running statistics).
    """

    output: Array
    activations: tuple[Array, ...]
    caches: tuple[Cache, ...]
    state: tuple[Params, ...]


class Backward(NamedTuple):
    """What a backward pass returns.

    Attributes:
        params: gradients, in the shape of the network's `params`.
        activations: `∂l/∂h⁰ … ∂l/∂hᴸ`, the input's first.
        input: `∂l/∂h⁰`, the gradient with respect to the input.
    """

    params: tuple[Params, ...]
    activations: tuple[Array, ...]
    input: Array


@dataclass(frozen=True)
class Sequential:
    """Layers in a chain.

    The network is a description: it holds no numbers. `init` makes its variables, `apply` computes its output.

    Attributes:
        layers: the layers, first to last.

    Example:
        >>> import downslope as ds, numpy as np
        >>> net = ds.Sequential([ds.Dense(8), ds.ReLU(), ds.Dense(3)])
        >>> variables = net.init(0, input_shape=(4,))
        >>> [{name: array.shape for name, array in layer.items()} for layer in variables.params]
        [{'weight': (4, 8), 'bias': (8,)}, {}, {'weight': (8, 3), 'bias': (3,)}]
        >>> net.apply(variables, np.ones((2, 4))).shape
        (2, 3)
    """

    layers: tuple[AnyLayer, ...]

    def __init__(self, layers: Sequence[AnyLayer]):
        object.__setattr__(self, "layers", checked_layers(layers))

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output for one example.

        Raises:
            ShapeError: a layer cannot take what it would be given.
        """
        return self.shapes(input_shape)[-1]

    def shapes(self, input_shape: Shape) -> tuple[Shape, ...]:
        """Return the shape of every activation for one example, the input's first."""
        return chain_shapes(self.layers, input_shape)

    def summary(self, input_shape: Shape) -> Summary:
        """Return what each layer holds and takes: parameters, connections, operations of a forward pass, memory.

        All of it is counted; what is measured is in `ds.profile`.

        Args:
            input_shape: the shape of one example, without the row axis.

        Returns:
            `.rows`, one a layer, those inside residual blocks too, and totals; `.table()` for polars; printed, a table.

        Example:
            >>> import downslope as ds
            >>> print(ds.Sequential([ds.Conv2D(8, 3), ds.ReLU(), ds.Flatten(), ds.Dense(10)]).summary((8, 8, 1)))
            place  layer         output  parameters  connections   FLOPs  activation
            0      Conv2D(8, 3)   8×8×8          80        3,872   8,256     ...
            ...
            total                         ...
            One example of shape 8×8×1, forward; an addition is a FLOP as well.
        """
        return summarize(self.layers, input_shape)

    def init(self, key: Key, input_shape: Shape) -> Variables:
        """Return the variables that training starts from.

        Args:
            key: a seed or a key of `jax.random`; layer `i` draws from the key folded with `i`.
            input_shape: the shape of one example, without the row axis.

        Returns:
            `Variables(params, state)` of NumPy arrays: float32, or float64 when JAX's x64 mode is on.
        """
        layers = thawed(self.layers)
        params, state = chain_params(layers, key, input_shape), chain_state(layers, input_shape)
        return Variables(*map(_in_working_precision, placed(self.layers, params, state)))

    def apply(self, variables: Variables, x: ArrayLike) -> Float[Array, "batch ..."]:
        """Return the output for a batch `(B, …)`, as when predicting."""
        return self.forward(variables, x).output

    def forward(
        self,
        variables: Variables,
        x: ArrayLike,
        *,
        training: bool = False,
        key: Key | None = None,
        row_weights: Float[Array, " batch"] | None = None,
    ) -> Forward:
        """Return the output with everything that the backward pass needs.

        Args:
            variables: parameters and state.
            x: a batch `(B, …)`.
            training: whether layers behave as in training.
            key: the randomness of this pass, for layers that need any in training.
            row_weights: how much each row counts in the statistics of a batch, `(B,)`.
        """
        params, state = variables
        context = Context(training, key, row_weights)
        activations, caches, state = chain_forward(self.layers, context, params, state, jnp.asarray(x))
        return Forward(activations[-1], activations, caches, state)

    def backward(self, variables: Variables, forward: Forward, d_output: Float[Array, "batch ..."]) -> Backward:
        """Return the gradients that belong to a forward pass.

        Args:
            variables: those of the forward pass.
            forward: what it returned.
            d_output: `∂l/∂y`, in the shape of the output.
        """
        swept = chain_backward(self.layers, variables.params, forward.caches, jnp.asarray(d_output))
        return Backward(swept.params, swept.activations, swept.activations[0])


def _in_working_precision(tree: PyTree) -> PyTree:
    """Return arrays of NumPy, with real numbers in the type networks are made with, whatever a user's layer gave."""
    if isinstance(tree, dict):  # `jax.tree.map` would sort the names
        return {name: _in_working_precision(value) for name, value in tree.items()}
    if isinstance(tree, (tuple, list)):
        return type(tree)(_in_working_precision(value) for value in tree)
    array = np.asarray(tree)
    return np.asarray(array, float_dtype()) if np.issubdtype(array.dtype, np.floating) else array
