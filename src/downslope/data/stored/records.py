"""Tables as records on disk: their layout, their writer, and how they are opened."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from downslope.core import DataError
from downslope.data.dates import is_temporal, typed_seconds
from downslope.data.stored.digest import facts_digest, is_whole
from downslope.data.stored.npy_writer import NpyWriter
from downslope.data.stored.table import MISSING_LEVEL, StoredTable

if TYPE_CHECKING:
    from polars import DataFrame, DataType, Series

ROWS, COLUMNS = "rows.npy", "columns.json"


@dataclass
class RecordWriter:
    """Writes blocks of a table into a folder, as one record a row.

    Attributes:
        folder: to write into.
        layout: the type from `field_of` of each column, by its name.
        levels: of each column of text, the texts so far and their numbers.
        times: of each column of dates or times so far, which of these.
    """

    folder: Path
    layout: dict[str, np.dtype | None]
    levels: dict[str, dict[str, int]] = field(init=False)
    times: dict[str, str] = field(init=False)
    rows: NpyWriter = field(init=False)

    def __post_init__(self) -> None:
        self.levels = {name: {} for name, kind in self.layout.items() if kind is None}
        self.times = {}
        kinds = [np.dtype(np.int32) if kind is None else kind for kind in self.layout.values()]
        self.rows = NpyWriter(self.folder / ROWS, np.dtype([(f"c{i}", kind) for i, kind in enumerate(kinds)]))

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rows.__exit__(kind, error, trace)
        if kind is None:
            facts = {
                "columns": list(self.layout),
                "levels": {name: list(known) for name, known in self.levels.items()},
                "times": self.times,
            }
            content = facts | {"digest": facts_digest(facts)}
            (self.folder / COLUMNS).write_text(json.dumps(content), encoding="utf-8")

    def append(self, table: DataFrame) -> None:
        """Write rows of a table as `as_table` returns it, null where a cell is missing.

        Raises:
            DataError: a cell is missing in a column without gaps.
        """
        records: np.ndarray = np.empty(table.height, self.rows.dtype)
        for i, (name, kind) in enumerate(self.layout.items()):
            if is_temporal(table[name]):
                self.times[name] = str(table[name].dtype.base_type()).lower()
                records[f"c{i}"] = typed_seconds(table[name])
            else:
                records[f"c{i}"] = self._numbered(table[name]) if kind is None else self._plain(table[name], kind)
        self.rows.append(records)

    def _plain(self, column: Series, kind: np.dtype) -> np.ndarray:
        """Return a column of numbers or booleans, NaN where a cell is missing."""
        import polars as pl

        if kind.kind == "f":
            return column.cast(pl.Float64).to_numpy()
        if column.null_count():
            row = self.rows.rows + column.is_null().arg_true()[0]
            raise DataError(
                f"Column {column.name!r} held {column.dtype} without a gap so far, but has none in row {row} (counting "
                "from 0). Give it as floats from the first block on, where NaN or null stands for a gap."
            )
        return column.to_numpy()

    def _numbered(self, column: Series) -> np.ndarray:
        """Return the numbers of a column's texts; a text that is new gets the next."""
        import polars as pl

        known = self.levels[column.name]
        distinct = column.drop_nulls().unique(maintain_order=True)
        for text in distinct:
            known.setdefault(text, len(known))
        numbers = pl.Series([known[text] for text in distinct], dtype=pl.Int32)
        return column.replace_strict(distinct, numbers, default=MISSING_LEVEL, return_dtype=pl.Int32).to_numpy()


def field_of(dtype: DataType, *, gaps: bool) -> np.dtype | None:
    """Return the type of the field of a column, None for text.

    Args:
        dtype: the column's type in polars.
        gaps: whether cells are missing; only floats can say so, by NaN.
    """
    import polars as pl

    if dtype == pl.String:
        return None
    if dtype == pl.Float32:
        return np.dtype(np.float32)
    if dtype.is_float() or gaps or dtype.is_temporal() or dtype == pl.Int128:
        return np.dtype(np.float64)
    return np.dtype(bool) if dtype == pl.Boolean else np.dtype(str(dtype).lower())


def open_records(folder: Path) -> StoredTable:
    """Return the table that a folder holds.

    Raises:
        DataError: it holds none, or a damaged one.
    """
    try:
        facts = json.loads((folder / COLUMNS).read_text(encoding="utf-8"))
        if "digest" in facts and facts["digest"] != facts_digest(facts):
            raise ValueError("the digest of its columns does not fit them")
        check_whole(folder / ROWS)
        records = np.load(folder / ROWS, mmap_mode="r", allow_pickle=False)
        fields = dict(zip(facts["columns"], records.dtype.names, strict=True))
        levels = {name: tuple(texts) for name, texts in facts["levels"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{str(folder)!r} must hold a stored table, but it is damaged: {error}. Delete that folder, and write it "
            "again."
        ) from error
    return StoredTable(records, fields, levels, facts.get("times", {}), folder=folder)


def check_whole(rows: Path) -> None:
    """Check that the rows of a file are those that were written, where it has a digest of them.

    Raises:
        OSError: it cannot be read.
        ValueError: they are others.
    """
    if is_whole(rows) is False:
        raise ValueError("the digest of its rows does not fit them")
