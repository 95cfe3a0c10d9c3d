"""An optimizer from the options of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from downslope.cli.parse.schedule import schedule_of

if TYPE_CHECKING:
    from downslope.optimizers import Optimizer

AUTO = "auto"
"""In place of a learning rate or a batch size: `ds.train` is to find one."""

OPTIONS = {"learning_rate", "momentum", "weight_decay"}
"""Numbers of optimizers that are options."""


def optimizer_of(
    optimizer: str,
    learning_rate: float | str | None,
    momentum: float | None,
    schedule: str,
    steps: int,
    *,
    weight_decay: float | None = None,
    spare_biases: bool = False,
    clip: float | None = None,
) -> Optimizer:
    """Return the optimizer.

    Args:
        optimizer: as `ds.train` takes it.
        learning_rate: above 0; None for the optimizer's usual one; `"auto"` to have it found.
        momentum: for optimizers that take one by this name, or None.
        schedule: how the rate changes; see `schedule_of`.
        steps: of the whole training.
        weight_decay: 0 or more: the optimizer's own, else decoupled. None for the usual one.
        spare_biases: whether biases and norms do not decay.
        clip: the norm that gradients are shortened to, or None.

    Raises:
        UnknownNameError: there is no such optimizer or schedule.
        SettingError: momentum for an optimizer that has its own, biases to spare where nothing decays, or a number
            that cannot be.

    Example:
        >>> optimizer_of("sgd", 0.1, 0.9, "constant", 1000)
        sgd(0.1, momentum=0.9)
    """
    from downslope.core import Advice, Setting, SettingError, check_number
    from downslope.optimizers import OPTIMIZERS, as_optimizer, decoupled_weight_decay
    from downslope.optimizers import clip as clipped

    usual = as_optimizer(optimizer)
    if momentum is not None and "momentum" not in usual.settings:
        takers = [name for name in OPTIMIZERS if "momentum" in as_optimizer(name).settings]
        raise SettingError(
            Setting("momentum"),
            f"is for {' and '.join(takers)}, got the optimizer {optimizer}. Leave it out, or choose one of these.",
        )
    if learning_rate is None:
        learning_rate = usual.settings["learning_rate"]
    if learning_rate == AUTO and schedule != "constant":
        raise SettingError(
            Setting("learning_rate"),
            f"auto finds a constant rate, got it with the schedule {schedule!r}. Find the rate first, by downslope "
            "find-lr, and give the number.",
        )
    rate = learning_rate
    if rate != AUTO:
        rate = check_number("learning_rate", rate, above=0.0, advice="Try 0.001.")
    numbers = {"momentum": momentum, "weight_decay": weight_decay}
    own = {name: number for name, number in numbers.items() if number is not None and name in usual.settings}
    spared = {"decay_biases": False} if spare_biases else {}
    own |= spared if "weight_decay" in usual.settings else {}
    rule = usual.maker(rate if schedule == "constant" else schedule_of(schedule, float(rate), steps), **own)
    if weight_decay is not None and "weight_decay" not in own:
        rule = decoupled_weight_decay(weight_decay, rule, **spared)
    if spare_biases and "weight_decay" not in rule.hyperparams:
        raise SettingError(
            Setting("spare_biases"), "goes with weight decay, got none.", Advice("set some", weight_decay=0.01)
        )
    return rule if clip is None else clipped(_norm(clip), rule)


def options_of(optimizer: Optimizer) -> dict[str, str | float | int] | None:
    """Return the arguments of `optimizer_of` that make an optimizer; None where none do.

    Example:
        >>> from downslope import adam, clip, sgd
        >>> options_of(clip(1.0, sgd(0.1, momentum=0.9)))
        {'optimizer': 'sgd', 'learning_rate': 0.1, 'momentum': 0.9, 'clip': 1.0}
        >>> options_of(sgd(0.1, weight_decay=0.01, decay_biases=False))
        {'optimizer': 'sgd', 'learning_rate': 0.1, 'weight_decay': 0.01, 'spare_biases': True}
        >>> options_of(adam(0.001, b1=0.5)) is None
        True
    """
    from downslope.core import UnknownNameError
    from downslope.optimizers import as_optimizer

    name, settings = optimizer.maker.__name__, optimizer.settings
    for outer, option, number in (("clip", "clip", "max_norm"), ("decoupled_weight_decay",) + ("weight_decay",) * 2):
        if name == outer:
            inside = settings["optimizer"]
            inner = None if option in inside.settings else options_of(inside)
            spared = {} if settings.get("decay_biases", True) else {"spare_biases": True}
            return None if inner is None else {**inner, option: settings[number], **spared}
    try:
        usual = as_optimizer(name).settings
    except UnknownNameError:
        return None
    changed = {setting: value for setting, value in settings.items() if value != usual[setting]}
    numbers = {"learning_rate": settings["learning_rate"], **changed}
    spared = {} if numbers.pop("decay_biases", True) else {"spare_biases": True}
    plain = all(isinstance(value, (int, float)) for value in numbers.values())
    return {"optimizer": name, **numbers, **spared} if plain and numbers.keys() <= OPTIONS else None


def _norm(clip: float) -> float:
    """Return the norm to shorten gradients to, checked under the name of the option."""
    from downslope.core import check_number

    return check_number("clip", clip, above=0.0, advice="Try 1.")
