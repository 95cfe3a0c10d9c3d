"""Rows of numbers arranged as images or sequences."""

from __future__ import annotations

import copy
import math

import numpy as np

from downslope.core import DataError, Setting, SettingError, Shape
from downslope.data.dataset import Dataset
from downslope.data.stored import StoredRows, StoredTable, stays_on_disk, stored


def arranged(data: Dataset, shape: Shape, *, task: str | None) -> Dataset:
    """Return a data set whose rows of numbers are images or sequences.

    Args:
        data: rows of numbers, an array or a table, in the order of the axes, the channels of a position together.
        shape: of an example.
        task: as asked for, or None to infer it.

    Raises:
        DataError: a column that holds no numbers.
        SettingError: rows of another length.
    """
    if data.x.shape[1:] == shape:
        return data
    count = math.prod(data.x.shape[1:])
    if count != math.prod(shape):
        raise SettingError(
            Setting("shape"),
            f"must fit rows of {count} numbers, got {_text(shape)}, which is {math.prod(shape)}. Name other sizes, "
            "or leave it out.",
        )
    other_fields = {name: getattr(data, name) for name in ("y", "row_weights", "target_name", "origin")}
    return Dataset(_reshaped(_numbers(data), shape), **other_fields, task=task)


def arranged_as(data: Dataset, shape: Shape) -> Dataset:
    """Return rows as examples of the shape that training had, if they hold as many numbers; else unchanged."""
    if len(shape) < 2 or len(data.x.shape) > 2 or data.x.shape[1] != math.prod(shape):
        return data
    alike = copy.copy(data)
    object.__setattr__(alike, "x", _reshaped(_numbers(data), shape))
    object.__setattr__(alike, "feature_names", None)
    return alike


def _numbers(data: Dataset) -> np.ndarray | StoredRows:
    """Return the rows as an array; missing cells are NaN."""
    if not hasattr(data.x, "columns"):
        return data.x
    few = data.x[:1]
    text = [name for name in few.columns if not (few[name].dtype.is_numeric() or str(few[name].dtype) == "Boolean")]
    if text:
        raise DataError(
            "With",
            Setting("shape"),
            f"all columns but the target must hold numbers, got text in {text[0]!r}. Leave it out of the file, or "
            "leave",
            Setting("shape"),
            "out.",
        )
    return data.x.numbers(data.x.columns) if isinstance(data.x, StoredTable) else data.x.to_numpy()


def _reshaped(x: np.ndarray | StoredRows, shape: Shape) -> np.ndarray | StoredRows:
    """Return rows of numbers as examples of a shape; those on disk stay there."""
    if isinstance(x, np.ndarray) and not stays_on_disk(x):
        return x.reshape(len(x), *shape)
    return stored(x).prepared(lambda rows: rows.reshape(len(rows), *shape), x.dtype, shape)


def _text(shape: Shape) -> str:
    """Return a shape as it is written."""
    return "x".join(map(str, shape))
