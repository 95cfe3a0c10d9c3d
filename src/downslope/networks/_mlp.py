"""Networks of dense layers, made from a few numbers."""

from __future__ import annotations

from collections.abc import Sequence

from downslope.core import check_integer
from downslope.layers import AnyLayer, Dense, Layer
from downslope.layers.initializers import Initializer
from downslope.networks._sequential import Sequential
from downslope.networks._stages import Stages


def mlp(
    hidden: Sequence[int],
    *,
    outputs: int,
    activation: str | Layer = "relu",
    initializer: Initializer | str = "auto",
    norm: str | None = None,
    skip: bool = False,
    dropout: float | int = 0.0,
) -> Sequential:
    """Return a multi-layer perceptron: dense layers with an activation between, the last one linear.

    A hidden layer is `Dense`, then the normalization, the activation and the dropout that were asked for. With `skip`,
    every hidden layer but the first is a block `h + Dense(dropout(activation(norm(h))))`, and the last block is
    followed by one more norm, activation and dropout: the order of He et al. (2016), Identity mappings in deep residual
    networks, which leaves the way through the skips free. The weights in such a block start, if the initializer is
    `"auto"`, with a variance divided by the number of blocks, so that a signal keeps its size whatever the depth.

    Dense layers whose bias a batch norm would take out again have none.

    Args:
        hidden: the width of each hidden layer; empty for a linear model.
        outputs: the number of outputs.
        activation: a name (`relu leaky_relu tanh scaled_tanh sigmoid softplus elu gelu silu identity`) or a layer.
        initializer: how the weights of every layer start; see `ds.initializers`.
        norm: `"batch"`, `"layer"`, or None.
        skip: whether there are skips around hidden layers.
        dropout: the share of hidden activations to drop in training, from 0 to below 1.

    Example:
        >>> mlp([64], outputs=10, activation="tanh").layers
        (Dense(units=64, initializer='auto', bias=True), Tanh(), Dense(units=10, initializer='auto', bias=True))
        >>> [type(layer).__name__ for layer in mlp([64, 64], outputs=10, norm="batch", skip=True, dropout=0.1).layers]
        ['Dense', 'Residual', 'BatchNorm', 'ReLU', 'Dropout', 'Dense']
    """
    stages = Stages(activation=activation, norm=norm, dropout=dropout, skip=skip, initializer=initializer)
    widths = [check_integer("hidden", width) for width in hidden]
    layers: list[AnyLayer] = []
    for index, width in enumerate(widths):
        n_in = widths[index - 1] if index else None
        start = stages.initializer_of(n_in, blocks=len(widths) - 1)
        layers += stages.stage(Dense(width, start, bias=stages.bias), first=index == 0)
    head = Dense(check_integer("outputs", outputs), initializer)
    return Sequential([*layers, *(stages.end() if layers else []), head])
