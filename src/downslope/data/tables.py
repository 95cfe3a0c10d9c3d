"""Data frames of polars and pandas, brought to one form: a polars frame of numbers, booleans, text and dates."""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from downslope.core import DataError, close_names
from downslope.data.dates import is_temporal
from downslope.data.units import Writing, written_numbers

if TYPE_CHECKING:
    from polars import DataFrame, Series
    from typing_extensions import TypeIs


EXACT = 2**53
"""Up to here floats tell every whole number from its neighbors."""

LONG = 2**63
"""From here on whole numbers have more than 64 bits."""


def is_table(x: object) -> TypeIs[DataFrame]:
    """Return whether `x` is a frame or a column of polars or pandas."""
    library = type(x).__module__.split(".")[0]
    return library in ("polars", "pandas") and hasattr(x, "to_numpy")


def is_unfilled(entry: object) -> bool:
    """Return whether an object is a missing entry: None, NaN, and pandas' `NA` and `NaT`."""
    if entry is None or type(entry).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(entry, (float, np.floating)) and bool(np.isnan(entry))


def first_of_each_kind(entries: Iterable[object]) -> dict[str, object]:
    """Return the first filled entry of each kind: `"text"`, `"bool"`, `"number"`, `"date"`, `"other"`.

    Example:
        >>> first_of_each_kind([1, 2.5, None, "a"])
        {'number': 1, 'text': 'a'}
    """
    firsts: dict[str, object] = {}
    for entry in entries:
        if not is_unfilled(entry):
            firsts.setdefault(_kind(entry), entry)
    return firsts


def as_table(frame: Any, columns: Sequence[str] | None = None) -> DataFrame:
    """Return a frame as a polars frame of numbers, booleans and text, with null where a cell is missing.

    Args:
        frame: a frame of polars or pandas, or one column.
        columns: the columns to take, in this order; all where None. Others are not read.

    Raises:
        DataError: a column that is missing, named twice, or of a kind that is neither number nor text.
    """
    import polars as pl

    frame = frame.to_frame() if hasattr(frame, "to_frame") else frame
    present = [str(name) for name in frame.columns]
    check_distinct(present)
    if columns is not None:
        check_present(columns, present)
    cells = dict(zip(present, _cells(frame), strict=True))
    return pl.DataFrame([_cleaned(name, _as_series(name, cells[name])) for name in columns or present])


def first_inexact(column: Series) -> int | None:
    """Return the row of the first whole number that no float is equal to; None without."""
    import polars as pl

    low, high = column.min(), column.max()
    if not (isinstance(low, int) and isinstance(high, int)) or max(-low, high) <= EXACT:
        return None
    returned = column.cast(pl.Float64).cast(column.dtype, strict=False)
    differ = (returned.is_null() & column.is_not_null()) | (returned != column).fill_null(value=False)
    return int(differ.to_numpy().argmax()) if differ.any() else None


def long_numbers(frame: Any, table: DataFrame) -> dict[str, str]:
    """Return the columns of whole numbers that became text, with the first cell of each.

    Args:
        frame: of polars or pandas, or one column.
        table: what `as_table` made of it.
    """
    import polars as pl

    columns = zip(_cells(frame.to_frame() if hasattr(frame, "to_frame") else frame), table, strict=True)
    texts = [(cells, column) for cells, column in columns if column.dtype == pl.String]
    plain = [(cells, column) for cells, column in texts if getattr(cells.dtype, "categories", None) is None]
    firsts = {column.name: next((cell for cell in cells if not is_unfilled(cell)), "") for cells, column in plain}
    return {name: str(cell) for name, cell in firsts.items() if isinstance(cell, (numbers.Number, np.number))}


def own_table(table: DataFrame) -> DataFrame:
    """Return a table whose numbers share no memory with what it was made of: polars takes arrays without a copy."""
    import polars.selectors

    rows = np.arange(table.height, dtype=np.uint32)
    return table.with_columns(polars.selectors.numeric().gather(rows))


def selected(table: DataFrame, names: Iterable[str]) -> DataFrame:
    """Return columns of a table; polars takes names such as `*` for patterns where it selects."""
    import polars as pl

    return pl.DataFrame([table[name] for name in names])


def check_distinct(names: Sequence[str]) -> None:
    """Refuse names that come twice.

    Raises:
        DataError: naming them.
    """
    twice = sorted({name for name in names if list(names).count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise DataError(f"Column names must differ, got {', '.join(map(repr, twice[:10]))} more than once. Rename one.")


def check_present(names: Sequence[str], present: Sequence[str]) -> None:
    """Refuse a table that lacks columns.

    Raises:
        DataError: naming the missing columns, and those that look like them.
    """
    known = set(present)
    missing = [name for name in names if name not in known]
    if not missing:
        return
    close = list(dict.fromkeys(match for name in missing for match in close_names(name, present)))
    advice = f"Did you mean {' or '.join(map(repr, close[:3]))}?" if close else f"It has {names_text(present)}."
    raise DataError(f"The table must have {len(names)} columns, but lacks {names_text(missing, limit=8)}. {advice}")


def names_text(names: Sequence[str], *, limit: int = 30) -> str:
    """Return the first names as part of a sentence."""
    return ", ".join(map(repr, names[:limit])) + (f", … ({len(names)} in all)" if len(names) > limit else "")


def number_matrix(
    table: DataFrame, columns: Sequence[str], writings: Mapping[str, Writing] = MappingProxyType({})
) -> np.ndarray:
    """Return columns of a table as float64 `(rows, columns)`, NaN where a cell is missing.

    Text is read as numbers where it can be.

    Args:
        table: a frame as `as_table` returns it.
        columns: their names.
        writings: how training wrote the numbers of columns, for those that are text here.

    Raises:
        DataError: text that is no number, or one in another unit; the message names its row and column.
    """
    import polars as pl

    few = selected(table, columns)
    numbers = [_read_numbers(column, writings) for column in few if not _is_number(column)]
    floats = few.with_columns(numbers).select(pl.all().cast(pl.Float64).fill_null(float("nan")))
    return floats.to_numpy(order="c") if columns else np.empty((table.height, 0))


def _is_number(column: Series) -> bool:
    """Return whether a column holds numbers or booleans."""
    import polars as pl

    return column.dtype.is_numeric() or column.dtype == pl.Boolean


def _read_numbers(column: Series, writings: Mapping[str, Writing]) -> Series:
    """Return a column of text as numbers.

    Raises:
        DataError: it holds dates or times, text that is no number, or numbers in another unit than in training.
    """
    name = column.name
    if is_temporal(column):
        raise DataError(
            f"Column {name!r} must hold numbers, as in training, got dates or times. Select the same columns, or "
            "train again."
        )
    floats = written_numbers(column, writings.get(name, Writing()))
    stray = (floats.is_null() & column.is_not_null()).arg_true()
    if len(stray):
        raise DataError(
            f"Column {name!r} must hold numbers, as in training, got {column[stray[0]]!r} "
            f"in row {stray[0]} (counting from 0). Correct that cell."
        )
    return floats


def _kind(entry: object) -> str:
    """Return the kind of a cell or a label."""
    if isinstance(entry, str):
        return "text"
    if isinstance(entry, (bool, np.bool_)):
        return "bool"
    if isinstance(entry, (datetime.date, datetime.time)):
        return "date"
    return "number" if isinstance(entry, numbers.Real) else "other"


def _cells(frame: Any) -> list[Any]:
    """Return the columns of a frame, by position, so that odd column names do no harm."""
    return frame.get_columns() if hasattr(frame, "get_columns") else [frame.iloc[:, i] for i in range(frame.shape[1])]


def _as_series(name: str, column: Any) -> Series:
    """Return a column of polars or pandas as a polars series."""
    import polars as pl

    if isinstance(column, pl.Series):
        return column.alias(name)
    kind = getattr(column.dtype, "kind", "O")
    if isinstance(column.dtype, np.dtype) and kind in "biuf":
        return pl.Series(name, column.to_numpy())
    if kind in "Mm":
        naive = column if getattr(column.dtype, "tz", None) is None else column.dt.tz_convert(None)
        return pl.Series(name, naive.to_numpy().astype(f"{kind}8[us]"))
    values = [None if is_unfilled(entry) else entry for entry in column.astype(object)]
    if kind in "iu":
        return pl.Series(name, values, dtype=pl.UInt64 if kind == "u" else pl.Int64)
    if kind == "f":
        return pl.Series(name, [None if entry is None else float(entry) for entry in values], dtype=pl.Float64)
    if str(column.dtype) == "category":
        values = [None if entry is None else str(entry) for entry in values]
    firsts = first_of_each_kind(values)
    if len(firsts) > 1 or "other" in firsts:
        raise DataError(
            f"Column {name!r} must hold only numbers, booleans, text, dates or times, got "
            f"{' and '.join(repr(entry) for entry in firsts.values())}. Turn all its cells into one kind."
        )
    if any(isinstance(entry, int) and abs(entry) >= LONG for entry in values):
        values = [None if entry is None else str(entry) for entry in values]
    return pl.Series(name, values, strict=False)


def _cleaned(name: str, column: Series) -> Series:
    """Return a series as numbers, booleans or text, missing cells as null.

    Raises:
        DataError: the series holds something else.
    """
    import polars as pl

    if column.dtype.is_float():
        has_nan = np.isnan(column.to_numpy()).sum() > column.null_count()  # which are NaN in the array, too
        return column.fill_nan(None) if has_nan else column
    if column.dtype in (pl.Boolean, pl.String):
        return column
    if column.dtype.is_integer():
        return column.cast(pl.String) if first_inexact(column) is not None else _of_64_bits(column)
    if column.dtype.is_decimal():
        is_whole = getattr(column.dtype, "scale", 0) == 0
        return _cleaned(name, column.cast(pl.Int128)) if is_whole else column.cast(pl.Float64)
    if column.dtype == pl.Null:
        return column.cast(pl.Float64)
    if column.dtype in (pl.Categorical, pl.Enum):
        return column.cast(pl.String)
    if column.dtype == pl.Duration:
        return column.cast(pl.Duration("us")).cast(pl.Int64).cast(pl.Float64) / 1e6
    if is_temporal(column):
        return column if column.dtype in (pl.Date, pl.Time) else _in_utc(column)
    raise DataError(
        f"Column {name!r} must hold numbers, booleans, text, dates or times, got {column.dtype}. Turn it into one of "
        "these, or leave it out."
    )


def _of_64_bits(column: Series) -> Series:
    """Return whole numbers in a type that NumPy has, too."""
    import polars as pl

    if column.dtype not in (pl.Int128, getattr(pl, "UInt128", pl.Int128)):
        return column
    narrow = column.cast(pl.Int64, strict=False)
    return narrow if narrow.null_count() == column.null_count() else column.cast(pl.Float64)


def _in_utc(column: Series) -> Series:
    """Return moments in UTC, without a time zone, in microseconds."""
    import polars as pl

    zone = getattr(column.dtype, "time_zone", None)
    naive = column if zone is None else column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return naive.cast(pl.Datetime("us"))
