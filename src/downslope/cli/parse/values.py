"""Several values of a setting in one text: `0.01,0.1`, or a range such as `1e-4..1e-1`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

RANGE = ".."


def values_of(
    setting: str, text: str, kind: Callable[[str], Any], following: Callable[[Any], Any], words: dict[str, Any]
) -> list[Any]:
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
    found = []
    for part in text.split(","):
        try:
            ends = [words[end] if end in words else kind(end) for end in map(str.strip, part.split(RANGE))]
        except ValueError:
            ends = []
        if len(ends) not in (1, 2) or not _rises(ends, following):
            raise _refused(setting, part, kind)
        found += ends if len(ends) == 1 else _between(ends[0], ends[1], following)
    return list(dict.fromkeys(found))


def _rises(ends: list[Any], following: Callable[[Any], Any]) -> bool:
    """Return whether a range goes from a number to a larger one, and its steps do, too."""
    return len(ends) == 1 or (ends[0] < following(ends[0]) and ends[0] < ends[1] < float("inf"))


def _between(low: Any, high: Any, following: Callable[[Any], Any]) -> list[Any]:
    """Return the values of a range; the last one may miss `high` by rounding."""
    found = [low]
    while (value := _rounded(following(found[-1]))) <= high:
        found.append(value)
    return found


def _rounded(value: Any) -> Any:
    """Return a number as it would be written: 0.001 rather than 0.0010000000000000002."""
    return float(f"{value:.12g}") if isinstance(value, float) else value


def _refused(setting: str, part: str, kind: Callable[[str], Any]) -> Exception:
    """Return the error for a text that is no value."""
    from downslope.core import Setting, SettingError

    example = "16,64 or 16..256" if kind is int else "0.01,0.1 or 1e-4..1e-1"
    return SettingError(Setting(setting), f"must be values or a rising range, such as {example}, got {part!r}.")
