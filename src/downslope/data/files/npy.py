"""NumPy's own files as data sets."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.lib.format import MAGIC_PREFIX, read_array_header_1_0, read_array_header_2_0, read_magic

from downslope.core import Advice, DataError, Setting, SettingError, UnknownNameError
from downslope.data.dataset import Dataset
from downslope.data.stored import StoredRows, stays_on_disk, stored

UNREADABLE = (ValueError, EOFError, OSError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error)
ZIP = b"PK"
"""How files of several arrays begin."""

FEATURE_NAMES = ("x", "X", "x_train", "X_train")
TARGET_NAMES = ("y", "Y", "y_train", "Y_train")


def read_npy(path: Path, target: str | int | None, task: str | None, large: int) -> Dataset:
    """Return the data set of a `.npy` file, one of `large` bytes memory-mapped; `target` is the number of a column.

    Raises:
        DataError: the file cannot be read, or has no columns.
        SettingError: a target that is no number of a column.
    """
    array = _load(path, path, mmap_mode="r" if path.stat().st_size >= large else None)
    if target is None:
        return Dataset(array)
    if array.ndim != 2 or array.shape[1] < 2:
        raise DataError(
            f"{path.name!r} must hold an array of at least two columns for a target to be one, got {array.shape}."
        )
    column, columns = _column_number(target), array.shape[1]
    if column is None or not -columns <= column < columns:
        raise SettingError(
            Setting("target"),
            f"must be the number of a column of {path.name!r}, {-columns} to {columns - 1}, got {target!r}.",
        )
    column %= columns
    return Dataset(_without_column(array, column, large), np.array(array[:, column]), task=task, target_name=column)


def read_npz(path: Path, target: str | int | None, task: str | None, large: int) -> Dataset:
    """Return the data set of a `.npz` file; `target` is the name of an array.

    Raises:
        DataError: the file cannot be read, or holds no array of features.
        UnknownNameError: a target that is no array of the file.
    """
    with path.open("rb") as file, _load(path, file) as arrays:
        names = list(arrays.files)
        x = next((name for name in FEATURE_NAMES if name in names), None)
        x = names[0] if x is None and len(names) == 1 else x
        if x is None:
            raise DataError(
                f"{path.name!r} must hold an array named {', '.join(FEATURE_NAMES[:-1])} or {FEATURE_NAMES[-1]}, "
                f"got {', '.join(names) or 'none'}.",
                Advice("save it with NumPy as {}", code="`numpy.savez(path, x=…, y=…)`"),
            )
        if target is not None and target not in names:
            raise UnknownNameError("target", target, names)
        y = _partner(x, names) if target is None else str(target)
        labels = None if y is None else _entry(arrays, y, path)
        return Dataset(_entry(arrays, x, path), labels, task=task, target_name=y)


def _without_column(array: np.ndarray, column: int, large: int) -> np.ndarray | StoredRows:
    """Return an array without a column; those of `large` bytes on disk stay there."""
    width = array.shape[1] - 1
    if column in (0, width):
        return array[:, 1:] if column == 0 else array[:, :-1]
    if stays_on_disk(array, large):
        return stored(array).prepared(lambda rows: np.delete(rows, column, axis=1), array.dtype, (width,))
    return np.delete(array, column, axis=1)


def _partner(x: str, names: list[str]) -> str | None:
    """Return the target that goes with an array of features."""
    suffix = x[1:]
    return next((name for name in TARGET_NAMES if name in names and name[1:] == suffix), None)


def _column_number(target: str | int) -> int | None:
    """Return a column's number, which may be given as text."""
    try:
        return int(target)
    except ValueError:
        return None


def _load(path: Path, source: Path | IO[bytes], mmap_mode: Literal["r"] | None = None) -> Any:
    """Return the array of a file, or for `.npz` the arrays by name.

    Raises:
        DataError: it is of another format than its ending says, damaged, or holds Python objects.
    """
    try:
        loaded = np.load(source, mmap_mode=mmap_mode, allow_pickle=False)
    except UNREADABLE as error:
        raise _unreadable(path, lambda: path.open("rb"), error) from error
    if isinstance(loaded, np.ndarray) is not (path.suffix.lower() == ".npy"):
        if not isinstance(loaded, np.ndarray):
            loaded.close()
        raise DataError(f"{path.name!r} is a NumPy file of the other kind. Correct its ending: .npy or .npz.")
    return loaded


def _entry(arrays: Any, name: str, path: Path) -> np.ndarray:
    """Return one array of a `.npz` file."""
    try:
        return arrays[name]
    except UNREADABLE as error:
        raise _unreadable(path, lambda: arrays.zip.open(f"{name}.npy"), error) from error


def _unreadable(path: Path, open_array: Callable[[], IO[bytes]], error: Exception) -> DataError:
    """Return the error for a file that NumPy cannot read.

    Args:
        path: the file.
        open_array: opens the array, or the file of arrays.
        error: from NumPy.
    """
    start, holds_objects = b"", False
    with suppress(*UNREADABLE), open_array() as array:
        start = array.read(len(MAGIC_PREFIX))
    with suppress(*UNREADABLE), open_array() as array:
        holds_objects = _dtype(array).hasobject
    if holds_objects:
        return DataError(
            f"{path.name!r} must hold numbers, got Python objects. Save text as CSV, or numbers as floats."
        )
    if not start.startswith((MAGIC_PREFIX, ZIP)):
        return DataError(f"{path.name!r} must be a NumPy file, but cannot be read: it does not begin as one.")
    return DataError(f"{path.name!r} must be a NumPy file, but cannot be read: {str(error).splitlines()[0]}")


def _dtype(array: IO[bytes]) -> np.dtype:
    """Return the type of an array's numbers, from its header."""
    version = read_magic(array)
    return (read_array_header_1_0 if version == (1, 0) else read_array_header_2_0)(array)[2]
