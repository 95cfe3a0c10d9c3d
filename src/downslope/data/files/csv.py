"""CSV files as tables, with a sentence for each way in which a file can be damaged.

The usual file goes through the reader of polars, which turns columns into numbers at once, with points or with decimal
commas. A column in which it leaves a gap is read again as text, and so is one that does not show its decimal mark, or
shows the other; `columns` looks at the text of these cell by cell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from downslope.core import Advice, DataError
from downslope.data.files.file_table import DEFAULT_SIZES, FileTable, ReadSizes, TableFormat
from downslope.data.files.reading import SEPARATORS, Reading
from downslope.data.tables import EXACT, check_distinct
from downslope.data.text import (
    Records,
    cells_of,
    complete_end,
    numeral_of,
    read_text,
    records_of,
    shows_point,
    utf8_encoding,
)

if TYPE_CHECKING:
    from polars import DataFrame, DataType, Series

    Schema = dict[str, DataType | type[DataType]]

SAMPLE = 2**20
"""Bytes of a file whose records tell its separator."""

SAMPLED = 100
"""How many of these records."""

GUESSED = 2**16
"""Bytes of a block that tell which columns may be numbers."""

SHOWING = 500
"""Rows of a column that may show its decimal mark."""

POINT_OR_NO_DIGIT = r"\.|,\s*$"
"""What polars takes for a number with a decimal comma, although it is none, or another."""

LONGEST_CELL = 2**24
"""Bytes after which a quoted cell must be closed."""


def csv_format(reading: Reading, like: Reading, labels: Sequence[str]) -> TableFormat:
    """Return the format of CSV files that are read so.

    Args:
        reading: what a user says of the file.
        like: what was seen in the file that it is to be read like.
        labels: the columns that are text, whatever is in them.
    """
    tables = partial(text_tables, reading=reading, like=like, labels=labels)

    def read_blocks(path: Path, columns: list[str], sizes: ReadSizes) -> Iterator[tuple[FileTable, float]]:
        blocks = path.stat().st_size / sizes.text_block
        for index, table in enumerate(tables(path, sizes.text_block)):
            yield table, min(1.0, (index + 1) / blocks)

    return TableFormat(
        lambda path: next(tables(path, DEFAULT_SIZES.text_block)).table.columns,
        lambda path: next(tables(path)),
        read_blocks,
        facts=repr((reading, like)),
    )


def text_tables(
    path: Path, size: int | None = None, *, reading: Reading, like: Reading, labels: Sequence[str]
) -> Iterator[FileTable]:
    """Yield a CSV file's cells, in blocks of rows.

    Args:
        path: the file.
        size: about how many bytes of it to read at once; None for all.
        reading: what a user says of the file.
        like: what was seen in the file that it is to be read like.
        labels: the columns that are text, whatever is in them.

    Raises:
        DataError: bytes in another encoding; names that are missing or come twice; no rows; rows of unequal length;
            once they are reached.
    """
    settled = _settled(path, reading, like)
    separator, names, before, parse = settled.separator or ",", [], 0, NumberParser()
    for content, line in _blocks(path, settled, size):
        content = _with_single_blanks(content) if separator == " " else content
        records = records_of(content, separator)
        _check_quotes(records, line, path)
        if not len(records):
            continue
        header = not names
        content, names_lines = records.content, 0
        if header:
            names, names_lines = _names_and_lines(content, separator, path)
            parse = _guessed(content, names_lines, names, settled).with_labels(labels)
        _check_widths(records, len(names), line, path)
        if len(records) == header:
            continue
        table = parse(content, names_lines, separator)
        lines = records.lines[header:]
        lines = range(lines.start + line, lines.stop + line) if isinstance(lines, range) else lines + line
        yield FileTable(table, lines, path.name, settled, like, before, parse.decimal, {} if before else parse.evidence)
        before += table.height
    if not names:
        raise DataError(f"{path.name!r} must hold data, got only blank lines.")
    if not before:
        raise DataError(f"{path.name!r} must hold rows, got column names only.")


def _settled(path: Path, reading: Reading, like: Reading) -> Reading:
    """Return what is known of a file, with its encoding and its separator."""
    encoding = utf8_encoding(path, reading.encoding, otherwise=like.encoding)
    separator = reading.separator or _separator(_sample(path, encoding), like.separator, path)
    missing = like.missing if reading.missing is None else reading.missing
    return replace(reading, encoding=encoding, separator=separator, missing=missing)


def _sample(path: Path, encoding: str) -> bytes:
    """Return the start of a file, complete lines where it has several."""
    sample = b""
    for content in read_text(path, encoding, SAMPLE):
        sample += content
        end = sample.rfind(b"\n") + 1
        if len(sample) >= SAMPLE and sample[:end].strip():
            return sample[:end]
    return sample


def _separator(sample: bytes, likely: str | None, path: Path) -> str:
    """Return the separator that gives as many cells in all records of a sample as names.

    Where none does, it is that which gives most names, so that the records that differ are said.

    Raises:
        DataError: several do.
    """
    widths: dict[str, list[int]] = {}
    for separator in (*SEPARATORS, *([likely] if likely and likely not in SEPARATORS else [])):
        if separator.encode() in sample:
            end, _ = complete_end(sample, separator)
            records = records_of(sample[:end] or sample, separator)
            counts = [records.widths] if isinstance(records.widths, int) else records.widths[:SAMPLED].tolist()
            widths[separator] = counts or [1]
    equal = [separator for separator, counts in widths.items() if counts[0] > 1 and len(set(counts)) == 1]
    if likely in equal:
        return str(likely)
    if len(equal) > 1:
        marks = " or ".join(repr(separator) for separator in equal)
        raise DataError(
            f"Between the cells of {path.name!r} may stand {marks}: all lines have as many cells as names either way.",
            *(Advice("choose {}", separator=mark) for mark in equal),
        )
    return equal[0] if equal else max(widths, key=lambda separator: widths[separator][0], default=",")


def _blocks(path: Path, settled: Reading, size: int | None) -> Iterator[tuple[bytes, int]]:
    """Yield complete records of a file, and how many lines are before them.

    What is left of a block is read on before the next search for an end, so that the time is linear in the size of the
    file, however long its records are.

    Raises:
        DataError: a quoted cell that is not closed.
    """
    separator, rest, line = settled.separator or ",", b"", 0
    pieces: list[bytes] = []
    for piece in read_text(path, settled.encoding or "utf-8", size):
        pieces.append(piece)
        if size is not None and sum(map(len, pieces)) < len(rest):
            continue
        content, pieces = _joined(rest, *pieces), []
        end, is_open = (len(content), False) if size is None else complete_end(content, separator)
        if is_open and len(content) - end > max(LONGEST_CELL, 2 * (size or 0)):
            _check_quotes(records_of(content[end:], separator), line + content.count(b"\n", 0, end), path)
        content, rest = content[:end], content[end:]
        if content:
            yield content, line
            line += content.count(b"\n")
    if rest := _joined(rest, *pieces):
        yield rest, line


def _joined(*pieces: bytes) -> bytes:
    """Return pieces as one, uncopied where only one has any bytes."""
    filled = [piece for piece in pieces if piece]
    return filled[0] if len(filled) == 1 else b"".join(filled)


def _with_single_blanks(content: bytes) -> bytes:
    """Return text in which blanks stand between cells with one between two, and none around a line.

    Text with quotation marks stays as it is.
    """
    if b'"' in content:
        return content
    return re.sub(rb"(?m)^ | $", b"", re.sub(rb"[ \t]+", b" ", content))


def _check_quotes(records: Records, line: int, path: Path) -> None:
    """Refuse a quoted cell that nothing closes.

    Raises:
        DataError: naming the line in which it opens.
    """
    if records.broken_line is not None:
        raise DataError(
            f"A quotation mark opens a cell in line {line + records.broken_line} of {path.name!r}, and none closes it "
            "where a cell ends. Close it, or, if it is text, put the cell between quotation marks and double it."
        )


def _check_widths(records: Records, width: int, line: int, path: Path) -> None:
    """Refuse records that do not have one cell a name.

    Raises:
        DataError: naming the line of the first.
    """
    if isinstance(records.widths, int):
        if records.widths == width:
            return
        number, cells = int(records.lines[0]), records.widths
    else:
        wrong = (records.widths != width).nonzero()[0]
        if not len(wrong):
            return
        number, cells = int(records.lines[wrong[0]]), int(records.widths[wrong[0]])
    raise DataError(
        f"Every line of {path.name!r} must have {width} cells, as the first, got {cells} in line {line + number}.",
        Advice("correct that line"),
        Advice("name another mark between cells", separator=...),
    )


def _names_and_lines(content: bytes, separator: str, path: Path) -> tuple[list[str], int]:
    """Return the names of the columns, and how many lines they take; nameless columns are named by their number.

    Raises:
        DataError: names that come twice, or numbers instead of names.
    """
    breaks = content.find(b"\n")
    while breaks >= 0 and complete_end(content[: breaks + 1], separator)[0] == 0:  # within a quoted name
        breaks = content.find(b"\n", breaks + 1)
    end = len(content) if breaks < 0 else breaks
    names = [cell.strip() or f"column_{i + 1}" for i, cell in enumerate(cells_of(content[:end].decode(), separator))]
    if all(numeral_of(name) is not None or _is_float(name) for name in names):
        raise DataError(f"The first line of {path.name!r} must name the columns, got numbers. Add a line of names.")
    check_distinct(names)
    return names, content.count(b"\n", 0, end) + 1


def _is_float(text: str) -> bool:
    """Return whether Python takes a text for a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class NumberParser:
    """How polars turns the columns of a text into numbers.

    Attributes:
        schema: the type of each column, by name.
        decimal: the decimal mark.
        evidence: for columns of floats, the row and the text of the first cell that shows it.
    """

    schema: Schema = field(default_factory=dict)
    decimal: str = "."
    evidence: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    def with_labels(self, labels: Sequence[str]) -> NumberParser:
        """Return the same parser, which reads some columns as text."""
        import polars as pl

        return replace(self, schema=self.schema | dict.fromkeys(set(labels) & set(self.schema), pl.String))

    def __call__(self, content: bytes, names_lines: int, separator: str) -> DataFrame:
        """Return the records behind the lines of names as a table of text and of numbers without gaps."""
        import polars as pl

        options = {"has_header": False, "separator": separator, "skip_lines": names_lines}
        comma = self.decimal == ","
        table = pl.read_csv(content, schema=self.schema, ignore_errors=True, decimal_comma=comma, **options)
        gaps = [i for i, column in enumerate(table) if column.dtype != pl.String and not _is_exact(column)]
        text_schema = dict.fromkeys(self.schema, pl.String)
        if comma and any(mark in content for mark in (b".", b",\n", f",{separator}".encode())):
            floats = [i for i, column in enumerate(table) if column.dtype.is_float() and i not in gaps]
            texts = pl.read_csv(content, schema=text_schema, columns=floats, **options) if floats else pl.DataFrame()
            odd = texts.select(pl.all().str.contains(POINT_OR_NO_DIGIT).any()).row(0) if floats else ()
            gaps += [i for i, is_odd in zip(floats, odd, strict=True) if is_odd]
        if not gaps:
            return table
        texts = pl.read_csv(content, schema=text_schema, columns=sorted(gaps), **options)
        return table.with_columns(texts.get_columns())


def _guessed(content: bytes, names_lines: int, names: Sequence[str], settled: Reading) -> NumberParser:
    """Return a type for each column: numbers where the first rows hold nothing else, and show the decimal mark."""
    import polars as pl

    texts = NumberParser(dict.fromkeys(names, pl.String))
    start = 0
    for _ in range(names_lines):
        start = content.find(b"\n", start) + 1
    end = content.find(b"\n", start + GUESSED) + 1
    head = content[start:end] if start and end else content[start:] if start else b""
    if not head:
        return texts
    options = {"has_header": False, "separator": settled.separator or ",", "truncate_ragged_lines": True}
    try:
        cells = pl.read_csv(head, infer_schema=False, **options).get_columns()
        kinds = pl.read_csv(head, infer_schema_length=None, **options).dtypes
        has_commas = settled.separator != "," and b"," in head
        with_commas = pl.read_csv(head, infer_schema_length=None, decimal_comma=has_commas, **options).dtypes
    except pl.exceptions.PolarsError:
        return texts
    if len(kinds) != len(names):
        return texts
    points = _showing(names, cells, [kind == pl.Float64 for kind in kinds], shows_point)
    only_with_commas = [kind == pl.Float64 != plain for kind, plain in zip(with_commas, kinds, strict=True)]
    commas = _showing(names, cells, only_with_commas, _shows_comma)
    decimal = "," if commas and not points else "."
    evidence = {} if (commas and points) or not settled.marks.allow(decimal, "") else commas or points
    whole = {name: pl.Int64 for name, kind in zip(names, kinds, strict=True) if kind == pl.Int64}
    return NumberParser(texts.schema | whole | dict.fromkeys(evidence, pl.Float64), decimal, evidence)


def _showing(
    names: Sequence[str], columns: Sequence[Series], are_floats: Sequence[bool], shows: Callable[[str], bool]
) -> dict[str, tuple[int, str]]:
    """Return the columns of floats that show their decimal mark, each with the first cell that does: row and text."""
    candidates = [(name, column) for name, column, is_float in zip(names, columns, are_floats, strict=True) if is_float]
    firsts = {
        name: next(
            ((row, text) for row, cell in enumerate(column[:SHOWING]) if cell and shows(text := cell.strip())), None
        )
        for name, column in candidates
    }
    return {name: first for name, first in firsts.items() if first is not None}


def _shows_comma(text: str) -> bool:
    """Return whether a text is a number only where a comma is the decimal mark."""
    numeral = numeral_of(text)
    return numeral is not None and numeral.point is None


def _is_exact(column: Series) -> bool:
    """Return whether numbers are what the text of their column says: all there, finite, and not too long."""
    if column.null_count():
        return False
    numbers = column.to_numpy()
    if column.dtype.is_float():
        return bool(np.isfinite(numbers).all())
    return bool((np.abs(numbers) <= EXACT).all())
