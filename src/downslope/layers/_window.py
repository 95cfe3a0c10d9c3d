"""Windows that slide over an image: where they lie, what each of their cells sees, and the way back.

Everything here has two spatial axes: a sequence `(batch, length, channels)` is an image of height 1.

With `n` positions along an axis, a window of `k` and a stride of `s`, padding `"valid"` adds nothing and leaves
`⌊(n − k)/s⌋ + 1` positions; `"same"` leaves `⌈n/s⌉`, for which it adds what is missing, half on either side and an odd
one at the end, as Keras does (and torch, which has `"same"` for a stride of 1 only).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from downslope.core import Advice, Setting, SettingError, Shape, ShapeError, check_choice, check_integer

Pair = tuple[int, int]


class Windows(NamedTuple):
    """How windows lie on an image; every pair is (along the height, along the width).

    Attributes:
        size: cells of a window.
        stride: cells from one window to the next.
        pads: cells added before and after the image, along each axis.
        image: the size of the image.
        counts: how many windows there are.
    """

    size: Pair
    stride: Pair
    pads: tuple[Pair, Pair]
    image: Pair
    counts: Pair


def check_sizes(setting: str, value: object) -> int | tuple[int, ...]:
    """Return a whole number for all axes, or a tuple of one for each axis.

    Raises:
        SettingError: it is neither.
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) not in (1, 2):
            raise SettingError(
                Setting(setting), f"must be a whole number, or one for each spatial axis, got {value!r}."
            )
        return tuple(check_integer(setting, size) for size in value)
    return check_integer(setting, value)


def check_padding(padding: object) -> None:
    """Check the name of a padding."""
    check_choice("padding", padding, ("same", "valid"))


def windows(
    spatial: Shape,
    size: int | Sequence[int],
    stride: int | Sequence[int],
    padding: str,
    *,
    layer: str,
) -> Windows:
    """Return how windows lie on an image, or on a sequence, of this size.

    Args:
        spatial: `(height, width)` or `(length,)`.
        size: of the window; one number for all axes, or one each.
        stride: in the same form.
        padding: `"same"` or `"valid"`.
        layer: the layer's name, for the messages.

    Raises:
        ShapeError: a window is larger than what it slides over, or has other axes.
    """
    sizes, strides = _per_axis(layer, size, spatial), _per_axis(layer, stride, spatial)
    if padding == "valid" and any(k > n for k, n in zip(sizes, spatial, strict=True)):
        raise ShapeError(
            f"{layer} slides a window of {sizes} over inputs of {spatial}, which are smaller.",
            Advice("use a smaller window"),
            Advice("use fewer layers that shrink before it"),
            Advice("keep the sizes", padding="same"),
        )
    axes = [_along_axis(n, k, s, padding) for n, k, s in zip(spatial, sizes, strides, strict=True)]
    if len(spatial) == 1:
        axes, sizes, strides, spatial = [(1, (0, 0)), *axes], (1, *sizes), (1, *strides), (1, *spatial)
    (rows, row_pads), (columns, column_pads) = axes
    return Windows(_pair(sizes), _pair(strides), (row_pads, column_pads), _pair(spatial), (rows, columns))


def cells(x: Float[Array, "batch height width channels"], geometry: Windows, *, fill: float) -> list[Array]:
    """Return what each cell of the window sees, for all windows: arrays `(batch, *counts, channels)`, row by row."""
    padded = jnp.pad(x, ((0, 0), *geometry.pads, (0, 0)), constant_values=fill)
    (rows, columns), (down, right) = geometry.counts, geometry.stride
    return [
        padded[:, i : i + (rows - 1) * down + 1 : down, j : j + (columns - 1) * right + 1 : right, :]
        for i in range(geometry.size[0])
        for j in range(geometry.size[1])
    ]


def spread(parts: Sequence[Array], geometry: Windows) -> Float[Array, "batch height width channels"]:
    """Return the transpose of `cells`: every part added where its cell saw from."""
    if geometry.size == geometry.stride:
        return _laid_side_by_side(parts, geometry)
    offsets = [(i, j) for i in range(geometry.size[0]) for j in range(geometry.size[1])]
    return sum(
        (_put_back(part, offset, geometry) for offset, part in zip(offsets[1:], parts[1:], strict=True)),
        _put_back(parts[0], offsets[0], geometry),
    )


def _put_back(part: Array, offset: Pair, geometry: Windows) -> Array:
    """Return an image with a part where the cell at `offset` saw it, and zeros elsewhere."""
    along = [
        (first - before, n - (first - before) - ((count - 1) * step + 1), step - 1)
        for first, (before, _), n, count, step in zip(
            offset, geometry.pads, geometry.image, geometry.counts, geometry.stride, strict=True
        )
    ]
    return lax.pad(part, jnp.zeros((), part.dtype), ((0, 0, 0), *along, (0, 0, 0)))


def _laid_side_by_side(parts: Sequence[Array], geometry: Windows) -> Array:
    """Return `spread` where windows neither overlap nor leave gaps.

    Measured in a compiled loop on two CPU cores, 2 × 2 windows on 128 × 28 × 28 × 32: a third of the time of adding
    padded parts, a tenth of that of XLA's `select_and_scatter_add`, which is the gradient of its pooling.
    """
    (rows, columns), (high, wide) = geometry.counts, geometry.size
    lines = [jnp.stack(parts[i * wide : (i + 1) * wide], axis=3) for i in range(high)]
    tiled = jnp.stack(lines, axis=2)  # (batch, rows, high, columns, wide, channels)
    image = tiled.reshape(tiled.shape[0], rows * high, columns * wide, tiled.shape[-1])
    ends = [
        (-before, n + before - covered, 0)
        for (before, _), n, covered in zip(geometry.pads, geometry.image, image.shape[1:3], strict=True)
    ]
    return lax.pad(image, jnp.zeros((), image.dtype), ((0, 0, 0), *ends, (0, 0, 0)))


def _along_axis(n: int, k: int, s: int, padding: str) -> tuple[int, Pair]:
    """Return how many windows fit along an axis, and the padding before and after it."""
    if padding == "valid":
        return (n - k) // s + 1, (0, 0)
    count = -(-n // s)
    missing = max((count - 1) * s + k - n, 0)
    return count, (missing // 2, missing - missing // 2)


def _per_axis(layer: str, size: int | Sequence[int], spatial: Shape) -> tuple[int, ...]:
    """Return one number for each axis."""
    sizes = (size,) * len(spatial) if isinstance(size, int) else tuple(size)
    if len(sizes) != len(spatial):
        raise ShapeError(
            f"{layer} was given {sizes}, one number for each of {len(sizes)} axes, for inputs of {spatial}. "
            "Give a single number, or as many as there are spatial axes."
        )
    return sizes


def _pair(sizes: Sequence[int]) -> Pair:
    """Return two numbers as a pair."""
    first, second = sizes
    return first, second
