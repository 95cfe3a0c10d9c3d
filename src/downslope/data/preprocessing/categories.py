"""Columns of text as columns of zeros and ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64

from downslope.data.stored import StoredTable

if TYPE_CHECKING:
    from polars import DataFrame

MAX_LEVELS = 50
OTHERS = "(other)"


@dataclass(frozen=True)
class Categories:
    """One column of text, one-hot: a column of zeros and ones for each level.

    Text that training never saw is all zeros, or falls among the others where there are such.

    Attributes:
        column: the name of the column.
        fill: the level that missing cells become.
        levels: the levels that have a column each, sorted.
        others: whether a last column stands for all rarer levels together.

    Example:
        >>> color = Categories("color", fill="red", levels=("blue", "red"), others=False)
        >>> color.encode(["red", None, "green"]).tolist()
        [[0.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
        >>> color.feature_names
        ('color=blue', 'color=red')
    """

    column: str
    fill: str
    levels: tuple[str, ...]
    others: bool

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the encoded columns."""
        return tuple(f"{self.column}={level}" for level in (*self.levels, *([OTHERS] if self.others else [])))

    def encode(self, cells: Sequence[str | None]) -> Float64[np.ndarray, "rows levels"]:
        """Return the cells one-hot; None is missing."""
        positions = {level: index for index, level in enumerate(self.levels)}
        unseen = len(self.levels)
        indices = np.array([positions.get(self.fill if cell is None else cell, unseen) for cell in cells], np.int64)
        return np.eye(unseen + 1)[indices, : len(self.feature_names)]

    def unseen(self, cells: Sequence[str | None]) -> list[str]:
        """Return the text of cells that are no level; none where rare levels share a column, or there are no levels."""
        if self.others or not self.levels:
            return []
        known = set(self.levels)
        return [cell for cell in cells if cell is not None and cell not in known]


def fit_categories(column: str, cells: Sequence[str | None]) -> Categories:
    """Return the encoding of a training column, fitted with scikit-learn.

    Missing cells become the most frequent level (`SimpleImputer`). Of more than 50 levels the 49 most frequent keep
    their own column and the rest share one (`OneHotEncoder(max_categories=50, handle_unknown="infrequent_if_exist")`).
    A column without any filled cell gives no columns.

    Args:
        column: its name.
        cells: the training rows' text, None where missing.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    if all(cell is None for cell in cells):
        return Categories(column, "", (), others=False)
    imputer: Any = SimpleImputer(strategy="most_frequent").set_params(missing_values=None)
    filled = imputer.fit_transform(np.array(cells, dtype=object)[:, None])
    encoder: Any = OneHotEncoder(max_categories=MAX_LEVELS, handle_unknown="infrequent_if_exist")
    encoder.fit(filled.astype(str))
    rare = encoder.infrequent_categories_[0]
    levels = [str(level) for level in encoder.categories_[0] if rare is None or level not in set(rare)]
    return Categories(column, str(imputer.statistics_[0]), tuple(levels), others=rare is not None)


def text_cells(table: DataFrame | StoredTable, column: str) -> list[str | None]:
    """Return a column of a table as text, None where missing; numbers are written out."""
    import polars as pl

    if isinstance(table, StoredTable):
        return table.cells(column)
    return table[column].cast(pl.String).to_list()
