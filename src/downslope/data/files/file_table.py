"""Tables as files hold them, and the operations of a file format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from downslope.data.stored import LARGE

if TYPE_CHECKING:
    from polars import DataFrame


@dataclass(frozen=True)
class FileTable:
    """A table as a file holds it, or a block of its rows.

    Attributes:
        table: a polars frame; of text, where the file says nothing about types.
        lines: the line of the file each row starts in, counting from 1, or None where a file has no lines.
        file: the name of the file, for messages.
        decimal_comma: whether numbers may be written with a comma.
        before: how many rows of the file come before these.
    """

    table: DataFrame
    lines: np.ndarray | None
    file: str
    decimal_comma: bool
    before: int = 0

    def row_text(self, row: int) -> str:
        """Return the position of a row in words."""
        line = "" if self.lines is None else f", line {self.lines[row]} of {self.file!r}"
        return f"row {self.before + row} (counting from 0{line})"


@dataclass(frozen=True)
class ReadSizes:
    """The sizes that decide how much of a file is in memory at once.

    Attributes:
        large: bytes of a file from which on its rows stay on disk.
        text_block: bytes of a text file that are read at once when it is converted.
        row_block: rows of a file with types of its own that are read at once when it is converted.
    """

    large: int = LARGE
    text_block: int = 2**24
    row_block: int = 2**16


DEFAULT_SIZES = ReadSizes()


@dataclass(frozen=True)
class TableFormat:
    """A file format of tables.

    Attributes:
        column_names: returns the names of a file's columns without reading all of it.
        read: returns the table of a file.
        read_blocks: yields a file's columns in blocks of rows, each with the share of the file that was read.
    """

    column_names: Callable[[Path], list[str]]
    read: Callable[[Path], FileTable]
    read_blocks: Callable[[Path, list[str], ReadSizes], Iterator[tuple[FileTable, float]]]
