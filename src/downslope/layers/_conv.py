"""Convolutional layers: the same small window of weights at every place of an image or a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from downslope.core import Key, Params, Setting, SettingError, Shape, ShapeError, check_integer
from downslope.layers._convolution import convolve, input_gradient, weight_gradient
from downslope.layers._protocol import Cache
from downslope.layers._window import Windows, check_padding, check_sizes, windows
from downslope.layers.initializers import Initializer, check_initializer, draw_weights


@dataclass(frozen=True)
class Conv2D:
    """Convolution of images, `y[p, q] = Σ_{i, j} x[s p + i, s q + j] W[i, j] + b`, channels last.

    `W` is `(height, width, c_in, c_out)`; torch holds `(c_out, c_in, height, width)`, and its images `(c, h, w)`. The
    window is not mirrored (a cross-correlation, to be exact), as in every library of networks. How both gradients
    follow is derived in `downslope.layers._convolution`.

    Attributes:
        channels: how many channels come out.
        kernel: the window: one number, or `(height, width)`.
        stride: places from one window to the next: one number, or `(down, right)`.
        padding: `"same"` pads with zeros so that `⌈n/stride⌉` places come out, an odd zero at the end; `"valid"` adds
            none.
        initializer: a name or function of `ds.initializers`; `"auto"` as for `Dense`. A weight's `n_in` counts what a
            window sees.
        bias: whether there is a `b`, one number a channel. Biases start at zero.

    Example:
        >>> layer = Conv2D(16, 3, stride=2)
        >>> layer.output_shape((28, 28, 1))
        (14, 14, 16)
        >>> {name: array.shape for name, array in layer.initialize(0, (28, 28, 1)).items()}
        {'weight': (3, 3, 1, 16), 'bias': (16,)}
    """

    channels: int
    kernel: int | Sequence[int]
    stride: int | Sequence[int] = 1
    padding: str = "same"
    initializer: Initializer | str = "auto"
    bias: bool = True

    def __post_init__(self) -> None:
        _check_settings(self, axes=2)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return `(height, width, channels)` of what comes out.

        Raises:
            ShapeError: examples are no images, or smaller than the window.
        """
        return (*_windows(self, input_shape, axes=2).counts, self.channels)

    def initialize(self, key: Key, input_shape: Shape) -> Params:
        """Return `{"weight": (height, width, c_in, channels), "bias": (channels,)}`."""
        geometry = _windows(self, input_shape, axes=2)
        return draw_weights(self.initializer, key, (*geometry.size, input_shape[-1], self.channels), bias=self.bias)

    def forward(
        self, params: Params, x: Float[Array, "batch height width c_in"]
    ) -> tuple[Float[Array, "batch rows columns c_out"], Cache]:
        """Return `y`, and `x`, which the backward pass needs."""
        _check_channels(self, params, x.shape[1:], axes=2)
        y = convolve(x, params["weight"], _windows(self, x.shape[1:], axes=2))
        return _with_bias(params, y), x

    def backward(
        self, params: Params, cache: Cache, dy: Float[Array, "batch rows columns c_out"]
    ) -> tuple[Params, Float[Array, "batch height width c_in"]]:
        """Return `dW` (each cell's inputs times `dy`), `db = Σ dy`, and `dx` (`dy` by the mirrored window)."""
        x = cache
        geometry = _windows(self, x.shape[1:], axes=2)
        gradients = {"weight": weight_gradient(x, dy, geometry)} | _bias_gradient(self, dy)
        return gradients, input_gradient(dy, params["weight"], geometry)


@dataclass(frozen=True)
class Conv1D:
    """Convolution of sequences, `y[p] = Σ_i x[s p + i] W[i] + b`, channels last: examples are `(length, channels)`.

    `W` is `(width, c_in, c_out)`; torch holds `(c_out, c_in, width)`, and its sequences `(c, length)`. All else is as
    in `Conv2D`, of which this is the case of height 1.

    Attributes:
        channels: how many channels come out.
        kernel: the width of the window.
        stride: places from one window to the next.
        padding: `"same"` or `"valid"`.
        initializer: a name or function of `ds.initializers`; `"auto"` as for `Dense`.
        bias: whether there is a `b`, one number a channel.

    Example:
        >>> layer = Conv1D(25, 5, padding="valid")
        >>> layer.output_shape((40, 1))
        (36, 25)
        >>> {name: array.shape for name, array in layer.initialize(0, (40, 1)).items()}
        {'weight': (5, 1, 25), 'bias': (25,)}
    """

    channels: int
    kernel: int | Sequence[int]
    stride: int | Sequence[int] = 1
    padding: str = "same"
    initializer: Initializer | str = "auto"
    bias: bool = True

    def __post_init__(self) -> None:
        _check_settings(self, axes=1)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return `(length, channels)` of what comes out.

        Raises:
            ShapeError: examples are no sequences, or shorter than the window.
        """
        return (_windows(self, input_shape, axes=1).counts[1], self.channels)

    def initialize(self, key: Key, input_shape: Shape) -> Params:
        """Return `{"weight": (width, c_in, channels), "bias": (channels,)}`."""
        geometry = _windows(self, input_shape, axes=1)
        return draw_weights(self.initializer, key, (geometry.size[1], input_shape[-1], self.channels), bias=self.bias)

    def forward(
        self, params: Params, x: Float[Array, "batch length c_in"]
    ) -> tuple[Float[Array, "batch places c_out"], Cache]:
        """Return `y`, and `x`, which the backward pass needs."""
        _check_channels(self, params, x.shape[1:], axes=1)
        geometry = _windows(self, x.shape[1:], axes=1)
        y = convolve(x[:, None], params["weight"][None], geometry)[:, 0]
        return _with_bias(params, y), x

    def backward(
        self, params: Params, cache: Cache, dy: Float[Array, "batch places c_out"]
    ) -> tuple[Params, Float[Array, "batch length c_in"]]:
        """Return `dW`, `db = Σ dy`, and `dx`."""
        x = cache
        geometry = _windows(self, x.shape[1:], axes=1)
        gradients = {"weight": weight_gradient(x[:, None], dy[:, None], geometry)[0]} | _bias_gradient(self, dy)
        return gradients, input_gradient(dy[:, None], params["weight"][None], geometry)[:, 0]


def _check_settings(layer: Any, *, axes: int) -> None:
    """Check a convolution's settings; sizes given as lists become tuples."""
    check_integer("channels", layer.channels, advice="A layer has at least one channel.")
    for setting in ("kernel", "stride"):
        sizes = check_sizes(setting, getattr(layer, setting))
        if isinstance(sizes, tuple) and len(sizes) != axes:
            raise SettingError(
                Setting(setting), f"of {type(layer).__name__} must be a whole number or {axes} of them, got {sizes}."
            )
        object.__setattr__(layer, setting, sizes)
    check_padding(layer.padding)
    check_initializer(layer.initializer)


def _windows(layer: Any, input_shape: Shape, *, axes: int) -> Windows:
    """Return how the windows lie on an example.

    Raises:
        ShapeError: the example has other axes, or is too small.
    """
    if len(input_shape) != axes + 1:
        expected = "images, such as (28, 28, 1)" if axes == 2 else "sequences, such as (40, 1)"
        raise ShapeError(
            f"{type(layer).__name__} expects examples that are {expected}, got examples of shape {input_shape}. "
            "Reshape the data; the channels come last."
        )
    return windows(input_shape[:-1], layer.kernel, layer.stride, layer.padding, layer=type(layer).__name__)


def _check_channels(layer: Any, params: Params, input_shape: Shape, *, axes: int) -> None:
    """Check that examples have as many channels as the weight was made for."""
    expected = params["weight"].shape[-2]
    if len(input_shape) == axes + 1 and input_shape[-1] != expected:
        raise ShapeError(
            f"{type(layer).__name__} expects {expected} channels, as its weight was made for, got examples of shape "
            f"{input_shape}. The channels come last; or make new variables with net.init."
        )


def _with_bias(params: Params, y: Array) -> Array:
    """Return `y + b`, if there is a `b`."""
    return y + params["bias"].reshape((1,) * (y.ndim - 1) + (-1,)) if "bias" in params else y


def _bias_gradient(layer: Conv1D | Conv2D, dy: Array) -> Params:
    """Return `db = Σ dy` over rows and places, if there is a `b`."""
    return {"bias": jnp.sum(dy, axis=tuple(range(dy.ndim - 1)))} if layer.bias else {}
