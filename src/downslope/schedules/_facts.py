"""The facts of each schedule, in one place: notations and controls elsewhere read them here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from downslope.core import Limits, Range


@dataclass(frozen=True)
class ScheduleNumber:
    """A number that shapes a schedule.

    Attributes:
        name: the argument's.
        default: where controls begin.
        range: what controls offer.
        limits: its bounds.
    """

    name: str
    default: float | int
    range: Range
    limits: Limits


def steps_number(name: str, default: int, at_least: int = 1) -> ScheduleNumber:
    """Return a number of steps."""
    return ScheduleNumber(name, default, Range(2.0, 100_000.0, log=True, integer=True), {"at_least": float(at_least)})


@dataclass(frozen=True)
class ScheduleFacts:
    """What is true of a schedule whatever its numbers are.

    Attributes:
        maker: the public function that makes it.
        notation: how it is written: a short name, and the arguments behind it in capitals, optional ones in brackets.
        rates: the arguments that are the learning rate, or a part of it: what it is divided by for each.
        numbers: those that controls offer.
        fills: the argument that is the length of the training in a notation, where it has one.
        wraps: the argument that is another schedule in a notation, where it has one.
        observes: whether it goes by the validation losses of epochs.
    """

    maker: Callable
    notation: str
    rates: Mapping[str, float]
    numbers: tuple[ScheduleNumber, ...] = ()
    fills: str | None = None
    wraps: str | None = None
    observes: bool = False

    @property
    def name(self) -> str:
        """The name of its function."""
        return self.maker.__name__

    @property
    def short(self) -> str:
        """The short name in its notation."""
        return re.match("[a-z-]+", self.notation)[0]  # pyright: ignore[reportOptionalSubscript]

    @property
    def written(self) -> tuple[str, ...]:
        """The arguments in its notation, in order."""
        return tuple(name.lower() for name in re.findall(":([A-Z]+)", self.notation))

    @property
    def needed(self) -> tuple[str, ...]:
        """Those of them that are not optional."""
        return tuple(name.lower() for name in re.findall(":([A-Z]+)", self.notation.partition("[")[0]))

    def shares(self, rate: float) -> dict[str, float]:
        """Return the arguments that are the learning rate, or a part of it."""
        return {name: rate / divisor for name, divisor in self.rates.items()}
