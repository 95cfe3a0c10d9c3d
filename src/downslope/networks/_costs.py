"""What a forward pass of one example takes, counted: connections and floating-point operations.

Connections join an input to an output: `n_in · n_out` for a dense layer; for a convolution, a weight for every cell of
every window that lies on the input (cells on the padding join nothing); for a pool, its cells likewise. Layers that
work on numbers where they stand (activations, norms, dropout) have none. Biases are no connections here; LeCun et al.
(1998, Gradient-based learning applied to document recognition, §II.B) count them too.

FLOPs count a multiplication and an addition as two, and an activation as one a number, whatever its function: what XLA
counts for a network of dense layers and relu. Papers that count "multiply-adds" say half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from downslope.core import Shape
from downslope.layers import (
    Activation,
    AnyLayer,
    AvgPool,
    BatchNorm,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Frozen,
    Identity,
    LayerNorm,
    MaxPool,
    Residual,
    output_shape,
    windows,
)

BATCH_NORM_FLOPS = 4  # a number: minus the mean, over the deviation, scaled, shifted
LAYER_NORM_FLOPS = 7  # the same, and the sums of the mean and of the squares


def connections(layer: AnyLayer, input_shape: Shape) -> int | None:
    """Return how many connections a layer has; None for a user's own, which only its author could count.

    A residual block counts as its addition, which has none; its layers count on their own.

    Example:
        >>> connections(Dense(10), (64,)), connections(Conv2D(8, 3), (5, 5, 1)), connections(MaxPool(2), (4, 4, 3))
        (640, 1352, 48)
    """
    match layer:
        case Frozen():
            return connections(layer.layer, input_shape)
        case Dense():
            return math.prod(input_shape) * layer.units
        case Conv1D() | Conv2D():
            cells = _cells_on_input(input_shape, layer.kernel, layer.stride, layer.padding)
            return cells * input_shape[-1] * layer.channels
        case MaxPool() | AvgPool():
            stride = layer.window if layer.stride is None else layer.stride
            return _cells_on_input(input_shape, layer.window, stride, layer.padding) * input_shape[-1]
        case Activation() | BatchNorm() | LayerNorm() | Dropout() | Flatten() | Residual():
            return 0
        case _:
            return None


def forward_flops(layer: AnyLayer, input_shape: Shape) -> int | None:
    """Return the floating-point operations of a forward pass of one example, as when predicting.

    None for a user's own layer. A residual block counts as its addition.

    Example:
        >>> forward_flops(Dense(10), (64,))
        1290
    """
    count = math.prod(output_shape(layer, input_shape))
    match layer:
        case Frozen():
            return forward_flops(layer.layer, input_shape)
        case Dense() | Conv1D() | Conv2D():
            joined = connections(layer, input_shape)
            return None if joined is None else 2 * joined + count * layer.bias
        case MaxPool() | AvgPool():
            return connections(layer, input_shape)
        case BatchNorm():
            return BATCH_NORM_FLOPS * count
        case LayerNorm():
            return LAYER_NORM_FLOPS * count
        case Identity() | Dropout() | Flatten():
            return 0
        case Activation() | Residual():
            return count
        case _:
            return None


def known_sum(numbers: Sequence[int | None]) -> int | None:
    """Return the sum of counts; None where one is unknown."""
    return None if None in numbers else sum(number for number in numbers if number is not None)


def _cells_on_input(input_shape: Shape, size: int | Sequence[int], stride: int | Sequence[int], padding: str) -> int:
    """Return how many cells of all windows together lie on the input, of one channel."""
    geometry = windows(input_shape[:-1], size, stride, padding, layer="the layer")
    along = []
    for k, s, (before, _), n, count in zip(*geometry, strict=True):
        first = np.arange(count) * s - before
        along.append(int(np.sum(np.minimum(first + k, n) - np.maximum(first, 0))))
    return math.prod(along)
