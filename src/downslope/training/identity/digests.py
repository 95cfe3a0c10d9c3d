"""Digests of a data set as it was given: its values, before anything is filled in, encoded or scaled.

What the network sees does not tell a column from the same one times three, once both are normalized. Numbers count by
their value, as float64, whatever type they are held in; text by its characters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from downslope.core import JSON
from downslope.data import Dataset, StoredTable, row_blocks

if TYPE_CHECKING:
    from hashlib import _Hash

MOST_COLUMNS = 1024
"""Up to so many columns have a digest of their own, so that those that differ can be named."""

BLOCK_NUMBERS = 2**18
"""So many numbers are turned and hashed at a time, which a processor's cache holds."""

DIGITS = 16
"""So many hexadecimal digits of a digest are kept."""

MISSING = -1


def digests_of(data: Dataset) -> dict[str, JSON]:
    """Return digests of the columns, or of all inputs, of the target and of the row weights of a data set.

    `targets_sorted` is the same for rows in another order.

    Args:
        data: rows with a target.

    Example:
        >>> data, longer = Dataset([[1.0], [2.0]], [5.0, 6.0]), Dataset([[3.0], [6.0]], [5.0, 6.0])
        >>> one, other = digests_of(data), digests_of(longer)
        >>> [name for name in one if one[name] != other[name]]
        ['columns']
    """
    named = hasattr(data.x, "columns")
    by_column = named or (len(data.x.shape) == 2 and data.x.shape[1] <= MOST_COLUMNS)
    columns = (_table_columns(data.x) if named else _array_columns(data.x)) if by_column else None
    targets = _numbers_of_targets(data)
    weights = data.row_weights
    return {
        "shape": list(data.x.shape),
        "columns": columns,
        "inputs": None if by_column else _rows_digest(data.x),
        "targets": _digest(targets),
        "targets_sorted": _digest(np.sort(targets, axis=0)),
        "row_weights": None if weights is None else _digest(np.asarray(weights, np.float64)),
    }


def _table_columns(table: Any) -> list[JSON]:
    """Return the digest of every column of a table."""
    if not isinstance(table, StoredTable):
        return [_series_digest(table[name]) for name in table.columns]
    numbers = tuple(name for name in table.columns if not table.is_text(name))
    of_numbers = dict(zip(numbers, _array_columns(table.numbers(numbers)) if numbers else [], strict=True))
    return [of_numbers.get(name) or _series_digest(table.column(name)) for name in table.columns]


def _series_digest(series: Any) -> str:
    """Return the digest of a column of numbers, booleans or text."""
    import polars as pl

    if series.dtype != pl.String:
        return _digest(_canonical(series.cast(pl.Float64).fill_null(float("nan")).to_numpy()))
    levels = series.drop_nulls().unique().sort()
    numbers = series.cast(pl.Enum(levels)).to_physical().cast(pl.Int64).fill_null(MISSING).to_numpy()
    return _digest(numbers, "\0".join(levels.to_list()))


def _array_columns(x: Any) -> list[JSON]:
    """Return the digest of every column of an array, in one pass over its rows."""
    digests = [_begun("number") for _ in range(x.shape[1])]
    for block in _blocks(x):
        for digest, column in zip(digests, np.ascontiguousarray(block.T), strict=True):
            digest.update(column.data)
    return [digest.hexdigest()[:DIGITS] for digest in digests]


def _rows_digest(x: Any) -> str:
    """Return the digest of an array, row by row."""
    digest = _begun("number")
    for block in _blocks(x):
        digest.update(np.ascontiguousarray(block).data)
    return digest.hexdigest()[:DIGITS]


def _blocks(x: Any) -> Iterator[np.ndarray]:
    """Yield blocks of rows as float64."""
    for rows in row_blocks(x, BLOCK_NUMBERS):
        yield _canonical(np.asarray(x[rows]))


def _canonical(numbers: np.ndarray) -> np.ndarray:
    """Return numbers as float64, with one kind of NaN."""
    floats = numbers.astype(np.float64, copy=False)
    if numbers.dtype.kind != "f" or not np.isnan(floats).any():
        return floats
    return np.where(np.isnan(floats), np.nan, floats)


def _numbers_of_targets(data: Dataset) -> np.ndarray:
    """Return targets as numbers: those of the classes among all labels, or the targets themselves."""
    if data.classes is None:
        return np.asarray(data.y, np.float64).reshape(len(data), -1)
    return np.unique(data.y, return_inverse=True)[1].reshape(-1)


def _digest(numbers: np.ndarray, text: str = "") -> str:
    """Return the digest of numbers, and of text that belongs to them."""
    digest = _begun("text" if text else "number")
    digest.update(np.ascontiguousarray(numbers).data)
    digest.update(text.encode())
    return digest.hexdigest()[:DIGITS]


def _begun(kind: str) -> _Hash:
    """Return a digest to be continued."""
    return hashlib.sha256(kind.encode())
