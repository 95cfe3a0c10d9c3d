"""The layout of a sweep's figure: the setting along the axis, the one by line, and those by panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from downslope.core import Advice, DataError
from downslope.figures.style import plain, plain_texts
from downslope.training import Sweep

MOST_PANELS = 12
MAP_VALUES = 3
"""The least number of values of each of two numbers that make a map rather than lines."""

LEAST_NUMBER, LARGEST_NUMBER = 1e-200, 1e200
"""Of smaller or larger swept numbers, axes show the order alone."""

LONGEST_NAME = 30
UNITS = {"batch_size": " (examples)"}
WORDS = {"net": "network", "b1": "b₁", "b2": "b₂"}


@dataclass(frozen=True)
class SweptSetting:
    """A swept setting.

    Attributes:
        name: as `ds.sweep` takes it.
        values: numbers from low to high; others as they came.
        numeric: whether all are numbers that an axis can hold.
    """

    name: str
    values: tuple[object, ...]
    numeric: bool

    @property
    def label(self) -> str:
        """The label of an axis or a legend."""
        return WORDS.get(self.name, self.name.replace("_", " ")) + UNITS.get(self.name, "")

    @property
    def positions(self) -> np.ndarray:
        """The positions of its values on an axis: numbers at their values, others evenly spaced."""
        return np.array(self.values, np.float64) if self.numeric else np.arange(len(self.values), dtype=np.float64)


ALONE = SweptSetting("", (None,), numeric=False)
"""The second setting where only one is swept."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of the runs that differ in nothing but the seed.

    Attributes:
        losses: of those that did not diverge.
        diverged: the number of those that did.
        best: whether the best run of the sweep is among them.
    """

    losses: np.ndarray
    diverged: int
    best: bool

    @property
    def runs(self) -> int:
        """The number of runs."""
        return len(self.losses) + self.diverged

    @property
    def median(self) -> float:
        """The median loss of those that did not diverge; NaN if there is none."""
        return middle(self.losses) if len(self.losses) else float("nan")


@dataclass(frozen=True)
class Layout:
    """The settings along the axis, by line and by panel.

    Attributes:
        x: along the axis.
        lines: by line, or up the axis of a map; `ALONE` where one setting is swept.
        panels: the values of all other settings, one dict a panel.
        seeds: the number of seeds drawn as one, with their range; 1 where the seed is no replicate.
    """

    x: SweptSetting
    lines: SweptSetting
    panels: tuple[Mapping[str, object], ...]
    seeds: int

    @property
    def is_map(self) -> bool:
        """Whether two numbers of enough values span a map."""
        return _spans_map(self.x) and _spans_map(self.lines)

    def outcomes(self, result: Sweep, panel: Mapping[str, object], line: object = None) -> list[Outcome]:
        """Return the outcome at each value along the axis, in a panel and on a line."""
        chosen = dict(panel) | ({} if self.lines is ALONE else {self.lines.name: line})
        return [_outcome(result, chosen | {self.x.name: value}) for value in self.x.values]


def layout_of(result: Sweep) -> Layout:
    """Return the layout of the figure of a sweep.

    Numbers go along the axis, first those with many values; the seed is a replicate wherever anything else is swept.

    Raises:
        DataError: nothing was swept, or more than fits into one figure.
    """
    if not len(result):
        raise DataError("The figure of a sweep needs one run at least, got a sweep that was stopped before its first.")
    if not result.settings[0]:
        raise DataError("The figure of a sweep needs a swept setting, got none. Give the sweep a list of values.")
    settings = [_setting(result, name) for name in result.settings[0]]
    others = [setting for setting in settings if setting.name != "seed"]
    seeds = len(_setting(result, "seed").values) if others and len(others) < len(settings) else 1
    settings = others or [SweptSetting("seed", settings[0].values, numeric=False)]
    x = min(settings, key=_order_along_axis)
    rest = [setting for setting in settings if setting is not x]
    lines = min(rest, key=lambda setting: (not _spans_map(setting), -len(setting.values)), default=ALONE)
    panels = [setting for setting in rest if setting is not lines]
    combined = [
        dict(zip([s.name for s in panels], values, strict=True)) for values in product(*(s.values for s in panels))
    ]
    if len(combined) > MOST_PANELS:
        raise DataError(
            f"The figure of a sweep has {MOST_PANELS} panels at most, got {len(combined)} combinations of "
            f"{', '.join(setting.label for setting in panels)}.",
            Advice("sweep fewer settings at once"),
            Advice("read {}", code="`.table()`"),
        )
    return Layout(x, lines, tuple(combined), seeds)


def middle(losses: np.ndarray) -> float:
    """Return the median, also of numbers whose sum overflows.

    Example:
        >>> middle(np.array([1.5e308, 1.7e308]))
        1.6e+308
    """
    ordered = np.sort(losses)
    low, high = float(ordered[(len(ordered) - 1) // 2]), float(ordered[len(ordered) // 2])
    return low if low == high else 0.5 * low + 0.5 * high


def value_texts(values: Sequence[object]) -> list[str]:
    """Return the values of a setting as texts; numbers with as many digits as it takes to tell them apart.

    Example:
        >>> value_texts([0.1, 1e-05]), value_texts([1e6, 1e6 + 0.25])
        (['0.1', '1e-5'], ['1e6', '1e6 + 0.25'])
    """
    texts = [value_text(value) for value in values]
    numbers = [float(value) for value in values if isinstance(value, (int, float))]
    return plain_texts(numbers) if len(set(texts)) < len(numbers) == len(values) else texts


def value_text(value: object) -> str:
    """Return a setting's value as text, shortened where it is long.

    Example:
        >>> value_text(1e-05), value_text(None), value_text("a" * 40)
        ('1e-5', 'none', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaa…')
    """
    if value is None:
        return "none"
    text = plain(value) if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def settings_text(settings: Mapping[str, object]) -> str:
    """Return settings with their values as text."""
    return ", ".join(
        f"{WORDS.get(name, name.replace('_', ' '))} {value_text(value)}" for name, value in settings.items()
    )


def _setting(result: Sweep, name: str) -> SweptSetting:
    """Return a setting with all values it took."""
    values = list(dict.fromkeys(settings[name] for settings in result.settings))
    if not all(_is_number(value) for value in values):
        return SweptSetting(name, tuple(values), numeric=False)
    return SweptSetting(name, tuple(sorted(values)), numeric=all(_on_axis(float(value)) for value in values))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _on_axis(value: float) -> bool:
    """Return whether a number can stand on an axis, with room beside it."""
    return value == 0 or LEAST_NUMBER <= abs(value) <= LARGEST_NUMBER


def _spans_map(setting: SweptSetting) -> bool:
    """Return whether a setting can be an axis of a map."""
    return setting.numeric and len(setting.values) >= MAP_VALUES


def _order_along_axis(setting: SweptSetting) -> tuple[bool, bool, int, bool]:
    """Return the sort key of settings for the axis: numbers of many values first, of equals the learning rate."""
    return not _spans_map(setting), not setting.numeric, -len(setting.values), setting.name != "learning_rate"


def _outcome(result: Sweep, selected: Mapping[str, object]) -> Outcome:
    """Return the outcome of the runs with these settings."""
    indices = [
        i
        for i, settings in enumerate(result.settings)
        if all(settings[name] == value for name, value in selected.items())
    ]
    failures = [i for i in indices if diverged(result, i)]
    losses = np.array([result.losses[i] for i in indices if i not in failures], np.float64)
    return Outcome(losses, len(failures), best_index(result) in indices)


def best_index(result: Sweep) -> int | None:
    """Return the index of the lowest loss; None where no run has one."""
    return result.best_index if np.isfinite(result.losses).any() else None


def diverged(result: Sweep, index: int) -> bool:
    """Return whether a run of a sweep diverged, at once or later."""
    return result.runs[index].stop_reason == "diverged" or not np.isfinite(result.losses[index])
