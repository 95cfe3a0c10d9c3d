"""Commands that are suggested to the user, quoted so that they can be pasted into a shell."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from os import PathLike

from downslope.cli.options import ALL_ROWS, changed_options


def command_line(verb: str, *arguments: str | PathLike[str], options: Mapping[str, object] | None = None) -> str:
    """Return a command of Downslope with its arguments and options.

    Arguments that begin with a dash stand behind `--`, at the end: they would be taken for options elsewhere.

    Args:
        verb: the name of the command.
        arguments: in their order.
        options: by the names of their parameters: True for a flag, a list for one that is repeated, None for one that
            is left out.

    Example:
        >>> command_line("diagnose", "my runs/1", options={"verify": True})
        "downslope diagnose 'my runs/1' --verify"
        >>> command_line("diagnose", "-r", options={"verify": True})
        'downslope diagnose --verify -- -r'
    """
    texts = [str(argument) for argument in arguments]
    words = [word for name, value in (options or {}).items() for word in _option_words(name, value)]
    dashed = any(text.startswith("-") for text in texts)
    return shlex.join(["downslope", verb, *(words if dashed else texts), *(["--", *texts] if dashed else words)])


def train_command(source: str, *groups: object, settings: Mapping[str, object]) -> str:
    """Return `downslope train` with the options of a command that are not as by default, and with more.

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
    return command_line("train", source, options={**options, **settings})


def _option_words(name: str, value: object) -> list[str]:
    """Return the words of an option."""
    option = f"--{name.replace('_', '-')}"
    if value is True:
        return [option]
    values = [] if value is None else value if isinstance(value, list) else [value]
    return [word for item in values for word in (option, "all" if item == ALL_ROWS else str(item))]
