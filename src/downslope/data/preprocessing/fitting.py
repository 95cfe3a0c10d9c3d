"""The preprocessing of input columns, fitted on the training rows: gaps, text, scales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from downslope.core import Shape, check_choice
from downslope.data.blocks import Rows, check_no_gap, row_blocks
from downslope.data.dataset import Dataset
from downslope.data.preprocessing.calendar import Calendar
from downslope.data.preprocessing.categories import Categories
from downslope.data.preprocessing.encoding import fit_calendars, fit_text, idle_notes
from downslope.data.preprocessing.medians import medians
from downslope.data.preprocessing.phrases import cells_text, column_text, items_text
from downslope.data.preprocessing.scaling import NORMALIZATIONS, Scaling, constant_features, fit_scaling
from downslope.data.roles import Roles
from downslope.data.stored import StoredRows, StoredTable, stays_on_disk, stored
from downslope.data.tables import is_table, number_matrix

if TYPE_CHECKING:
    from polars import DataFrame


@dataclass(frozen=True)
class Columns:
    """The fields of `Preprocessing` that are about inputs; see there."""

    columns: tuple[str, ...] | None
    table: bool
    categories: tuple[Categories, ...]
    calendars: tuple[Calendar, ...]
    fills: tuple[float, ...] | None
    scaling: Scaling | None
    input_shape: Shape
    feature_names: tuple[str, ...] | None


def fit_columns(train: Dataset, normalize: str | None) -> tuple[Columns, tuple[str, ...]]:
    """Return the preprocessing of input columns, and notes about it.

    Raises:
        DataError: dates whose day and month cannot be told apart, or a cell that is no date.
        UnknownNameError: an unknown way to normalize.
    """
    if normalize is not None:
        check_choice("normalize", normalize, NORMALIZATIONS)
    table = is_table(train.x) or isinstance(train.x, StoredTable)
    used = tuple(name for name in train.feature_names or () if name not in train.roles.idle)
    calendars, date_notes = fit_calendars(train, used) if table else ((), [])
    text = _text_columns(train.x, used, train.roles) if table else []
    encoded = {*text, *(calendar.column for calendar in calendars)}
    names = [name for name in used if name not in encoded]
    numbers = _numbers(train.x, names)
    categories, notes = fit_text(train.x, text, train.roles)
    fills, gap_notes = _fit_gaps(numbers, names, always=table)
    if fills is not None:
        numbers = _filled(numbers, np.asarray(fills))
    scaling = fit_scaling(numbers, normalize) if normalize is not None and numbers.shape[1] else None
    features = _encoded_names(train.feature_names and used, (*categories, *calendars))
    columns = Columns(
        columns=train.feature_names and used,
        table=table,
        categories=categories,
        calendars=calendars,
        fills=fills,
        scaling=scaling,
        input_shape=(len(features or ()),) if table else train.x.shape[1:],
        feature_names=features,
    )
    all_notes = (*idle_notes(train), *gap_notes, *date_notes, *notes, *_constant_notes(numbers, names, normalize))
    return columns, all_notes


def _numbers(x: np.ndarray | DataFrame | StoredRows | StoredTable, names: list[str]) -> np.ndarray | StoredRows:
    """Return the columns of numbers; those on disk stay there."""
    if isinstance(x, StoredTable):
        return x.numbers(names)
    return number_matrix(x, names) if is_table(x) else x


def _text_columns(table: DataFrame | StoredTable, used: tuple[str, ...], roles: Roles) -> list[str]:
    """Return the names of the columns of text without dates."""
    import polars as pl

    if isinstance(table, StoredTable):
        text = [name for name in used if table.is_text(name)]
    else:
        text = [name for name in used if table[name].dtype == pl.String]
    return [name for name in text if name not in roles.dates]


def _filled(numbers: np.ndarray | StoredRows, fills: np.ndarray) -> np.ndarray | StoredRows:
    """Return numbers without gaps; those on disk are filled as they are read."""
    if stays_on_disk(numbers):
        return stored(numbers).prepared(lambda block: np.where(np.isnan(block), fills, block), np.float64)
    return np.where(np.isnan(numbers), fills, numbers)


def _fit_gaps(numbers: Rows, names: list[str], *, always: bool) -> tuple[tuple[float, ...] | None, list[str]]:
    """Return the medians of the training rows, which fill gaps as in scikit-learn's `SimpleImputer`, and a note.

    Args:
        numbers: `(rows, columns)`, NaN where a cell is missing.
        names: of the columns; empty where they have none.
        always: return medians even if no training row has a gap.
    """
    if numbers.ndim > 2:
        check_no_gap(numbers, None)
        return None, []
    missing = count_gaps(numbers).tolist()
    if not missing or not (always or any(missing)):
        return None, []
    fills = tuple(medians(numbers))
    fillers = [
        f"{'empty' if count == len(numbers) else 'median'}: {fill:g}"
        for count, fill in zip(missing, fills, strict=True)
    ]
    filled = [
        f"{column_text(names, i)} {cells_text(missing[i])} ({fillers[i]})" for i in range(len(missing)) if missing[i]
    ]
    return fills, [f"Missing numbers in the training rows were filled in: {items_text(filled)}."] if filled else []


def count_gaps(numbers: Rows) -> np.ndarray:
    """Return how many NaN each column has."""
    counts = np.zeros(numbers.shape[1], np.int64)
    if numbers.dtype.kind == "f":
        for rows in row_blocks(numbers):
            counts += np.isnan(numbers[rows]).sum(axis=0)
    return counts


def _constant_notes(numbers: Rows, names: list[str], normalize: str | None) -> list[str]:
    """Return a note on the columns, or channels, that never change."""
    if not numbers.shape[1]:
        return []
    constant = np.flatnonzero(~np.isnan(constant_features(numbers)))
    if not len(constant):
        return []
    unit = "column" if numbers.ndim == 2 else "channel"
    becomes = "; standardized, they are 0" if normalize == "standard" else ""
    columns = items_text([column_text(names, i, unit) for i in constant])
    return [f"Constant in the training rows, so of no use: {columns}{becomes}."]


def _encoded_names(
    names: tuple[str, ...] | None, encoders: tuple[Categories | Calendar, ...]
) -> tuple[str, ...] | None:
    """Return the names of the features after encoding."""
    if names is None:
        return None
    encoded = {encoder.column: encoder.feature_names for encoder in encoders}
    return tuple(feature for name in names for feature in encoded.get(name, (name,)))
