"""Changes as they are written: arguments in Python, options on the command line."""

from __future__ import annotations

from downslope.core import Advice, Message, Values
from downslope.diagnosis.finding import Change
from downslope.diagnosis.remedies.variants import difference, network_settings
from downslope.networks import Sequential
from downslope.optimizers import Optimizer
from downslope.schedules import Schedule


def in_words(change: Change, net: Sequential, steps: int = 0) -> Message:
    """Return changed settings of `ds.train` as they are written; another network by how it differs from `net`.

    Args:
        change: the settings.
        net: the network without the change.
        steps: of the whole training, which a schedule may fill.

    Example:
        >>> import downslope as ds
        >>> net = ds.mlp([8], outputs=1)
        >>> in_words({"normalize": "standard", "start": None}, net)
        "normalize='standard'"
        >>> in_words({"net": ds.mlp([16], outputs=1), "start": None}, net)
        'a network with hidden layers of 16'
        >>> in_words({"net": ds.mlp([8], outputs=1, dropout=0.2), "start": None}, net)
        'a network with dropout=0.2'
    """
    others = {name: value for name, value in change.items() if name not in ("net", "start")}
    written, code = dict(others), ", ".join(f"{name}={value!r}" for name, value in others.items())
    optimizer, other = others.get("optimizer"), change.get("net")
    if isinstance(optimizer, Optimizer):
        written |= optimizer_settings(optimizer, steps)
    if not isinstance(other, Sequential):
        return Message(Values(written | _start(change), code=code if not _start(change) else ""))
    settings = network_settings(net, other)
    plain = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    words = f"a network with {plain if plain and 'network' not in settings else difference(net, other)}"
    if settings:
        return Message(Values(settings | written, code=f"{words}, {code}" if code else words))
    return Message(words, *([",", Values(written, code=code)] if written else []))


def _start(change: Change) -> dict[str, object]:
    """Return the start that a change sets, where it sets one."""
    return {} if change.get("start") is None else {"start": change["start"]}


def advice_on_optimizer(words: str, optimizer: Optimizer, steps: int) -> Advice:
    """Return the advice to use an optimizer, whose rate may follow a schedule of so many steps."""
    return Advice(words, code=f"optimizer={optimizer!r}", **optimizer_settings(optimizer, steps))


def optimizer_settings(optimizer: Optimizer, steps: int) -> dict[str, object]:
    """Return an optimizer with a constant rate, and the schedule of the rate in words where it has some.

    Args:
        optimizer: whose rate may follow a schedule.
        steps: of the whole training.

    Example:
        >>> import downslope as ds
        >>> optimizer_settings(ds.adam(ds.schedules.cosine_decay(0.1, 500)), 500)
        {'optimizer': adam(0.1), 'schedule': 'cosine'}
        >>> optimizer_settings(ds.adam(ds.schedules.step_decay(0.1, 0.5, every=20)), 500)
        {'optimizer': adam(0.1), 'schedule': 'step:0.5:20'}
    """
    rate = optimizer.hyperparams.get("learning_rate")
    match rate.rendered() if isinstance(rate, Schedule) else {}:
        case {"kind": "schedules.step_decay", "start": start, "factor": factor, "every": every}:
            return {"optimizer": optimizer.replace(learning_rate=start), "schedule": f"step:{factor:g}:{every}"}
        case {"kind": "schedules.cosine_decay", "start": start, "steps": length, "end": 0} if length == steps:
            return {"optimizer": optimizer.replace(learning_rate=start), "schedule": "cosine"}
        case _:
            return {"optimizer": optimizer}
