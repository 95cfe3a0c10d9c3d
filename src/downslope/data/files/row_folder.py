"""The folder of rows that a user stored block by block: arrays, or records of a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from downslope.core import DataError, Setting, ShapeError
from downslope.data.dataset import Dataset, number_array
from downslope.data.stored import ROWS, NpyWriter, RecordWriter, check_whole, field_of
from downslope.data.tables import as_table, check_present
from downslope.data.targets import clean_target

TARGETS, NAMES = "targets.npy", "names.json"


def open_rows(folder: Path, task: str | None) -> Dataset:
    """Return the arrays that `store_rows` wrote.

    Raises:
        DataError: they are damaged.
    """
    try:
        check_whole(folder / ROWS)
        x = np.load(folder / ROWS, mmap_mode="r", allow_pickle=False)
        y = np.load(folder / TARGETS, allow_pickle=False) if (folder / TARGETS).is_file() else None
        names = json.loads((folder / NAMES).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{str(folder)!r} must hold stored rows, but cannot be read: {error}. Delete that folder, and store them "
            "again."
        ) from error
    return Dataset(x, y, feature_names=names, task=task)


def write_tables(folder: Path, blocks: Iterable[object]) -> None:
    """Write data frames as records."""
    tables = (as_table(block) for block in blocks)
    first = next(tables)
    layout = {name: field_of(dtype, gaps=bool(first[name].null_count())) for name, dtype in first.schema.items()}
    with RecordWriter(folder, layout) as writer:
        for table in chain([first], tables):
            check_present(list(layout), table.columns)
            writer.append(table)


def write_arrays(folder: Path, blocks: Iterable[object], feature_names: Sequence[str] | None) -> None:
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
            if targets is not None and y is not None:
                targets.append(y)
    if targets is not None:
        np.save(folder / TARGETS, np.concatenate(targets))
    (folder / NAMES).write_text(json.dumps(None if feature_names is None else list(feature_names)), encoding="utf-8")


def _pair(block: object) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the inputs of a block of arrays, and the targets, which may be None.

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
