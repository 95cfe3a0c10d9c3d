"""The columns that are taken from a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from downslope.core import DataError, SettingError, UnknownNameError
from downslope.data.tables import check_distinct, check_present


@dataclass(frozen=True)
class ColumnSelection:
    """The columns to take from a file, and how to read them; `read` describes each."""

    target: str | int | None = None
    task: str | None = None
    numeric: list[str] = field(default_factory=list)
    categorical: list[str] = field(default_factory=list)
    columns: list[str] | None = None

    def check_for_arrays(self, file: Path) -> None:
        """Refuse choices that files of arrays do not have.

        Raises:
            SettingError: columns are chosen by name.
        """
        if self.numeric or self.categorical or self.columns is not None:
            raise SettingError(f"Columns can be chosen by name in tables only, got {file.name!r}.", setting="columns")

    def names(self, present: list[str]) -> list[str]:
        """Return the names of the columns to take, the target last.

        Raises:
            UnknownNameError: the target is none of the columns.
            DataError: a feature is none of them, or there is no feature.
            SettingError: a column is declared both numeric and categorical.
        """
        check_distinct(present)
        if self.target is not None and self.target not in present:
            raise UnknownNameError("target", self.target, present)
        if self.columns is not None:
            check_present(self.columns, present)
        features = [name for name in (present if self.columns is None else self.columns) if name != self.target]
        if not features:
            raise DataError(
                f"The table must have a column besides the target {self.target!r} to learn from, got no other."
            )
        both = sorted(set(self.numeric) & set(self.categorical))
        if both:
            raise SettingError(
                f"A column must be either numeric or categorical, got both for {both[0]!r}.", setting="numeric"
            )
        check_present([*self.numeric, *self.categorical], present)
        return [*features, *([] if self.target is None else [str(self.target)])]
