"""Rows of numbers that are really images or sequences."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from downslope.data import Dataset

Shape = tuple[int, ...]

OF_SETS = {"digits": (8, 8, 1), "mnist1d": (40, 1)}
"""What a row is in the data sets that come as flat rows."""


def read_shape(text: str) -> Shape:
    """Return the shape of an example, channels last.

    Raises:
        SettingError: it is neither `HEIGHTxWIDTHxCHANNELS` nor `LENGTHxCHANNELS`.

    Example:
        >>> read_shape("28x28x1"), read_shape("40x1")
        ((28, 28, 1), (40, 1))
    """
    parts = re.split("[x×]", text.strip().lower())
    if len(parts) not in (2, 3) or not all(part.isdecimal() and int(part) > 0 for part in parts):
        from downslope.core import SettingError

        raise SettingError(
            "`shape` must be HEIGHTxWIDTHxCHANNELS for images, such as 28x28x1, or LENGTHxCHANNELS for sequences, such "
            f"as 40x1, got {text!r}.",
            "shape",
        )
    return tuple(map(int, parts))


def arranged(data: Dataset, shape: Shape, *, task: str | None) -> Dataset:
    """Return a data set whose rows of numbers are images or sequences.

    Args:
        data: rows of numbers, an array or a table; numbers in the order of the axes, the channels of a place together.
        shape: of an example.
        task: as asked for, or None to infer it.

    Raises:
        DataError: a column that holds no numbers.
        SettingError: rows of another length.
    """
    from downslope.core import SettingError
    from downslope.data import Dataset

    if data.x.shape[1:] == shape:
        return data
    count = math.prod(data.x.shape[1:])
    if count != math.prod(shape):
        raise SettingError(
            f"`shape` must fit rows of {count} numbers, got {_text(shape)}, which is {math.prod(shape)}. "
            "Name other sizes, or leave it out.",
            "shape",
        )
    fields = {"y": data.y, "row_weights": data.row_weights, "target_name": data.target_name}
    return Dataset(_numbers(data).reshape(len(data), *shape), **fields, task=task)


def arranged_as_in_training(data: Dataset, shape: Shape) -> Dataset:
    """Return rows to predict as training saw them, if they hold as many numbers; else as they are."""
    if len(shape) < 2 or len(data.x.shape) > 2 or data.x.shape[1] != math.prod(shape):
        return data
    return dataclasses.replace(data, x=_numbers(data).reshape(len(data), *shape), feature_names=None)


def _numbers(data: Dataset) -> Any:
    """Return the rows as an array; missing cells are NaN."""
    if not hasattr(data.x, "columns"):
        return data.x
    from downslope.core import DataError

    text = [
        name for name in data.x.columns if not (data.x[name].dtype.is_numeric() or str(data.x[name].dtype) == "Boolean")
    ]
    if text:
        raise DataError(
            f"With `shape` all columns but the target must hold numbers, got text in {text[0]!r}. "
            "Leave it out of the file, or leave `shape` out."
        )
    return data.x.to_numpy()


def _text(shape: Shape) -> str:
    """Return a shape as it is written."""
    return "x".join(map(str, shape))
