"""A learning-rate schedule as text, such as `cosine`, `step:0.5:1000` or `warmup:100+cosine`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from downslope.schedules import Schedule

NOTATIONS = (
    "constant",
    "step:FACTOR:EVERY",
    "exponential:RATE[:EVERY]",
    "inverse:RATE[:POWER]",
    "cosine[:END]",
    "one-cycle",
    "cyclic:LOW:PERIOD[:MODE]",
    "plateau:FACTOR:PATIENCE",
    "warmup:STEPS[+SCHEDULE]",
)


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

    first, plus, rest = text.partition("+")
    name, *numbers = first.replace("_", "-").split(":")
    kinds = _kinds(rate, steps, rest if plus else "constant")
    if name not in kinds:
        raise UnknownNameError("schedule", name, kinds)
    kind = kinds[name]
    fits = kind.at_least <= len(numbers) <= kind.at_most and not (plus and name != "warmup")
    if not fits or (plus and not rest):
        raise SettingError(Setting("schedule"), f"{name} is written {kind.notation}, got {text!r}.")
    try:
        return kind.make(*map(_number, numbers))
    except SettingError as error:
        if error.setting == "schedule":
            raise
        raise SettingError(Setting("schedule"), f"{kind.notation}, got {text!r}:", error.message) from None


@dataclass(frozen=True)
class Kind:
    """A schedule that can be written: its notation and its maker, which takes so many numbers."""

    notation: str
    make: Callable[..., Schedule]

    @property
    def at_least(self) -> int:
        """How many numbers it needs."""
        return self.notation.partition("[")[0].count(":")

    @property
    def at_most(self) -> int:
        """How many numbers it takes."""
        return self.notation.count(":")


def _kinds(rate: float, steps: int, after_warmup: str) -> dict[str, Kind]:
    """Return all schedules by name."""
    from downslope import schedules

    def warmup(length: Any) -> Schedule:
        left = max(1, steps - length) if isinstance(length, int) else steps
        return schedules.warmup(length, schedule_of(after_warmup, rate, left))

    makers: tuple[Callable[..., Schedule], ...] = (
        lambda: schedules.constant(rate),
        lambda factor, every: schedules.step_decay(rate, factor, every),
        lambda decay, every=1: schedules.exponential_decay(rate, decay, every),
        lambda decay, power=1: schedules.inverse_time_decay(rate, decay, power),
        lambda end=0: schedules.cosine_decay(rate, steps, end),
        lambda: schedules.one_cycle(rate, steps),
        lambda low, period, mode="triangular": schedules.cyclic(low, rate, period, mode),
        lambda factor, patience: schedules.reduce_on_plateau(rate, factor, patience),
        warmup,
    )
    names = [notation.split(":")[0].split("[")[0] for notation in NOTATIONS]
    kinds = [Kind(notation, make) for notation, make in zip(NOTATIONS, makers, strict=True)]
    return dict(zip(names, kinds, strict=True))


def _number(text: str) -> int | float | str:
    """Return a text as a whole number or a number where it is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
