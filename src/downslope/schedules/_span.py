"""Over how many steps a schedule reaches, where it is made for a number of steps; and the same one over others."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from downslope.schedules._cosine_decay import CosineDecay
from downslope.schedules._one_cycle import OneCycle
from downslope.schedules._schedule import Schedule
from downslope.schedules._sequence import Sequence
from downslope.schedules._warmup import Warmup

Kind = TypeVar("Kind", bound=Schedule)


def span(schedule: Schedule) -> int | None:
    """Return after how many steps a schedule has come to its end, where it stays; None for one without end.

    Example:
        >>> from downslope.schedules import cosine_decay, exponential_decay, warmup
        >>> span(warmup(10, cosine_decay(0.1, 90))), span(exponential_decay(0.1, 0.99))
        (100, None)
    """
    match schedule:
        case CosineDecay() | OneCycle():
            return int(schedule.steps)
        case Warmup():
            inner = span(schedule.then)
            return None if inner is None else inner + int(schedule.steps)
        case Sequence():
            inner = span(schedule.then)
            return None if inner is None else inner + int(schedule.at) - int(schedule.offset)
        case _:
            return None


def stretched(schedule: Kind, steps: int) -> Kind:
    """Return a schedule that has an end so that the end comes after other steps; a warm-up keeps its length.

    Example:
        >>> from downslope.schedules import cosine_decay, warmup
        >>> stretched(warmup(10, cosine_decay(0.1, 90)), 200).then
        CosineDecay(start=0.1, steps=190, end=0.0)
    """
    match schedule:
        case CosineDecay() | OneCycle():
            return replace(schedule, steps=max(1, steps))
        case Warmup():
            return replace(schedule, then=stretched(schedule.then, steps - int(schedule.steps)))
        case Sequence():
            return replace(schedule, then=stretched(schedule.then, steps - int(schedule.at) + int(schedule.offset)))
        case _:
            return schedule


def from_its_start(schedule: Schedule, steps: int) -> Schedule:
    """Return a schedule that has an end from its start, over other steps; of a sequence, its last part."""
    return from_its_start(schedule.then, steps) if isinstance(schedule, Sequence) else stretched(schedule, steps)
