"""How the schedule of the learning rate goes on when a run is to make more epochs than it was made for."""

from __future__ import annotations

from typing import Any

from downslope.core import Advice, Message, Setting, SettingError, rebuild
from downslope.data import Batches
from downslope.networks import Sequential
from downslope.optimizers import Optimizer
from downslope.runs import Record
from downslope.schedules import Schedule, as_schedule, from_its_start, sequence, span, stretched
from downslope.training.problem.last_batch import last_batch_rule
from downslope.training.recipe import ROOMS
from downslope.training.settings import TrainingSettings, size_at

RATE = "learning_rate"
WAYS = {
    "stretch": "from here on its rates are those it would have over all epochs",
    "restart": "it begins again, over the added epochs",
    "hold": "it stays where it ended",
}
"""The ways in which a schedule that ends can go on, and what they mean."""

Way = str | Schedule | float | None
"""One of them; a schedule or a number from here on; or None."""


def check_way(way: object) -> None:
    """Check how a schedule is to go on.

    Raises:
        SettingError: it is no way in which one can.
    """
    if way is None or isinstance(way, (int, float)) or callable(way) or way in WAYS:
        return
    raise SettingError(
        Setting("schedule"), f"must be {', '.join(map(repr, WAYS))}, a schedule or a number, got {way!r}."
    )


def going_on(
    optimizer: Optimizer, net: Sequential, record: Record, way: Way, *, steps_done: int, epochs: int
) -> Optimizer:
    """Return the optimizer that a run goes on with.

    Args:
        optimizer: of the run so far.
        net: the network of the run.
        record: of the run.
        way: how the schedule of the learning rate goes on; None where nothing was said.
        steps_done: how many steps the run has made.
        epochs: how many there are in all now.

    Raises:
        SettingError: its schedule ends before these epochs do, and nothing was said; or there is no schedule to go on
            with in that way.
    """
    before = int(record.configuration["epochs"])
    steps, steps_before = _steps(net, record, epochs), _steps(net, record, before)
    ended = {name: value for name, value in optimizer.hyperparams.items() if _ends(value, steps)}
    if way is None or isinstance(way, str):
        if epochs <= before and way is not None:
            raise SettingError(Setting("schedule"), f"{way!r} goes with more", Setting("epochs"), f"than {before}.")
        if epochs > before and ended and way is None:
            raise SettingError(_question(ended, epochs))
        if way is None or way == "hold" or not ended:
            return optimizer
        changed = {name: _continued(value, way, steps_done, steps_before, steps) for name, value in ended.items()}
    else:
        changed = {RATE: _followed_by(optimizer.hyperparams.get(RATE), way, steps_done)}
    return _with_numbers(optimizer, changed)


def _steps(net: Sequential, record: Record, epochs: int) -> int:
    """Return how many steps so many epochs of a run have."""
    names = ("batch_size", "drop_last")
    settings = TrainingSettings(**{name: rebuild(record.configuration[name], ROOMS) for name in names})
    rows, size = int(record.data["rows"]), settings.batch_size
    rule = last_batch_rule(settings, net, tuple(record.preprocessing["input_shape"]))
    if isinstance(size, Schedule):
        return sum(Batches(rows, size_at(size, epoch), drop_last=rule).steps for epoch in range(epochs))
    return epochs * Batches(rows, int(size), drop_last=rule).steps


def _ends(value: object, steps: int) -> bool:
    """Return whether a number follows a schedule that ends before so many steps."""
    length = span(value) if isinstance(value, Schedule) else None
    return length is not None and length < steps


def _question(ended: dict[str, Any], epochs: int) -> Message:
    """Return what must be said before a run with an ended schedule makes more epochs."""
    name, schedule = next(iter(ended.items()))
    last = float(schedule(span(schedule)))
    return Message(
        f"The schedule of the {name.replace('_', ' ')} ends after {span(schedule)} steps, before {epochs} epochs do, "
        f"and would stay at {last:g}. Say how it goes on:",
        Setting("schedule"),
        f"{'; '.join(f'{way!r}, {meaning}' for way, meaning in WAYS.items())}; or another one.",
    )


def _continued(schedule: Schedule, way: str, steps_done: int, steps_before: int, steps: int) -> Schedule:
    """Return a schedule that went on, over the whole run."""
    if way == "restart":
        begins = max(steps_done, steps_before)
        return sequence(schedule, from_its_start(schedule, steps - begins), at=begins)
    longer = stretched(schedule, steps)
    return sequence(schedule, longer, at=steps_done, offset=steps_done) if steps_done else longer


def _followed_by(value: Any, way: Schedule | float, steps_done: int) -> Schedule:
    """Return a number's schedule over the whole run, another from now on.

    Raises:
        SettingError: the optimizer shows no learning rate.
    """
    if value is None:
        raise SettingError(
            Setting("schedule"), "sets the learning rate, and the run's optimizer shows none.", Advice("leave it out")
        )
    following = as_schedule(way)
    return sequence(as_schedule(value), following, at=steps_done) if steps_done else following


def _with_numbers(optimizer: Optimizer, numbers: dict[str, Any]) -> Optimizer:
    """Return an optimizer with other numbers.

    Raises:
        SettingError: it does not take them.
    """
    if not numbers.keys() <= optimizer.all_settings.keys():
        raise SettingError(
            Setting("schedule"),
            f"cannot be changed in the optimizer {optimizer!r}.",
            Advice("train again with the other schedule, from {}", code="start=run.last"),
        )
    return optimizer.replace(**numbers)
