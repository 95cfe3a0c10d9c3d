"""The numbers that optimizers take, and the bounds of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypedDict

from downslope.core import Advice, Function, NumberOrSchedule, Setting, SettingError, check_number
from downslope.schedules import Schedule, as_schedule

if TYPE_CHECKING:
    LearningRate = NumberOrSchedule | Literal["auto"]
else:  # refused in a sentence, as other numbers
    LearningRate = object


class Limits(TypedDict, total=False):
    """The bounds of a number, as `check_number` takes them."""

    above: float
    at_least: float
    below: float


LIMITS: dict[str, Limits] = {
    "learning_rate": {"at_least": 0.0},
    "momentum": {"at_least": 0.0, "below": 1.0},
    "decay": {"at_least": 0.0, "below": 1.0},
    "momentum_decay": {"at_least": 0.0},
    "b1": {"at_least": 0.0, "below": 1.0},
    "b2": {"at_least": 0.0, "below": 1.0},
    "eps": {"at_least": 0.0},
    "weight_decay": {"at_least": 0.0},
    "ema_decay": {"at_least": 0.0, "below": 1.0},
    "initial_accumulator": {"at_least": 0.0},
    "max_norm": {"above": 0.0},
}


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
    return check_number(name, value, **LIMITS[name])
