"""The optimizer of a descent: as an object, and as the Python that makes it."""

from __future__ import annotations

from collections.abc import Iterable

from downslope import optimizers, schedules
from downslope.explorer.protocol import DescentSettings
from downslope.optimizers import Optimizer
from downslope.schedules import Schedule

NUMBERS: dict[str, tuple[str, ...]] = {
    "sgd": ("momentum", "nesterov"),
    "rmsprop": ("decay", "momentum"),
    "adam": ("b1", "b2"),
    "adamw": ("b1", "b2", "weight_decay"),
    "nadam": ("b1", "b2"),
    "adagrad": (),
    "adadelta": ("decay",),
}
"""Which settings each optimizer has besides its rate."""

NONZERO = 0.5
"""A value in the bounds of every number: optimizers leave out numbers that are 0."""


def make_optimizer(settings: DescentSettings) -> Optimizer:
    """Make the optimizer that `optimizer_code` writes."""
    numbers = {name: getattr(settings, name) for name in NUMBERS[settings.optimizer]}
    optimizer = getattr(optimizers, settings.optimizer)(make_rate(settings), **numbers)
    decayed = settings.weight_decay > 0 and settings.optimizer != "adamw"
    return optimizers.l2(settings.weight_decay, optimizer) if decayed else optimizer


def changeable(settings: DescentSettings) -> dict[str, float]:
    """Return the numbers that can be changed besides those that the optimizer has: those that are still 0."""
    names = {"weight_decay", *(NUMBERS[settings.optimizer])} & {"weight_decay", "momentum"}
    return {name: 0.0 for name in sorted(names) if getattr(settings, name) == 0}


def with_slots(settings: DescentSettings, names: Iterable[str]) -> DescentSettings:
    """Return settings whose optimizer has these numbers, though they are 0: an optimizer leaves out those."""
    return settings.model_copy(update={name: NONZERO for name in names if name in changeable(settings)})


def make_rate(settings: DescentSettings) -> float | Schedule:
    """Make the learning rate: a number or a schedule."""
    name, arguments = _schedule_call(settings)
    if not name:
        return settings.learning_rate
    positional = [value for key, value in arguments if not key]
    return getattr(schedules, name)(*positional, **{key: value for key, value in arguments if key})


def optimizer_code(settings: DescentSettings) -> str:
    """Return the Python that makes the optimizer.

    Example:
        >>> optimizer_code(DescentSettings(learning_rate=0.5, momentum=0.9))
        'ds.sgd(0.5, momentum=0.9)'
    """
    arguments = [rate_code(settings)]
    plain = DescentSettings(optimizer=settings.optimizer)
    for name in NUMBERS[settings.optimizer]:
        value = getattr(settings, name)
        if name == "weight_decay" or (value != getattr(plain, name) and not _pointless(settings, name)):
            arguments.append(f"{name}={value!r}")
    code = f"ds.{settings.optimizer}({', '.join(arguments)})"
    decayed = settings.weight_decay > 0 and settings.optimizer != "adamw"
    return f"ds.l2({settings.weight_decay!r}, {code})" if decayed else code


def rate_code(settings: DescentSettings) -> str:
    """Return the Python that makes the rate."""
    name, values = _schedule_call(settings)
    if not name:
        return repr(settings.learning_rate)
    arguments = [f"{key}={value!r}" if key else repr(value) for key, value in values]
    return f"ds.schedules.{name}({', '.join(arguments)})"


def _pointless(settings: DescentSettings, name: str) -> bool:
    """Return whether a setting says nothing: Nesterov's step without momentum."""
    return name == "nesterov" and settings.momentum == 0


def _schedule_call(settings: DescentSettings) -> tuple[str, list[tuple[str, float | int]]]:
    """Return the name of the schedule's function, empty for none, and its arguments, by keyword where one is named."""
    rate, chosen = settings.learning_rate, settings.schedule
    match chosen.kind:
        case "constant":
            return "", []
        case "step_decay":
            return chosen.kind, [("", rate), ("factor", chosen.factor), ("every", chosen.every)]
        case "exponential_decay":
            return chosen.kind, [("", rate), ("rate", chosen.rate), ("every", chosen.every)]
        case "inverse_time_decay":
            return chosen.kind, [("", rate), ("rate", chosen.rate), ("power", chosen.power)]
        case "cosine_decay" | "one_cycle":
            return chosen.kind, [("", rate), ("steps", chosen.steps)]
        case "cyclic":
            return chosen.kind, [("low", rate / 10), ("high", rate), ("period", chosen.period)]
        case "warmup":
            return chosen.kind, [("", chosen.steps), ("then", rate)]
