"""The numbers that optimizers take: the letter, the bounds and the usual range of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from downslope.core import Advice, Function, Limits, NumberOrSchedule, Range, Setting, SettingError, check_number
from downslope.schedules import Schedule, as_schedule

if TYPE_CHECKING:
    LearningRate = NumberOrSchedule | Literal["auto"]
else:  # refused in a sentence, as other numbers
    LearningRate = object


@dataclass(frozen=True)
class NumberFacts:
    """What is true of a number in every optimizer that takes it.

    Attributes:
        letter: the sign for it in formulas.
        label: the words for it on controls.
        limits: its bounds.
        range: what controls offer; None for a number that is rarely changed, which they leave out.
    """

    letter: str
    label: str
    limits: Limits
    range: Range | None = None


NOT_NEGATIVE: Limits = {"at_least": 0.0}
SHARE: Limits = {"at_least": 0.0, "below": 1.0}

NUMBERS = {
    "learning_rate": NumberFacts("η", "Learning rate", NOT_NEGATIVE, Range(1e-6, 10.0, log=True)),
    "momentum": NumberFacts("μ", "Momentum", SHARE, Range(0.0, 0.99)),
    "decay": NumberFacts("ρ", "Decay", SHARE, Range(0.0, 0.999)),
    "momentum_decay": NumberFacts("ψ", "Momentum decay", NOT_NEGATIVE),
    "b1": NumberFacts("β₁", "β₁", SHARE, Range(0.0, 0.99)),
    "b2": NumberFacts("β₂", "β₂", SHARE, Range(0.0, 0.9999)),
    "eps": NumberFacts("ε", "ε", NOT_NEGATIVE),
    "weight_decay": NumberFacts("λ", "Weight decay", NOT_NEGATIVE, Range(0.0, 1.0)),
    "ema_decay": NumberFacts("β", "Decay of the average", SHARE),
    "initial_accumulator": NumberFacts("s₀", "Initial sum", NOT_NEGATIVE),
    "max_norm": NumberFacts("c", "Largest norm", {"above": 0.0}),
}
"""The facts of each number by its name, the same in all optimizers."""


AUTO = "auto"
"""In place of a learning rate: `ds.train` is to find one."""


def check_hyperparam(name: str, value: NumberOrSchedule) -> float | Schedule:
    """Return a number within the bounds of its name, or a schedule.

    Raises:
        SettingError: it is neither, or out of bounds.
    """
    return as_schedule(value) if callable(value) else check_value(name, value)


def check_learning_rate(value: LearningRate) -> float | Schedule | Literal["auto"]:
    """Return a learning rate, as `check_hyperparam` does; `"auto"` stays.

    Raises:
        SettingError: it is no number, no schedule, or out of bounds.
    """
    if isinstance(value, str) and value == AUTO:
        return AUTO
    return as_schedule(value) if callable(value) else check_value("learning_rate", value)


def check_found(numbers: Mapping[str, object]) -> None:
    """Check that no learning rate is still to be found.

    Raises:
        SettingError: one is.
    """
    if isinstance(numbers.get("learning_rate"), str):
        raise SettingError(
            Setting("learning_rate"),
            "'auto' is for",
            Function("train"),
            ", which finds one before it begins, got it where a number is needed.",
            Advice("find it first, by {}", code="ds.find_learning_rate(net, data, optimizer=…).optimizer"),
        )


def check_value(name: str, value: object) -> float:
    """Return a number within the bounds of its name.

    Raises:
        SettingError: it is no number, or out of bounds.
    """
    return check_number(name, value, **NUMBERS[name].limits)
