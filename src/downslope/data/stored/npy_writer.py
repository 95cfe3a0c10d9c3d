"""A `.npy` file written a block of rows at a time, before their number is known."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

import numpy as np

from downslope.core import ShapeError
from downslope.data.stored.digest import trailer

if TYPE_CHECKING:
    from numpy.typing import DTypeLike


class NpyWriter:
    """Writes blocks of rows into one `.npy` file, which is complete once the `with` block ends.

    The header is written last, over a first one: NumPy leaves room in it for the number of rows to grow. The digest of
    the rows stands behind them, see `is_whole`.

    Args:
        path: the file to write.
        dtype: of its array.
        row_shape: the shape of a row.

    Raises:
        ShapeError: a block of rows of another shape.
    """

    def __init__(self, path: Path, dtype: DTypeLike, row_shape: tuple[int, ...] = ()) -> None:
        self.path, self.dtype, self.row_shape, self.rows = path, np.dtype(dtype), row_shape, 0
        self._digest = hashlib.sha256()
        self._file: IO[bytes] = path.open("wb")
        self._write_header()

    def __enter__(self) -> NpyWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                self._file.write(trailer(self._digest.hexdigest()))
                self._file.seek(0)
                self._write_header()

    def append(self, block: np.ndarray) -> None:
        """Write rows, `(n, *row_shape)`."""
        if block.shape[1:] != self.row_shape:
            raise ShapeError(
                f"Every block must hold rows of the shape {self.row_shape}, as the first, got {block.shape[1:]} "
                f"after {self.rows:,} rows."
            )
        content = np.ascontiguousarray(block, self.dtype).reshape(-1).view(np.uint8).data
        self._digest.update(content)
        self._file.write(content)
        self.rows += len(block)

    def _write_header(self) -> None:
        """Write the header."""
        facts = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.rows, *self.row_shape),
        }
        np.lib.format.write_array_header_2_0(self._file, facts)
