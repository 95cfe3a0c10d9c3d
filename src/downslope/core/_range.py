"""Which values of a number are allowed, and which are offered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict


class Limits(TypedDict, total=False):
    """The bounds of a number, as `check_number` takes them."""

    above: float
    at_least: float
    below: float
    at_most: float


@dataclass(frozen=True)
class Range:
    """The values of a number that a control offers; its limits allow more.

    Attributes:
        low: the least.
        high: the largest.
        log: whether they are spread by their size, not evenly.
        integer: whether only whole numbers are offered.
    """

    low: float
    high: float
    log: bool = False
    integer: bool = False
