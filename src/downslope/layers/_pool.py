"""Pooling: one number for every window of a channel, the largest or the mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from downslope.core import Advice, Params, Shape, ShapeError
from downslope.layers._protocol import Cache
from downslope.layers._window import Windows, cells, check_padding, check_sizes, spread, windows

Channels = Float[Array, "batch ..."]


@dataclass(frozen=True)
class MaxPool:
    """The largest number in every window, channel by channel, of images or sequences.

    Of equal numbers the first counts, row by row, and receives the whole gradient, as in torch.

    Attributes:
        window: one number, or `(height, width)`; `(length,)` for sequences.
        stride: places from one window to the next; None: the window's size, so that windows lie side by side.
        padding: `"valid"` leaves out what does not fill a window; `"same"` fills up, with nothing that could win.

    Example:
        >>> import jax.numpy as jnp
        >>> y, _ = MaxPool(2).forward({}, jnp.asarray([[[1.0], [3.0], [2.0], [4.0]]]))
        >>> y.ravel().tolist()
        [3.0, 4.0]
    """

    window: int | Sequence[int]
    stride: int | Sequence[int] | None = None
    padding: str = "valid"

    def __post_init__(self) -> None:
        _check_settings(self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of what comes out.

        Raises:
            ShapeError: examples are neither images nor sequences, or smaller than the window.
        """
        return _output_shape(self, input_shape)

    def forward(self, params: Params, x: Channels) -> tuple[Channels, Cache]:
        """Return `y = max x` over each window; and `x`, for its shape, with the cell of each window that won."""
        geometry = _windows(self, x.shape[1:])
        y, winner = _largest(cells(_as_image(x), geometry, fill=-np.inf))
        return _as_given(y, x.ndim), (x, winner)

    def backward(self, params: Params, cache: Cache, dy: Channels) -> tuple[Params, Channels]:
        """Return `dx`: the sum of the `dy` of the windows that this `x` won."""
        x, winner = cache
        geometry = _windows(self, x.shape[1:])
        d_image = _as_image(dy)
        parts = [jnp.where(winner == cell, d_image, 0) for cell in range(geometry.size[0] * geometry.size[1])]
        return {}, _as_given(spread(parts, geometry), x.ndim)


@dataclass(frozen=True)
class AvgPool:
    """The mean of every window, channel by channel, of images or sequences.

    With padding `"same"` the mean is over the cells that lie on the input, as in Keras, and in torch with
    `count_include_pad=False` (which is not torch's default).

    Attributes:
        window: one number, or `(height, width)`; `(length,)` for sequences.
        stride: places from one window to the next; None: the window's size, so that windows lie side by side.
        padding: `"valid"` leaves out what does not fill a window; `"same"` uses what there is.

    Example:
        >>> import jax.numpy as jnp
        >>> y, _ = AvgPool(2).forward({}, jnp.asarray([[[1.0], [3.0], [2.0], [4.0]]]))
        >>> y.ravel().tolist()
        [2.0, 3.0]
    """

    window: int | Sequence[int]
    stride: int | Sequence[int] | None = None
    padding: str = "valid"

    def __post_init__(self) -> None:
        _check_settings(self)

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of what comes out.

        Raises:
            ShapeError: examples are neither images nor sequences, or smaller than the window.
        """
        return _output_shape(self, input_shape)

    def forward(self, params: Params, x: Channels) -> tuple[Channels, Cache]:
        """Return `y = Σ x / n` over each window of `n` cells, and `x`, for its shape."""
        geometry = _windows(self, x.shape[1:])
        y = sum(cells(_as_image(x), geometry, fill=0.0)) * _one_over_n(geometry, x.dtype)
        return _as_given(y, x.ndim), x

    def backward(self, params: Params, cache: Cache, dy: Channels) -> tuple[Params, Channels]:
        """Return `dx`: the sum of `dy / n` of the windows that hold this `x`."""
        x = cache
        geometry = _windows(self, x.shape[1:])
        share = _as_image(dy) * _one_over_n(geometry, dy.dtype)
        return {}, _as_given(spread([share] * (geometry.size[0] * geometry.size[1]), geometry), x.ndim)


def _check_settings(layer: MaxPool | AvgPool) -> None:
    """Check a pool's settings; sizes given as lists become tuples."""
    object.__setattr__(layer, "window", check_sizes("window", layer.window))
    if layer.stride is not None:
        object.__setattr__(layer, "stride", check_sizes("stride", layer.stride))
    check_padding(layer.padding)


def _windows(layer: MaxPool | AvgPool, input_shape: Shape) -> Windows:
    """Return how the windows lie on an example.

    Raises:
        ShapeError: the example is neither an image nor a sequence, or too small.
    """
    name = type(layer).__name__
    if len(input_shape) not in (2, 3):
        raise ShapeError(
            f"{name} expects examples that are images, such as (28, 28, 8), or sequences, such as (40, 8), got "
            f"examples of shape {input_shape}.",
            Advice("put it before the dense layers and the flattening", code="ds.Flatten()"),
        )
    stride = layer.window if layer.stride is None else layer.stride
    return windows(input_shape[:-1], layer.window, stride, layer.padding, layer=name)


def _output_shape(layer: MaxPool | AvgPool, input_shape: Shape) -> Shape:
    """Return the shape of what comes out for one example."""
    counts = _windows(layer, input_shape).counts
    return (*counts[-(len(input_shape) - 1) :], input_shape[-1])


def _largest(candidates: list[Array]) -> tuple[Array, Int[Array, "batch rows columns channels"]]:
    """Return the largest of some arrays, place by place, and the number of the first that holds it. NaN is largest."""
    best, winner = candidates[0], jnp.zeros(candidates[0].shape, jnp.int32)
    for number, candidate in enumerate(candidates[1:], start=1):
        wins = (candidate > best) | jnp.isnan(candidate)
        best, winner = jnp.where(wins, candidate, best), jnp.where(wins, number, winner)
    return best, winner


def _one_over_n(geometry: Windows, dtype: jnp.dtype) -> Float[Array, "1 rows columns 1"]:
    """Return one over the number of cells of every window that lie on the input."""
    along = []
    for k, s, (before, _), n, count in zip(*geometry, strict=True):
        first = np.arange(count) * s - before
        along.append(np.minimum(first + k, n) - np.maximum(first, 0))
    return jnp.asarray(1 / np.outer(*along)[None, :, :, None], dtype)


def _as_image(x: Array) -> Array:
    """Return a batch of sequences as images of height 1; images stay as they are."""
    return x[:, None] if x.ndim == 3 else x


def _as_given(image: Array, ndim: int) -> Array:
    """Return images as the sequences they were made from, where they were."""
    return image[:, 0] if ndim == 3 else image
