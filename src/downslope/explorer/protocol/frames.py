"""Binary frames: a header of 24 bytes, then numbers as float32, all little-endian.

| bytes | field | |
|---|---|---|
| 0 | kind | 1 surface, 2 path, 3 boundary, 4 examples, 5 units, 6 signals |
| 1 | flags | bit 0: last of its kind (surface), or replaces the path drawn so far (path) |
| 2 | descent | which, 0 where it is of none |
| 3 | layer | which, for units |
| 4–7 | run | the page's number; a frame of another run is dropped |
| 8–11 | step | of the descent |
| 12–15, 16–19, 20–23 | depth, rows, columns | the numbers are `depth × rows × columns`, the last fastest |
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

import numpy as np

HEADER = struct.Struct("<BBBBIIIII")

PATH_COLUMNS = (
    "step", "a", "b", "loss", "height", "distance", "gradient_norm", "gradient_a", "gradient_b", "velocity_a",
    "velocity_b", "learning_rate", "lambda_max", "limit",
)  # fmt: skip
"""Of a path frame: the slope of the true loss and the last step, both along the plane, in its coefficients.

`height` is the surface below, `lambda_max` and `limit` are NaN where they were not measured.
"""

EXAMPLE_COLUMNS = ("row", "predicted", "probability")
"""Of an examples frame: which row of the data, which class, how likely."""

SIGNAL_COLUMNS = ("activation", "gradient", "weight", "update")
"""Of a signals frame: root mean squares of a layer's output, its gradient, its weights, and of their last step."""

LAST = REPLACES = 1


class Kind(IntEnum):
    """The contents of a frame.

    SURFACE: depth 2: losses, and 1 where they were computed (a loss may be NaN and computed).
    PATH: rows of `PATH_COLUMNS`.
    BOUNDARY: for each class (two classes: the second only) its probability on the grid.
    EXAMPLES: rows of `EXAMPLE_COLUMNS`.
    UNITS: for each unit of a layer its response on the grid.
    SIGNALS: a row of `SIGNAL_COLUMNS` a layer.
    """

    SURFACE = 1
    PATH = 2
    BOUNDARY = 3
    EXAMPLES = 4
    UNITS = 5
    SIGNALS = 6


class Frame(NamedTuple):
    """A frame: `values` has three axes, depth, rows, columns."""

    kind: Kind
    run: int
    values: np.ndarray
    flags: int = 0
    descent: int = 0
    layer: int = 0
    step: int = 0


def pack_frame(frame: Frame) -> bytes:
    """Return a frame as bytes.

    Example:
        >>> pack_frame(Frame(Kind.SIGNALS, run=3, values=np.array([[[0.5]]]), step=7)).hex(" ", 4)
        '06000000 03000000 07000000 01000000 01000000 01000000 0000003f'
    """
    with np.errstate(over="ignore"):
        numbers = np.ascontiguousarray(frame.values, "<f4")
    head = HEADER.pack(frame.kind, frame.flags, frame.descent, frame.layer, frame.run, frame.step, *frame.values.shape)
    return head + numbers.tobytes()


def unpack_frame(data: bytes) -> Frame:
    """Return the frame that `pack_frame` wrote."""
    kind, flags, descent, layer, run, step, *shape = HEADER.unpack_from(data)
    values = np.frombuffer(data, "<f4", offset=HEADER.size).reshape(shape)
    return Frame(Kind(kind), run, values, flags, descent, layer, step)
