"""From a file to a data set, in any format."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from downslope.core import Advice, DataError, Setting, SettingError, close_names, working
from downslope.data.dataset import Dataset, with_notes, with_origin, with_roles
from downslope.data.files.columns import TextFacts, as_kinds, column_kinds, facts_of
from downslope.data.files.conversion import DEFAULT_CACHE, READ, convert
from downslope.data.files.file_table import DEFAULT_SIZES, ReadSizes, TableFormat
from downslope.data.files.formats import ARRAY_FORMATS, ENDINGS, TABLE_FORMATS, TEXT_ENDINGS
from downslope.data.files.reading import OPEN, Reading, checked_reading
from downslope.data.files.row_folder import open_rows
from downslope.data.files.selection import ColumnSelection
from downslope.data.origin import Origin
from downslope.data.stored import COLUMNS, ROWS, open_records


def read(
    path: str | os.PathLike[str],
    target: str | int | None = None,
    *,
    task: str | None = None,
    numeric: Sequence[str] = (),
    categorical: Sequence[str] = (),
    only: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
    keep: Sequence[str] = (),
    drop_missing_target: bool = False,
    separator: str | None = None,
    decimal: str | None = None,
    thousands: str | None = None,
    encoding: str | None = None,
    missing: str | Sequence[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: str | bool = "auto",
) -> Dataset:
    r"""Return the data set that a file holds.

    CSV (separated by commas, semicolons, tabs or pipes, with a line of names, in UTF-8, or in UTF-16 with its mark): a
    column is numeric when at least 95 % of its filled cells are numbers, boolean when all are true or false (0 and 1
    among features, two classes as a target), else text. Missing are empty cells and `NA`, `N/A`, `NaN`, `null`, `None`,
    `?` and their usual spellings. Numbers may have marks between thousands, a decimal comma, a currency or percent
    sign, other minus signs or parentheses for one; `notes` says so. What the marks mean is decided for the whole file,
    by the numbers that can be read in one way only; where none decides, the file is refused until `decimal` is given.
    Whole numbers too long for floats are read as text. Parquet has types of its own; they are kept otherwise.
    `.npy` holds one array, rows first. `.npz` holds arrays named `x` and `y`, or `X` and `Y`, or `x_train` and
    `y_train`.

    Text that holds dates or times, in ISO's form or another usual one, is learned from as such, and so are dates of
    Parquet. Whether the day or the month comes first is decided by the whole column; training refuses a column that
    does not show it.

    A CSV or Parquet file of 256 MiB or more is not read into memory: the first time it is converted to records on disk,
    which later readings of the same file use, and its rows are read as training comes to them. `.npy` of that size is
    used as it is.

    Args:
        path: the file, whose ending names its format; or a folder that `ds.store_rows` wrote.
        target: the column to learn: a name; for `.npy` a number, where −1 is the last; for `.npz` the name of an array.
            None reads features only, but for `.npz`, whose `y` is taken if there is one.
        task: `"classification"` or `"regression"`; None infers it from the target.
        numeric: columns to read as numbers, whatever share of them is.
        categorical: columns to read as text, such as codes that look like numbers.
        only: the columns to learn from, in this order; None for all but the target.
        exclude: columns to leave out.
        keep: columns to learn from even if they only count the rows, as 0, 1, 2, … or 1, 2, 3, …, or name them, as text
            of which nearly every cell is another. Such columns are left out in training unless they are named here, in
            `only`, `numeric` or `categorical`.
        drop_missing_target: leave out rows whose target is missing, which else are an error.
        separator: what stands between cells of a text file: one character, or `"tab"`; None looks for it.
        decimal: its decimal mark, `"."` or `","`; None decides by its numbers.
        thousands: its mark between thousands, one of `, . ' _` and a blank, or `"none"`; None takes what is there.
        encoding: of its text, such as `"cp1252"`; None for UTF-8, or what its byte order mark says.
        missing: the words that stand for missing cells, in place of the usual ones; empty cells always do.
        cache: the folder for the records of large files; None for `runs/.cache`.
        progress: how a conversion shows itself: `"auto"`, `"bar"`, `"lines"`, or False for nothing. Reading into
            memory shows a line on a terminal, if it takes more than a second, unless it is False or `"lines"`.

    Raises:
        SettingError: a path that is none, such as a data frame; `ds.Dataset` takes that.
        DataError: a file that is missing, no such file, damaged, or holds cells that cannot be used; the message says
            where.
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
    if not isinstance(path, (str, os.PathLike)):
        raise SettingError(
            Setting("path"),
            f"must be the path of a file, got {type(path).__name__}.",
            Advice("make a data set of rows in memory by {}", code="ds.Dataset(x, y)"),
        )
    selection = ColumnSelection(
        target=target,
        task=task,
        numeric=list(numeric),
        categorical=list(categorical),
        only=None if only is None else list(only),
        exclude=list(exclude),
        keep=list(keep),
        drop_missing_target=drop_missing_target,
    )
    reading = checked_reading(separator, decimal, thousands, encoding, missing)
    return read_selection(path, selection, reading, cache=cache, progress=progress)


def read_other(
    path: str | os.PathLike[str],
    target: str | int | None,
    reading: Reading,
    like: Reading,
    *,
    task: str | None,
    categorical: Sequence[str],
    only: Sequence[str] | None,
    drop_missing_target: bool,
) -> Dataset:
    """Return the data set that a file holds, read like another where it leaves that open.

    Args:
        path: as for `read`, and so are `target`, `task`, `categorical`, `only` and `drop_missing_target`.
        target: the column to learn.
        reading: what a user says of the text.
        like: what was seen in the other file.
        task: `"classification"` or `"regression"`.
        categorical: columns to read as text.
        only: the features to take.
        drop_missing_target: whether to leave out rows without a target.
    """
    selection = ColumnSelection(
        target,
        task,
        categorical=list(categorical),
        only=None if only is None else list(only),
        drop_missing_target=drop_missing_target,
    )
    return read_selection(path, selection, reading, cache=None, progress="auto", like=like)


def read_selection(
    path: str | os.PathLike[str],
    selection: ColumnSelection,
    reading: Reading = OPEN,
    *,
    cache: str | os.PathLike[str] | None,
    progress: str | bool,
    like: Reading = OPEN,
    sizes: ReadSizes = DEFAULT_SIZES,
) -> Dataset:
    """Return the data set that a file holds, with its origin.

    Args:
        path: as for `read`, and so are `cache` and `progress`.
        selection: the columns.
        reading: what a user says of the text.
        like: what was seen in the file that this one is to be read like.
        cache: the folder for large files.
        progress: of a conversion.
        sizes: from which on a file is large, and of the blocks that it is then read in.
    """
    file = _checked(Path(path))
    folder = None if cache is None else str(Path(cache).absolute())
    if file.is_dir() or file.suffix.lower() not in TEXT_ENDINGS:
        _check_open(reading, file)
    if _holds_arrays(file):
        selection.check_for_arrays(file)
        data = _read_arrays(file, selection, sizes)
    else:
        table_format = _table_format(file, reading, like, selection.categorical)
        with working(_in_memory(file, progress, sizes), f"Reading {file.name!r}"):
            data, facts = _read_table(file, table_format, selection, Path(folder or DEFAULT_CACHE), progress, sizes)
        data, reading = with_notes(data, facts.notes), facts.reading
        data = with_roles(data, dataclasses.replace(data.roles, units=dict(facts.units), decimal=reading.decimal))
    arguments = {
        "path": str(file.absolute()),
        **dataclasses.asdict(selection),
        **reading.as_arguments(),
        "cache": folder,
    }
    return with_origin(data, Origin("read", arguments))


def _in_memory(file: Path, progress: str | bool, sizes: ReadSizes) -> str | bool:
    """Return how reading a file into memory shows itself; False for one that is converted, with a bar of its own."""
    return False if file.is_dir() or file.stat().st_size >= sizes.large else progress


def _check_open(reading: Reading, file: Path) -> None:
    """Refuse what is said of the text of a file that is none.

    Raises:
        SettingError: naming the setting.
    """
    setting = next((name for name, value in reading.as_arguments().items() if value is not None), None)
    if setting is not None:
        raise SettingError(
            Setting(setting), f"is for text files ({', '.join(TEXT_ENDINGS)}), got {file.name!r}. Leave it out."
        )


def _holds_arrays(file: Path) -> bool:
    """Return whether a file, or a folder of stored rows, holds arrays rather than a table."""
    return not (file / COLUMNS).is_file() if file.is_dir() else file.suffix.lower() in ARRAY_FORMATS


def _read_arrays(file: Path, selection: ColumnSelection, sizes: ReadSizes) -> Dataset:
    """Return the data set of a file or a folder of arrays."""
    if file.is_dir():
        return open_rows(file, selection.task)
    return ARRAY_FORMATS[file.suffix.lower()](file, selection.target, selection.task, sizes.large)


def _table_format(file: Path, reading: Reading, like: Reading, labels: Sequence[str]) -> TableFormat | None:
    """Return the format of a file of a table; None for a folder of records."""
    return None if file.is_dir() else TABLE_FORMATS[file.suffix.lower()](reading, like, labels)


def _read_table(
    file: Path,
    table_format: TableFormat | None,
    selection: ColumnSelection,
    cache: Path,
    progress: str | bool,
    sizes: ReadSizes,
) -> tuple[Dataset, TextFacts]:
    """Return the data set of a table: of a file in memory, of a large one converted, or of a folder of records."""
    declared, facts = {"numeric": selection.numeric, "categorical": selection.categorical}, TextFacts()
    if table_format is None:
        table = open_records(file)
        names = selection.names(table.columns)
    elif file.stat().st_size >= sizes.large:
        names = selection.names(table_format.column_names(file))
        table = convert(file, table_format, names, **declared, cache=cache, progress=progress, sizes=sizes)
        facts = TextFacts() if table.folder is None else facts_of(table.folder / READ)
    else:
        text = table_format.read(file)
        names = selection.names(text.table.columns)
        kinds = column_kinds([text], names, **declared)
        table, facts = as_kinds(text, kinds), kinds.text
    return selection.dataset(table, names), facts


def column_names(path: str | os.PathLike[str], reading: Reading | None = None) -> list[str]:
    """Return the names of the columns of a CSV or Parquet file, or of stored tables, without reading all of it.

    Args:
        path: the file, or the folder.
        reading: what is known of its text; None for nothing.

    Raises:
        DataError: it is missing or damaged, or holds arrays, whose columns have no names.
    """
    file = _checked(Path(path))
    if file.is_dir() and _holds_arrays(file):
        raise DataError(
            f"{str(path)!r} holds rows without names of columns and without targets. Store them as pairs (x, y)."
        )
    if file.is_dir():
        return open_records(file).columns
    if _holds_arrays(file):
        raise DataError(
            f"{file.name!r} holds arrays, whose columns have no names. Choose the target of an .npy file by the number "
            "of its column, that of an .npz file by the name of its array."
        )
    open_format = TABLE_FORMATS[file.suffix.lower()]
    return open_format(OPEN if reading is None else reading, OPEN, ()).column_names(file)


def _checked(path: Path) -> Path:
    """Return the path of a file that exists and has a known ending.

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
