"""Examples with their targets, and their split into parts."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from downslope.core import Advice, DataError, Setting, ShapeError, own_array, read_only
from downslope.data.blocks import check_no_infinity
from downslope.data.origin import Origin
from downslope.data.roles import Roles, roles_of
from downslope.data.split import PARTS, split_rows
from downslope.data.stored import StoredRows, StoredTable, stays_on_disk, stored
from downslope.data.tables import as_table, check_distinct, check_present, is_table, long_numbers, own_table
from downslope.data.targets import clean_target, distinct_labels, infer_task, target_for

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from polars import DataFrame

    Inputs = np.ndarray | DataFrame | StoredRows | StoredTable


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Examples `x` and, where there are any, their targets `y`.

    Args:
        x: numbers `(rows, …)`: rows of features, or images `(rows, height, width, channels)`; `n` numbers alone become
            `(n, 1)`. Or a data frame of polars or pandas, whose columns may be numbers, booleans or text, with cells
            missing. They are copied: what is written to them later changes nothing here. A memory-mapped array of 256
            MiB or more stays on disk, and so do parts of it: rows are read as training comes to them.
        y: labels of any kind `(rows,)`, or numbers `(rows,)` or `(rows, k)`. None for rows to predict only.
        feature_names: one a column of `x`; a data frame brings its own.
        row_weights: how much each row counts in the loss, 0 or more.
        keep: columns of a data frame to learn from even if they only count the rows, or name them; else such columns
            are left out in training, and a note says so.
        roles: of the columns; None finds them out.
        task: `"classification"` or `"regression"`; None infers it: text, booleans and whole numbers of few distinct
            values (at most 20, each seen twice on average) are classes, everything else numbers. `notes` says which.
        target_name: the name of `y`; a data frame's column brings its own. Kept with a run, to name the same column in
            other files.
        origin: the call of `ds.load` or `ds.read` that returned it; kept with a run, to open its rows again.

    Attributes:
        x: a NumPy array, read-only, or a `polars.DataFrame`; `StoredRows` or a `StoredTable` for rows that stay on
            disk.
        y: labels or targets, as a NumPy array, read-only, or None.
        task: `"classification"`, `"regression"`, or None without `y`.
        classes: the sorted distinct labels, or None.
        row_weights: float64 `(rows,)`, or None.
        feature_names: a tuple of names, or None.
        target_name: a name, the number of a column, or None.
        roles: what is known of the columns of a data frame from all of its rows; parts of these keep it.
        notes: sentences for the user, such as how the task was inferred.

    Raises:
        DataError: no rows; text in an array; an infinite number; a missing or infinite target.
        ShapeError: lengths or shapes that do not fit each other.
        UnknownNameError: an unknown task.

    Example:
        >>> data = Dataset([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]], ["no", "yes", "yes", "no"])
        >>> data
        Dataset(4 rows, 2 features, classification into 2 classes)
        >>> data.take([1, 2]).y.tolist()
        ['yes', 'yes']
    """

    x: Any
    y: Any = None
    feature_names: Any = field(default=None, kw_only=True)
    row_weights: Any = field(default=None, kw_only=True)
    task: str | None = field(default=None, kw_only=True)
    target_name: str | int | None = field(default=None, kw_only=True)
    origin: Origin | None = field(default=None, kw_only=True)
    keep: Sequence[str] = field(default=(), kw_only=True)
    roles: Any = field(default=None, kw_only=True)
    classes: np.ndarray | None = field(default=None, init=False)
    notes: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        x, notes = _own_inputs(self.x), []
        if is_table(self.x) and is_table(x):
            notes = _notes_on_long(long_numbers(self.x, x))
        if 0 in x.shape:
            raise DataError(Setting("x"), f"must have at least one row and one feature, got the shape {x.shape}.")
        _set(self, x=x, feature_names=_checked_names(x, self.feature_names))
        _check_cells(x, self.feature_names)
        if self.roles is None:
            _set(self, roles=_roles(x, self.keep))
        if self.y is not None:
            if self.target_name is None and is_table(self.y):
                _set(self, target_name=str(getattr(self.y, "name", None) or "") or None)
            target = _target_fields(own_array(clean_target(self.y)), self.task)
            notes += target.pop("notes")
            _set(self, **target)
            _check_length("y", len(self.y), len(x))
        if self.row_weights is not None:
            _set(self, row_weights=_checked_weights(self.row_weights, len(x)))
        _set(self, notes=tuple(notes))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.x)

    def __repr__(self) -> str:
        features = " × ".join(map(str, self.x.shape[1:]))
        task = "no target" if self.task is None else self.task
        into = "" if self.classes is None else f" into {len(self.classes)} classes"
        plural = "" if features == "1" else "s"
        return f"Dataset({len(self)} rows, {features} feature{plural}, {task}{into})"

    def take(self, indices: ArrayLike) -> Dataset:
        """Return the rows with these numbers, in this order, with the same task and classes.

        Args:
            indices: row numbers from 0.
        """
        rows = np.asarray(indices)
        part = with_origin(self, None)
        _set(part, x=_rows_of(self.x, rows))
        if self.y is not None:
            _set(part, y=read_only(self.y[rows]))
        if self.row_weights is not None:
            _set(part, row_weights=read_only(self.row_weights[rows]))
        return part

    def split(self, validation: float | int = 0.0, test: float | int = 0.0, seed: int = 0) -> Split:
        """Return the data split at random into parts that share no row.

        Classification keeps the share of every class, up to one row, if every class has two rows or more; `notes` of
        the result says when not. Rows keep their order within a part.

        Args:
            validation: share of the rows to choose settings and the stopping epoch by, below 1.
            test: share of the rows to judge the result by, below 1. Which rows these are does not depend on
                `validation`.
            seed: whole number, 0 or more; the split depends on it alone.

        Raises:
            SettingError: shares that are negative, sum to 1 or more, or leave a part without rows.

        Example:
            >>> train, test = Dataset(np.arange(10.0)).split(test=0.2)
            >>> len(train), len(test)
            (8, 2)
        """
        labels = self.y if self.task == "classification" else None
        parts, notes = split_rows(len(self), labels, validation=validation, test=test, seed=seed)
        shares = float(validation), float(test), seed
        drawn = {name: self._part(name, rows, shares) for name, rows in zip(PARTS, parts, strict=True) if len(rows)}
        return Split(**drawn, notes=notes)

    def _part(self, name: str, rows: np.ndarray, shares: tuple[float, float, int]) -> Dataset:
        """Return one part of a split, whose origin says so."""
        origin = None if self.origin is None else self.origin.part(name, *shares, self.task)
        return with_origin(self.take(rows), origin)


@dataclass(frozen=True, eq=False)
class Split:
    """The parts of a data set; iterating gives those that exist, in the order train, validation, test.

    Attributes:
        train: the rows to learn from.
        validation: the rows to choose settings and the stopping epoch by, or None.
        test: the rows to judge the result by, or None.
        notes: sentences for the user, such as why the split is not stratified.
    """

    train: Dataset
    validation: Dataset | None = None
    test: Dataset | None = None
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Dataset]:
        """Yield the parts that exist."""
        return (part for part in (self.train, self.validation, self.test) if part is not None)


def with_origin(data: Dataset, origin: Origin | None) -> Dataset:
    """Return the same data set with another origin."""
    copied = copy.copy(data)
    object.__setattr__(copied, "origin", origin)
    return copied


def with_roles(data: Dataset, roles: Roles) -> Dataset:
    """Return the same data set with other roles of its columns."""
    copied = copy.copy(data)
    object.__setattr__(copied, "roles", roles)
    return copied


def with_notes(data: Dataset, notes: Iterable[str]) -> Dataset:
    """Return the same data set with more notes before its own."""
    copied = copy.copy(data)
    object.__setattr__(copied, "notes", (*notes, *data.notes))
    return copied


def number_array(x: object) -> np.ndarray:
    """Return `x` as an array of numbers with a row axis and at least one feature axis.

    Raises:
        DataError: text, objects or other things that are no real numbers.
        ShapeError: a lone number, or rows of different lengths.
    """
    if isinstance(x, np.ma.MaskedArray):
        x = np.ma.filled(x.astype(np.float64), np.nan)
    if hasattr(x, "toarray"):
        raise DataError(
            Setting("x"), "must be a dense array, got a sparse one.", Advice("pass {}", code="`x.toarray()`")
        )
    try:
        x = x if isinstance(x, np.ndarray) else np.asarray(x)
    except ValueError:
        raise ShapeError(Setting("x"), "must have rows of equal length, got rows of different lengths.") from None
    except (TypeError, RuntimeError) as error:  # of tensors that NumPy has no type for, or that are on another device
        raise DataError(Setting("x"), f"must be an array of numbers, but cannot be read as one: {error}") from error
    if x.dtype.kind not in "biuf":
        raise DataError(
            Setting("x"),
            f"must be an array of numbers, got {x.dtype}. For columns of text, pass a polars or pandas data frame.",
        )
    if x.ndim == 0:
        raise ShapeError(Setting("x"), "must have the shape (rows, …), got a single number.")
    return x[:, None] if x.ndim == 1 else x


def _own_inputs(x: Any) -> Inputs:
    """Return inputs that share no memory with those of the user: copies, but for what stays on disk."""
    if _is_stored(x):
        return x
    if is_table(x):
        return own_table(as_table(x))
    numbers = number_array(x)
    return stored(numbers) if stays_on_disk(numbers) else own_array(numbers)


def _notes_on_long(columns: dict[str, str]) -> list[str]:
    """Return a note on the columns of whole numbers that are taken for text, with a cell of each."""
    if not columns:
        return []
    listed = ", ".join(f"{name!r} ({cell})" for name, cell in columns.items())
    return [f"Read as text, being whole numbers too long for floats: {listed}; to round them, turn them into floats."]


def _roles(x: Inputs, keep: Sequence[str]) -> Roles:
    """Return the roles of the columns of a table; none of an array.

    Raises:
        DataError: it lacks a column to keep.
    """
    if not (is_table(x) or isinstance(x, StoredTable)):
        return Roles()
    check_present(keep, x.columns)
    return roles_of(x).besides(keep)


def _is_stored(x: object) -> bool:
    """Return whether `x` stands for rows on disk."""
    return isinstance(x, (StoredRows, StoredTable))


def _rows_of(x: Inputs, rows: np.ndarray) -> Inputs:
    """Return some rows; those on disk stay there."""
    if isinstance(x, StoredTable):
        return x.take(rows)
    if is_table(x):
        return x[rows]
    return stored(x).take(rows) if stays_on_disk(x) else read_only(x[rows])


def _set(data: Dataset, **values: object) -> None:
    """Set fields of a frozen data set that is not complete yet."""
    for name, value in values.items():
        object.__setattr__(data, name, value)


def _target_fields(y: np.ndarray, task: str | None) -> dict[str, Any]:
    """Return the fields that follow from a clean target."""
    notes = []
    if task is None:
        task, why = infer_task(y)
        notes = [why]
    y = target_for(task, y)
    classes = distinct_labels(y) if task == "classification" else None
    return {"y": read_only(y), "task": task, "classes": read_only(classes), "notes": notes}


def _checked_names(x: Inputs, names: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return the names of the features, checked against the columns."""
    own = tuple(x.columns) if is_table(x) or isinstance(x, StoredTable) else None
    if names is None:
        return own
    names = tuple(str(name) for name in names)
    if own is not None:
        if own != names:
            raise DataError("A data frame brings its own", Setting("feature_names"), ". Rename its columns instead.")
        return own
    if len(x.shape) != 2 or len(names) != x.shape[1]:
        raise ShapeError(
            Setting("feature_names"),
            "must be one a column of",
            Setting("x"),
            f", got {len(names)} for the shape {x.shape}.",
        )
    check_distinct(names)
    return names


def _check_cells(x: Inputs, names: tuple[str, ...] | None) -> None:
    """Refuse infinite numbers."""
    if isinstance(x, StoredTable):
        numbers = tuple(name for name in x.columns if not (x.is_text(name) or x.is_temporal(name)))
        return check_no_infinity(x.numbers(numbers), numbers)
    if not is_table(x):
        return check_no_infinity(x, names)
    import polars.selectors

    infinite = x.select(polars.selectors.float().is_infinite().any())
    for column in infinite:
        if column[0]:
            check_no_infinity(x[column.name].to_numpy()[:, None], (column.name,))
    return None


def _check_length(setting: str, length: int, rows: int) -> None:
    """Refuse another number of rows than `x` has."""
    if length != rows:
        raise ShapeError(
            Setting("x"), "and", Setting(setting), f"must have equally many rows, got {rows} and {length}."
        )


def _checked_weights(row_weights: ArrayLike, rows: int) -> np.ndarray:
    """Return row weights as float64, each 0 or more, not all 0."""
    weights = own_array(np.asarray(row_weights, np.float64))
    if weights.ndim != 1:
        raise ShapeError(Setting("row_weights"), f"must have the shape (rows,), got {weights.shape}.")
    _check_length("row_weights", len(weights), rows)
    if not np.isfinite(weights).all() or weights.min() < 0 or weights.max() == 0:
        raise DataError(Setting("row_weights"), "must be finite, 0 or more, and not all 0.")
    return weights
