"""Tables as files hold them, and the operations of a file format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from downslope.data.files.reading import OPEN, Reading
from downslope.data.stored import LARGE

if TYPE_CHECKING:
    from polars import DataFrame


@dataclass(frozen=True)
class FileTable:
    """A table as a file holds it, or a block of its rows.

    Attributes:
        table: a polars frame. Where the file says nothing about types, its columns are text, or numbers where each cell
            is one as Python writes it, but for the decimal mark, and floats only where some cell shows which it is.
        lines: the line of the file each row starts in, counting from 1, or None where a file has no lines.
        file: the name of the file, for messages.
        reading: what is known of the text: what a user says, and its separator and encoding. Open for other files.
        like: what was seen in the file that this one is to be read like; open for none.
        before: how many rows of the file come before these.
        decimal: the decimal mark of its columns that are floats where the file says nothing about types.
        evidence: for such columns, the row and the text of the first cell that shows it, if that is among these rows.
    """

    table: DataFrame
    lines: range | np.ndarray | None
    file: str
    reading: Reading = OPEN
    like: Reading = OPEN
    before: int = 0
    decimal: str = "."
    evidence: Mapping[str, tuple[int, str]] = field(default_factory=dict)


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
        facts: what else the result depends on, as plain data.
    """

    column_names: Callable[[Path], list[str]]
    read: Callable[[Path], FileTable]
    read_blocks: Callable[[Path, list[str], ReadSizes], Iterator[tuple[FileTable, float]]]
    facts: str = ""
