"""The answer to `hello`: all that can be chosen."""

from __future__ import annotations

from collections.abc import Iterator

from downslope.core import Range as Offered
from downslope.data import NORMALIZATIONS
from downslope.explorer.lessons import LESSONS
from downslope.explorer.protocol import (
    ACTIVATIONS,
    CLASSICS,
    CREDIT,
    DIRECTIONS,
    INITIALIZERS,
    KINDS_OF_SCHEDULES,
    NORMS,
    NUMBERS,
    SETS,
    SIZES,
    DataInfo,
    DescentSettings,
    FormulaInfo,
    OptimizerInfo,
    Range,
    ScheduleInfo,
    Welcome,
)
from downslope.explorer.subjects import Exhibit, settings_of
from downslope.layers import activation_labels
from downslope.optimizers import OPTIMIZERS, Facts
from downslope.schedules import ScheduleFacts

OTHER_RANGES = (
    Range(name="batch_size", low=1, high=2048, default=32, log=True, whole=True),
    Range(name="steps", low=1, high=100_000, default=2000, log=True, whole=True),
    Range(name="speed", low=0.5, high=10_000, default=30, log=True),
    Range(name="noise", low=0, high=2, default=0),
    Range(name="dropout", low=0, high=0.9, default=0),
    Range(name="depth", low=0, high=8, default=1, whole=True),
    Range(name="width", low=1, high=256, default=16, log=True, whole=True),
    Range(name="epochs", low=1, high=200, default=20, log=True, whole=True),
)
"""What controls offer besides the numbers of optimizers; the wire takes more."""

STRIDE, ACCUMULATING_STRIDE = 0.02, 0.2
"""Shares of a plane's half-width that steps shall have at first; those that become shorter begin with longer ones."""


def welcome(exhibit: Exhibit) -> Welcome:
    """Return the answer to `hello`."""
    return Welcome(
        title=exhibit.name or "Downslope",
        opens=exhibit.opens,
        has_run=exhibit.run is not None,
        classics=CLASSICS,
        data_sets=tuple(
            DataInfo(name=info.name, rows=info.rows, features=info.features, about=info.about) for info in SETS
        ),
        activations=ACTIVATIONS,
        initializers=INITIALIZERS,
        norms=NORMS,
        normalizations=tuple(NORMALIZATIONS),
        optimizers=tuple(_optimizer(facts) for facts in OPTIMIZERS.values()),
        schedules=tuple(_schedule(facts) for facts in KINDS_OF_SCHEDULES.values()),
        directions=tuple(DIRECTIONS),
        sizes=SIZES,
        ranges=(*_ranges(), *OTHER_RANGES),
        labels=_labels(),
        letters={number.name: number.facts.letter for facts in OPTIMIZERS.values() for number in facts.hyperparams},
        descent=DescentSettings(),
        scenes=LESSONS,
        credit=CREDIT,
    )


def _optimizer(facts: Facts) -> OptimizerInfo:
    """Return an optimizer to choose; weight decay is offered with each, as `l2` where it is not the optimizer's own."""
    numbers = [name for name in settings_of(facts) if name in NUMBERS]
    letters = {number.name: number.facts.letter for number in facts.hyperparams} | {"weight_decay": "λ"}
    stride = ACCUMULATING_STRIDE if facts.accumulates else STRIDE
    return OptimizerInfo(
        name=facts.name,
        numbers=tuple(dict.fromkeys([*numbers, "weight_decay"])),
        choices=facts.choices,
        learning_rate=facts.learning_rate,
        stride=stride if facts.rate_is_length else None,
        formula=tuple(
            FormulaInfo(
                text=line.text,
                needs=line.needs,
                lacks=line.lacks,
                numbers=tuple(name for name, letter in letters.items() if letter in line.text),
            )
            for line in facts.formula
        ),
    )


def _schedule(facts: ScheduleFacts) -> ScheduleInfo:
    """Return a schedule to choose."""
    numbers = tuple(_range(number.name, number.range, number.default) for number in facts.numbers)
    return ScheduleInfo(name=facts.name, numbers=numbers)


def _ranges() -> Iterator[Range]:
    """Yield the ranges of the numbers of optimizers."""
    usual = DescentSettings().model_dump()
    for name, number in NUMBERS.items():
        if number.facts.range is not None:
            yield _range(name, number.facts.range, usual[name], number.facts.label)


def _range(name: str, offered: Offered, default: float | int, label: str = "") -> Range:
    """Return the range of a number as the wire has it."""
    return Range(
        name=name,
        label=label,
        low=offered.low,
        high=offered.high,
        default=default,
        log=offered.log,
        whole=offered.integer,
    )


def _labels() -> dict[str, str]:
    """Return how people write names, of all that can be chosen."""
    optimizers = {name: facts.label for name, facts in OPTIMIZERS.items()}
    sets = {info.name: info.label for info in SETS if info.label is not None}
    return optimizers | activation_labels() | sets | NORMALIZATIONS | DIRECTIONS | {"auto": "automatic"}
