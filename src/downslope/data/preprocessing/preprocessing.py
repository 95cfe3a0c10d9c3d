"""The way from a user's table or arrays to the numbers that a network takes, and back."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from downslope.core import Advice, DataError, Setting, SettingError, Shape, ShapeError, check_choice, float_dtype
from downslope.data.blocks import check_finite, check_no_infinity, row_blocks
from downslope.data.dataset import Dataset, number_array
from downslope.data.dates import WrittenDates
from downslope.data.preprocessing.calendar import Calendar, checked_seconds, level_seconds
from downslope.data.preprocessing.categories import Categories, text_cells
from downslope.data.preprocessing.fitting import count_gaps, fit_columns
from downslope.data.preprocessing.phrases import cells_text, column_text, items_text
from downslope.data.preprocessing.scaling import Scaling, fit_scaling
from downslope.data.roles import Roles
from downslope.data.stored import PREPARED_PREFIX, StoredRows, StoredTable, stays_on_disk, stored
from downslope.data.tables import as_table, is_table, names_text, number_matrix
from downslope.data.targets import clean_target, distinct_labels, label_array, label_indices, target_for
from downslope.data.text import PERCENT
from downslope.data.units import Writing, are_shares, check_unit, signs_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from polars import DataFrame


@dataclass(frozen=True)
class Preprocessing:
    """The preparation of a network's inputs and targets, and the way back from its outputs.

    All statistics are those of the training rows it was fitted on. It holds plain numbers and text only, so that it
    travels as JSON, and using it needs no scikit-learn.

    Attributes:
        task: `"classification"` or `"regression"`.
        columns: the names of the columns that are learned from, or None for arrays without names.
        table: whether it was fitted on a data frame.
        categories: the columns of text, one-hot.
        calendars: the columns of dates and times, as their parts.
        fills: the numbers that fill missing cells of the other columns, one a column; None if none may be missing.
        scaling: of the other columns, or of the channels of images; None if they are used as they are.
        input_shape: the shape of an input without the row axis.
        feature_names: of the inputs as the network sees them, or None.
        class_labels: the classes, sorted, as Python values; empty for regression.
        target_columns: how many numbers a regression target has; 0 means one, given as `(rows,)`.
        target_scaling: of a regression target, or None.
        notes: sentences for the user on filled, encoded, constant and left out columns.
        units: the currency or percent sign that text wrote with the numbers of input columns, where it wrote one; None
            in a run of an earlier version, which did not keep it.
        target_unit: that of a target of numbers; `""` for none, None in a run of an earlier version.
        decimal: the decimal mark of that text; None where nothing depended on it.

    Example:
        >>> train = Dataset([[1.0], [2.0], [3.0], [2.0]], ["no", "yes", "yes", "no"])
        >>> preprocessing = Preprocessing.fit(train, normalize="minmax")
        >>> preprocessing.inputs([[1.0], [4.0]]).tolist(), preprocessing.targets(["yes", "no"]).tolist()
        ([[0.0], [1.5]], [1, 0])
        >>> preprocessing.labels([1, 1]).tolist()
        ['yes', 'yes']
        >>> Preprocessing.from_json(preprocessing.as_json()) == preprocessing
        True
    """

    task: str
    columns: tuple[str, ...] | None
    table: bool
    categories: tuple[Categories, ...]
    calendars: tuple[Calendar, ...]
    fills: tuple[float, ...] | None
    scaling: Scaling | None
    input_shape: Shape
    feature_names: tuple[str, ...] | None
    class_labels: tuple[str | bool | int | float, ...]
    target_columns: int
    target_scaling: Scaling | None
    notes: tuple[str, ...]
    units: dict[str, str] | None
    target_unit: str | None
    decimal: str | None

    @classmethod
    def fit(
        cls,
        train: Dataset,
        *,
        normalize: str | None = None,
        normalize_targets: str | None = None,
        classes: object = None,
    ) -> Preprocessing:
        """Return the preprocessing fitted on training rows.

        In tables, missing numbers become the column's median, text becomes one-hot, missing text a level of its own,
        and dates those of their parts that vary. Columns that count or name the rows are left out, see
        `Dataset`. Arrays are filled in likewise, but only if training rows have gaps. Normalization applies to numbers
        and booleans; one-hot columns stay zeros and ones, and what becomes of dates is between −1 and 1.

        Args:
            train: the training part, with targets. Row weights do not enter the statistics.
            normalize: of the inputs: None, `"standard"`, `"minmax"` or `"symmetric"`; see `fit_scaling`.
            normalize_targets: of a regression target: None or `"standard"`.
            classes: the labels to know; None for those of `train`.

        Raises:
            DataError: no target, or only one class.
            SettingError: targets to be normalized that are labels, or an unknown name.
        """
        if train.task is None:
            raise DataError(
                "Training needs a target, got a data set without one.",
                Advice("name its column", target=...),
                Advice("pass {}", code="`y`"),
            )
        labels = _class_labels(train, classes)
        target_columns, target_scaling = _fit_targets(train, normalize_targets)
        columns, notes = fit_columns(train, normalize)
        return cls(
            task=train.task,
            class_labels=labels,
            target_columns=target_columns,
            target_scaling=target_scaling,
            notes=notes,
            units=signs_of(train.roles.units, columns.columns or ()),
            target_unit=train.roles.units.get(str(train.target_name), ""),
            decimal=train.roles.decimal,
            **vars(columns),
        )

    @property
    def classes(self) -> np.ndarray | None:
        """The sorted class labels, or None for regression."""
        return label_array(self.class_labels) if self.task == "classification" else None

    @property
    def outputs(self) -> int:
        """How many numbers the network puts out: one a class, or one a target column."""
        return len(self.class_labels) or self.target_columns or 1

    @property
    def numeric(self) -> tuple[str, ...]:
        """The input columns that are read as numbers; empty where columns have no names."""
        encoded = {*self.categorical, *self.temporal}
        return tuple(name for name in self.columns or () if name not in encoded)

    @property
    def categorical(self) -> tuple[str, ...]:
        """The input columns that are read as text."""
        return tuple(category.column for category in self.categories)

    @property
    def temporal(self) -> tuple[str, ...]:
        """The input columns that are read as dates or times."""
        return tuple(calendar.column for calendar in self.calendars)

    def roles(self, columns: Iterable[str] | None) -> Roles:
        """Return the roles that columns had when it was fitted, so that fitting again gives the same.

        Args:
            columns: of a data set; None if they have no names.
        """
        written = {dates.column: WrittenDates(dates.form, "") for dates in self.calendars if dates.form is not None}
        idle = dict.fromkeys((name for name in columns or () if name not in (self.columns or ())), "")
        filled = frozenset(category.column for category in self.categories if not category.missing)
        return Roles(idle if self.table else {}, written, filled, self.units or {}, self.decimal)

    def check_units(self, data: Dataset, *, target: bool = False) -> None:
        """Refuse a data set whose numbers text writes in another unit than in training.

        Numbers without a percent sign are others than those with one; amounts without the sign of a currency are in
        that of training. What has a type, such as the columns of a data frame, is in the unit of training; see
        `unit_notes`.

        Args:
            data: rows that a file holds, or a frame.
            target: whether its target is compared, too.

        Raises:
            DataError: naming the column and both units.
        """
        if self.units is not None:
            for name in self.numeric:
                check_unit(f"Column {name!r}", self.units.get(name, ""), data.roles.units.get(name))
        if target and self.target_unit is not None:
            check_unit("The target", self.target_unit, data.roles.units.get(str(data.target_name)))

    def unit_notes(self, x: object) -> list[str]:
        """Return a sentence on numbers that seem to be shares where training had percent.

        Text says in which unit its numbers are, see `check_units`; what has a type does not.

        Args:
            x: as for `inputs`.
        """
        percent = [name for name in self.numeric if (self.units or {}).get(name) == PERCENT]
        if isinstance(x, Dataset):
            percent, x = [name for name in percent if name not in x.roles.units], x.x
        if not percent or self.fills is None:
            return []
        fills = dict(zip(self.numeric, self.fills, strict=True))
        return [
            f"Numbers in {name!r} are taken for percent, as in training, where 12 was 12%, but none is above 1: if "
            "they are shares, multiply them by 100."
            for name in percent
            if abs(fills[name]) > 1 and are_shares(self._column(x, name))
        ]

    def _column(self, x: Any, name: str) -> np.ndarray:
        """Return a column of numbers of a table, or of an array without names."""
        if isinstance(x, StoredTable):
            return x.numbers([name])[:].ravel()
        if is_table(x):
            return number_matrix(as_table(x, [name]), [name], self._writings()).ravel()
        return np.asarray(number_array(x))[:, self.numeric.index(name)]

    def inputs(self, x: object) -> Any:
        """Return inputs as the network takes them, `(rows, *input_shape)`, in the type networks are made with.

        Columns of a data frame are found by name, and others ignored. Where nothing has to change, `x` itself returns,
        uncopied; do not write into the result. Rows that stay on disk are prepared as they are read.

        Args:
            x: an array, a data frame or a `Dataset`, as in training.

        Raises:
            DataError: missing columns (named), text among numbers, numbers in another unit, infinite numbers, gaps
                where none may be.
            ShapeError: another number of features than in training.
        """
        if isinstance(x, Dataset):
            self.check_units(x)
            x = x.x
        if isinstance(x, StoredTable):
            return self._on_disk(x)
        table, numbers = self._read(x)
        (check_finite if self.fills is None else check_no_infinity)(numbers, self._number_names())
        numbers = self._scaled(numbers)
        if table is None or not self._encoders:
            return numbers
        return np.concatenate(self._in_order(np.asarray(numbers), table), axis=1)

    def notes_on(self, x: object) -> tuple[str, ...]:
        """Return sentences on units, and on cells that `inputs` replaces: missing ones, text unseen in training.

        Where rare levels share a column, text that training never saw is among them, without a note. Nor are there
        notes on rows that stay on disk, which are not read for that.

        Args:
            x: as for `inputs`, with the same errors.

        Example:
            >>> from polars import DataFrame
            >>> train = Dataset(DataFrame({"town": ["Delft", "Breda"], "year": [1960.0, 1968.0]}), [1.5, 2.5])
            >>> new = DataFrame({"town": ["Utrecht", None], "year": [None, 1964.5]})
            >>> for note in Preprocessing.fit(train).notes_on(new):
            ...     print(note)
            Missing cells were filled in: 'year' 1 cell (1964), 'town' 1 cell ('Breda').
            Text that training never saw was taken for none of the known: 'town' 1 cell ('Utrecht').
        """
        of_units = self.unit_notes(x)
        if isinstance(x, Dataset):
            self.check_units(x)
            x = x.x
        if isinstance(x, StoredTable) or stays_on_disk(x):
            return tuple(of_units)
        table, numbers = self._read(x)
        gaps = count_gaps(numbers).tolist() if self.fills else []
        names = list(self._number_names() or ())
        filled = [
            f"{column_text(names, index)} {cells_text(missing)} ({self._fills[index]:g})"
            for index, missing in enumerate(gaps)
            if missing
        ]
        texts = []
        if table is not None:
            texts = [(category, text_cells(table, category.column)) for category in self.categories]
            filled += _filled_dates(table, self.calendars)
        filled += [
            f"{category.column!r} {cells_text(cells.count(None))} ({category.fill!r})"
            for category, cells in texts
            if category.levels and not category.missing and None in cells
        ]
        unseen = [
            f"{category.column!r} {cells_text(len(new))} ({items_text(list(map(repr, dict.fromkeys(new))), limit=3)})"
            for category, cells in texts
            if (new := category.unseen(cells))
        ]
        items_by_title = {
            "Missing cells were filled in": filled,
            "Text that training never saw was taken for none of the known": unseen,
        }
        return (*of_units, *(f"{title}: {items_text(items)}." for title, items in items_by_title.items() if items))

    def targets(self, y: object) -> np.ndarray:
        """Return targets as a loss takes them.

        Args:
            y: labels or numbers, as in training.

        Returns:
            Class numbers, int32 `(rows,)`; for regression numbers `(rows, outputs)`, scaled as in training.

        Raises:
            DataError: missing or infinite entries, or labels outside the classes.
            ShapeError: another number of columns than in training.
        """
        y = target_for(self.task, clean_target(y))
        if self.classes is not None:
            return label_indices(y, self.classes)
        y = y[:, None] if y.ndim == 1 else y
        if y.shape[1] != self.outputs:
            raise ShapeError(Setting("y"), f"must have {self.outputs} columns, as in training, got {y.shape[1]}.")
        return (y if self.target_scaling is None else self.target_scaling.apply(y)).astype(float_dtype())

    def labels(self, indices: ArrayLike) -> np.ndarray:
        """Return the class labels of class numbers.

        Raises:
            SettingError: there are no classes.
        """
        if self.classes is None:
            raise SettingError("Regression has no class labels.", Advice("use {}", code="`original_targets`"))
        return self.classes[np.asarray(indices)]

    def original_targets(self, values: ArrayLike) -> np.ndarray:
        """Return a network's outputs in the units of the training targets, `(rows,)` if those were, else `(rows, k)`.

        Args:
            values: `(rows, outputs)`.
        """
        values = np.asarray(values, np.float64)
        values = values if self.target_scaling is None else self.target_scaling.undo(values)
        return values.reshape(len(values)) if self.target_columns == 0 else values

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {name: _lists(value) for name, value in dataclasses.asdict(self).items()}

    @classmethod
    def from_json(cls, spec: dict[str, Any]) -> Preprocessing:
        """Return the preprocessing that `as_json` wrote: an equal object, with bitwise the same outputs."""
        fields = _with_tuples(spec)
        for name in ("scaling", "target_scaling"):
            fields[name] = None if spec[name] is None else Scaling(**_with_tuples(spec[name]))
        for name, kind in (("categories", Categories), ("calendars", Calendar)):
            fields[name] = tuple(kind(**_with_tuples(column)) for column in spec[name])
        return cls(**fields)

    def _writings(self) -> dict[str, Writing]:
        """Return how training wrote the numbers of columns; empty in a run of an earlier version."""
        units = self.units
        return {} if units is None else {name: Writing(units.get(name, ""), self.decimal) for name in self.numeric}

    def _number_names(self) -> tuple[str, ...] | None:
        """Return the names of the numeric columns, or None where there are none."""
        return None if self.columns is None else self.numeric

    def _read(self, x: object) -> tuple[DataFrame | None, np.ndarray | StoredRows]:
        """Return the table, or None, and the array of its numeric columns, NaN where a cell is missing."""
        table = None
        if is_table(x):
            table = as_table(x, self.columns)
            names = table.columns if self.columns is None else self.numeric
            numbers = number_matrix(table, names, self._writings())
        elif self._encoders:
            raise DataError(
                Setting("x"), f"must be a data frame with the columns {names_text(self.columns or ())}, got an array."
            )
        else:
            numbers = x if isinstance(x, StoredRows) else number_array(x)
        shape = (len(self.numeric),) if self._encoders else self.input_shape
        if numbers.shape[1:] != shape:
            raise ShapeError(
                Setting("x"),
                f"must have the shape (rows, {', '.join(map(str, shape))}), as in training, got {numbers.shape}. "
                "Select the same features.",
                Advice("for a single row, pass {}", code="`x[None]`"),
            )
        return table, numbers

    def _scaled(self, numbers: np.ndarray | StoredRows) -> np.ndarray | StoredRows:
        """Return numbers filled in, scaled and cast; those on disk as they are read."""
        if isinstance(numbers, np.ndarray) and not stays_on_disk(numbers):
            return self._scaled_array(numbers)
        return stored(numbers).prepared(self._scaled_block, float_dtype())

    def _scaled_array(self, numbers: np.ndarray) -> np.ndarray:
        """Return numbers filled in, scaled and cast, a block of rows at a time."""
        if self.fills is None and self.scaling is None:
            return numbers.astype(float_dtype(), copy=False)
        result = np.empty(numbers.shape, float_dtype())
        for rows in row_blocks(numbers):
            result[rows] = self._scaled_block(numbers[rows])
        return result

    def _scaled_block(self, block: np.ndarray) -> np.ndarray:
        """Return a block of rows filled in and scaled, before it is cast."""
        if self.fills is not None:
            block = np.where(np.isnan(block), self._fills, block)
        return block if self.scaling is None else self.scaling.apply(block)

    @property
    def _encoders(self) -> dict[str, Categories | Calendar]:
        """The encodings of the columns that are no numbers, by the name of the column."""
        return {encoder.column: encoder for encoder in (*self.categories, *self.calendars)}

    @cached_property
    def _fills(self) -> np.ndarray:
        return np.asarray(self.fills)

    def _on_disk(self, table: StoredTable) -> StoredRows:
        """Return the rows of a table on disk, to be prepared as they are read.

        Raises:
            DataError: it lacks columns, or has text where training had numbers.
        """
        table = table.select(self.columns or ())
        stray = next((name for name in self.numeric if table.is_text(name) or table.is_temporal(name)), None)
        if stray is not None and table.is_temporal(stray):
            raise DataError(f"Column {stray!r} must hold numbers, as in training, got dates or times. Train again.")
        if stray is not None:
            raise DataError(
                f"Column {stray!r} must hold numbers, as in training, got text such as {table.levels[stray][0]!r}. "
                "Correct these cells."
            )
        encode = {name: _of_records(table, encoder) for name, encoder in self._encoders.items()}

        def prepare(records: np.ndarray) -> np.ndarray:
            numbers = self._scaled_array(table.matrix(records, self.numeric))
            number_columns = iter(numbers.T[:, :, None])
            blocks = [encode[name](records) if name in encode else next(number_columns) for name in self.columns or ()]
            return np.concatenate(blocks, axis=1) if encode else numbers

        rows = table.rows(prepare, float_dtype(), self.input_shape[0], self._prepared_file_name())
        file = rows.prepared_file
        return rows.ready() if file is not None and file.is_file() else rows

    def _prepared_file_name(self) -> str:
        """Return the name of a file of inputs with this preprocessing."""
        spec = self.as_json()
        steps = [spec[name] for name in ("columns", "categories", "calendars", "fills", "scaling")]
        digest = hashlib.blake2b(json.dumps([steps, np.dtype(float_dtype()).str]).encode(), digest_size=8)
        return f"{PREPARED_PREFIX}{digest.hexdigest()}.npy"

    def _in_order(self, numbers: np.ndarray, table: DataFrame) -> list[np.ndarray]:
        """Return numbers and encoded text as blocks of columns, in the order of the table."""
        encoders = self._encoders
        indices = {name: index for index, name in enumerate(self.numeric)}
        return [
            _encoded(table, encoders[name]) if name in encoders else numbers[:, indices[name], None]
            for name in self.columns or ()
        ]


def _encoded(table: DataFrame, encoder: Categories | Calendar) -> np.ndarray:
    """Return a column of text or dates as the network takes it."""
    import polars as pl

    if isinstance(encoder, Categories):
        return encoder.encode(table[encoder.column].cast(pl.String), float_dtype())
    return encoder.encode(table[encoder.column]).astype(float_dtype())


def _of_records(table: StoredTable, encoder: Categories | Calendar) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from records of a table on disk to a column of text or dates as the network takes it.

    What becomes of each level is found out once. Where the file has another type than training had, cells are read as
    those of a table in memory.
    """
    name = encoder.column
    if isinstance(encoder, Calendar) and (table.is_text(name) or table.is_temporal(name)):
        return _calendar_of_records(table, encoder)
    if isinstance(encoder, Categories) and table.is_text(name):
        codes, rows = encoder.codes([*table.levels[name], None]), encoder.rows(float_dtype())
        return lambda records: rows[codes[records[table.fields[name]]]]
    only = table.select([name])
    return lambda records: _encoded(only.frame(records), encoder)


def _calendar_of_records(table: StoredTable, calendar: Calendar) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function from records of a table on disk to a column of dates as the network takes it."""
    name = calendar.column
    if table.is_text(name):
        seconds = level_seconds(table, name, calendar.form, clock=calendar.clock)
        return lambda records: calendar.features(seconds[records[table.fields[name]]]).astype(float_dtype())
    checked_seconds(name, table.column(name)[:0], calendar.form, clock=calendar.clock)
    return lambda records: calendar.features(records[table.fields[name]]).astype(float_dtype())


def _filled_dates(table: DataFrame, calendars: tuple[Calendar, ...]) -> list[str]:
    """Return which columns of dates have gaps where training had none."""
    counts = [(calendar, table[calendar.column].null_count()) for calendar in calendars]
    return [
        f"{calendar.column!r} {cells_text(count)} (the middle of the training dates)"
        for calendar, count in counts
        if count and "missing" not in calendar.parts
    ]


def _class_labels(train: Dataset, classes: object) -> tuple[str | bool | int | float, ...]:
    """Return the class labels as Python values, or none for regression.

    Raises:
        DataError: there is only one.
    """
    if train.task != "classification":
        return ()
    known = train.classes if classes is None else distinct_labels(clean_target(classes))
    if known is None or len(known) < 2:
        label = "none" if known is None else repr(known[0].item())
        raise DataError(
            f"Classification needs at least two classes, got only {label}.",
            Advice("add rows of another class"),
            Advice("set the task", task="regression"),
        )
    return tuple(known.tolist())


def _fit_targets(train: Dataset, normalize: str | None) -> tuple[int, Scaling | None]:
    """Return how many columns a regression target has (0: one, without its own axis), and its scaling."""
    if train.task == "classification":
        if normalize is not None:
            raise SettingError(Setting("normalize_targets"), "is for regression, got class labels.")
        return 0, None
    y = train.y if train.y.ndim == 2 else train.y[:, None]
    if normalize is not None:
        normalize = check_choice("normalize_targets", normalize, ["standard"])
    scaling = None if normalize is None else fit_scaling(y, normalize)
    return (0 if train.y.ndim == 1 else y.shape[1]), scaling


def _lists(value: object) -> object:
    """Return nested tuples as lists, as JSON has them."""
    if isinstance(value, dict):
        return {name: _lists(inner) for name, inner in value.items()}
    return [_lists(inner) for inner in value] if isinstance(value, (tuple, list)) else value


def _with_tuples(spec: dict[str, Any]) -> dict[str, Any]:
    """Return fields from JSON, lists as tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in spec.items()}
