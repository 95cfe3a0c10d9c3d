"""Columns of dates and times as features: elapsed time, year, month, day of week, time of day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from downslope.core import DataError
from downslope.data.dates import DAY, DAY_FIRST, MONTH_FIRST, is_temporal, read_seconds
from downslope.data.stored import StoredTable

if TYPE_CHECKING:
    from polars import DataFrame, Series

Seconds = Float64[np.ndarray, " rows"]

LINES = ("elapsed", "year")
"""Parts that only rise: scaled to 0 … 1 over the training rows."""

WORDS = {
    "elapsed": "time elapsed",
    "year": "year",
    "month": "month",
    "weekday": "day of the week",
    "hour": "time of day",
    "missing": "whether it is missing",
}
"""What the parts are called in notes."""


def _months(seconds: np.ndarray) -> np.ndarray:
    """Return the months since January 1970."""
    return np.floor(seconds).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)


CYCLES: dict[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    "month": (12.0, lambda seconds: _months(seconds) % 12.0),
    "weekday": (7.0, lambda seconds: (np.floor(seconds / DAY) + 3.0) % 7.0),  # 1970 began on a Thursday
    "hour": (24.0, lambda seconds: seconds % DAY / 3600.0),
}
"""Parts that come again, with their period and the function from seconds to the position in it."""


@dataclass(frozen=True)
class Calendar:
    """A column of dates or times, as those of its parts that vary over the training rows.

    Elapsed time and year go from 0 to 1 over the training rows, and on beyond. Month, day of the week (from Monday) and
    time of day are the sine and cosine of their angle on a circle, so that December is next to January. Of a missing
    date the first are those of `fill`, the others 0, the middle of the circle.

    Attributes:
        column: the name of the column.
        form: how text writes the dates, one of `downslope.data.dates.PATTERNS`; None where training had a type.
        clock: whether they are times of day, without a date.
        first: the earliest date of the training rows, in seconds since 1970 in UTC.
        last: the latest.
        fill: the median, which takes the place of a missing date.
        parts: what becomes of a date: some of `"elapsed"`, `"year"`, `"month"`, `"weekday"`, `"hour"`, `"missing"`.

    Example:
        >>> import datetime, polars
        >>> noons = polars.Series("day", [datetime.date(1970, 1, 1), datetime.date(1970, 1, 3)])
        >>> calendar = fit_calendar(noons.name, read_seconds(noons, form=None))
        >>> calendar.feature_names
        ('day.elapsed', 'day.weekday.sin', 'day.weekday.cos')
        >>> calendar.encode(noons)[:, 0].tolist()
        [0.0, 1.0]
    """

    column: str
    form: str | None
    clock: bool
    first: float
    last: float
    fill: float
    parts: tuple[str, ...]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The names of the columns that it becomes."""
        names = [(f"{part}.sin", f"{part}.cos") if part in CYCLES else (part,) for part in self.parts]
        return tuple(f"{self.column}.{name}" for pair in names for name in pair)

    def encode(self, cells: Series) -> Float64[np.ndarray, "rows features"]:
        """Return dates, typed or as text, as features.

        Raises:
            DataError: a cell is no date.
        """
        return self.features(checked_seconds(self.column, cells, self.form, clock=self.clock))

    def features(self, seconds: Seconds) -> Float64[np.ndarray, "rows features"]:
        """Return the features of dates in seconds, NaN where one is missing."""
        missing = np.isnan(seconds)
        filled = np.where(missing, self.fill, seconds)
        columns: list[np.ndarray] = []
        for part in self.parts:
            if part in CYCLES:
                period, position = CYCLES[part]
                angle = 2 * np.pi * position(filled) / period
                columns += [np.where(missing, 0.0, np.sin(angle)), np.where(missing, 0.0, np.cos(angle))]
            else:
                columns.append(missing.astype(float) if part == "missing" else self._line(part, filled))
        return np.stack(columns, axis=1) if columns else np.empty((len(seconds), 0))

    def _line(self, part: str, seconds: Seconds) -> Seconds:
        """Return elapsed time or year, from 0 to 1 over the training rows."""
        first, last = self.line(part)
        return (line_value(part, seconds) - first) / (last - first)

    def line(self, part: str) -> tuple[float, float]:
        """Return what becomes 0 and what becomes 1: seconds of elapsed time, or years."""
        first, last = line_value(part, np.array([self.first, self.last])).tolist()
        return first, last


def line_value(part: str, seconds: np.ndarray) -> np.ndarray:
    """Return seconds, or the year."""
    return seconds if part == "elapsed" else np.floor(_months(seconds) / 12.0) + 1970.0


def fit_calendar(column: str, seconds: Seconds, form: str | None = None, *, clock: bool = False) -> Calendar:
    """Return the features of a training column of dates in seconds: those parts that vary.

    Args:
        column: its name.
        seconds: of the training rows, NaN where one is missing.
        form: of text.
        clock: whether they are times of day.
    """
    known = seconds[~np.isnan(seconds)]
    if not len(known):
        return Calendar(column, form, clock, 0.0, 0.0, 0.0, ())
    varying = [part for part in LINES if not clock and np.ptp(line_value(part, known)) > 0]
    varying += [
        part for part, (_, position) in CYCLES.items() if (part == "hour" or not clock) and np.ptp(position(known))
    ]
    varying += ["missing"] * (len(known) < len(seconds))
    first, last, fill = (float(moment) for moment in (known.min(), known.max(), np.median(known)))
    return Calendar(column, form, clock, first, last, fill, tuple(varying))


def table_seconds(table: DataFrame | StoredTable, column: str, form: str | None, *, clock: bool) -> Seconds:
    """Return a column of a table, dates or times of day, typed or as text, in seconds, NaN where one is missing.

    Raises:
        DataError: a cell is none.
    """
    if not isinstance(table, StoredTable):
        return checked_seconds(column, table[column], form, clock=clock)
    if table.is_text(column):
        return level_seconds(table, column, form, clock=clock)[table.stored_column(column)[:]]
    return checked_seconds(column, table.column(column), form, clock=clock)


def level_seconds(table: StoredTable, column: str, form: str | None, *, clock: bool) -> Seconds:
    """Return the levels of a column of text on disk as seconds, and last, for missing cells, NaN."""
    import polars as pl

    levels = pl.Series(column, table.levels[column], dtype=pl.String)
    return np.append(checked_seconds(column, levels, form, clock=clock, unit="level"), np.nan)


def checked_seconds(column: str, cells: Series, form: str | None, *, clock: bool, unit: str = "row") -> Seconds:
    """Return cells that hold dates, or times of day, in seconds, NaN where one is missing.

    Raises:
        DataError: a cell is none; the message names its row.
    """
    import polars as pl

    kind = "times of day" if clock else "dates"
    if cells.dtype == pl.Null:
        return np.full(len(cells), np.nan)
    if cells.dtype != pl.String and (not is_temporal(cells) or clock is not (cells.dtype == pl.Time)):
        raise DataError(
            f"Column {column!r} must hold {kind}, got {cells.dtype}. Select the same column as in training."
        )
    seconds = read_seconds(cells, form, clock=clock)
    stray = np.flatnonzero(np.isnan(seconds) & cells.is_not_null().to_numpy())
    if len(stray):
        order = f" with the {form.removesuffix(' first')} first" if form in (DAY_FIRST, MONTH_FIRST) else ""
        place = f" in row {stray[0]} (counting from 0)" if unit == "row" else ""
        raise DataError(
            f"Column {column!r} must hold {kind}{order}, but {cells[int(stray[0])]!r}{place} is none. Correct that "
            "cell, or leave it empty."
        )
    return seconds
