"""From an estimator's parameters to a network and the loss that it descends."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable

import jax
import jax.numpy as jnp

from downslope.core import Setting, SettingError, Shape, ShapeError, check_integer
from downslope.estimators._parameters import Parameters, Widths
from downslope.losses import Loss, as_loss, binary_cross_entropy, cross_entropy, outputs_for
from downslope.networks import Sequential, mlp

LOG_LOSS = "log_loss"
SQUARED_ERROR = "squared_error"


def _half_squared(y: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.sum(jnp.square(y - t), axis=1) / 2


def _half_squared_derivative(y: jax.Array, t: jax.Array) -> jax.Array:
    return y - t


half_squared_error = Loss("half_squared_error", _half_squared, _half_squared_derivative)
"""`l = ½ Σᵢ ‖yᵢ − tᵢ‖² / B`: the squared error of scikit-learn's networks; `∂l/∂y = (y − t) / B`.

Half our `squared_error`, so that rates and `alpha` mean the same as there."""


def network_of(parameters: Parameters, outputs: int) -> Sequential:
    """Return an estimator's own network, or the perceptron that its parameters describe.

    Raises:
        SettingError: a parameter is out of bounds.
    """
    if parameters.network is not None:
        if not isinstance(parameters.network, Sequential):
            raise SettingError(
                Setting("network"),
                f"must be a ds.Sequential with its output layer, or None, got {parameters.network!r}.",
            )
        return parameters.network
    if parameters.input_shape is not None:
        raise SettingError(
            Setting("input_shape"),
            "gives rows of features the shape that a",
            Setting("network"),
            "of your own takes, got one without. Pass",
            Setting("network"),
            ", or leave it off.",
        )
    activation = "sigmoid" if parameters.activation == "logistic" else parameters.activation
    initializer = (
        "glorot_uniform" if parameters.initializer == "auto" and not parameters.skip else parameters.initializer
    )
    return mlp(
        _widths(parameters.hidden_layer_sizes),
        outputs=outputs,
        activation=activation,
        initializer=initializer,
        norm=parameters.norm,
        skip=parameters.skip,
        dropout=parameters.dropout,
    )


def shape_of(parameters: Parameters, features: int) -> Shape:
    """Return the shape of one input.

    Raises:
        ShapeError: `input_shape` has another number of features.
    """
    if parameters.input_shape is None:
        return (features,)
    shape = tuple(check_integer("input_shape", length) for length in parameters.input_shape)
    if math.prod(shape) != features:
        raise ShapeError(
            Setting("input_shape"), f"must hold the {features} features of", Setting("X"), f", got {shape}."
        )
    return shape


def classifier_loss(parameters: Parameters, classes: int, labels: int, shape: Shape) -> tuple[Loss, int]:
    """Return the loss of a classifier, and how many outputs its network has.

    Args:
        parameters: of the classifier.
        classes: how many there are, if each row has one.
        labels: how many there are, if a row may have several; else 0.
        shape: of one input.
    """
    network_outputs = _outputs(parameters.network, shape)
    if parameters.loss != LOG_LOSS:
        loss = as_loss(parameters.loss)
        return loss, network_outputs or labels or outputs_for(loss, classes=classes)
    outputs = network_outputs or labels or (1 if classes == 2 else classes)
    return (binary_cross_entropy if labels or outputs == 1 else cross_entropy), outputs


def regressor_loss(parameters: Parameters) -> Loss:
    """Return the loss of a regressor."""
    return half_squared_error if parameters.loss == SQUARED_ERROR else as_loss(parameters.loss)


def _outputs(network: Sequential | None, shape: Shape) -> int:
    """Return how many outputs a network has, where it can be asked."""
    return network.output_shape(shape)[-1] if isinstance(network, Sequential) else 0


def _widths(sizes: Widths) -> list[int]:
    """Return the widths of the hidden layers, of which a number stands for one layer."""
    widths = list(sizes) if isinstance(sizes, Iterable) and not isinstance(sizes, str) else [sizes]
    advice = "Give the width of each hidden layer, such as (100, 50); () for none."
    if any(not isinstance(width, numbers.Integral) or int(width) < 1 for width in widths):
        raise SettingError(Setting("hidden_layer_sizes"), f"must be whole numbers, 1 or more, got {sizes!r}. {advice}")
    return [int(width) for width in widths]
