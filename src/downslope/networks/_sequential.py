"""A network: layers in a chain, one sweep forward and one back.

Forward: `h⁰ = x`, `hᵏ = layerₖ(hᵏ⁻¹)`, every `hᵏ` kept. Backward: from `∂l/∂hᴸ`, each layer in turn, last to first,
gives the gradients of its parameters and `∂l/∂hᵏ⁻¹`. A batch goes through whole, one matrix product a layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from downslope.core import Key, Params, SettingError, Shape, Variables, check_integer, fold
from downslope.layers import (
    Activation,
    AnyLayer,
    Cache,
    Context,
    ContextLayer,
    Layer,
    forward_in,
    initial_state,
    initialize,
    output_shape,
)


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
        object.__setattr__(self, "layers", tuple(layers))
        for place, layer in enumerate(self.layers):
            if isinstance(layer, (type, Sequential)) or not isinstance(layer, (Layer, ContextLayer)):
                raise SettingError(
                    f"`layers` must hold layers such as ds.Dense(64), got {layer!r} at place {place}{_hint(layer)}",
                    "layers",
                )

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the output for one example.

        Raises:
            ShapeError: a layer cannot take what it would be given.
        """
        return self.shapes(input_shape)[-1]

    def shapes(self, input_shape: Shape) -> tuple[Shape, ...]:
        """Return the shape of every activation for one example, the input's first."""
        shapes = [tuple(check_integer("input_shape", size) for size in input_shape)]
        for layer in self.layers:
            shapes.append(output_shape(layer, shapes[-1]))
        return tuple(shapes)

    def init(self, key: Key, input_shape: Shape) -> Variables:
        """Return the variables that training starts from.

        Args:
            key: a seed or a key of `jax.random`; layer `i` draws from the key folded with `i`.
            input_shape: the shape of one example, without the row axis.

        Returns:
            `Variables(params, state)` of NumPy arrays: float32, or float64 when JAX's x64 mode is on.
        """
        shapes = self.shapes(input_shape)
        params = tuple(
            initialize(_chosen_initializer(self.layers, place), fold(key, "initialize", place), shapes[place])
            for place in range(len(self.layers))
        )
        state = tuple(initial_state(layer, shape) for layer, shape in zip(self.layers, shapes, strict=False))
        return Variables(params, state)

    def apply(self, variables: Variables, x: Any) -> Float[Array, "batch ..."]:
        """Return the output for a batch `(B, …)`, as when predicting."""
        return self.forward(variables, x).output

    def forward(
        self,
        variables: Variables,
        x: Any,
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
        h = jnp.asarray(x)
        activations, caches, states = [h], [], []
        for place, (layer, params, state) in enumerate(zip(self.layers, *variables, strict=True)):
            own_key = None if key is None else jax.random.fold_in(jnp.asarray(key), place)
            h, cache, next_state = forward_in(layer, Context(training, own_key, row_weights), params, state, h)
            activations.append(h)
            caches.append(cache)
            states.append(next_state)
        return Forward(h, tuple(activations), tuple(caches), tuple(states))

    def backward(self, variables: Variables, forward: Forward, d_output: Float[Array, "batch ..."]) -> Backward:
        """Return the gradients that belong to a forward pass.

        Args:
            variables: those of the forward pass.
            forward: what it returned.
            d_output: `∂l/∂y`, in the shape of the output.
        """
        dh = jnp.asarray(d_output)
        gradients, d_activations = [], [dh]
        for layer, params, cache in reversed(list(zip(self.layers, variables.params, forward.caches, strict=True))):
            d_params, dh = layer.backward(params, cache, dh)
            gradients.append(d_params)
            d_activations.append(dh)
        return Backward(tuple(reversed(gradients)), tuple(reversed(d_activations)), dh)


def _hint(layer: object) -> str:
    """Return the end of the message for what is no layer."""
    if isinstance(layer, type):
        return f"; did you mean {layer.__name__}()?"
    return "; give its layers instead, `*net.layers`." if isinstance(layer, Sequential) else "."


def _chosen_initializer(layers: tuple[AnyLayer, ...], place: int) -> AnyLayer:
    """Return a layer with `"auto"` decided by the activation that follows it, before the next layer with weights."""
    layer: Any = layers[place]
    if getattr(layer, "initializer", None) != "auto":
        return layer
    for following in layers[place + 1 :]:
        if isinstance(following, Activation):
            return replace(layer, initializer="he_normal" if following.rectifier else "glorot_normal")
        if hasattr(following, "initializer"):
            break
    return replace(layer, initializer="glorot_normal")
