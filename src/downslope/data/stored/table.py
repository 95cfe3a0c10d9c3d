"""A table that stays on disk: its rows are records of a memory-mapped array, text as the numbers of its levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from downslope.data.dates import temporal_series
from downslope.data.stored.rows import StoredRows, chosen_of
from downslope.data.tables import check_present

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike
    from polars import DataFrame, Series

MISSING_LEVEL = -1


@dataclass(frozen=True, eq=False, repr=False)
class StoredTable:
    """Rows of a table on disk, all of them or some; `[…]` with a slice or row numbers reads a data frame.

    Attributes:
        records: one record a row, `(rows,)`, with the fields `c0`, `c1`, ….
        fields: the field of each column, by the column's name.
        levels: of each column of text, the texts that its numbers index; −1 is a missing cell.
        times: of each column of dates or times, which are stored as seconds, `"date"`, `"datetime"` or `"time"`.
        chosen: the numbers of the rows, or None for all.
        folder: of the records, or None.

    Example:
        >>> records = np.array([(1.5, 0), (np.nan, -1), (2.5, 1)], [("c0", "f8"), ("c1", "i4")])
        >>> table = StoredTable(records, {"size": "c0", "color": "c1"}, {"color": ("red", "blue")})
        >>> table.shape, table[1:].rows()
        ((3, 2), [(None, None), (2.5, 'blue')])
        >>> table.take([2, 0]).numbers(["size"])[:].tolist(), table.cells("color")
        ([[2.5], [1.5]], ['red', None, 'blue'])
    """

    records: np.ndarray
    fields: dict[str, str]
    levels: dict[str, tuple[str, ...]]
    times: dict[str, str] = field(default_factory=dict)
    chosen: np.ndarray | None = None
    folder: Path | None = None

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self.fields)

    @property
    def shape(self) -> tuple[int, int]:
        """How many rows and columns there are."""
        return len(self), len(self.fields)

    def __repr__(self) -> str:
        return f"StoredTable({len(self):,} rows, {len(self.fields)} columns)"

    def __len__(self) -> int:
        return len(self.records) if self.chosen is None else len(self.chosen)

    def __getitem__(self, rows: slice | ArrayLike) -> DataFrame:
        """Read rows: a slice, or row numbers `(n,)`."""
        return self.frame(StoredRows(self.records, self.chosen)[rows])

    def frame(self, records: np.ndarray) -> DataFrame:
        """Return records as a data frame."""
        import polars as pl

        return pl.DataFrame({name: self._series(name, records[field]) for name, field in self.fields.items()})

    def take(self, rows: ArrayLike) -> StoredTable:
        """Return some of the rows; nothing is read."""
        return replace(self, chosen=chosen_of(self.chosen, rows))

    def select(self, names: Sequence[str]) -> StoredTable:
        """Return some of the columns, in this order.

        Raises:
            DataError: it lacks one.
        """
        check_present(names, self.columns)
        return replace(self, fields={name: self.fields[name] for name in names})

    def is_text(self, name: str) -> bool:
        """Return whether a column holds text."""
        return name in self.levels

    def is_temporal(self, name: str) -> bool:
        """Return whether a column holds dates or times."""
        return name in self.times

    def column(self, name: str) -> Series:
        """Read a column, as a polars series."""
        return self._series(name, self._read(name))

    def stored_column(self, name: str) -> StoredRows:
        """Return a column as it is stored, text as the numbers of its levels; nothing is read."""
        return StoredRows(self.records[self.fields[name]], self.chosen)

    def cells(self, name: str) -> list[str | None]:
        """Read a column of text, None where a cell is missing."""
        texts = np.array([*self.levels[name], None], object)
        return texts[self._read(name)].tolist()

    def numbers(self, names: Sequence[str]) -> StoredRows:
        """Return columns of numbers as float64 `(rows, columns)`, NaN where a cell is missing; nothing is read."""
        return self.rows(lambda records: self.matrix(records, names), np.float64, len(names))

    def rows(
        self, prepare: Callable[[np.ndarray], np.ndarray], dtype: DTypeLike, width: int, name: str | None = None
    ) -> StoredRows:
        """Return the rows as rows of numbers; nothing is read.

        Args:
            prepare: a function from records to an array `(n, width)`.
            dtype: of that array.
            width: how many numbers a row becomes.
            name: of the file of prepared rows, beside the records; None for none.
        """
        file = None if name is None or self.folder is None else self.folder / name
        return StoredRows(self.records, self.chosen, prepare, dtype, (width,), file)

    def matrix(self, records: np.ndarray, names: Sequence[str]) -> np.ndarray:
        """Return columns of records as float64 `(n, columns)`."""
        matrix = np.empty((len(records), len(names)))
        for i, name in enumerate(names):
            matrix[:, i] = records[self.fields[name]]
        return matrix

    def _read(self, name: str) -> np.ndarray:
        """Read a column's field."""
        return self.stored_column(name)[:]

    def _series(self, name: str, cells: np.ndarray) -> Series:
        """Return cells of a column as a polars series, null where one is missing."""
        import polars as pl

        if name in self.times:
            return temporal_series(name, cells, self.times[name])
        if name not in self.levels:
            return pl.Series(name, np.ascontiguousarray(cells), nan_to_null=True)
        texts = pl.Series(name, [*self.levels[name], None], dtype=pl.String)
        return texts.gather(np.where(cells == MISSING_LEVEL, len(texts) - 1, cells))
