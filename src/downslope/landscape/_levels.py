"""The order in which a slice's cells are computed: coarse first, each cell once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Int

_STRIDES = (8, 4, 2, 1)

Indices = Int[np.ndarray, " _"]


def levels_of(shape: tuple[int, int]) -> Iterator[list[tuple[Indices, Indices]]]:
    """Yield the levels of a grid, coarse to fine, each as blocks of rows and columns that no earlier level has.

    A level takes every eighth, fourth, second, each row and column, counted from the middle one, so that the center is
    in the first level whatever the (odd) size.

    Example:
        >>> [[(len(rows), len(columns)) for rows, columns in level] for level in levels_of((17, 17))]
        [[(3, 3)], [(2, 5), (3, 2)], [(4, 9), (5, 4)], [(8, 17), (9, 8)]]
    """
    before = (_none(), _none())
    for stride in [stride for stride in _STRIDES if stride <= max(max(shape) // 2, 1)]:
        rows, columns = (_every(stride, size) for size in shape)
        new_rows, new_columns = np.setdiff1d(rows, before[0]), np.setdiff1d(columns, before[1])
        blocks = [(new_rows, columns), (before[0], new_columns)]
        yield [(tall, wide) for tall, wide in blocks if tall.size and wide.size]
        before = (rows, columns)


def missing_of(
    blocks: list[tuple[Indices, Indices]], computed: Bool[np.ndarray, "rows columns"]
) -> list[tuple[Indices, Indices]]:
    """Return blocks of just the cells that were not computed."""
    parts = []
    for rows, columns in blocks:
        missing = ~computed[np.ix_(rows, columns)]
        for pattern in np.unique(missing, axis=0):
            alike = np.all(missing == pattern[None, :], axis=1)
            if pattern.any():
                parts.append((rows[alike], columns[pattern]))
    return parts


def pieces_of(block: tuple[Indices, Indices], cells: int) -> tuple[tuple[Indices, Indices], list]:
    """Return the first part of a block, of at most so many cells, and the rest of it, in blocks."""
    rows, columns = block
    if len(columns) > cells:
        left = [(rows[:1], columns[cells:])] + ([(rows[1:], columns)] if len(rows) > 1 else [])
        return (rows[:1], columns[:cells]), left
    count = max(1, cells // len(columns))
    return (rows[:count], columns), [(rows[count:], columns)] if len(rows) > count else []


def _every(stride: int, size: int) -> Indices:
    """Return every so many places from the middle one."""
    return np.arange(size // 2 % stride, size, stride)


def _none() -> Indices:
    return np.zeros(0, int)
