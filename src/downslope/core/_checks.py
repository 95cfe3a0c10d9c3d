"""Checks for the public edge: each returns the value it accepts, as the type it should have, or raises one sentence."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable

from downslope.core._errors import SettingError, UnknownNameError
from downslope.core._message import Piece, Setting


def check_integer(setting: str, value: object, *, at_least: int = 1, advice: Piece = "") -> int:
    """Return `value` as an `int` that is at least `at_least`.

    Raises:
        SettingError: it is no whole number, or too small.
    """
    integral = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not integral or int(value) < at_least:  # pyright: ignore[reportArgumentType]
        raise _refusal(setting, f"a whole number, {at_least} or more", value, advice)
    return int(value)  # pyright: ignore[reportArgumentType]


def check_number(
    setting: str,
    value: object,
    *,
    above: float | int | None = None,
    at_least: float | int | None = None,
    below: float | int | None = None,
    at_most: float | int | None = None,
    advice: Piece = "",
) -> float:
    """Return `value` as a finite `float` within the bounds given.

    Raises:
        SettingError: it is no number, not finite, or out of bounds.
    """
    bounds = [
        (above, "above", lambda x, b: x > b),
        (at_least, "of at least", lambda x, b: x >= b),
        (below, "below", lambda x, b: x < b),
        (at_most, "of at most", lambda x, b: x <= b),
    ]
    stated = [(bound, words, holds) for bound, words, holds in bounds if bound is not None]
    number = _as_float(value)
    if number is None or not math.isfinite(number) or not all(holds(number, bound) for bound, _, holds in stated):
        expected = " and ".join(f"{words} {bound:g}" for bound, words, _ in stated)
        raise _refusal(setting, f"a number {expected}".strip(), value, advice)
    return number


def check_choice(setting: str, value: object, choices: Iterable[str]) -> str:
    """Return `value` if it is one of the names in `choices`.

    Raises:
        UnknownNameError: it is not; the message lists the choices and the close ones.
    """
    known = list(choices)
    if not isinstance(value, str) or value not in known:
        raise UnknownNameError(setting, value, known)
    return value


def _as_float(value: object) -> float | None:
    """Return a Python or NumPy number, or an array of one number, as a `float`; anything else is None."""
    if isinstance(value, (bool, str)):
        return None
    if isinstance(value, numbers.Real) or getattr(value, "shape", None) == ():
        try:
            return float(value)  # pyright: ignore[reportArgumentType]
        except (TypeError, ValueError):
            return None
    return None


def _refusal(setting: str, expected: str, value: object, advice: Piece) -> SettingError:
    """Return the error for a setting: expected, got, what to do."""
    return SettingError(Setting(setting), f"must be {expected}, got {value!r}.", advice)
