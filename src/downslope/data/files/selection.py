"""The columns and the rows that are taken from a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from downslope.core import Advice, DataError, Setting, SettingError, UnknownNameError
from downslope.data.dataset import Dataset, with_notes
from downslope.data.roles import Roles, roles_of
from downslope.data.stored import StoredTable
from downslope.data.tables import check_distinct, check_present, selected

if TYPE_CHECKING:
    from polars import DataFrame


@dataclass(frozen=True)
class ColumnSelection:
    """The columns to take from a file, and how to read them; `read` describes each."""

    target: str | int | None = None
    task: str | None = None
    numeric: list[str] = field(default_factory=list)
    categorical: list[str] = field(default_factory=list)
    only: list[str] | None = None
    exclude: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    drop_missing_target: bool = False

    def check_for_arrays(self, file: Path) -> None:
        """Refuse choices that files of arrays do not have.

        Raises:
            SettingError: columns are chosen by name.
        """
        choices = ("numeric", "categorical", "only", "exclude", "keep", "drop_missing_target")
        chosen = [name for name in choices if getattr(self, name)]
        if chosen:
            raise SettingError(Setting(chosen[0]), f"chooses by name, in tables only, got {file.name!r}. Leave it out.")

    def names(self, present: list[str]) -> list[str]:
        """Return the names of the columns to take, the target last.

        Raises:
            UnknownNameError: the target is none of the columns.
            DataError: a feature is none of them, or there is no feature.
            SettingError: a column is declared both numeric and categorical.
        """
        check_distinct(present)
        expected = [*(self.only or ()), *([] if self.target is None else [self.target])]
        if len(present) == 1 and expected and present[0] not in expected:
            _check_separated(present[0])
        if self.target is not None and self.target not in present:
            raise UnknownNameError("target", self.target, present)
        for name in self.exclude:
            self._check_excluded(name, present)
        check_present([*(self.only or ()), *self.numeric, *self.categorical, *self.keep], present)
        others = [name for name in present if name not in self.exclude]
        features = [name for name in (others if self.only is None else self.only) if name != self.target]
        if not features:
            raise DataError(
                f"The table must have a column besides the target {self.target!r} to learn from, got no other."
            )
        both = sorted(set(self.numeric) & set(self.categorical))
        if both:
            raise SettingError(
                f"A column must be either numeric or categorical, got both for {both[0]!r}.", setting="numeric"
            )
        return [*features, *([] if self.target is None else [str(self.target)])]

    def dataset(self, table: DataFrame | StoredTable, names: Sequence[str]) -> Dataset:
        """Return the data set of a table with columns of these names, the target last.

        Raises:
            DataError: a target is missing in some row, and such rows are not to be left out.
        """
        if self.target is None:
            return Dataset(_columns(table, names), roles=Roles())
        *features, target = names
        labels = table.column(target) if isinstance(table, StoredTable) else table[target]
        inputs, missing = _columns(table, features), labels.is_null().to_numpy()
        chosen = [*self.numeric, *self.categorical, *(self.only or ()), *self.keep]
        roles = roles_of(inputs, plain=self.categorical).besides(chosen)
        if not missing.any():
            return Dataset(inputs, labels, task=self.task, roles=roles)
        rows = np.flatnonzero(~missing)
        self._check_missing(missing)
        few = inputs.take(rows) if isinstance(inputs, StoredTable) else inputs[rows]
        data = Dataset(few, labels.gather(rows), task=self.task, roles=roles)
        return with_notes(data, [f"{_rows_text(missing)} without a target were left out."])

    def _check_excluded(self, name: str, present: list[str]) -> None:
        """Check that a column can be left out."""
        if name not in present:
            raise UnknownNameError("exclude", name, present)
        if name == self.target:
            raise SettingError(Setting("exclude"), f"must leave the target, got {name!r}, which is the target.")
        settings = ("only", "numeric", "categorical", "keep")
        both = next((setting for setting in settings if name in (getattr(self, setting) or ())), None)
        if both is not None:
            raise SettingError(Setting("exclude"), "and", Setting(both), f"must differ, got {name!r} in both.")

    def _check_missing(self, missing: np.ndarray) -> None:
        """Refuse missing targets, unless their rows are left out and others remain."""
        if self.drop_missing_target and not missing.all():
            return
        count, advice = int(missing.sum()), Advice("leave these rows out", drop_missing_target=True)
        raise DataError(
            f"The target {self.target!r} must be filled in every row, got {count} missing "
            f"{'entry' if count == 1 else 'entries'}, first in row {int(missing.argmax())} (counting from 0).",
            *(() if missing.all() else (Advice("fill them in"), advice)),
        )


def _columns(table: DataFrame | StoredTable, names: Sequence[str]) -> DataFrame | StoredTable:
    """Return columns of a table."""
    return table.select(names) if isinstance(table, StoredTable) else selected(table, names)


def _rows_text(missing: np.ndarray) -> str:
    """Return how many rows are marked, in words."""
    count = int(missing.sum())
    return f"{count:,} of {len(missing):,} rows"


def _check_separated(name: str) -> None:
    """Refuse the only column of a table if its name looks like several.

    Raises:
        DataError: it does.
    """
    marks = [character for character in name if not (character.isalnum() or character in "_-.()")]
    if marks:
        raise DataError(
            f"The table has one column, named {name!r}, and not the columns that are needed. If {marks[0]!r} stands "
            "between its cells, say so",
            Advice("({})", separator=marks[0]),
        )
