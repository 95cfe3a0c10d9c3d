"""Which columns of a file are numbers, booleans or text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from downslope.core import DataError
from downslope.data._csv import TextTable
from downslope.data._tables import Table, as_table

MISSING = ("", "NA", "N/A", "n/a", "na", "#N/A", "<NA>", "NaN", "nan", "NAN", "null", "NULL", "Null", "None", "?")
NUMERIC_SHARE = 0.95


def typed_columns(
    text: TextTable, wanted: Sequence[str], *, numeric: Sequence[str], categorical: Sequence[str]
) -> Table:
    """Return columns as numbers, booleans and text, null where a cell is missing.

    Columns of text from a file without types are numeric where at least 95 % of the filled cells are numbers, boolean
    where all are true or false, else text; columns with a type keep it. `numeric` and `categorical` go before.

    Raises:
        DataError: a cell that is no number in a numeric column.
    """
    import polars as pl

    columns = []
    for name in wanted:
        column = text.table[name]
        if name in categorical:
            column = column.cast(pl.String)
        if text.lines is not None or (name in numeric and column.dtype == pl.String):
            column = _marked(column)
        if name in numeric and column.dtype == pl.String:
            column = _as_numbers(column, text)
        elif text.lines is not None and name not in categorical:
            column = _inferred(column, text)
        columns.append(column)
    return as_table(pl.DataFrame(columns))


def _marked(column: Any) -> Any:
    """Return a column of text without outer blanks, null where the text means that it is missing."""
    import polars as pl

    cells = column.str.strip_chars()
    return pl.select(pl.when(cells.is_in(MISSING)).then(None).otherwise(cells).alias(column.name)).to_series()


def _inferred(column: Any, text: TextTable) -> Any:
    """Return a column of text as what it seems to be."""
    import polars as pl

    filled = len(column) - column.null_count()
    numbers = filled - (_floats(column, text).null_count() - column.null_count())
    if numbers >= NUMERIC_SHARE * filled:
        return _as_numbers(column, text)
    lower = column.str.to_lowercase()
    if lower.drop_nulls().is_in(["true", "false"]).all():
        return (lower == "true").alias(column.name)
    return column.cast(pl.String)


def _as_numbers(column: Any, text: TextTable) -> Any:
    """Return a column of text as whole numbers where all cells are, else as floats.

    Raises:
        DataError: a cell that is no number; the message names it and its place.
    """
    import polars as pl

    floats = _floats(column, text)
    stray = (floats.is_null() & column.is_not_null()).arg_true()
    if len(stray):
        raise DataError(
            f"Column {column.name!r} holds numbers, but {column[stray[0]]!r} in {text.place(stray[0])}. "
            "Correct that cell, or declare the column categorical."
        )
    whole = column.cast(pl.Int64, strict=False)
    return whole if whole.null_count() == column.null_count() < len(column) else floats


def _floats(column: Any, text: TextTable) -> Any:
    """Return a column of text as floats, null where a cell is no number."""
    import polars as pl

    floats = column.cast(pl.Float64, strict=False)
    if text.decimal_comma and floats.null_count() > column.null_count():
        commas = column.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
        if commas.null_count() < floats.null_count():
            return commas
    return floats
