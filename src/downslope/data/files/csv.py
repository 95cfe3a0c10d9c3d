"""CSV files as tables of text, with a sentence for each way in which a file can be damaged."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from downslope.core import DataError
from downslope.data.files.file_table import DEFAULT_SIZES, FileTable, ReadSizes, TableFormat
from downslope.data.tables import check_distinct

if TYPE_CHECKING:
    from polars import DataFrame

SEPARATORS = (",", ";", "\t")
NEWLINE, QUOTE, RETURN = (ord(mark) for mark in '\n"\r')


def read_csv(path: Path) -> FileTable:
    """Return a CSV file's cells as text.

    Raises:
        DataError: bytes that are no UTF-8 text; names that are missing or come twice; no rows; rows of unequal length.
    """
    (table,) = text_tables(path)
    return table


def text_tables(path: Path, size: int | None = None) -> Iterator[FileTable]:
    """Yield a CSV file's cells as text, in blocks of rows.

    Args:
        path: the file.
        size: about how many bytes of it to read at once; None for all.

    Raises:
        DataError: as in `read_csv`, once the damaged rows are reached.
    """
    names, separator, before = [], ",", 0
    for content, line in _blocks(path, size):
        records, lines = _records(content)
        if not records:
            continue
        header = not names
        if header:
            separator = _separator(records[0])
            names = _names(_cells(records[0], separator), path)
        if len(records) == header:
            continue
        table = _parsed(records[header:], names, separator)
        if table is None:
            table, lines = _parsed_by_hand(content, names, separator, path, line, header=header)
        yield FileTable(table, lines[header:] + line, path.name, separator == ";", before)
        before += table.height
    if not names:
        raise DataError(f"{path.name!r} must hold data, got only blank lines.")
    if not before:
        raise DataError(f"{path.name!r} must hold rows, got column names only.")


def _blocks(path: Path, size: int | None) -> Iterator[tuple[bytes, int]]:
    """Yield complete records of a text file, and how many lines are before them: lines end in a line feed."""
    rest, line, start = b"", 0, True
    with path.open("rb") as file:
        while read := file.read(size or -1):
            if start:
                _check_kind(read, path)
                read, start = read.removeprefix(b"\xef\xbb\xbf"), False
            content = rest + read
            end = len(content) if size is None else _last_end(content)
            content, rest = content[:end], content[end:]
            if content:
                yield (clean := _text_bytes(content, path, line)), line
                line += clean.count(b"\n")
    if rest:
        yield _text_bytes(rest, path, line), line


def _last_end(content: bytes) -> int:
    """Return the end of the last complete record: a line feed between quotes is part of a cell."""
    end = content.rfind(b"\n") + 1
    while end and content.count(b'"', 0, end) % 2:
        end = content.rfind(b"\n", 0, end - 1) + 1
    return end


def _check_kind(start: bytes, path: Path) -> None:
    """Refuse a file that is no text in UTF-8, by its first bytes.

    Raises:
        DataError: it is not.
    """
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise DataError(f"{path.name!r} must be text in UTF-8, got UTF-16. Save it again as UTF-8.")
    if b"\x00" in start[:65536]:
        raise DataError(f"{path.name!r} must be a text file with columns, got binary data. Check what it is.")


def _text_bytes(content: bytes, path: Path, line: int) -> bytes:
    """Return bytes of a text file, lines ended by a line feed.

    Raises:
        DataError: they are not in UTF-8.
    """
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line += content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path.name!r} must be text in UTF-8, got other bytes in line {line}. Save it again as UTF-8."
        ) from None
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in content else content


def _separator(header: bytes) -> str:
    """Return the separator that splits the line of names into most cells; a comma where none does."""
    return max(SEPARATORS, key=lambda separator: len(_cells(header, separator)))


def _cells(record: bytes, separator: str) -> list[str]:
    """Return the cells of one record."""
    return next(csv.reader(io.StringIO(record.decode(), newline=""), delimiter=separator))


def _records(content: bytes) -> tuple[list[bytes], np.ndarray]:
    """Return the records that are not blank, and the line each starts in.

    A line feed between quotes is part of a cell; doubled quotes cancel, so quotes before it are counted.
    """
    marks = np.frombuffer(content, np.uint8)
    breaks = np.flatnonzero(marks == NEWLINE)
    quoted = np.searchsorted(np.flatnonzero(marks == QUOTE), breaks) % 2 == 1
    ends = [*breaks[~quoted].tolist(), len(content)]
    starts = [0, *(end + 1 for end in ends[:-1])]
    lines = np.searchsorted(breaks, starts) + 1
    records = [content[start:end] for start, end in zip(starts, ends, strict=True)]
    filled = [i for i, record in enumerate(records) if record.strip()]
    return [records[i] for i in filled], lines[filled]


def _names(cells: list[str], path: Path) -> list[str]:
    """Return the column names; nameless columns are named by their number.

    Raises:
        DataError: names that come twice, or numbers instead of names.
    """
    names = [cell.strip() or f"column_{i + 1}" for i, cell in enumerate(cells)]
    if all(_is_number(name) for name in names):
        raise DataError(f"The first line of {path.name!r} must name the columns, got numbers. Add a line of names.")
    check_distinct(names)
    return names


def _is_number(text: str) -> bool:
    """Return whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parsed(records: list[bytes], names: list[str], separator: str) -> DataFrame | None:
    """Return records as a table of text by polars, or None where a record does not have one cell a name."""
    import polars as pl

    if not _equally_long(records, separator, len(names)):
        return None
    try:
        table = pl.read_csv(
            b"\n".join(records), has_header=False, separator=separator, schema=dict.fromkeys(names, pl.String)
        )
    except pl.exceptions.PolarsError:
        return None
    return table if table.height == len(records) else None


def _equally_long(records: list[bytes], separator: str, width: int) -> bool:
    """Return whether every record has `width` cells, counting separators outside of quotes."""
    mark = separator.encode()
    return all(
        _unquoted(record).count(mark) == width - 1 if b'"' in record else record.count(mark) == width - 1
        for record in records
    )


def _unquoted(record: bytes) -> bytes:
    """Return the parts of a record outside of quotes."""
    return b"".join(record.split(b'"')[::2])


def _parsed_by_hand(
    content: bytes, names: list[str], separator: str, path: Path, before: int, *, header: bool
) -> tuple[DataFrame, np.ndarray]:
    """Return records as a table of text by Python's own, slower reader, and the line of each, the names included.

    Raises:
        DataError: rows of unequal length; the message names the line of the first.
    """
    reader = csv.reader(io.StringIO(content.decode(), newline=""), delimiter=separator)
    rows, lines, line, width = [], [], 1, len(names)
    try:
        for row in reader:
            if any(cell.strip() for cell in row) or len(row) > 1:
                if len(row) != width:
                    raise DataError(
                        f"Every line of {path.name!r} must have {width} cells, as the first, got {len(row)} "
                        f"in line {before + line}. Correct that line."
                    )
                rows.append(row)
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path.name!r} must be CSV, but cannot be read in line {before + line}: {error}.") from error
    import polars as pl

    return pl.DataFrame(dict(zip(names, zip(*rows[header:], strict=True), strict=True))), np.array(lines)


def _column_names(path: Path) -> list[str]:
    """Return the names of the columns, of which the first block of the file is enough."""
    return next(text_tables(path, DEFAULT_SIZES.text_block)).table.columns


def _read_blocks(path: Path, columns: list[str], sizes: ReadSizes) -> Iterator[tuple[FileTable, float]]:
    """Yield all columns in blocks of rows, and the share of the file that was read."""
    blocks = path.stat().st_size / sizes.text_block
    for index, table in enumerate(text_tables(path, sizes.text_block)):
        yield table, min(1.0, (index + 1) / blocks)


CSV = TableFormat(_column_names, read_csv, _read_blocks)
