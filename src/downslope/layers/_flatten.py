"""From images and sequences to vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Float

from downslope.core import Params, Shape
from downslope.layers._protocol import Cache


@dataclass(frozen=True)
class Flatten:
    """Every example as one vector, as dense layers expect it.

    The order is that of the axes, so the channels of one place lie side by side; torch, which keeps channels first, has
    all places of one channel side by side.

    Example:
        >>> Flatten().output_shape((7, 7, 16))
        (784,)
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return `(numbers,)`, how many numbers an example holds."""
        return (int(np.prod(input_shape)),)

    def forward(self, params: Params, x: Float[Array, "batch ..."]) -> tuple[Float[Array, "batch numbers"], Cache]:
        """Return `x` as vectors; and `x`, for its shape."""
        return x.reshape(len(x), int(np.prod(x.shape[1:]))), x

    def backward(
        self, params: Params, cache: Cache, dy: Float[Array, "batch numbers"]
    ) -> tuple[Params, Float[Array, "batch ..."]]:
        """Return `dy` in the shape of `x`."""
        return {}, dy.reshape(cache.shape)
