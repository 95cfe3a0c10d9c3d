"""A user's own source of rows, written to disk block by block, and opened."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from downslope.core import Advice, DataError, Setting, ShapeError
from downslope.data._dataset import Dataset, number_array
from downslope.data._npy_writer import NpyWriter
from downslope.data._records import ROWS, RecordWriter, field_of
from downslope.data._tables import as_table, check_present, is_table
from downslope.data._targets import clean_target

TARGETS, NAMES = "targets.npy", "names.json"


def store_rows(
    blocks: Iterable[Any],
    folder: str | os.PathLike[str],
    *,
    target: str | None = None,
    task: str | None = None,
    feature_names: Sequence[str] | None = None,
) -> Dataset:
    """Write rows that come block by block into a folder, and return them as a data set that is read from there.

    So rows of any source, more of them than memory holds, can be learned from: a database, a simulation, a thousand
    files. `ds.read(folder)` opens them again. The folder appears when all blocks are written.

    Args:
        blocks: what yields the rows: pairs `(x, y)` of arrays, arrays `x` alone, or data frames, all alike. Arrays of
            floats keep the type of the first block; whole numbers and booleans too.
        folder: a new folder.
        target: the column to learn, where blocks are data frames.
        task: `"classification"` or `"regression"`; None infers it from the target.
        feature_names: of the columns of arrays.

    Raises:
        DataError: no blocks; a folder that is there already, or cannot be written; cells that cannot be used.
        ShapeError: blocks whose rows differ in shape.

    Example:
        >>> draws = np.random.default_rng(0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     blocks = ((draws.normal(size=(100, 3)), draws.integers(2, size=100)) for _ in range(5))
        ...     store_rows(blocks, Path(folder, "rows"))
        Dataset(500 rows, 3 features, classification into 2 classes)
    """
    folder = Path(folder).absolute()
    if folder.exists():
        raise DataError(
            Setting("folder"),
            f"must be a new folder, got {str(folder)!r}, which exists.",
            Advice("open stored rows by {}", code="ds.read"),
        )
    several = iter(blocks)
    first = next(several, None)
    if first is None:
        raise DataError(Setting("blocks"), "must yield at least one block of rows, got none.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.part-", dir=folder.parent))
        try:
            if is_table(first):
                _write_tables(part, chain([first], several))
            else:
                _write_arrays(part, chain([first], several), feature_names)
            part.chmod(0o755)
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise DataError(f"The rows cannot be written to {str(folder)!r}: {error.strerror or error}.") from error
    from downslope.data._files import read

    return read(folder, target=target, task=task)


def open_rows(folder: Path, task: str | None) -> Dataset:
    """Return the arrays that `store_rows` wrote.

    Raises:
        DataError: they are damaged.
    """
    try:
        x = np.load(folder / ROWS, mmap_mode="r", allow_pickle=False)
        y = np.load(folder / TARGETS, allow_pickle=False) if (folder / TARGETS).is_file() else None
        names = json.loads((folder / NAMES).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{str(folder)!r} must hold stored rows, but cannot be read: {error}.") from error
    return Dataset(x, y, feature_names=names, task=task)


def _write_tables(folder: Path, blocks: Iterable[Any]) -> None:
    """Write data frames as records."""
    tables = (as_table(block) for block in blocks)
    first = next(tables)
    layout = {name: field_of(dtype, gaps=bool(first[name].null_count())) for name, dtype in first.schema.items()}
    with RecordWriter(folder, layout) as writer:
        for table in chain([first], tables):
            check_present(list(layout), table.columns)
            writer.append(table)


def _write_arrays(folder: Path, blocks: Iterable[Any], feature_names: Sequence[str] | None) -> None:
    """Write arrays, and targets where there are any."""
    pairs = (_pair(block) for block in blocks)
    x, y = next(pairs)
    targets = None if y is None else [y]
    with NpyWriter(folder / ROWS, x.dtype, x.shape[1:]) as writer:
        writer.append(x)
        for x, y in pairs:
            if (y is None) is not (targets is None):
                raise DataError(
                    f"Either all blocks or none must be pairs (x, y), got another after {writer.rows:,} rows."
                )
            writer.append(x)
            if targets is not None:
                targets.append(y)
    if targets is not None:
        np.save(folder / TARGETS, np.concatenate(targets))
    (folder / NAMES).write_text(json.dumps(None if feature_names is None else list(feature_names)), encoding="utf-8")


def _pair(block: Any) -> tuple[np.ndarray, Any]:
    """Return inputs and targets of a block of arrays, which may be None.

    Raises:
        ShapeError: they differ in rows.
    """
    x, y = block if isinstance(block, tuple) else (block, None)
    x, y = number_array(x), None if y is None else clean_target(y)
    if y is not None and len(y) != len(x):
        raise ShapeError(
            "The",
            Setting("x"),
            "and",
            Setting("y"),
            f"of a block must have equally many rows, got {len(x)} and {len(y)}.",
        )
    return x, y
