"""Several values of a setting in one text: `0.01,0.1`, or a range such as `1e-4..1e-1`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

RANGE = ".."

Number = TypeVar("Number", int, float)


def values_of(
    setting: str,
    text: str,
    kind: Callable[[str], Number],
    following: Callable[[Number], Number],
    words: Mapping[str, Number],
) -> list[Number]:
    """Return the values that a text stands for.

    Args:
        setting: its name in Python.
        text: values separated by commas, each one value or `LOW..HIGH`.
        kind: `int` or `float`.
        following: from one value of a range to the next.
        words: words that stand for a value.

    Raises:
        SettingError: what is neither a value nor a range that rises.

    Example:
        >>> values_of("learning_rate", "1e-3..0.1,0.5", float, lambda rate: 10 * rate, {})
        [0.001, 0.01, 0.1, 0.5]
        >>> values_of("seed", "0..3", int, lambda seed: seed + 1, {})
        [0, 1, 2, 3]
    """
    values: list[Number] = []
    for part in text.split(","):
        try:
            ends = [words[end] if end in words else kind(end) for end in map(str.strip, part.split(RANGE))]
        except ValueError:
            ends = []
        if len(ends) not in (1, 2) or not _rises(ends, following):
            raise _values_error(setting, part, kind)
        values += ends if len(ends) == 1 else _between(ends[0], ends[1], kind, following)
    return list(dict.fromkeys(values))


def _rises(ends: Sequence[Number], following: Callable[[Number], Number]) -> bool:
    """Return whether a range goes from a number to a larger one, and its steps do, too."""
    return len(ends) == 1 or (ends[0] < following(ends[0]) and ends[0] < ends[1] < float("inf"))


def _between(
    low: Number, high: Number, kind: Callable[[str], Number], following: Callable[[Number], Number]
) -> list[Number]:
    """Return the values of a range, 0.001 rather than 0.0010000000000000002; the last may miss `high` by rounding."""
    values = [low]
    while True:
        value = following(values[-1])
        value = value if isinstance(value, int) else kind(f"{value:.12g}")
        if value > high:
            return values
        values.append(value)


def _values_error(setting: str, part: str, kind: Callable[[str], float | int]) -> Exception:
    """Return the error for a text that is no value."""
    from downslope.core import Setting, SettingError

    example = "16,64 or 16..256" if kind is int else "0.01,0.1 or 1e-4..1e-1"
    return SettingError(Setting(setting), f"must be values or a rising range, such as {example}, got {part!r}.")
