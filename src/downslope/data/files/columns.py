"""Which columns of a file are numbers, booleans or text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from downslope.core import Advice, DataError
from downslope.data.files.file_table import FileTable
from downslope.data.tables import Table, as_table

MISSING = ("", "NA", "N/A", "n/a", "na", "#N/A", "<NA>", "NaN", "nan", "NAN", "null", "NULL", "Null", "None", "?")
NUMERIC_SHARE = 0.95


@dataclass(frozen=True)
class Cells:
    """What the cells of a column of text are, counted.

    Attributes:
        rows: how many there are.
        filled: how many are filled.
        numbers: how many of these are numbers.
        comma_numbers: how many are numbers where a comma may stand for the point; 0 where it may not.
        whole: how many are whole numbers.
        booleans: how many are true or false.
    """

    rows: int = 0
    filled: int = 0
    numbers: int = 0
    comma_numbers: int = 0
    whole: int = 0
    booleans: int = 0

    def __add__(self, other: Cells) -> Cells:
        """Return the counts of both together."""
        return Cells(*(one + two for one, two in zip(vars(self).values(), vars(other).values(), strict=True)))

    def kind(self, *, numeric: bool) -> str:
        """Return what the column is: `"text"`, `"boolean"`, `"whole"`, `"float"` or `"comma"`.

        It is numeric if at least 95 % of the filled cells are numbers, or if that was said; boolean if all are true or
        false; else text.
        """
        commas = self.comma_numbers > self.numbers
        if numeric or max(self.numbers, self.comma_numbers) >= NUMERIC_SHARE * self.filled:
            return "whole" if 0 < self.whole == self.filled else "comma" if commas else "float"
        return "boolean" if self.booleans == self.filled else "text"


@dataclass(frozen=True)
class ColumnKind:
    """What a column is.

    Attributes:
        kind: as in `Cells.kind`, or `"typed"` for what the file gives a type.
        gaps: whether cells are missing.
    """

    kind: str
    gaps: bool


def typed_columns(
    text: FileTable, wanted: Sequence[str], *, numeric: Sequence[str], categorical: Sequence[str]
) -> Table:
    """Return columns as numbers, booleans and text, null where a cell is missing.

    Columns of text from a file without types are taken for what most of their cells are, see `Cells.kind`; columns with
    a type keep it. `numeric` and `categorical` go before.

    Raises:
        DataError: a cell that is no number in a numeric column.
    """
    return as_kinds(text, column_kinds([text], wanted, numeric=numeric, categorical=categorical))


def column_kinds(
    blocks: Iterable[FileTable], wanted: Sequence[str], *, numeric: Sequence[str], categorical: Sequence[str]
) -> dict[str, ColumnKind]:
    """Return what columns are, by their names.

    Args:
        blocks: the rows of the file, block by block.
        wanted: the columns to look at.
        numeric: those to read as numbers.
        categorical: those to read as text.
    """
    counts: dict[str, Cells] = {}
    gaps = dict.fromkeys(wanted, False)
    for block in blocks:
        for name in wanted:
            if name not in categorical and _is_untyped(block, name, numeric):
                counts[name] = counts.get(name, Cells()) + _counted(_marked(block.table[name]), block)
            elif name not in categorical:
                gaps[name] |= _has_gaps(block.table[name])
    return {
        name: ColumnKind(counts[name].kind(numeric=name in numeric), counts[name].filled < counts[name].rows)
        if name in counts
        else ColumnKind("text" if name in categorical else "typed", gaps[name])
        for name in wanted
    }


def as_kinds(text: FileTable, kinds: dict[str, ColumnKind]) -> Table:
    """Return columns as what they are known to be, null where a cell is missing.

    Raises:
        DataError: a cell that is no number in a numeric column.
    """
    import polars as pl

    return as_table(pl.DataFrame([_as_kind(text.table[name], each.kind, text) for name, each in kinds.items()]))


def _is_untyped(text: FileTable, name: str, numeric: Sequence[str]) -> bool:
    """Return whether it is ours to find out what a column is."""
    import polars as pl

    return text.lines is not None or (name in numeric and text.table[name].dtype == pl.String)


def _has_gaps(column: Any) -> bool:
    """Return whether cells of a column that has a type are missing."""
    return bool(column.null_count()) or (column.dtype.is_float() and bool(column.is_nan().any()))


def _marked(column: Any) -> Any:
    """Return a column of text without outer blanks, null where the text means that it is missing."""
    import polars as pl

    cells = column.str.strip_chars()
    return pl.select(pl.when(cells.is_in(MISSING)).then(None).otherwise(cells).alias(column.name)).to_series()


def _counted(column: Any, text: FileTable) -> Cells:
    """Return what the cells of a column of text are."""
    lower = column.drop_nulls().str.to_lowercase()
    return Cells(
        rows=len(column),
        filled=len(lower),
        numbers=_floats(column, comma=False).count(),
        comma_numbers=_floats(column, comma=True).count() if text.decimal_comma else 0,
        whole=_wholes(column).count(),
        booleans=int(lower.is_in(["true", "false"]).sum()),
    )


def _as_kind(column: Any, kind: str, text: FileTable) -> Any:
    """Return a column as what it is.

    Raises:
        DataError: a cell that is no number; the message names it and its place.
    """
    import polars as pl

    if kind == "typed":
        return column
    column = column.cast(pl.String)
    if text.lines is not None or kind != "text":
        column = _marked(column)
    if kind in ("text", "boolean"):
        return column if kind == "text" else (column.str.to_lowercase() == "true").alias(column.name)
    numbers = _wholes(column) if kind == "whole" else _floats(column, comma=kind == "comma")
    stray = (numbers.is_null() & column.is_not_null()).arg_true()
    if len(stray):
        raise DataError(
            f"Column {column.name!r} holds numbers, but {column[stray[0]]!r} in {text.row_text(stray[0])}.",
            Advice("correct that cell"),
            Advice("declare the column categorical", categorical=[column.name]),
        )
    return numbers


def _wholes(column: Any) -> Any:
    """Return a column of text as whole numbers, null where a cell is none."""
    import polars as pl

    return column.cast(pl.Int64, strict=False)


def _floats(column: Any, *, comma: bool) -> Any:
    """Return a column of text as floats, null where a cell is no number; a comma may stand for the point."""
    import polars as pl

    return (column.str.replace(",", ".", literal=True) if comma else column).cast(pl.Float64, strict=False)
