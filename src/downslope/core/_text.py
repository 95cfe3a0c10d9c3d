"""Numbers and tables as text."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""Characters that a reader does not see: they steer terminals, reverse the order of others, or are halves of pairs."""


def printable(text: str) -> str:
    r"""Return text as it may be shown: what steers a terminal, or hides, is escaped; line ends and tabs stay.

    Names of files, columns and classes come from anywhere, and a terminal obeys what it is sent.

    Example:
        >>> print(printable("\x1b[2Jcat\u202e"))
        \x1b[2Jcat\u202e
    """
    return text if text.isprintable() else STEERING.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()


def aligned(lines: Sequence[Sequence[str]], *, left: int) -> str:
    """Return lines of cells as a table with two blanks between columns.

    Args:
        lines: equally many cells each; the first line is the head.
        left: how many columns begin at the left; the others, numbers, end at the right.

    Example:
        >>> print(aligned([("layer", "FLOPs"), ("Dense(8)", "72")], left=1))
        layer     FLOPs
        Dense(8)     72
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    written = []
    for line in lines:
        cells = [
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        written.append("  ".join(cells).rstrip())
    return "\n".join(written)


def count_text(number: int | None) -> str:
    """Return a count with its thousands set apart; `?` for one nobody knows."""
    return "?" if number is None else f"{number:,}"


def bytes_text(number: float | int) -> str:
    """Return a number of bytes in the unit that suits it.

    Example:
        >>> bytes_text(512), bytes_text(3 * 2**20)
        ('512 B', '3.0 MiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"):
        if number < 1024 or unit == "EiB":
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return ""


def seconds_text(seconds: float | int | None) -> str:
    """Return a time in the unit that suits it, to three digits; `?` for one that was not measured.

    Example:
        >>> seconds_text(0.00123), seconds_text(2.5e-6), seconds_text(0.0)
        ('1.23 ms', '2.50 µs', '0')
    """
    if seconds is None or not math.isfinite(seconds):
        return "?"
    if seconds == 0:
        return "0"
    factor, unit = next(((f, u) for f, u in ((1, "s"), (1e3, "ms")) if seconds * f >= 1), (1e6, "µs"))
    value = seconds * factor
    return f"{value:.{max(0, 2 - len(str(int(value))) + 1)}f} {unit}"


def distinct_texts(
    values: Sequence[float], *, digits: int = 6, text: Callable[[float, int], str] | None = None
) -> list[str]:
    """Return numbers as texts that differ where the numbers do: with more digits, or as a number they share and a rest.

    Args:
        values: the numbers.
        digits: written at least.
        text: writes a number with so many digits; as `{:g}` unless given.

    Example:
        >>> distinct_texts([100.1, 100.2], digits=3), distinct_texts([1e6, 1e6 + 0.25, 1e6 + 0.5])
        (['100.1', '100.2'], ['1e+06', '1e+06 + 0.25', '1e+06 + 0.5'])
    """
    write = text or (lambda value, digits: f"{value:.{digits}g}")
    finite = [value for value in values if math.isfinite(value)]
    for more in range(digits, max(digits, _MOST_DIGITS) + 1):
        if len({write(value, more) for value in finite}) == len(set(finite)):
            return [write(value, more) for value in values]
    shared = _shared(min(finite), max(finite))
    base = write(shared, _MOST_DIGITS)
    base = base if float(base) == shared else f"{shared:.17g}"
    texts = [
        write(value, digits) if not math.isfinite(value) else _as_sum(base, write, value - shared) for value in values
    ]
    differ = len({text for text, value in zip(texts, values, strict=True) if math.isfinite(value)}) == len(set(finite))
    return texts if differ else [write(value, digits) for value in values]


_MOST_DIGITS, _LEAST_POWER = 6, -300


def _as_sum(base: str, write: Callable[[float, int], str], rest: float) -> str:
    """Return a number as a base and the rest above or below it."""
    return f"{base} {'+' if rest > 0 else '-'} {write(abs(rest), 3)}" if rest else base


def _shared(low: float, high: float) -> float:
    """Return the roundest number that is not farther from two numbers than they are from each other."""
    middle, span = low / 2 + high / 2, high - low
    power = math.floor(math.log10(max(abs(low), abs(high)))) + 1
    while power > _LEAST_POWER:
        rounded = float(f"{round(middle / 10.0**power)}e{power}")
        if rounded and abs(rounded - middle) <= 1.5 * span:
            return rounded
        power -= 1
    return low
