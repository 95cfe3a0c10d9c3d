"""Rows of a user's own source, written to disk block by block."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from downslope.core import Advice, DataError, Setting
from downslope.data.dataset import Dataset
from downslope.data.files.reader import read
from downslope.data.files.row_folder import write_arrays, write_tables
from downslope.data.stored import publish, unfinished_folder
from downslope.data.tables import is_table


def store_rows(
    blocks: Iterable[object],
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
        blocks: the rows: pairs `(x, y)` of arrays, arrays `x` alone, or data frames, all alike. Arrays of
            floats keep the type of the first block; whole numbers and booleans too.
        folder: a new folder.
        target: the column to learn, where blocks are data frames.
        task: `"classification"` or `"regression"`; None infers it from the target.
        feature_names: of the columns of arrays.

    Raises:
        DataError: no blocks; a folder that is there already, or cannot be written; cells that cannot be used.
        ShapeError: blocks whose rows differ in shape.

    Example:
        >>> import numpy as np
        >>> from tempfile import TemporaryDirectory
        >>> draws = np.random.default_rng(0)
        >>> with TemporaryDirectory() as folder:
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
    rest = iter(blocks)
    first = next(rest, None)
    if first is None:
        raise DataError(Setting("blocks"), "must yield at least one block of rows, got none.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with unfinished_folder(folder) as part:
            if is_table(first):
                write_tables(part, chain([first], rest))
            else:
                write_arrays(part, chain([first], rest), feature_names)
            publish(part, folder)
    except OSError as error:
        raise DataError(f"The rows cannot be written to {str(folder)!r}: {error.strerror or error}.") from error
    return read(folder, target=target, task=task)
