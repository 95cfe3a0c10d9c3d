"""The origin of a data set as plain data, kept with a run so that the same rows can be opened again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from downslope.core import DataError


@dataclass(frozen=True)
class Origin:
    """The call that returned a data set, and the splits that it is a part of since.

    Attributes:
        call: `"load"` or `"read"`.
        arguments: of that call, by name; paths are absolute.
        task: of the data set when it was split; None before.
        splits: for each split, in turn: the part (`"train"`, `"validation"` or `"test"`), the share of the validation
            rows, that of the test rows, and the seed.
    """

    call: str
    arguments: dict[str, Any]
    task: str | None = None
    splits: tuple[tuple[str, float, float, int], ...] = ()

    def moved(self, path: Path) -> Origin:
        """Return the origin of the same rows in a file that was moved.

        Raises:
            DataError: they came from no file.
        """
        if self.arguments.get("path") is None:
            raise DataError(f"These rows came from {self}, not from a file, got the file {str(path)!r}. Leave it out.")
        return dataclasses.replace(self, arguments=self.arguments | {"path": str(path.absolute())})

    def part(self, name: str, validation: float, test: float, seed: int, task: str | None) -> Origin:
        """Return the origin of one part of a data set that is split."""
        return dataclasses.replace(self, task=task, splits=(*self.splits, (name, float(validation), float(test), seed)))

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return dataclasses.asdict(self) | {"splits": [list(split) for split in self.splits]}

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Origin:
        """Return the origin that `as_json` wrote."""
        splits = tuple((part, validation, test, seed) for part, validation, test, seed in facts["splits"])
        return cls(facts["call"], facts["arguments"], facts["task"], splits)

    def __str__(self) -> str:
        """Return the call in words, such as `load('iris')`."""
        arguments = {name: value for name, value in self.arguments.items() if value not in (None, (), [], 0)}
        return f"{self.call}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"
