"""The part that each column of a table plays: those that only count or name the rows, and those that write dates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from downslope.data.dates import WrittenDates, written_dates
from downslope.data.stored import MISSING_LEVEL, StoredTable

if TYPE_CHECKING:
    from polars import DataFrame, Series

LEAST_ROWS = 10
"""Of fewer rows nothing is concluded."""

ONCE = 0.9
"""Text names the rows if at least this share of its filled cells is in the column once only."""

BLOCK_ROWS = 2**20


@dataclass(frozen=True)
class Roles:
    """What is known of the columns of a table from all of its rows, and holds for each part of them.

    Attributes:
        idle: why columns are not learned from: they count the rows, or name them.
        dates: how columns of text write dates.
        filled: columns of text whose missing cells become the most frequent level, as in runs of earlier versions.
        units: the currency or percent sign of columns of numbers that were text, the target among them; `""` for none.
        decimal: the decimal mark of that text; None where nothing depended on it.
    """

    idle: dict[str, str] = field(default_factory=dict)
    dates: dict[str, WrittenDates] = field(default_factory=dict)
    filled: frozenset[str] = frozenset()
    units: dict[str, str] = field(default_factory=dict)
    decimal: str | None = None

    def besides(self, names: Iterable[str]) -> Roles:
        """Return the same roles where some columns are learned from as they are."""
        spared = set(names)
        return replace(self, idle={name: reason for name, reason in self.idle.items() if name not in spared})


def roles_of(table: DataFrame | StoredTable, *, plain: Iterable[str] = ()) -> Roles:
    """Return the roles of the columns of a whole table, its rows in their first order.

    A column of whole numbers is idle if it counts the rows from 0 or 1; a column of text if 90 % of its cells or more
    are in it once only, such as names. Never are all columns.

    Args:
        table: all rows.
        plain: columns of text that are text, even if they hold dates.
    """
    text = [name for name in table.columns if _is_text(table, name)]
    dates = {name: form for name in text if name not in plain and (form := written_dates(_texts(table, name)))}
    if len(table) < LEAST_ROWS:
        return Roles(dates=_agreed(dates))
    idle = {name: "counts the rows" for name in table.columns if _counts_rows(table, name)}
    named = {name: reason for name in text if name not in dates and (reason := _naming(table, name))}
    idle = {name: (idle | named)[name] for name in table.columns if name in idle or name in named}
    return Roles({} if len(idle) == len(table.columns) else idle, _agreed(dates))


def level_counts(table: DataFrame | StoredTable, name: str) -> tuple[list[str], np.ndarray, int]:
    """Return the levels of a column of text, how often each comes, and how many cells are missing or empty."""
    levels, counts, missing = _tally(table, name)
    if "" not in levels:
        return levels, counts, missing
    empty = levels.index("")
    return levels[:empty] + levels[empty + 1 :], np.delete(counts, empty), missing + int(counts[empty])


def _tally(table: DataFrame | StoredTable, name: str) -> tuple[list[str], np.ndarray, int]:
    """Return the levels of a column of text as they are, how often each comes, and how many cells are missing."""
    import polars as pl

    if isinstance(table, StoredTable):
        levels, counts = table.levels[name], np.zeros(len(table.levels[name]) + 1, np.int64)
        codes = table.stored_column(name)
        for start in range(0, len(codes), BLOCK_ROWS):
            block = codes[start : start + BLOCK_ROWS]
            counts += np.bincount(np.where(block == MISSING_LEVEL, len(levels), block), minlength=len(counts))
        present = np.flatnonzero(counts[:-1])
        return [levels[i] for i in present], counts[present], int(counts[-1])
    column = table[name].cast(pl.String)
    tally = column.drop_nulls().rename("text").value_counts(name="rows")
    return tally["text"].to_list(), tally["rows"].cast(pl.Int64).to_numpy(), column.null_count()


def _agreed(dates: dict[str, WrittenDates]) -> dict[str, WrittenDates]:
    """Return how columns write dates, where those that show whether days come first decide for those that do not."""
    decided = {dates[name].form for name in dates} & {"day first", "month first"}
    if len(decided) != 1:
        return dates
    (form,) = decided
    return {name: replace(written, form=written.form or form) for name, written in dates.items()}


def _is_text(table: DataFrame | StoredTable, name: str) -> bool:
    """Return whether a column holds text."""
    import polars as pl

    return table.is_text(name) if isinstance(table, StoredTable) else table[name].dtype == pl.String


def _texts(table: DataFrame | StoredTable, name: str) -> Series:
    """Return the text of a column; of one on disk each level once, in the order in which they come."""
    import polars as pl

    return pl.Series(name, table.levels[name], dtype=pl.String) if isinstance(table, StoredTable) else table[name]


def _counts_rows(table: DataFrame | StoredTable, name: str) -> bool:
    """Return whether a column is 0, 1, 2, … or 1, 2, 3, … in this order."""
    if isinstance(table, StoredTable):
        cells = table.stored_column(name)
        whole = cells.dtype.kind in "iu" and not table.is_text(name)
    else:
        whole = table[name].dtype.is_integer() and not table[name].null_count()
        cells = table[name].to_numpy() if whole else np.empty(0)
    if not whole or int(cells[:1][0]) not in (0, 1):
        return False
    starts, offset = range(0, len(cells), BLOCK_ROWS), int(cells[:1][0])
    blocks = ((start + offset, cells[start : start + BLOCK_ROWS]) for start in starts)
    return all(np.array_equal(block, np.arange(first, first + len(block))) for first, block in blocks)


def _naming(table: DataFrame | StoredTable, name: str) -> str:
    """Return that a column of text names the rows, with its numbers; empty if it does not."""
    levels, counts, _ = level_counts(table, name)
    filled, once = int(counts.sum()), int((counts == 1).sum())
    if filled < LEAST_ROWS or once < ONCE * filled:
        return ""
    return f"names the rows: {len(levels):,} texts in {filled:,} cells"
