"""The command that trains with what another command found."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from downslope.cli.options.training import ALL_ROWS


def train_command(command: Callable[..., None], asked: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Return the words of `downslope train` with some settings, and with all else that a command was asked for.

    Args:
        command: the one that was asked; its defaults are those of `downslope train`.
        asked: its arguments, by their names in Python.
        settings: what it found.

    Example:
        >>> def find(source, epochs=50, skip=False): ...
        >>> train_command(find, {"source": "my data.csv", "epochs": 50, "skip": True}, {"learning_rate": 0.1})
        "downslope train 'my data.csv' --skip --learning-rate 0.1"
    """
    usual = inspect.signature(command).parameters
    own = (*settings, "source", "steps", "json", "figure")
    others = {name: value for name, value in asked.items() if name not in own and value != usual[name].default}
    words = ["downslope", "train", asked["source"]]
    for name, value in (others | dict(settings)).items():
        option = f"--{name.replace('_', '-')}"
        values = [] if value is None else value if isinstance(value, list) else [value]
        texts = ["all" if one == ALL_ROWS else str(one) for one in values]
        words += [option] if value is True else [word for text in texts for word in (option, text)]
    return shlex.join(words)
