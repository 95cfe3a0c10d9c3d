"""Convolutional networks, made from a few numbers."""

from __future__ import annotations

from collections.abc import Sequence

from downslope.core import Advice, Setting, SettingError, check_choice, check_integer
from downslope.layers import AnyLayer, AvgPool, Conv1D, Conv2D, Dropout, Flatten, Layer, MaxPool
from downslope.layers.initializers import Initializer
from downslope.networks._mlp import mlp
from downslope.networks._sequential import Sequential
from downslope.networks._stages import Stages

_POOLS = {"max": MaxPool, "average": AvgPool}


def cnn(
    channels: Sequence[int],
    *,
    outputs: int,
    dimensions: int = 2,
    kernel: int = 3,
    pool: int | None = 2,
    pooling: str = "max",
    dense: Sequence[int] = (),
    activation: str | Layer = "relu",
    initializer: Initializer | str = "auto",
    norm: str | None = None,
    skip: bool = False,
    dropout: float | int = 0.0,
) -> Sequential:
    """Return a convolutional network: convolutions, each followed by a pool, then dense layers, the last one linear.

    Convolutions have padding `"same"`, so that pools alone shrink what they see: `(28, 28, 1)` becomes `(7, 7, c)`
    after two pools of 2. Activation, `norm` and `skip` stand around a convolution as around the layers of `ds.mlp`;
    a pool is last. `norm` goes for the dense layers, too.

    Args:
        channels: how many channels each convolution makes.
        outputs: the number of outputs.
        dimensions: 2 for examples `(height, width, channels)`, 1 for sequences `(length, channels)`.
        kernel: the window of the convolutions.
        pool: the window of the pools, side by side; None for no pools.
        pooling: `"max"` or `"average"`.
        dense: the widths of hidden dense layers after the convolutions.
        activation: a name or a layer, as for `ds.mlp`.
        initializer: how the weights of every layer start; see `ds.initializers`.
        norm: `"batch"`, `"layer"`, or None.
        skip: whether there are skips around the convolutions after the first.
        dropout: the share of inputs that every dense layer drops in training, from 0 to below 1.

    Example:
        >>> net = cnn([16, 32], outputs=10, dense=[64])
        >>> [type(layer).__name__ for layer in net.layers]
        ['Conv2D', 'ReLU', 'MaxPool', 'Conv2D', 'ReLU', 'MaxPool', 'Flatten', 'Dense', 'ReLU', 'Dense']
        >>> net.shapes((28, 28, 1))[6:8]
        ((7, 7, 32), (1568,))
        >>> cnn([8], outputs=2, dimensions=1, kernel=5).output_shape((40, 1))
        (2,)
    """
    counts = [check_integer("channels", count) for count in channels]
    if not counts:
        raise SettingError(
            Setting("channels"),
            "must hold the channels of one convolution at least.",
            Advice("without any, use {}", code="ds.mlp"),
        )
    if dimensions not in (1, 2):
        raise SettingError(Setting("dimensions"), f"must be 1 (sequences) or 2 (images), got {dimensions!r}.")
    check_choice("pooling", pooling, _POOLS)
    convolution = Conv1D if dimensions == 1 else Conv2D
    stages = Stages(activation=activation, norm=norm, dropout=0, skip=skip, initializer=initializer)
    layers: list[AnyLayer] = []
    for index, count in enumerate(counts):
        n_in = counts[index - 1] * kernel**dimensions if index else None
        start = stages.initializer_of(n_in, blocks=len(counts) - 1)
        layers += stages.stage(convolution(count, kernel, initializer=start, bias=stages.bias), first=index == 0)
        layers += [] if pool is None else [_POOLS[pooling](pool)]
    head = mlp(dense, outputs=outputs, activation=activation, initializer=initializer, norm=norm, dropout=dropout)
    dropped = [] if dropout == 0 else [Dropout(dropout)]
    return Sequential([*layers, *stages.end(), Flatten(), *dropped, *head.layers])
