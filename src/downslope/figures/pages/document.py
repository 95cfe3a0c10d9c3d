"""The document of the page as JSON: surfaces, paths on them, and the data that the losses are over.

Arrays travel as base64 of their bytes, little-endian, so NaN and infinities survive and every number arrives as it was.
The page in `ui/` reads exactly this; `VERSION` counts the changes that it would not understand.
"""

from __future__ import annotations

import base64
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

VERSION = 1


class _Part(BaseModel):
    """A frozen part of the document, with fixed fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Array(_Part):
    """Numbers in rows, as base64 of their little-endian bytes."""

    dtype: Literal["float32", "float64", "int32", "uint8"]
    shape: tuple[int, ...]
    data: str


class Axis(_Part):
    """One direction of a plane: its label, and the coefficients along it in ascending order.

    `origin` is the value at a coefficient of 0, a parameter's own value, which is added to the numbers on the axis.
    """

    label: str
    values: Array
    origin: float = 0.0


class Path(_Part):
    """A path on a plane: step, coordinates, true loss, height of the plane, and distance off it at each point."""

    name: str
    steps: Array
    coordinates: Array
    losses: Array
    heights: Array
    distances: Array
    explained: float | None


class Line(_Part):
    """The straight lines of a path through the data: `(points, 2)`, intercept and slope at each of its points."""

    path: str
    values: Array


class LineView(_Part):
    """Data with a fitted line, in the data's own units.

    `ground` is `(3, 2)`: intercept and slope where both coefficients are 0, and their change along each direction.
    """

    kind: Literal["line"] = "line"
    x: Array
    t: Array
    x_label: str
    t_label: str
    ground: Array
    lines: tuple[Line, ...]


View = Annotated[LineView, Field(discriminator="kind")]
"""The view beside a surface; a union over `kind`, which further views join."""


class Surface(_Part):
    """Losses on a plane, `(len(axes[0]), len(axes[1]))`, with the paths on it; `computed` is None if all were."""

    name: str
    description: str
    axes: tuple[Axis, Axis]
    losses: Array
    computed: Array | None
    kind: str
    left_out: tuple[str, ...]
    explained: tuple[float, ...] | None
    standard_error: float | None
    paths: tuple[Path, ...]
    view: LineView | None


class Document(_Part):
    """The contents of one page."""

    format: Literal["downslope-page"] = "downslope-page"
    version: Literal[1] = VERSION
    title: str
    description: str
    loss_label: str
    step_label: str
    surfaces: Annotated[tuple[Surface, ...], Field(min_length=1)]


def packed(values: np.ndarray) -> Array:
    """Encode an array for the document: in float32 if that is exact, else in float64; integers in 32 bits.

    Example:
        >>> packed(np.array([0.5, np.inf])).dtype, packed(np.array([0.1])).dtype, packed(np.array([3, 4])).dtype
        ('float32', 'float64', 'int32')
    """
    array = np.ascontiguousarray(values)
    if array.dtype == bool:
        array = array.astype("<u1")
    elif np.issubdtype(array.dtype, np.integer):
        array = array.astype("<i4")
    else:
        array = _floats(array)
    data = base64.b64encode(array.tobytes()).decode("ascii")
    return Array(dtype=array.dtype.name, shape=array.shape, data=data)  # pyright: ignore[reportArgumentType]


def unpacked(array: Array) -> np.ndarray:
    """Decode an array that `packed` encoded.

    Example:
        >>> unpacked(packed(np.array([[1.5, np.nan]])))
        array([[1.5, nan]], dtype=float32)
    """
    flat = np.frombuffer(base64.b64decode(array.data), np.dtype(array.dtype).newbyteorder("<"))
    return flat.reshape(array.shape).astype(array.dtype)


def _floats(values: np.ndarray) -> np.ndarray:
    """Return floating-point numbers in the smallest type that represents all of them exactly."""
    with np.errstate(over="ignore", under="ignore"):
        short = values.astype("<f4")
    return short if np.array_equal(short, values, equal_nan=True) else values.astype("<f8")
