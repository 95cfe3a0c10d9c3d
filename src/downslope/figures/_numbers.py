"""Numbers in sentences and beside bars: a few digits, and no exponent where none is needed."""

from __future__ import annotations

from downslope.figures._ticks import plain


def short(value: float, digits: int = 3) -> str:
    """Return a number rounded to a few digits, as short as it reads well.

    Example:
        >>> short(6583.2), short(0.12345), short(2.0004e-7), short(-31.416, digits=2)
        ('6580', '0.123', '2e-7', '-31')
    """
    return plain(float(f"{value:.{digits}g}"))
