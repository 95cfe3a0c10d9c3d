"""The command that trains with the settings that another command chose."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from downslope.cli.options import ALL_ROWS, changed_options


def train_command(source: str, *groups: object, settings: Mapping[str, object]) -> str:
    """Return the words of `downslope train` with the options of a command that are not as by default, and with more.

    Args:
        source: what to train on.
        groups: the option groups of the command; their defaults are those of `downslope train`.
        settings: more options by the names of their parameters; None for what is to be left out.

    Example:
        >>> from downslope.cli.options import NetworkOptions
        >>> train_command("my data.csv", NetworkOptions(skip=True), settings={"learning_rate": 0.1})
        "downslope train 'my data.csv' --skip --learning-rate 0.1"
    """
    options: dict[str, object] = {}
    for group in groups:
        options |= changed_options(group)
    words = ["downslope", "train", source]
    for name, value in {**options, **settings}.items():
        option = f"--{name.replace('_', '-')}"
        values = [] if value is None else value if isinstance(value, list) else [value]
        texts = ["all" if item == ALL_ROWS else str(item) for item in values]
        words += [option] if value is True else [word for text in texts for word in (option, text)]
    return shlex.join(words)
