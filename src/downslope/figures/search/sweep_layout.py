"""Where the runs of a sweep go in its figure: which setting along the axis, which by line, which by panel."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from downslope.core import Advice, DataError
from downslope.figures.style import plain
from downslope.training import Sweep

MOST_PANELS = 12
MAP_VALUES = 3
"""Two numbers of at least so many values each make a map rather than lines."""

LONGEST_NAME = 30
UNITS = {"batch_size": " (examples)"}
WORDS = {"net": "network", "b1": "b₁", "b2": "b₂"}


@dataclass(frozen=True)
class Setting:
    """A swept setting.

    Attributes:
        name: as `ds.sweep` takes it.
        values: numbers from low to high; others as they came.
        numeric: whether all are numbers.
    """

    name: str
    values: tuple[Any, ...]
    numeric: bool

    @property
    def label(self) -> str:
        """What an axis or a legend calls it."""
        return WORDS.get(self.name, self.name.replace("_", " ")) + UNITS.get(self.name, "")

    @property
    def places(self) -> np.ndarray:
        """Where its values are on an axis: numbers where they belong, others evenly."""
        return np.array(self.values, np.float64) if self.numeric else np.arange(len(self.values), dtype=np.float64)


ALONE = Setting("", (None,), numeric=False)
"""Stands for the second setting where there is one only."""


@dataclass(frozen=True)
class Outcome:
    """How the runs ended that differ in nothing but the seed.

    Attributes:
        losses: of those that did not diverge.
        diverged: how many did.
        best: whether the best run of the sweep is among them.
    """

    losses: np.ndarray
    diverged: int
    best: bool

    @property
    def runs(self) -> int:
        """How many there are."""
        return len(self.losses) + self.diverged

    @property
    def median(self) -> float:
        """The median loss of those that did not diverge; NaN if there is none."""
        return float(np.median(self.losses)) if len(self.losses) else float("nan")


@dataclass(frozen=True)
class Layout:
    """What goes where.

    Attributes:
        x: along the axis.
        lines: by line, or up the axis of a map; `ALONE` where one setting is swept.
        panels: the values of all other settings, one dict a panel.
        seeds: how many seeds are drawn as one, with their range; 1 where the seed is no replicate.
    """

    x: Setting
    lines: Setting
    panels: tuple[dict[str, Any], ...]
    seeds: int

    @property
    def is_map(self) -> bool:
        """Whether two numbers of enough values span a map."""
        return _maps(self.x) and _maps(self.lines)

    def outcomes(self, found: Sweep, panel: dict[str, Any], line: Any = None) -> list[Outcome]:
        """Return how it went at each value along the axis, in a panel and on a line."""
        chosen = panel | ({} if self.lines is ALONE else {self.lines.name: line})
        return [_outcome(found, chosen | {self.x.name: value}) for value in self.x.values]


def layout_of(found: Sweep) -> Layout:
    """Return what goes where in the figure of a sweep.

    Numbers go along the axis, first those with many values; the seed is a replicate wherever anything else is swept.

    Raises:
        DataError: nothing was swept, or too much for one figure.
    """
    if not len(found):
        raise DataError("The figure of a sweep needs one run at least, got a sweep that was stopped before its first.")
    if not found.settings[0]:
        raise DataError("The figure of a sweep needs a swept setting, got none. Give the sweep a list of values.")
    settings = [_setting(found, name) for name in found.settings[0]]
    others = [setting for setting in settings if setting.name != "seed"]
    seeds = len(_setting(found, "seed").values) if others and len(others) < len(settings) else 1
    settings = others or [Setting("seed", settings[0].values, numeric=False)]
    x = min(settings, key=_order_along_axis)
    rest = [setting for setting in settings if setting is not x]
    lines = min(rest, key=lambda setting: (not _maps(setting), -len(setting.values)), default=ALONE)
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


def shown_value(value: Any) -> str:
    """Return a setting's value as figures write it, cut where it is long.

    Example:
        >>> shown_value(1e-05), shown_value(None), shown_value("a" * 40)
        ('1e-5', 'none', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaa…')
    """
    if value is None:
        return "none"
    text = plain(value) if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def shown_settings(settings: dict[str, Any]) -> str:
    """Return settings with their values, in words."""
    return ", ".join(
        f"{WORDS.get(name, name.replace('_', ' '))} {shown_value(value)}" for name, value in settings.items()
    )


def _setting(found: Sweep, name: str) -> Setting:
    """Return a setting with all values it took."""
    values = list(dict.fromkeys(settings[name] for settings in found.settings))
    numeric = all(_is_number(value) for value in values)
    return Setting(name, tuple(sorted(values) if numeric else values), numeric)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _maps(setting: Setting) -> bool:
    """Return whether a setting can be an axis of a map."""
    return setting.numeric and len(setting.values) >= MAP_VALUES


def _order_along_axis(setting: Setting) -> tuple[bool, bool, int, bool]:
    """Return what the setting along the axis is least by: numbers of many values first, of equals the learning rate."""
    return not _maps(setting), not setting.numeric, -len(setting.values), setting.name != "learning_rate"


def _outcome(found: Sweep, chosen: dict[str, Any]) -> Outcome:
    """Return how the runs with these settings ended."""
    places = [i for i, own in enumerate(found.settings) if all(own[name] == value for name, value in chosen.items())]
    lost = [i for i in places if diverged(found, i)]
    losses = np.array([found.losses[i] for i in places if i not in lost], np.float64)
    return Outcome(losses, len(lost), best_place(found) in places)


def best_place(found: Sweep) -> int | None:
    """Return where the lowest loss is; None where no run has one."""
    return found.place if np.isfinite(found.losses).any() else None


def diverged(found: Sweep, place: int) -> bool:
    """Return whether a run of a sweep diverged, at once or later."""
    return found.runs[place].stop_reason == "diverged" or not np.isfinite(found.losses[place])
