"""The optimizer of a descent: as an object, and as the Python that makes it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

from downslope.explorer.protocol import CHOICES, KINDS_OF_SCHEDULES, NUMBERS, DescentSettings
from downslope.optimizers import OPTIMIZERS, Facts, Optimizer, l2
from downslope.schedules import Schedule

NONZERO = 0.5
"""A value in the bounds of every number: optimizers leave out numbers that are 0."""


def settings_of(facts: Facts) -> tuple[str, ...]:
    """Return the settings that an optimizer has besides its rate: the numbers that are offered, and its choices."""
    offered = [number.name for number in facts.hyperparams if number.name in NUMBERS]
    choices = [choice for choice in facts.choices if choice in CHOICES]
    return tuple(name for name in (*offered, *choices) if name != "learning_rate")


def make_optimizer(settings: DescentSettings) -> Optimizer:
    """Make the optimizer that `optimizer_code` writes."""
    facts = OPTIMIZERS[settings.optimizer]
    optimizer = facts.maker(make_rate(settings), **{name: getattr(settings, name) for name in settings_of(facts)})
    return l2(settings.weight_decay, optimizer) if _wraps(settings) else optimizer


def changeable(settings: DescentSettings) -> dict[str, float]:
    """Return the numbers that can be changed besides those that the optimizer has: those that are still 0."""
    names = {"weight_decay", *settings_of(OPTIMIZERS[settings.optimizer])} & NUMBERS.keys()
    present = make_optimizer(settings).hyperparams
    return {name: 0.0 for name in sorted(names) if name not in present}


def with_slots(settings: DescentSettings, names: Iterable[str]) -> DescentSettings:
    """Return settings whose optimizer has these numbers, though they are 0: an optimizer leaves out those."""
    return settings.model_copy(update={name: NONZERO for name in names if name in changeable(settings)})


def make_rate(settings: DescentSettings) -> float | Schedule:
    """Make the learning rate: a number or a schedule."""
    facts = KINDS_OF_SCHEDULES[settings.schedule.kind]
    return facts.maker(**_schedule_arguments(settings)) if facts.numbers else settings.learning_rate


def optimizer_code(settings: DescentSettings) -> str:
    """Return the Python that makes the optimizer.

    Example:
        >>> optimizer_code(DescentSettings(learning_rate=0.5, momentum=0.9))
        'ds.sgd(0.5, momentum=0.9)'
    """
    facts = OPTIMIZERS[settings.optimizer]
    arguments = [rate_code(settings)]
    usual = inspect.signature(facts.maker).parameters
    for name in settings_of(facts):
        value = getattr(settings, name)
        if value != usual[name].default and not _pointless(settings, name):
            arguments.append(f"{name}={value!r}")
    code = f"ds.{facts.name}({', '.join(arguments)})"
    return f"ds.l2({settings.weight_decay!r}, {code})" if _wraps(settings) else code


def rate_code(settings: DescentSettings) -> str:
    """Return the Python that makes the rate."""
    facts = KINDS_OF_SCHEDULES[settings.schedule.kind]
    if not facts.numbers:
        return repr(settings.learning_rate)
    (_, first), *others = _schedule_arguments(settings).items()
    arguments = [repr(first), *(f"{name}={value!r}" for name, value in others)]
    return f"ds.schedules.{facts.name}({', '.join(arguments)})"


def _wraps(settings: DescentSettings) -> bool:
    """Return whether weight decay is that of `l2` around the optimizer, which has none of its own."""
    return settings.weight_decay > 0 and not OPTIMIZERS[settings.optimizer].decays_weights


def _pointless(settings: DescentSettings, name: str) -> bool:
    """Return whether a choice changes no line of the formula, as Nesterov's step without momentum."""
    chosen = settings.model_dump()
    lines = [line for line in OPTIMIZERS[settings.optimizer].formula if name in line.needs]
    return name in CHOICES and not any(line.holds(chosen) for line in lines)


def _schedule_arguments(settings: DescentSettings) -> dict[str, float | int]:
    """Return the arguments of the schedule's function, in its order."""
    facts = KINDS_OF_SCHEDULES[settings.schedule.kind]
    numbers = {number.name: getattr(settings.schedule, number.name) for number in facts.numbers}
    chosen = facts.shares(settings.learning_rate) | numbers
    return {name: chosen[name] for name in inspect.signature(facts.maker).parameters if name in chosen}
