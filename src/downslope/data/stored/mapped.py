"""Files that are mapped into memory: whether they are still what they were.

Reading a mapped page that the file has lost ends Python with a bus error, which nothing can catch. So the file's length
is looked at before rows are read.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from downslope.core import Advice, DataError


@dataclass(frozen=True)
class MappedFile:
    """The file behind a mapped array, as it was when its rows were opened.

    Attributes:
        mapping: of the file.
        length: how many bytes there were.
        path: where it was, or None.
        status: its device, number, and time of change, for a file that is only read; else None.
    """

    mapping: mmap.mmap
    length: int
    path: Path | None
    status: tuple[int, int, int] | None

    def check(self) -> None:
        """Check that nothing was written to the file. One that another file has replaced is still as it was.

        Raises:
            DataError: it is shorter, or was written to.
        """
        if self.mapping.size() < self.length:
            raise self._error(f"is shorter than when it was opened: {self.mapping.size():,} bytes of {self.length:,}")
        now = None if self.status is None or self.path is None else _status(self.path)
        if now is not None and self.status is not None and now[:2] == self.status[:2] and now != self.status:
            raise self._error("was written to after it was opened")

    def _error(self, change: str) -> DataError:
        """Return the error for a file that has changed."""
        name = "A mapped file" if self.path is None else f"The file {str(self.path)!r}"
        return DataError(
            f"{name} {change}, while its rows were in use.",
            Advice("open it again"),
            Advice("write new rows to another file, and rename it over this one"),
        )


def mapped_file(array: np.ndarray) -> MappedFile | None:
    """Return the file behind an array, or None where it is in memory."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if not isinstance(base, mmap.mmap):
        return None
    name = getattr(array, "filename", None)
    path = None if name is None else Path(name)
    read_only = getattr(array, "mode", None) in ("r", "c")
    return MappedFile(base, base.size(), path, _status(path) if read_only and path is not None else None)


def _status(path: Path) -> tuple[int, int, int] | None:
    """Return a file's device, number and time of change; None if it cannot be had."""
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino, facts.st_mtime_ns
