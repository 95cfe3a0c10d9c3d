"""The dense layer: every output is connected with every input."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from downslope.core import Advice, Key, Params, Shape, ShapeError, check_integer
from downslope.layers._protocol import Cache
from downslope.layers.initializers import Initializer, check_initializer, draw_weights


@dataclass(frozen=True)
class Dense:
    """Affine map of the feature axis, `y = x W + b`.

    `W[i, j]` is the weight from input `i` to output `j`: inputs in rows, outputs in columns (textbooks that write
    `h Wᵀ`, and torch, hold the transpose). Biases start at zero.

    Attributes:
        units: the number of outputs.
        initializer: a name or function of `ds.initializers`. `"auto"` chooses by the activation that follows: He's
            normal for the relu family, Glorot's normal otherwise. A named one does exactly what its formula says.
        bias: whether there is a `b`.

    Example:
        >>> layer = Dense(2, initializer="zeros")
        >>> {name: array.shape for name, array in layer.initialize(0, (3,)).items()}
        {'weight': (3, 2), 'bias': (2,)}
    """

    units: int
    initializer: Initializer | str = "auto"
    bias: bool = True

    def __post_init__(self) -> None:
        check_integer("units", self.units, advice="A layer has at least one unit.")
        check_initializer(self.initializer)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return `(units,)`.

        Raises:
            ShapeError: examples are not vectors.
        """
        if len(input_shape) != 1:
            raise ShapeError(
                f"Dense expects examples that are vectors, such as (64,), got examples of shape {input_shape}.",
                Advice("put a flattening layer before it", code="ds.Flatten()"),
                Advice("reshape the data to (rows, features)"),
            )
        return (self.units,)

    def initialize(self, key: Key, input_shape: Shape) -> Params:
        """Return `{"weight": (n_in, units), "bias": (units,)}`. `"auto"` outside a network is Glorot's normal."""
        self.output_shape(input_shape)
        return draw_weights(self.initializer, key, (*input_shape, self.units), bias=self.bias)

    def forward(self, params: Params, x: Float[Array, "batch n_in"]) -> tuple[Float[Array, "batch n_out"], Cache]:
        """Return `y = x W + b`, and `x`, which the backward pass needs.

        Raises:
            ShapeError: `x` has another number of features than `W` has rows.
        """
        if x.ndim != 2 or x.shape[1] != params["weight"].shape[0]:
            raise ShapeError(
                f"Dense expects rows of {params['weight'].shape[0]} features, as its weight was made for, "
                f"got an array of shape {x.shape}. Select the same columns, or make new variables with net.init."
            )
        y = x @ params["weight"]
        return (y + params["bias"][None, :] if self.bias else y), x

    def backward(
        self, params: Params, cache: Cache, dy: Float[Array, "batch n_out"]
    ) -> tuple[Params, Float[Array, "batch n_in"]]:
        """Return the gradients `dW = xᵀ dy`, `db = Σ dy`, and `dx = dy Wᵀ`."""
        x = cache
        gradients = {"weight": x.T @ dy}
        if self.bias:
            gradients["bias"] = jnp.sum(dy, axis=0)
        return gradients, dy @ params["weight"].T
