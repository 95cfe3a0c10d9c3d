"""From a file to a data set: CSV, Parquet, and NumPy's `.npy` and `.npz`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from downslope.core import DataError, SettingError, UnknownNameError, close_names
from downslope.data import _stored
from downslope.data._columns import typed_columns
from downslope.data._conversion import BYTES_A_BLOCK, DEFAULT_CACHE, converted
from downslope.data._csv import TextTable, read_text_table, text_tables
from downslope.data._dataset import Dataset
from downslope.data._npy import read_npy, read_npz
from downslope.data._origin import Origin, with_origin
from downslope.data._records import COLUMNS, ROWS, open_records
from downslope.data._store_rows import open_rows
from downslope.data._stored_table import StoredTable
from downslope.data._tables import check_distinct, check_present

ENDINGS = (".csv", ".tsv", ".parquet", ".npy", ".npz")


def read(
    path: str | os.PathLike[str],
    target: str | int | None = None,
    *,
    task: str | None = None,
    numeric: Sequence[str] = (),
    categorical: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: str | bool = "auto",
) -> Dataset:
    r"""Return the data set that a file holds.

    CSV (separated by commas, semicolons or tabs, with a line of names, in UTF-8): a column is numeric when at least
    95 % of its filled cells are numbers, boolean when all are true or false (0 and 1 among features, two classes as a
    target), else text. Missing are empty cells and `NA`, `N/A`, `NaN`, `null`, `None`, `?` and their usual spellings.
    In a file separated by semicolons a column may have decimal commas. Parquet has types of its own; they are kept.
    `.npy` holds one array, rows first. `.npz` holds arrays named `x` and `y`, or `X` and `Y`, or `x_train` and
    `y_train`.

    A CSV or Parquet file of 256 MiB or more is not read into memory: the first time it is converted to records on disk,
    which later readings of the same file use, and its rows are read as training comes to them. `.npy` of that size is
    used as it is.

    Args:
        path: the file, whose ending says what it is; or a folder that `ds.store_rows` wrote.
        target: the column to learn: a name; for `.npy` a number, where −1 is the last; for `.npz` the name of an array.
            None reads features only, but for `.npz`, whose `y` is taken if there is one.
        task: `"classification"` or `"regression"`; None infers it from the target.
        numeric: columns to read as numbers, whatever share of them is.
        categorical: columns to read as text, such as codes that look like numbers.
        columns: the features to take, in this order; None for all columns but the target.
        cache: the folder for what large files are converted to; None for `runs/.cache`.
        progress: how a conversion shows itself: `"auto"`, `"bar"`, `"lines"`, or False for nothing.

    Raises:
        DataError: a file that is missing, no such file, damaged, or holds cells that cannot be used; the message names
            the place.
        UnknownNameError: a target that is none of the columns.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "pets.csv")
        ...     size = path.write_text("legs,sound,pet\n4,woof,dog\n2,tweet,bird\n4,?,dog\n2,tweet,bird\n")
        ...     data = read(path, target="pet")
        >>> data.feature_names, data.y.tolist(), data.x["sound"].to_list()
        (('legs', 'sound'), ['dog', 'bird', 'dog', 'bird'], ['woof', 'tweet', None, 'tweet'])
    """
    file = _checked(Path(path))
    settings = {
        "target": target,
        "task": task,
        "numeric": list(numeric),
        "categorical": list(categorical),
        "columns": None if columns is None else list(columns),
    }
    place = None if cache is None else str(Path(cache).absolute())
    data = _read(file, **settings, cache=Path(place or DEFAULT_CACHE), progress=progress)
    return with_origin(data, Origin("read", {"path": str(file.absolute()), **settings, "cache": place}))


def _read(
    file: Path,
    target: Any,
    task: str | None,
    numeric: list[str],
    categorical: list[str],
    columns: list[str] | None,
    cache: Path,
    progress: str | bool,
) -> Dataset:
    """Return what a file holds that is there and whose ending is known."""
    ending = file.suffix.lower()
    if file.is_dir() and not (file / COLUMNS).is_file():
        if numeric or categorical or columns is not None:
            raise SettingError(f"Columns can be chosen by name in tables only, got {file.name!r}.", setting="columns")
        return open_rows(file, task)
    if ending in (".npy", ".npz"):
        if numeric or categorical or columns is not None:
            raise SettingError(f"Columns can be chosen by name in tables only, got {file.name!r}.", setting="columns")
        return (read_npy if ending == ".npy" else read_npz)(file, target, task)
    declared = {"numeric": numeric, "categorical": categorical}
    if file.is_dir():
        table = open_records(file)
        wanted = _wanted_columns(table.columns, target, columns, **declared)
    elif file.stat().st_size >= _stored.LARGE:
        wanted = _wanted_columns(column_names(file), target, columns, **declared)
        table = converted(file, wanted, **declared, cache=cache, progress=progress)
    else:
        text = _read_parquet(file) if ending == ".parquet" else read_text_table(file)
        wanted = _wanted_columns(text.table.columns, target, columns, **declared)
        table = typed_columns(text, wanted, **declared)
    if target is None:
        return Dataset(table.select(wanted))
    labels = table.column(target) if isinstance(table, StoredTable) else table[target]
    return Dataset(table.select(wanted[:-1]), labels, task=task)


def column_names(path: str | os.PathLike[str]) -> list[str]:
    """Return the names of the columns of a CSV or Parquet file, or of stored tables, without reading all of it.

    Raises:
        DataError: it is missing or damaged.
    """
    file = _checked(Path(path))
    if file.is_dir() and not (file / COLUMNS).is_file():
        raise DataError(
            f"{str(path)!r} holds rows without names of columns and without targets. Store them as pairs (x, y)."
        )
    if file.is_dir():
        return open_records(file).columns
    if file.suffix.lower() != ".parquet":
        return next(text_tables(file, BYTES_A_BLOCK)).table.columns
    import polars as pl

    try:
        return list(pl.read_parquet_schema(file))
    except Exception as error:
        raise _no_parquet(file, error) from error


def _checked(path: Path) -> Path:
    """Return the path of a file that is there and whose ending is known.

    Raises:
        DataError: there is none.
    """
    if path.is_dir():
        if (path / ROWS).is_file():
            return path
        raise DataError(f"{str(path)!r} is a folder. Name a file in it.")
    if not path.exists():
        folder = path.parent
        near = close_names(path.name, [entry.name for entry in folder.iterdir()]) if folder.is_dir() else []
        advice = f"Did you mean {' or '.join(map(repr, near))}?" if near else "Check the name and the folder."
        raise DataError(f"There is no file {str(path)!r}. {advice}")
    if path.suffix.lower() not in ENDINGS:
        raise DataError(f"A data file must end in {', '.join(ENDINGS)}, got {path.name!r}. Save it as one of these.")
    if path.stat().st_size == 0:
        raise DataError(f"{path.name!r} must hold data, got an empty file.")
    return path


def _read_parquet(path: Path) -> TextTable:
    """Return the columns of a Parquet file, with the types it gives them."""
    import polars as pl

    try:
        table = pl.read_parquet(path)
    except Exception as error:
        raise _no_parquet(path, error) from error
    if not table.height:
        raise DataError(f"{path.name!r} must hold rows, got column names only.")
    return TextTable(table, None, path.name, decimal_comma=False)


def _wanted_columns(
    present: list[str],
    target: Any,
    columns: Sequence[str] | None,
    *,
    numeric: Sequence[str],
    categorical: Sequence[str],
) -> list[str]:
    """Return the names of the columns to look at, the target last.

    Raises:
        UnknownNameError: the target is none of the columns.
        DataError: a feature is none of them, or there is no feature.
        SettingError: a column is declared both numeric and categorical.
    """
    check_distinct(present)
    if target is not None and target not in present:
        raise UnknownNameError("target", target, present)
    if columns is not None:
        check_present(columns, present)
    features = [name for name in (present if columns is None else columns) if name != target]
    if not features:
        raise DataError(f"The table must have a column besides the target {target!r} to learn from, got no other.")
    both = sorted(set(numeric) & set(categorical))
    if both:
        raise SettingError(
            f"A column must be either numeric or categorical, got both for {both[0]!r}.", setting="numeric"
        )
    check_present([*numeric, *categorical], present)
    return [*features, *([] if target is None else [target])]


def _no_parquet(path: Path, error: Exception) -> DataError:
    """Return the error for a file that polars cannot read."""
    first_line = str(error).partition("\n")[0]
    return DataError(f"{path.name!r} must be a Parquet file, but cannot be read: {first_line}")
