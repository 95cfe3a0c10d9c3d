"""Readable ticks: whole epochs from 1, plain numbers on logarithmic axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FixedLocator, Formatter, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from downslope.core import distinct_texts

FEW_DECADES = 2.5
"""Over fewer powers of ten than this, 2 and 5 times each are labeled, too."""

MOST_DECADES = 100

MOST_COUNT = 1e9
"""Whole numbers below are written in full."""

PLAIN = (1e-3, 1e5)
"""Numbers between these are written without an exponent."""


def epoch_axis(axes: Axes, epochs: int) -> None:
    """Make the horizontal axis one of epochs, counted from 1."""
    axes.set_xlim(1 - 0.02 * epochs, epochs * 1.02 + (epochs == 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
    axes.set_xlabel("epoch")


def decade_ticks(axis: Axis) -> None:
    """Label a logarithmic axis that has its limits with plain numbers."""
    low, high = axis.get_view_interval()
    first, last = (float(np.log10(end)) for end in (low, high))
    few = last - first < FEW_DECADES
    if last - first > MOST_DECADES:  # the locator for logarithms steps beyond the ends, where numbers overflow
        decades = np.arange(np.ceil(first), last, np.ceil((last - first) / 8))
        axis.set_major_locator(FixedLocator(list(10.0**decades)))
    else:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,)))
    axis.set_major_formatter(DistinctFormatter())
    axis.set_minor_locator(NullLocator())


def shifted_ticks(axis: Axis, origin: float) -> None:
    """Label an axis that has its limits with its numbers plus `origin`; without effect where that is 0."""
    if not origin:
        return
    low, high = (float(end) + origin for end in axis.get_view_interval())
    ticks = np.asarray(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    ticks = ticks[(ticks >= low) & (ticks <= high)]
    axis.set_major_locator(FixedLocator(list(ticks - origin)))
    axis.set_major_formatter(
        FuncFormatter(lambda position, _: plain(float(ticks[np.argmin(np.abs(ticks - origin - position))])))
    )


class DistinctFormatter(Formatter):
    """Labels ticks with plain numbers that differ where the ticks do, such as `1e6` and `1e6 + 0.25`."""

    def __init__(self, digits: int = 6):
        self.digits = digits

    def __call__(self, x: float | int, pos: int | None = None) -> str:
        """Return a number alone, such as that under the pointer."""
        return plain(float(x), digits=self.digits)

    def format_ticks(self, values: Sequence[float] | np.ndarray) -> list[str]:
        """Return the labels of all ticks of an axis."""
        return plain_texts([float(value) for value in values], digits=self.digits)


class CountFormatter(DistinctFormatter):
    """Labels ticks that are whole with commas between thousands, such as `20,000`, and others as plain numbers."""

    def __call__(self, x: float | int, pos: int | None = None) -> str:
        """Return a number alone, such as that under the pointer."""
        return f"{x:,.0f}" if float(x).is_integer() and abs(x) < MOST_COUNT else super().__call__(x, pos)

    def format_ticks(self, values: Sequence[float] | np.ndarray) -> list[str]:
        """Return the labels of all ticks of an axis."""
        whole = all(float(value).is_integer() and abs(value) < MOST_COUNT for value in values)
        return [f"{value:,.0f}" for value in values] if whole else super().format_ticks(values)


def shortened(name: str, most: int) -> str:
    r"""Return a name on one line, its middle left out where it is longer than `most` characters.

    Example:
        >>> shortened("total\nincome", 20), shortened("a" * 30 + "b" * 30, 9)
        ('total income', 'aaaa…bbbb')
    """
    line = " ".join(name.split())
    half = (most - 1) // 2
    return line if len(line) <= most else f"{line[: most - 1 - half]}…{line[-half:]}"


def plain_texts(values: Sequence[float], *, digits: int = 6) -> list[str]:
    """Return numbers as `plain` writes them, with more digits, or as a number they share and a rest, until they differ.

    Example:
        >>> plain_texts([1e6, 1e6 + 0.25]), plain_texts([0.5, 2.0])
        (['1e6', '1e6 + 0.25'], ['0.5', '2'])
    """
    return distinct_texts(values, digits=digits, text=lambda value, more: plain(value, digits=more))


def plain(value: float, *, digits: int = 6) -> str:
    """Return a number as short as it reads well, also one that is not finite.

    Example:
        >>> plain(0.001), plain(1e-05), plain(100000.0), plain(2.725e32, digits=2), plain(6583.2, digits=3)
        ('0.001', '1e-5', '1e5', '2.7e32', '6580')
        >>> plain(float("inf")), plain(float("nan"))
        ('infinite', 'not a number')
    """
    if not np.isfinite(value):
        return "not a number" if np.isnan(value) else ("minus infinite" if value < 0 else "infinite")
    rounded = float(f"{value:.{digits}g}")
    if rounded == 0 or PLAIN[0] <= abs(rounded) < PLAIN[1]:
        return f"{rounded:.6g}"
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    return f"{float(mantissa):g}e{int(power)}"
