"""Dates and times as seconds: of columns that have such a type, and of text in the forms that say which is which."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

if TYPE_CHECKING:
    from polars import Series

DAY = 86400.0
"""Seconds."""

SHARE = 0.95
"""Text holds dates when at least this share of its filled cells are dates, as it holds numbers when they are."""

FIRST_CELLS = 20
"""If none of so many filled cells is a date, a column holds none."""

DIGITS = "0123456789"

LEAST_DISTINCT = 6
"""So many distinct dates have to be in order to tell day from month by that: one order in 360 is sorted by chance."""

MONTHS = ["january", "february", "march", "april", "may", "june", "july"]
MONTHS += ["august", "september", "october", "november", "december"]
MONTH_NUMBERS = {"sept": 9}
MONTH_NUMBERS |= {name: number for number, month in enumerate(MONTHS, 1) for name in (month, month[:3])}

_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:[.,]\d+)?))?(?:\s?(?P<half>[AaPp])\.?[Mm]\.?)?"
_ZONE = r"\s?(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
_AFTER = rf"(?:(?:T|,?\s+){_CLOCK}{_ZONE})?\s*$"
_WEEKDAY = r"^\s*(?:(?:[Mm]on|[Tt]ue|[Ww]ed|[Tt]hu|[Ff]ri|[Ss]at|[Ss]un)[a-z]*\.?,?\s+)?"
_NAME = r"(?P<name>[A-Za-z]{3,9})\.?"
_YEAR = r"(?P<year>\d{4}|\d{2})"

PATTERNS: dict[str, str] = {
    "year first": rf"{_WEEKDAY}(?P<year>\d{{4}})(?:[-/](?P<month>\d{{1,2}})(?:[-/](?P<day>\d{{1,2}}))?"
    rf"|\.(?P<month2>\d{{1,2}})\.(?P<day2>\d{{1,2}})){_AFTER}",
    "day first": rf"{_WEEKDAY}(?P<day>\d{{1,2}})(?:[/.](?P<month>\d{{1,2}})[/.]{_YEAR}"
    rf"|-(?P<month2>\d{{1,2}})-(?P<year2>\d{{4}})){_AFTER}",
    "month first": rf"{_WEEKDAY}(?P<month>\d{{1,2}})(?:[/.](?P<day>\d{{1,2}})[/.]{_YEAR}"
    rf"|-(?P<day2>\d{{1,2}})-(?P<year2>\d{{4}})){_AFTER}",
    "day, name": rf"{_WEEKDAY}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[-\s./]*{_NAME}[-\s./,]*{_YEAR}{_AFTER}",
    "name, day": rf"{_WEEKDAY}{_NAME}\s*(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:,\s*|\s+)(?P<year>\d{{4}}){_AFTER}",
    "name, year": rf"^\s*{_NAME}[-\s./,]*(?P<year>\d{{4}})\s*$",
    "clock": rf"^\s*{_CLOCK}\s*$",
}
"""The forms in which text writes dates, as regular expressions; `"clock"` is a time without a date."""

USUAL = {
    "year first": ("%Y-%m-%d", "%Y/%m/%d"),
    "day first": ("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y"),
    "month first": ("%m/%d/%Y", "%m-%d-%Y"),
}
USUAL_CLOCKS = ("", " %H:%M:%S", "T%H:%M:%S", " %H:%M")
"""The usual ways to write these, as formats of polars."""

DAY_FIRST, MONTH_FIRST, CLOCK = "day first", "month first", "clock"


@dataclass(frozen=True)
class WrittenDates:
    """How a column of text writes dates.

    Attributes:
        form: one of `PATTERNS`; None if the day cannot be told from the month.
        example: one of its cells.
    """

    form: str | None
    example: str


def is_temporal(column: Series) -> bool:
    """Return whether a column has a type of dates or times."""
    import polars as pl

    return column.dtype in (pl.Date, pl.Time) or column.dtype == pl.Datetime


def typed_seconds(column: Series) -> Float64[np.ndarray, " rows"]:
    """Return dates and times of day in seconds, since 1970 and since midnight, NaN where a cell is missing.

    Example:
        >>> import datetime, polars
        >>> typed_seconds(polars.Series([datetime.date(1970, 1, 2), None])).tolist()
        [86400.0, nan]
    """
    import polars as pl

    units, second = (column, 1e9) if column.dtype == pl.Time else (column.cast(pl.Datetime("us")), 1e6)
    counts = units.cast(pl.Int64).fill_null(0).to_numpy()
    return np.where(column.is_null().to_numpy(), np.nan, counts / second)


def temporal_series(name: str, seconds: np.ndarray, kind: str) -> Series:
    """Return seconds, as `typed_seconds` gives them, as a column of a type: `"date"`, `"datetime"` or `"time"`."""
    import polars as pl

    counts = pl.Series(name, np.rint(seconds * 1e6), nan_to_null=True).cast(pl.Int64)
    if kind == "time":
        return (counts * 1000).cast(pl.Time)
    moments = counts.cast(pl.Datetime("us"))
    return moments.cast(pl.Date) if kind == "date" else moments


def written_dates(column: Series) -> WrittenDates | None:
    """Return how a column of text writes dates; None if it holds none.

    Day and month are told apart by numbers above 12, by points, which stand between them where the day comes first, or
    by one order alone being sorted.
    """
    filled = column.drop_nulls()
    start = filled.head(FIRST_CELLS)
    if not any(digit in text for text in start for digit in DIGITS):
        return None
    forms = [form for form, pattern in PATTERNS.items() if any(re.search(pattern, text) for text in start)]
    if not forms:
        return None
    valid = {form: int(np.isfinite(written_seconds(filled, form)).sum()) for form in forms}
    form = max(valid, key=lambda form: valid[form])
    if valid[form] < SHARE * len(filled) or (form == "year first" and _are_seasons(filled)):
        return None
    tied = form == DAY_FIRST and valid.get(MONTH_FIRST) == valid[DAY_FIRST]
    return WrittenDates(_order(filled) if tied else form, str(filled[0]))


def written_seconds(column: Series, form: str) -> Float64[np.ndarray, " rows"]:
    """Return text in a form as seconds since 1970, or since midnight; NaN where a cell is missing or no such date.

    A date with an offset from UTC is moved to UTC; years of two digits are 1969 to 2068.

    Example:
        >>> import polars
        >>> (written_seconds(polars.Series(["03/01/1970", "3.1.70 06:00", "30/02/1970"]), "day first") / DAY).tolist()
        [2.0, 2.25, nan]
    """
    seconds = _usually_written(column, form)
    rest = np.isnan(seconds) & column.is_not_null().to_numpy()
    if rest.any():
        seconds[rest] = _matched_seconds(column.filter(rest), form)
    return seconds


def _usually_written(column: Series, form: str) -> Float64[np.ndarray, " rows"]:
    """Return text as seconds, many times faster, where it is written as its first cell in one of the usual ways."""
    import polars as pl

    first = column.drop_nulls().head(1)
    for order, clock in product(USUAL.get(form, ()), USUAL_CLOCKS):
        if first.str.to_datetime(order + clock, strict=False).count():
            dates = column.str.to_datetime(order + clock, strict=False, time_unit="us")
            plausible = dates.dt.year().is_between(1000, 2999)
            return typed_seconds(pl.select(pl.when(plausible).then(dates)).to_series())
    return np.full(len(column), np.nan)


def _matched_seconds(column: Series, form: str) -> Float64[np.ndarray, " rows"]:
    """Return text in a form as seconds, by its regular expression."""
    import polars as pl

    groups = pl.DataFrame({"text": column}).select(pl.col("text").str.extract_groups(PATTERNS[form])).to_series()
    parts = {str(field.name): groups.struct.field(field.name) for field in groups.dtype.fields}  # pyright: ignore
    clock = _clock_seconds(parts)
    if form == CLOCK:
        return clock
    without_clock = parts["hour"].is_null().to_numpy() if "hour" in parts else np.ones(len(column), bool)
    return _days(parts) * DAY + np.where(without_clock, 0.0, clock) - _offsets(parts, len(column))


def read_seconds(column: Series, form: str | None, *, clock: bool = False) -> Float64[np.ndarray, " rows"]:
    """Return a column of dates or times as seconds, whatever its type; NaN also for text that is none.

    Args:
        column: dates, times or text: in its form, or with the year first, as ISO writes it.
        form: of text, one of `PATTERNS`; None if training had a type.
        clock: whether they are times of day.
    """
    if is_temporal(column):
        return typed_seconds(column)
    seconds = np.full(len(column), np.nan)
    for candidate in (CLOCK,) if clock else dict.fromkeys((form or "year first", "year first")):
        seconds = np.where(np.isnan(seconds), written_seconds(column, candidate), seconds)
    return seconds


def _order(column: Series) -> str | None:
    """Return whether days or months come first where numbers do not tell, or None."""
    if column.str.contains(".", literal=True).all():
        return DAY_FIRST
    days, months = (written_seconds(column, form) for form in (DAY_FIRST, MONTH_FIRST))
    if len(np.unique(days[np.isfinite(days)])) < LEAST_DISTINCT:
        return None
    in_order = [form for form, seconds in ((DAY_FIRST, days), (MONTH_FIRST, months)) if _is_sorted(seconds)]
    return in_order[0] if len(in_order) == 1 else None


def _is_sorted(seconds: np.ndarray) -> bool:
    """Return whether dates only rise or only fall."""
    steps = np.diff(seconds[np.isfinite(seconds)])
    return bool((steps >= 0).all() or (steps <= 0).all())


def _are_seasons(column: Series) -> bool:
    """Return whether years and months are years and the next, as in `2009-10`."""
    pairs = column.str.extract_groups(r"^\s*(\d{2})(\d{2})[-/](\d{2})\s*$").struct.unnest()
    following = pairs["2"].cast(int, strict=False) + 1
    return bool((following % 100 == pairs["3"].cast(int, strict=False)).all()) and not pairs["2"].null_count()


def _number(parts: dict[str, Series], name: str, missing: float) -> np.ndarray:
    """Return a part of dates as numbers: of a pattern's first alternative, or of its second."""
    import polars as pl

    numbers = [parts[key].cast(pl.Float64, strict=False) for key in (name, f"{name}2") if key in parts]
    if not numbers:
        return np.array(missing)
    joined = numbers[0] if len(numbers) == 1 else numbers[0].fill_null(numbers[1])
    return joined.fill_null(missing).to_numpy()


def _days(parts: dict[str, Series]) -> np.ndarray:
    """Return dates as days since 1970, NaN where there is no such date."""
    year, day = _number(parts, "year", np.nan), _number(parts, "day", 1.0)
    year = np.where(year < 69, year + 2000, np.where(year < 100, year + 1900, year))
    month = _named_months(parts["name"]) if "name" in parts else _number(parts, "month", np.nan)
    valid = (year >= 1000) & (year < 3000) & (month >= 1) & (month <= 12) & (day >= 1)
    months = (np.where(valid, year, 1970).astype(np.int64) - 1970) * 12 + np.where(valid, month, 1).astype(np.int64) - 1
    first, after = (
        (months + later).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) for later in (0, 1)
    )
    return np.where(valid & (day <= after - first), first + day - 1, np.nan)


def _named_months(names: Series) -> np.ndarray:
    """Return the numbers of months from their English names, whole or short, NaN where it is none."""
    import polars as pl

    numbers = names.str.to_lowercase().replace_strict(MONTH_NUMBERS, default=None, return_dtype=pl.Float64)
    return numbers.fill_null(float("nan")).to_numpy()


def _clock_seconds(parts: dict[str, Series]) -> np.ndarray:
    """Return times of day as seconds since midnight, NaN where there is none."""
    import polars as pl

    if "hour" not in parts:
        return np.array(np.nan)
    hour, minute = _number(parts, "hour", np.nan), _number(parts, "minute", np.nan)
    second = (
        parts["second"].str.replace(",", ".", literal=True).cast(pl.Float64, strict=False).fill_null(0.0).to_numpy()
    )
    half = parts["half"].str.to_lowercase()
    of_twelve = half.is_not_null().to_numpy()
    afternoon = (half == "p").fill_null(False).to_numpy()
    valid = (minute < 60) & (second < 61) & np.where(of_twelve, (hour >= 1) & (hour <= 12), hour < 24)
    hour = np.where(of_twelve, hour % 12 + 12 * afternoon, hour)
    return np.where(valid, hour * 3600 + minute * 60 + second, np.nan)


def _offsets(parts: dict[str, Series], rows: int) -> np.ndarray:
    """Return how many seconds the clocks of dates are ahead of UTC."""
    import polars as pl

    if "zone" not in parts:
        return np.zeros(rows)
    fields = parts["zone"].str.extract_groups(r"^([+-])(\d{2}):?(\d{2})$").struct.unnest()
    hours, minutes = (fields[name].cast(pl.Float64, strict=False).fill_null(0.0).to_numpy() for name in ("2", "3"))
    sign = np.where((fields["1"] == "-").fill_null(False).to_numpy(), -1.0, 1.0)
    return sign * (hours * 3600 + minutes * 60)
