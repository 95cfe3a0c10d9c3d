"""A loss and all its gradients, for training and for readers."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from downslope.core import Advice, Key, Params, ShapeError, Variables
from downslope.layers import Dense, Parametrized
from downslope.losses import Loss, as_loss
from downslope.networks._sequential import Sequential


class LossAndGradients(NamedTuple):
    """What one forward and one backward pass give.

    Attributes:
        loss: the loss of the batch.
        params: gradients, in the shape of the network's `params`.
        activations: `∂l/∂h⁰ … ∂l/∂hᴸ`, the input's first.
        output: the network's output.
        state: the layers' next state.
    """

    loss: Array
    params: tuple[Params, ...]
    activations: tuple[Array, ...]
    output: Array
    state: tuple[Params, ...]


AnyArray = Array | np.ndarray


class WeightLists(NamedTuple):
    """The dense layers as plain lists: `W[k][i, j]` leads from neuron `i` of layer `k` to neuron `j` of layer `k+1`."""

    W: list[AnyArray]
    B: list[AnyArray]


class GradientLists(NamedTuple):
    """Activations `A` (the input first, the output last) and the gradients `DW`, `DB` of `W` and `B`."""

    A: list[Array]
    DW: list[AnyArray]
    DB: list[AnyArray]


def loss_and_gradients(
    net: Sequential,
    variables: Variables,
    x: ArrayLike,
    t: ArrayLike,
    loss: str | Loss,
    *,
    training: bool = False,
    key: Key | None = None,
    row_weights: Float[Array, " batch"] | None = None,
) -> LossAndGradients:
    """Return the loss of a batch and its gradients by the hand-derived backward pass: the path that training takes.

    Args:
        net: the network.
        variables: parameters and state.
        x: inputs, `(B, …)`.
        t: targets: class indices `(B,)` or numbers `(B, outputs)`; `(B,)` will do for one output.
        loss: a name or a loss.
        training: whether layers behave as in training.
        key: the randomness of this pass.
        row_weights: how much each row counts, `(B,)`.

    Example:
        >>> import downslope as ds, numpy as np
        >>> net = ds.mlp([], outputs=1)
        >>> line = ds.Variables(({"weight": np.array([[2.0]]), "bias": np.array([1.0])},), ({},))
        >>> result = ds.loss_and_gradients(net, line, np.array([[1.0], [2.0]]), np.array([3.0, 4.0]), "squared_error")
        >>> float(result.loss), result.params[0]["weight"].tolist(), result.params[0]["bias"].tolist()
        (0.5, [[2.0]], [1.0])
    """
    loss = as_loss(loss)
    forward = net.forward(variables, x, training=training, key=key, row_weights=row_weights)
    target = jnp.asarray(t)
    value = loss.value(forward.output, target, row_weights)
    backward = net.backward(variables, forward, loss.derivative(forward.output, target, row_weights))
    return LossAndGradients(value, backward.params, backward.activations, forward.output, forward.state)


def weights(net: Sequential, params: tuple[Params, ...]) -> WeightLists:
    """Return the weights and biases of the dense layers as plain lists `W`, `B`.

    For networks whose only layers with parameters are dense, in a plain chain; others do not read as such lists.

    Raises:
        ShapeError: the network has no dense layers, or others with parameters.

    Example:
        >>> import downslope as ds
        >>> net = ds.mlp([8], outputs=3)
        >>> W, B = ds.weights(net, net.init(0, (4,)).params)
        >>> [w.shape for w in W], [b.shape for b in B]
        ([(4, 8), (8, 3)], [(8,), (3,)])
    """
    dense = [params[index] for index in _dense_indices(net)]
    return WeightLists([layer["weight"] for layer in dense], [_bias(layer) for layer in dense])


def layer_gradients(
    net: Sequential, variables: Variables, x: ArrayLike, t: ArrayLike, loss: str | Loss
) -> GradientLists:
    """Return activations and gradients of the dense layers as plain lists `A`, `DW`, `DB`; see `ds.weights`.

    Args:
        net: the network.
        variables: parameters and state.
        x: inputs, `(B, …)`.
        t: targets.
        loss: a name or a loss.
    """
    indices = _dense_indices(net)
    forward = net.forward(variables, x)
    gradients = loss_and_gradients(net, variables, x, t, loss).params
    DW, DB = weights(net, gradients)
    return GradientLists([*(forward.activations[index] for index in indices), forward.output], DW, DB)


def _dense_indices(net: Sequential) -> list[int]:
    """Return where the dense layers are.

    Raises:
        ShapeError: there are none, or other layers have parameters too, which the lists could not show.
    """
    for index, layer in enumerate(net.layers):
        if isinstance(layer, Parametrized) and not isinstance(layer, Dense):
            raise ShapeError(
                "The network must be a plain chain of dense layers to be read as lists of weights, got "
                f"{type(layer).__name__} at place {index}.",
                Advice("read {} instead", code="variables.params and ds.loss_and_gradients"),
            )
    indices = [index for index, layer in enumerate(net.layers) if isinstance(layer, Dense)]
    if not indices:
        raise ShapeError("The network must have dense layers to be read as lists of weights, got none.")
    return indices


def _bias(layer: Params) -> AnyArray:
    """Return a dense layer's bias: zeros where it has none."""
    return layer["bias"] if "bias" in layer else jnp.zeros(layer["weight"].shape[1], layer["weight"].dtype)
