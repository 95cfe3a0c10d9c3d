"""The residual block: layers with a skip around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Array, Float

from downslope.core import Advice, Key, Params, Setting, SettingError, Shape, ShapeError, fold
from downslope.layers._chain import (
    chain_backward,
    chain_forward,
    chain_params,
    chain_shapes,
    chain_state,
    checked_layers,
    context_at,
)
from downslope.layers._conv import Conv1D, Conv2D
from downslope.layers._dense import Dense
from downslope.layers._protocol import AnyLayer, Cache, Context, forward_in, initial_state, initialize, output_shape


@dataclass(frozen=True)
class Residual:
    """Layers with a skip around them: `y = body(x) + P x`, `∂l/∂x = bodyᵀ dy + Pᵀ dy`.

    However small the gradients that come back through the body, `dy` comes back through the skip; that is what lets
    deep networks train. `P` is the identity where the body leaves the shape of its input as it is. Where it does not,
    the projection `"auto"` is a `Dense` for vectors, and for images and sequences a convolution of window 1 with the
    stride that fits. It has no bias, for the body has one, and keeps the variance of its input (`lecun_normal`).

    `params` and `state` are `{"body": (…), "projection": {…}}`: in `"body"` one dict a layer, as in a network; the
    projection's dict is empty for the identity.

    Attributes:
        layers: the body, first to last.
        projection: `"auto"`, or a layer to use for `P`.

    Example:
        >>> import downslope as ds, numpy as np
        >>> block = ds.Residual([ds.Dense(4, initializer="zeros")])
        >>> net = ds.Sequential([block])
        >>> net.apply(net.init(0, (4,)), np.ones((1, 4))).tolist()
        [[1.0, 1.0, 1.0, 1.0]]

    References:
        He, Zhang, Ren, Sun (2016), Deep residual learning for image recognition, §3.2 (option B for projections).
    """

    layers: tuple[AnyLayer, ...]
    projection: str | AnyLayer

    def __init__(self, layers: Sequence[AnyLayer], projection: str | AnyLayer = "auto"):
        object.__setattr__(self, "layers", checked_layers(layers))
        object.__setattr__(self, "projection", projection)
        if not self.layers:
            raise SettingError(Setting("layers"), "of Residual must hold one layer at least, got none.")
        if isinstance(projection, str) and projection != "auto":
            raise SettingError(
                Setting("projection"), f"must be 'auto' or a layer such as ds.Dense(64), got {projection!r}."
            )
        if projection != "auto":
            checked_layers([projection])

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the body's output.

        Raises:
            ShapeError: a layer cannot take what it would be given, or the skip does not lead to the same shape.
        """
        shape = chain_shapes(self.layers, input_shape)[-1]
        projection = self.projection_for(input_shape)
        skipped = input_shape if projection is None else output_shape(projection, input_shape)
        if tuple(skipped) != shape:
            raise ShapeError(
                f"The skip of Residual leads to examples of shape {skipped}, its layers to {shape}. Give a",
                Setting("projection"),
                "that leads to the same shape, or leave it at 'auto'.",
            )
        return shape

    def initialize(self, key: Key, input_shape: Shape) -> Params:
        """Return `{"body": (…), "projection": {…}}`."""
        self.output_shape(input_shape)
        projection = self.projection_for(input_shape)
        return {
            "body": chain_params(self.layers, fold(key, "body"), input_shape),
            "projection": {} if projection is None else initialize(projection, fold(key, "projection"), input_shape),
        }

    def initial_state(self, input_shape: Shape) -> Params:
        """Return the first state of the body and of the projection, in the same form."""
        projection = self.projection_for(input_shape)
        return {
            "body": chain_state(self.layers, input_shape),
            "projection": {} if projection is None else initial_state(projection, input_shape),
        }

    def forward_in(
        self, context: Context, params: Params, state: Params, x: Float[Array, "batch ..."]
    ) -> tuple[Float[Array, "batch ..."], Cache, Params]:
        """Return `y = body(x) + P x`, the caches of both, and the next state of both."""
        body = chain_forward(self.layers, context, params["body"], state["body"], x)
        projection, cache, next_state, skipped = self.projection_for(x.shape[1:]), None, state["projection"], x
        if projection is not None:
            own = context_at(context, len(self.layers))
            skipped, cache, next_state = forward_in(projection, own, params["projection"], next_state, x)
        y = body.activations[-1] + skipped
        return y, (body.caches, cache), {"body": body.state, "projection": next_state}

    def backward(
        self, params: Params, cache: Cache, dy: Float[Array, "batch ..."]
    ) -> tuple[Params, Float[Array, "batch ..."]]:
        """Return the gradients of the body and of the projection, and `∂l/∂x`, the sum of both ways back."""
        body_caches, projection_cache = cache
        body = chain_backward(self.layers, params["body"], body_caches, dy)
        d_body = body.activations[0]
        projection, d_projection, d_skipped = self.projection_for(d_body.shape[1:]), {}, dy
        if projection is not None:
            d_projection, d_skipped = projection.backward(params["projection"], projection_cache, dy)
        return {"body": body.params, "projection": d_projection}, d_body + d_skipped

    def projection_for(self, input_shape: Shape) -> AnyLayer | None:
        """Return the layer on the skip; None for the identity."""
        if not isinstance(self.projection, str):
            return self.projection
        shape = chain_shapes(self.layers, input_shape)[-1]
        return None if shape == tuple(input_shape) else _fitting(tuple(input_shape), shape)


def _fitting(input_shape: Shape, shape: Shape) -> AnyLayer:
    """Return the linear layer that leads from one shape to another.

    Raises:
        ShapeError: there is none.
    """
    settings = {"initializer": "lecun_normal", "bias": False}
    if len(input_shape) == len(shape) == 1:
        return Dense(shape[0], **settings)
    strides = tuple(-(-n // n_out) for n, n_out in zip(input_shape[:-1], shape[:-1], strict=False))
    reached = tuple(-(-n // stride) for n, stride in zip(input_shape, strides, strict=False))
    if len(input_shape) != len(shape) or len(shape) not in (2, 3) or reached != shape[:-1]:
        raise ShapeError(
            f"No stride leads the skip of Residual from examples of shape {input_shape} to its layers' {shape}.",
            Advice("keep the sizes inside", padding="same"),
            Advice("move layers that flatten outside"),
            Advice("give a projection", projection=...),
        )
    return (Conv1D if len(shape) == 2 else Conv2D)(shape[-1], 1, strides, **settings)
