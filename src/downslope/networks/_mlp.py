"""Networks made from a few numbers."""

from __future__ import annotations

from collections.abc import Sequence

from downslope.core import check_integer
from downslope.layers import AnyLayer, Dense, Layer, as_activation
from downslope.layers.initializers import Initializer
from downslope.networks._sequential import Sequential


def mlp(
    hidden: Sequence[int],
    *,
    outputs: int,
    activation: str | Layer = "relu",
    initializer: Initializer | str = "auto",
) -> Sequential:
    """Return a multi-layer perceptron: dense layers with an activation between, the last one linear.

    Args:
        hidden: the width of each hidden layer; empty for a linear model.
        outputs: the number of outputs.
        activation: a name (`relu leaky_relu tanh scaled_tanh sigmoid softplus elu gelu silu identity`) or a layer.
        initializer: how the weights of every layer start; see `ds.initializers`.

    Example:
        >>> mlp([64], outputs=10, activation="tanh").layers
        (Dense(units=64, initializer='auto', bias=True), Tanh(), Dense(units=10, initializer='auto', bias=True))
    """
    between = as_activation(activation)
    layers: list[AnyLayer] = []
    for width in hidden:
        layers += [Dense(check_integer("hidden", width), initializer), between]
    return Sequential([*layers, Dense(check_integer("outputs", outputs), initializer)])
