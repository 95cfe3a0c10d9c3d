"""Columns of text as columns of zeros and ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import DTypeLike

from downslope.data.stored import StoredTable

if TYPE_CHECKING:
    from polars import DataFrame, Series

MAX_LEVELS = 50
OTHERS, MISSING = "(other)", "(missing)"


@dataclass(frozen=True)
class Categories:
    """One column of text, one-hot: a column of zeros and ones for each level.

    Text that training never saw is all zeros, or falls among the others where there are such.

    Attributes:
        column: the name of the column.
        fill: the level that missing cells become where they are no level of their own.
        levels: the levels that have a column each, sorted.
        others: whether a column stands for all rarer levels together.
        missing: whether a last column stands for missing cells: where training rows had some.

    Example:
        >>> color = Categories("color", fill="red", levels=("blue", "red"), others=False, missing=False)
        >>> color.encode(["red", None, "green"]).tolist()
        [[0.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
        >>> color.feature_names
        ('color=blue', 'color=red')
    """

    column: str
    fill: str
    levels: tuple[str, ...]
    others: bool
    missing: bool

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the encoded columns."""
        more = [OTHERS] * self.others + [MISSING] * self.missing
        return tuple(f"{self.column}={level}" for level in (*self.levels, *more))

    @property
    def unknown_code(self) -> int:
        """The number of text that is no level: that of the others, or else of no column."""
        return len(self.levels) if self.others else len(self.feature_names)

    @property
    def missing_code(self) -> int:
        """The number of a missing cell: that of its own column, or else of the level that fills it."""
        if self.missing:
            return len(self.feature_names) - 1
        return self.levels.index(self.fill) if self.fill in self.levels else self.unknown_code

    def codes(self, cells: Sequence[str | None] | Series) -> Int[np.ndarray, " rows"]:
        """Return the number of the column that is one for each cell; None is missing, and so is empty text."""
        import polars as pl

        column = cells if isinstance(cells, pl.Series) else pl.Series(cells, dtype=pl.String)
        numbers = {level: index for index, level in enumerate(self.levels)}
        if self.missing:
            numbers.setdefault("", self.missing_code)
        positions = column.cast(pl.Enum(list(numbers)), strict=False).to_physical()
        if not positions.null_count():
            return np.array(list(numbers.values()), np.int32)[positions.to_numpy()]
        codes = np.where(column.is_null().to_numpy(), np.int32(self.missing_code), np.int32(self.unknown_code))
        numbered = positions.to_numpy()
        is_level = ~np.isnan(numbered)
        codes[is_level] = np.array(list(numbers.values()), np.int32)[numbered[is_level].astype(np.int64)]
        return codes

    def rows(self, dtype: DTypeLike = float) -> Float[np.ndarray, "codes levels"]:
        """Return the zeros and ones of every code; those of the last code are all zeros."""
        width = len(self.feature_names)
        return np.eye(width + 1, width, dtype=dtype)

    def encode(
        self, cells: Sequence[str | None] | Series, dtype: DTypeLike = float
    ) -> Float[np.ndarray, "rows levels"]:
        """Return the cells one-hot; None is missing."""
        return self.rows(dtype)[self.codes(cells)]

    def unseen(self, cells: Sequence[str | None]) -> list[str]:
        """Return the text of cells that are no level; none where rare levels share a column, or there are no levels."""
        if self.others or not self.levels:
            return []
        known = set(self.levels)
        return [cell for cell in cells if cell is not None and cell not in known]


def fit_categories(
    column: str, levels: Sequence[str], counts: Int[np.ndarray, " levels"], missing: int, *, filled: bool = False
) -> Categories:
    """Return the encoding of a training column.

    Of more than 50 levels the 49 most frequent, of equally frequent ones the last in order, keep their own column, and
    the rest share one, as by scikit-learn's `OneHotEncoder(max_categories=50, handle_unknown="infrequent_if_exist")`.
    Missing cells have a column of their own besides. A column without any filled cell gives no columns.

    Args:
        column: its name.
        levels: its levels in the training rows, in any order.
        counts: how often each comes.
        missing: how many cells are missing.
        filled: fill missing cells by the most frequent level instead.
    """
    if not len(levels):
        return Categories(column, "", (), others=False, missing=False)
    order = sorted(range(len(levels)), key=levels.__getitem__)
    tally = counts[order]
    others = len(order) > MAX_LEVELS
    frequent = np.sort(np.argsort(tally, kind="stable")[1 - MAX_LEVELS :]) if others else range(len(order))
    return Categories(
        column,
        fill=levels[order[int(tally.argmax())]],
        levels=tuple(levels[order[index]] for index in frequent),
        others=others,
        missing=missing > 0 and not filled,
    )


def text_cells(table: DataFrame | StoredTable, column: str) -> list[str | None]:
    """Return a column of a table as text, None where missing; numbers are written out."""
    import polars as pl

    if isinstance(table, StoredTable):
        return table.cells(column)
    return table[column].cast(pl.String).to_list()
