"""Rows that stay on disk: read when they are asked for, a batch or a block at a time."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from downslope.core import Meter, open_meter
from downslope.data.stored.npy_writer import NpyWriter

LARGE = 2**28
"""Bytes of a memory-mapped array or of a file from which on its rows stay on disk, 256 MiB."""

BYTES_A_PIECE = 2**17
"""Rows that were chosen are read and prepared so many bytes at a time, which a processor's cache holds."""

BYTES_A_WRITE = 2**22
"""Prepared rows are written so many bytes at a time."""

WIDE = 1024
"""Rows of so many bytes are read in the order they lie in, which spares a disk; of narrower ones a page holds many."""

ALIGNMENT = 64
"""XLA uses arrays whose address is a multiple of this without a copy."""

KEPT = "inputs-"
"""How the names of files of prepared rows begin."""


@dataclass(frozen=True, eq=False, repr=False)
class StoredRows:
    """Rows of a memory-mapped array, all of them or some, prepared as they are read.

    It stands where an array of rows would: it has a `shape`, a `dtype`, a length, and `[…]` with a slice or with row
    numbers reads. `numpy.asarray` reads them all.

    Attributes:
        base: the array on disk, `(rows, …)`.
        chosen: the numbers of the rows, or None for all.
        prepare: what is done to rows that were read: a function of an array `(n, …)`, or None.
        dtype: of what is read.
        row_shape: the shape of a row of what is read.
        kept: the file in which all rows of `base` may be kept as they are once prepared, or None.

    Example:
        >>> rows = StoredRows(np.arange(12.0).reshape(6, 2)).take([5, 0, 3])
        >>> rows.shape, rows[1:].tolist(), rows[np.array([0, 0])].tolist()
        ((3, 2), [[0.0, 1.0], [6.0, 7.0]], [[10.0, 11.0], [10.0, 11.0]])
        >>> rows
        StoredRows(3 rows of shape (2,), float64)
    """

    base: np.ndarray
    chosen: np.ndarray | None = None
    prepare: Callable[[np.ndarray], np.ndarray] | None = None
    dtype: Any = None
    row_shape: tuple[int, ...] | None = None
    kept: Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", np.dtype(self.base.dtype if self.dtype is None else self.dtype))
        object.__setattr__(self, "row_shape", self.base.shape[1:] if self.row_shape is None else self.row_shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """How many rows there are, and the shape of each."""
        return (len(self), *(self.row_shape or ()))

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes all rows would take."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __repr__(self) -> str:
        return f"StoredRows({len(self):,} rows of shape {self.shape[1:]}, {self.dtype})"

    def __len__(self) -> int:
        return len(self.base) if self.chosen is None else len(self.chosen)

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Read rows: a slice, or an array of row numbers of any shape."""
        if isinstance(rows, slice) and self.chosen is None:
            return self._prepared(np.asarray(self.base[rows])).astype(self.dtype, copy=False)
        numbers = np.asarray(rows) if self.chosen is None else self.chosen[rows]
        return self._gathered(numbers.reshape(-1)).reshape(*numbers.shape, *self.shape[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all rows."""
        return np.asarray(self[:], dtype)

    def take(self, rows: Any) -> StoredRows:
        """Return some of the rows; nothing is read."""
        return replace(self, chosen=chosen_of(self.chosen, rows))

    def block(self, rows: slice) -> StoredRows:
        """Return rows that lie side by side; nothing is read."""
        return self.take(np.arange(len(self), dtype=np.int32)[rows])

    def prepared(
        self, prepare: Callable[[np.ndarray], np.ndarray], dtype: Any, row_shape: tuple[int, ...] | None = None
    ) -> StoredRows:
        """Return the same rows, to be prepared as they are read, after what is done to them already.

        Args:
            prepare: a function of rows as they are read so far.
            dtype: of its results.
            row_shape: of its results; None for that of now.
        """
        before = self.prepare
        both = prepare if before is None else lambda read: prepare(before(read))
        shape = self.row_shape if row_shape is None else row_shape
        return replace(self, prepare=both, dtype=dtype, row_shape=shape, kept=None)

    def ready(self, progress: str | bool = False) -> StoredRows:
        """Return the same rows, read from where they are kept prepared; they are written there the first time.

        Where that is nowhere, or cannot be written, it returns the rows as they are.

        Args:
            progress: how the writing shows itself: `"auto"`, `"bar"`, `"lines"`, or False for nothing.
        """
        if self.kept is None:
            return self
        try:
            if not self.kept.is_file():
                self._keep(self.kept, open_meter(progress, len(self.base), "rows", "prepare"))
            return StoredRows(np.load(self.kept, mmap_mode="r", allow_pickle=False), self.chosen)
        except (OSError, ValueError):
            return self

    def _keep(self, path: Path, meter: Meter) -> None:
        """Write all rows of the array on disk as they are once prepared, in place of those prepared otherwise."""
        for other in path.parent.glob(f"{KEPT}*"):
            other.unlink()
        part, begun = path.with_name(f"{path.name}.{os.getpid()}"), time.monotonic()
        whole, rows = replace(self, chosen=None), max(1, BYTES_A_WRITE // max(1, self.base[:1].nbytes))
        try:
            with NpyWriter(part, self.dtype, self.shape[1:]) as writer:
                for start in range(0, len(whole), rows):
                    writer.append(whole[start : start + rows])
                    meter.update(writer.rows, (time.monotonic() - begun) / writer.rows)
            part.replace(path)
        finally:
            meter.close()
            part.unlink(missing_ok=True)

    def _gathered(self, numbers: np.ndarray) -> np.ndarray:
        """Read rows by their numbers, in pieces that fit in a processor's cache; wide ones in the order they lie in."""
        found = _aligned((len(numbers), *self.shape[1:]), self.dtype)
        base = np.asarray(self.base)
        bytes_a_row = max(1, base[:1].nbytes)
        order = np.argsort(numbers) if bytes_a_row >= WIDE else None
        size = max(1, BYTES_A_PIECE // bytes_a_row)
        for start in range(0, len(numbers), size):
            piece = slice(start, start + size) if order is None else order[start : start + size]
            found[piece] = self._prepared(np.take(base, numbers[piece], axis=0))
        return found

    def _prepared(self, read: np.ndarray) -> np.ndarray:
        """Return rows that were read as they are wanted."""
        return read if self.prepare is None else self.prepare(read)


def _aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return an array to be filled, at an address that XLA uses as it is: any other would be copied."""
    size = math.prod(shape) * dtype.itemsize
    room = np.empty(size + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + size].view(dtype).reshape(shape)


def stays_on_disk(x: Any, large: int = LARGE) -> bool:
    """Return whether rows are better left on disk: memory-mapped ones of `large` bytes or more."""
    return isinstance(x, StoredRows) or (isinstance(x, np.memmap) and x.nbytes >= large)


def stored(x: Any) -> StoredRows:
    """Return rows that stay on disk."""
    return x if isinstance(x, StoredRows) else StoredRows(x)


def chosen_of(chosen: np.ndarray | None, rows: Any) -> np.ndarray:
    """Return the numbers of some of the rows that were chosen before."""
    numbers = np.asarray(rows)
    return numbers if chosen is None else chosen[numbers]
