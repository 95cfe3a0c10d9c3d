"""A learning-rate schedule as text, such as `cosine`, `step:0.5:1000` or `warmup:100+cosine`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from downslope.schedules import Schedule, ScheduleFacts


def schedule_of(text: str, rate: float, steps: int) -> Schedule:
    """Return the schedule that a text stands for.

    Args:
        text: a name and its numbers, separated by colons; numbers count steps, but patience counts epochs.
        rate: where it starts, or peaks (`one-cycle`, `cyclic`).
        steps: steps of the whole training, which `cosine` and `one-cycle` fill.

    Raises:
        UnknownNameError: there is no such schedule.
        SettingError: numbers that do not fit it.

    Example:
        >>> schedule_of("step:0.5:1000", 0.1, 5000)
        StepDecay(start=0.1, factor=0.5, every=1000)
        >>> schedule_of("warmup:10+cosine", 0.1, 100).then
        CosineDecay(start=0.1, steps=90, end=0.0)
    """
    from downslope.core import Setting, SettingError, UnknownNameError
    from downslope.schedules import SCHEDULES

    first, plus, rest = text.partition("+")
    name, *numbers = first.replace("_", "-").split(":")
    kinds = {facts.short: facts for facts in SCHEDULES.values()}
    if name not in kinds:
        raise UnknownNameError("schedule", name, kinds)
    facts = kinds[name]
    fits = len(facts.needed) <= len(numbers) <= len(facts.written) and not (plus and facts.wraps is None)
    if not fits or (plus and not rest):
        raise SettingError(Setting("schedule"), f"{name} is written {facts.notation}, got {text!r}.")
    try:
        return _with_training(facts, dict(zip(facts.written, map(_number, numbers), strict=False)), rate, steps, rest)
    except SettingError as error:
        if error.setting == "schedule":
            raise
        raise SettingError(Setting("schedule"), f"{facts.notation}, got {text!r}:", error.message) from None


def _with_training(
    facts: ScheduleFacts, numbers: dict[str, int | float | str], rate: float, steps: int, wrapped: str
) -> Schedule:
    """Return a schedule of the numbers that were written, with the rate and the length of the training put in."""
    arguments: dict[str, object] = {**facts.shares(rate), **numbers}
    if facts.fills is not None:
        arguments[facts.fills] = steps
    if facts.wraps is not None:
        length = numbers["steps"]
        left = max(1, steps - length) if isinstance(length, int) else steps
        arguments[facts.wraps] = schedule_of(wrapped or "constant", rate, left)
    return facts.maker(**arguments)


def _number(text: str) -> int | float | str:
    """Return a text as a whole number or a number where it is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
