"""The kinds of the columns of a file: numbers, booleans or text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from downslope.core import Advice, DataError
from downslope.data.files.file_table import FileTable
from downslope.data.tables import as_table

if TYPE_CHECKING:
    from polars import DataFrame, Series

MISSING = ("", "NA", "N/A", "n/a", "na", "#N/A", "<NA>", "NaN", "nan", "NAN", "null", "NULL", "Null", "None", "?")
NUMERIC_SHARE = 0.95


@dataclass(frozen=True)
class CellCounts:
    """How many cells of a column of text are of which kind.

    Attributes:
        rows: how many there are.
        filled: how many are filled.
        numbers: how many of these are numbers.
        comma_numbers: how many are numbers where a comma may stand for the point; 0 where it may not.
        integers: how many are whole numbers.
        booleans: how many are true or false.
    """

    rows: int = 0
    filled: int = 0
    numbers: int = 0
    comma_numbers: int = 0
    integers: int = 0
    booleans: int = 0

    def __add__(self, other: CellCounts) -> CellCounts:
        """Return the counts of both together."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return CellCounts(*(first + second for first, second in pairs))

    def kind(self, *, numeric: bool) -> str:
        """Return the kind of the column: `"text"`, `"boolean"`, `"whole"`, `"float"` or `"comma"`.

        It is numeric if at least 95 % of the filled cells are numbers, or if it is declared so; boolean if all are true
        or false; else text.
        """
        commas = self.comma_numbers > self.numbers
        if numeric or max(self.numbers, self.comma_numbers) >= NUMERIC_SHARE * self.filled:
            return "whole" if 0 < self.integers == self.filled else "comma" if commas else "float"
        return "boolean" if self.booleans == self.filled else "text"


@dataclass(frozen=True)
class ColumnKind:
    """The kind of a column.

    Attributes:
        kind: as in `CellCounts.kind`, or `"typed"` where the file gives a type.
        gaps: whether cells are missing.
    """

    kind: str
    gaps: bool


def typed_columns(
    text: FileTable, names: Sequence[str], *, numeric: Sequence[str], categorical: Sequence[str]
) -> DataFrame:
    """Return columns as numbers, booleans and text, null where a cell is missing.

    Columns of text from a file without types get the kind of most of their cells, see `CellCounts.kind`; columns with a
    type keep it. `numeric` and `categorical` go before.

    Raises:
        DataError: a cell that is no number in a numeric column.
    """
    return as_kinds(text, column_kinds([text], names, numeric=numeric, categorical=categorical))


def column_kinds(
    blocks: Iterable[FileTable], names: Sequence[str], *, numeric: Sequence[str], categorical: Sequence[str]
) -> dict[str, ColumnKind]:
    """Return the kinds of columns, by their names.

    Args:
        blocks: the rows of the file, block by block.
        names: of the columns.
        numeric: those to read as numbers.
        categorical: those to read as text.
    """
    counts: dict[str, CellCounts] = {}
    gaps = dict.fromkeys(names, False)
    for block in blocks:
        for name in names:
            if name not in categorical and _is_untyped(block, name, numeric):
                counts[name] = counts.get(name, CellCounts()) + _cell_counts(_with_gaps(block.table[name]), block)
            elif name not in categorical:
                gaps[name] |= _has_gaps(block.table[name])
    return {
        name: ColumnKind(counts[name].kind(numeric=name in numeric), counts[name].filled < counts[name].rows)
        if name in counts
        else ColumnKind("text" if name in categorical else "typed", gaps[name])
        for name in names
    }


def as_kinds(text: FileTable, kinds: dict[str, ColumnKind]) -> DataFrame:
    """Return columns as their kinds, null where a cell is missing.

    Raises:
        DataError: a cell that is no number in a numeric column.
    """
    import polars as pl

    return as_table(pl.DataFrame([_as_kind(text.table[name], column.kind, text) for name, column in kinds.items()]))


def _is_untyped(text: FileTable, name: str, numeric: Sequence[str]) -> bool:
    """Return whether the kind of a column follows from its cells."""
    import polars as pl

    return text.lines is not None or (name in numeric and text.table[name].dtype == pl.String)


def _has_gaps(column: Series) -> bool:
    """Return whether cells of a column that has a type are missing."""
    return bool(column.null_count()) or (column.dtype.is_float() and bool(column.is_nan().any()))


def _with_gaps(column: Series) -> Series:
    """Return a column of text without outer blanks, null where the text stands for a missing cell."""
    import polars as pl

    cells = column.str.strip_chars()
    return pl.select(pl.when(cells.is_in(MISSING)).then(None).otherwise(cells).alias(column.name)).to_series()


def _cell_counts(column: Series, text: FileTable) -> CellCounts:
    """Return how many cells of a column of text are of which kind."""
    lower = column.drop_nulls().str.to_lowercase()
    return CellCounts(
        rows=len(column),
        filled=len(lower),
        numbers=_floats(column, comma=False).count(),
        comma_numbers=_floats(column, comma=True).count() if text.decimal_comma else 0,
        integers=_integers(column).count(),
        booleans=int(lower.is_in(["true", "false"]).sum()),
    )


def _as_kind(column: Series, kind: str, text: FileTable) -> Series:
    """Return a column as its kind.

    Raises:
        DataError: a cell that is no number; the message names it and its row.
    """
    import polars as pl

    if kind == "typed":
        return column
    column = column.cast(pl.String)
    if text.lines is not None or kind != "text":
        column = _with_gaps(column)
    if kind in ("text", "boolean"):
        return column if kind == "text" else (column.str.to_lowercase() == "true").alias(column.name)
    numbers = _integers(column) if kind == "whole" else _floats(column, comma=kind == "comma")
    stray = (numbers.is_null() & column.is_not_null()).arg_true()
    if len(stray):
        raise DataError(
            f"Column {column.name!r} holds numbers, but {column[stray[0]]!r} in {text.row_text(stray[0])}.",
            Advice("correct that cell"),
            Advice("declare the column categorical", categorical=[column.name]),
        )
    return numbers


def _integers(column: Series) -> Series:
    """Return a column of text as whole numbers, null where a cell is none."""
    import polars as pl

    return column.cast(pl.Int64, strict=False)


def _floats(column: Series, *, comma: bool) -> Series:
    """Return a column of text as floats, null where a cell is no number; a comma may stand for the point."""
    import polars as pl

    return (column.str.replace(",", ".", literal=True) if comma else column).cast(pl.Float64, strict=False)
