"""Arrays in blocks of rows, so that work in float64 never needs a second copy of a large set."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import numpy as np

from downslope.core import DataError, Setting

BLOCK_NUMBERS = 2**22
"""The size of a block, in numbers."""


@runtime_checkable
class Shaped(Protocol):
    """Rows of a known shape: an array of NumPy or JAX, or rows that stay on disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of rows, and the shape of each."""
        ...

    def __len__(self) -> int:
        """Return the number of rows."""
        ...


@runtime_checkable
class Rows(Shaped, Protocol):
    """Rows of numbers that are read by slices or by row numbers: a NumPy array, or rows that stay on disk."""

    @property
    def dtype(self) -> np.dtype:
        """The type of the numbers."""
        ...

    @property
    def ndim(self) -> int:
        """The number of axes."""
        ...

    def __getitem__(self, rows: slice | np.ndarray, /) -> np.ndarray:
        """Read rows."""
        ...


def row_blocks(x: Shaped, block_numbers: int = BLOCK_NUMBERS) -> Iterator[slice]:
    """Yield slices that cover the rows of `x`, each of about four million numbers or another size.

    Example:
        >>> list(row_blocks(np.zeros((3, 2))))
        [slice(0, 3, None)]
    """
    block_rows = max(1, block_numbers // max(1, math.prod(x.shape[1:])))
    for start in range(0, len(x), block_rows):
        yield slice(start, min(start + block_rows, len(x)))


def check_no_infinity(x: Rows, names: tuple[str, ...] | None) -> None:
    """Refuse infinite numbers; NaN passes.

    Raises:
        DataError: naming the row and the column of the first infinite number.
    """
    _refuse_first(x, names, np.isinf, "finite numbers, got an infinite one")


def check_finite(x: Rows, names: tuple[str, ...] | None) -> None:
    """Refuse infinite numbers and NaN, in one pass where there are none.

    Raises:
        DataError: naming the row and the column of the first infinite number, or else of the first NaN.
    """
    if x.dtype.kind == "f" and not all(np.isfinite(x[rows]).all() for rows in row_blocks(x)):
        check_no_infinity(x, names)
        check_no_gap(x, names)


def check_no_gap(x: Rows, names: tuple[str, ...] | None) -> None:
    """Refuse NaN.

    Raises:
        DataError: naming the row and the column of the first NaN.
    """
    _refuse_first(x, names, np.isnan, "no missing number, got NaN")


def entry_text(index: tuple[int, ...], names: tuple[str, ...] | None) -> str:
    """Return the position of an entry of `x` in words.

    Example:
        >>> entry_text((4, 1), ("age", "height"))
        "row 4 (counting from 0), column 'height'"
    """
    row, *rest = index
    column = repr(names[rest[0]]) if names and len(rest) == 1 else ", ".join(map(str, rest))
    return f"row {row} (counting from 0), column {column}"


def _refuse_first(x: Rows, names: tuple[str, ...] | None, is_bad: np.ufunc, requirement: str) -> None:
    """Raise for the first entry of `x` that is bad."""
    if x.dtype.kind != "f":
        return
    for rows in row_blocks(x):
        bad = is_bad(x[rows])
        if bad.any():
            row, *rest = np.argwhere(bad)[0].tolist()
            position = entry_text((rows.start + row, *rest), names)
            raise DataError(Setting("x"), f"must hold {requirement} in {position}. Correct it, or leave that row out.")
