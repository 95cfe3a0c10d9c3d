"""The encodings of text and dates, fitted on the training rows, and what is said about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from downslope.core import Advice, DataError, Message
from downslope.data.dataset import Dataset
from downslope.data.dates import CLOCK, DAY_FIRST, MONTH_FIRST
from downslope.data.preprocessing.calendar import WORDS, Calendar, fit_calendar, table_seconds
from downslope.data.preprocessing.categories import Categories, fit_categories
from downslope.data.preprocessing.phrases import cells_text, items_text
from downslope.data.roles import Roles, level_counts
from downslope.data.stored import StoredTable

if TYPE_CHECKING:
    from polars import DataFrame


def idle_notes(train: Dataset) -> list[str]:
    """Return a note on the columns that are left out because they count or name the rows."""
    idle = {name: reason for name, reason in train.roles.idle.items() if name in (train.feature_names or ())}
    if not idle:
        return []
    reasons = items_text([f"{name!r} ({reason})" for name, reason in idle.items() if reason])
    advice = Advice("to learn from such a column all the same:", keep=[next(iter(idle))])
    return [Message(f"Left out of the inputs: {reasons}.", advice)] if reasons else []


def fit_text(table: DataFrame | StoredTable, text: list[str], roles: Roles) -> tuple[tuple[Categories, ...], list[str]]:
    """Return the encodings of the columns of text, and notes on filled and encoded cells."""
    categories, gaps, encoded = [], [], []
    for name in text:
        levels, counts, missing = level_counts(table, name)
        category = fit_categories(name, levels, counts, missing, filled=name in roles.filled)
        categories.append(category)
        encoded.append(f"{name!r} ({_columns_text(category, counts)})")
        if missing and category.levels:
            filled = "" if category.missing else f" (most frequent: {category.fill!r})"
            gaps.append(f"{name!r} {cells_text(missing)}{filled}")
    own = [gap for gap in gaps if not gap.endswith(")")]
    filled = [gap for gap in gaps if gap.endswith(")")]
    items_by_title = {
        "Missing text in the training rows is a level of its own": own,
        "Missing text in the training rows was filled in": filled,
        "Text was one-hot encoded": encoded,
    }
    return tuple(categories), [f"{title}: {items_text(items)}." for title, items in items_by_title.items() if items]


def _columns_text(category: Categories, counts: np.ndarray) -> str:
    """Return how many columns a column of text becomes, in words."""
    columns = f"{len(category.feature_names)} columns"
    if not category.others:
        return columns
    once = int((counts == 1).sum())
    how_often = f", {once:,} of them once" if once else ""
    return f"{columns}, one for all rare levels: {len(counts):,} levels{how_often}"


def fit_calendars(train: Dataset, used: tuple[str, ...]) -> tuple[tuple[Calendar, ...], list[str]]:
    """Return the encodings of the columns of dates and times, and a note.

    Raises:
        DataError: the day cannot be told from the month, or a cell is no date.
    """
    calendars = tuple(_fit_calendar(train, name) for name in used if _holds_dates(train, name))
    if not calendars:
        return (), []
    return calendars, [
        f"Dates and times became features: {items_text([_parts_text(calendar) for calendar in calendars])}."
    ]


def _holds_dates(train: Dataset, name: str) -> bool:
    """Return whether a column holds dates or times, typed or as text."""
    if name in train.roles.dates:
        return True
    return train.x.is_temporal(name) if isinstance(train.x, StoredTable) else train.x[name].dtype.is_temporal()


def _fit_calendar(train: Dataset, name: str) -> Calendar:
    """Return the encoding of one column of dates."""
    written = train.roles.dates.get(name)
    if written is not None and written.form is None:
        raise DataError(
            f"Column {name!r} must show in some cell whether the day or the month comes first, got dates such as "
            f"{written.example!r} only. Write them as 2024-01-31.",
            Advice("leave the column out", exclude=[name]),
            Advice("read it as text", categorical=[name]),
        )
    form = None if written is None else written.form
    typed = train.x.times.get(name) if isinstance(train.x, StoredTable) else str(train.x[name].dtype).lower()
    clock = form == CLOCK or typed == "time"
    return fit_calendar(name, table_seconds(train.x, name, form, clock=clock), form, clock=clock)


def _parts_text(calendar: Calendar) -> str:
    """Return what becomes of a column of dates, in words."""
    form = f"; {calendar.form}" if calendar.form in (DAY_FIRST, MONTH_FIRST) else ""
    parts = ", ".join(WORDS[part] for part in calendar.parts) or "nothing, as it never changes"
    return f"{calendar.column!r} ({parts}{form})"
