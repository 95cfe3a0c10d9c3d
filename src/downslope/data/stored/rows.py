"""Rows that stay on disk, read a batch or a block at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from downslope.core import Meter, aligned_array, open_meter
from downslope.data.stored.digest import is_whole
from downslope.data.stored.mapped import MappedFile, mapped_file
from downslope.data.stored.npy_writer import NpyWriter
from downslope.data.stored.unfinished import unfinished_folder

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike

LARGE = 2**28
"""Bytes of a memory-mapped array or of a file from which on its rows stay on disk, 256 MiB."""

PIECE_BYTES = 2**17
"""Chosen rows are read and prepared so many bytes at a time, which a processor's cache holds."""

WRITE_BYTES = 2**22
"""Prepared rows are written so many bytes at a time."""

WIDE = 1024
"""Rows of so many bytes are read in the order they lie in, which spares a disk; of narrower ones a page holds many."""

PREPARED_PREFIX = "inputs-"
"""The beginning of the names of files of prepared rows."""


@dataclass(frozen=True, eq=False, repr=False)
class StoredRows:
    """Rows of a memory-mapped array, all of them or some, prepared as they are read.

    It takes the place of an array of rows: it has a `shape`, a `dtype`, a length, and `[…]` with a slice or with row
    numbers reads. `numpy.asarray` reads them all.

    Attributes:
        base: the array on disk, `(rows, …)`.
        chosen: the numbers of the rows, or None for all.
        prepare: a function of an array `(n, …)` that is applied to rows that were read, or None.
        dtype: of the rows as they are read.
        row_shape: the shape of a row as it is read.
        prepared_file: for all rows of `base` once they are prepared, or None.
        file: the file behind `base`, which is checked before rows are read; None where they are in memory.

    Raises:
        DataError: on reading, the file has become shorter, or was written to.

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
    prepared_file: Path | None = None
    file: MappedFile | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "file", mapped_file(self.base))
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

    def __getitem__(self, rows: slice | ArrayLike) -> np.ndarray:
        """Read rows: a slice, or an array of row numbers of any shape."""
        if not isinstance(rows, slice):
            numbers = chosen_of(self.chosen, rows)
        elif self.chosen is not None:
            numbers = self.chosen[rows]
        else:
            self._check_file()
            return self._prepared(np.array(self.base[rows])).astype(self.dtype, copy=False)
        return self._gathered(numbers.reshape(-1)).reshape(*numbers.shape, *self.shape[1:])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        """Read all rows."""
        return np.asarray(self[:], dtype)

    def take(self, rows: ArrayLike) -> StoredRows:
        """Return some of the rows; nothing is read."""
        return replace(self, chosen=chosen_of(self.chosen, rows))

    def block(self, rows: slice) -> StoredRows:
        """Return rows that lie side by side; nothing is read."""
        return self.take(np.arange(len(self), dtype=np.int32)[rows])

    def prepared(
        self, prepare: Callable[[np.ndarray], np.ndarray], dtype: DTypeLike, row_shape: tuple[int, ...] | None = None
    ) -> StoredRows:
        """Return the same rows, to be prepared as they are read, after the preparation that they have already.

        Args:
            prepare: a function of rows as they are read so far.
            dtype: of its results.
            row_shape: of its results; None for an unchanged one.
        """
        before = self.prepare
        both = prepare if before is None else lambda read: prepare(before(read))
        shape = self.row_shape if row_shape is None else row_shape
        return replace(self, prepare=both, dtype=dtype, row_shape=shape, prepared_file=None)

    def ready(self, progress: str | bool = False) -> StoredRows:
        """Return the same rows, read from their file of prepared rows, which is written the first time.

        Where there is no such file, or it cannot be written, the rows return unchanged.

        Args:
            progress: how the writing shows itself: `"auto"`, `"bar"`, `"lines"`, or False for nothing.
        """
        if self.prepared_file is None:
            return self
        try:
            if not _is_prepared(self.prepared_file):
                self._write_prepared(self.prepared_file, open_meter(progress, len(self.base), "rows", "prepare"))
            return StoredRows(np.load(self.prepared_file, mmap_mode="r", allow_pickle=False), self.chosen)
        except (OSError, ValueError):
            return self

    def _write_prepared(self, path: Path, meter: Meter) -> None:
        """Write all rows of the array on disk, prepared, in place of those prepared otherwise, or damaged since."""
        for other in path.parent.glob(f"{PREPARED_PREFIX}*.npy"):
            other.unlink(missing_ok=True)
        start_time = time.monotonic()
        all_rows, count = replace(self, chosen=None), max(1, WRITE_BYTES // max(1, self.base[:1].nbytes))
        with closing(meter), unfinished_folder(path) as part:
            with NpyWriter(part / path.name, self.dtype, self.shape[1:]) as writer:
                for start in range(0, len(all_rows), count):
                    writer.append(all_rows[start : start + count])
                    meter.update(writer.rows, (time.monotonic() - start_time) / writer.rows)
            writer.path.replace(path)

    def _gathered(self, numbers: np.ndarray) -> np.ndarray:
        """Read rows by their numbers, in pieces that fit in a processor's cache; wide ones in the order they lie in."""
        self._check_file()
        gathered = aligned_array((len(numbers), *self.shape[1:]), self.dtype)
        base = np.asarray(self.base)
        row_bytes = max(1, base[:1].nbytes)
        order = np.argsort(numbers) if row_bytes >= WIDE else None
        size = max(1, PIECE_BYTES // row_bytes)
        for start in range(0, len(numbers), size):
            piece = slice(start, start + size) if order is None else order[start : start + size]
            gathered[piece] = self._prepared(np.take(base, numbers[piece], axis=0))
        return gathered

    def _check_file(self) -> None:
        """Check that the file is what it was."""
        if self.file is not None:
            self.file.check()

    def _prepared(self, read: np.ndarray) -> np.ndarray:
        """Return rows that were read, prepared."""
        return read if self.prepare is None else self.prepare(read)


def _is_prepared(path: Path) -> bool:
    """Return whether a file of prepared rows is there, and is what was written."""
    try:
        return bool(is_whole(path))
    except (OSError, ValueError):
        return False


def stays_on_disk(x: object, large: int = LARGE) -> bool:
    """Return whether rows are better left on disk: memory-mapped ones of `large` bytes or more."""
    return isinstance(x, StoredRows) or (isinstance(x, np.memmap) and x.nbytes >= large)


def stored(x: np.ndarray | StoredRows) -> StoredRows:
    """Return rows as rows that stay on disk."""
    return x if isinstance(x, StoredRows) else StoredRows(x)


def chosen_of(chosen: np.ndarray | None, rows: ArrayLike) -> np.ndarray:
    """Return the numbers of some of the rows that were chosen before."""
    numbers = np.asarray(rows)
    return numbers if chosen is None else chosen[numbers]
