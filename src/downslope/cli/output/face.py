"""Messages in the words of a command: settings are its options."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from downslope.cli.parse import options_of

if TYPE_CHECKING:
    from typer.core import TyperOption

OPTIONS = {
    "early_stopping.metric": "early_stopping_metric",
    "metrics": "metric",
    "normalize_targets": "normalize",
    "memory_limit": "memory",
}
"""The parameter of commands for each setting that has another name in Python."""

NOUNS = {
    "x": "rows",
    "X": "rows",
    "y": "targets",
    "params": "parameters",
    "net": "network",
    "early_stopping.metric": "metric of early stopping",
}
"""Words for names of settings that are none."""

COMMANDS = {"compare_initializations": "init", "find_learning_rate": "find-lr"}
"""The command for each function that has another name in Python."""


@runtime_checkable
class Command(Protocol):
    """A command with its parameters, as typer makes it."""

    @property
    def params(self) -> Sequence[object]:
        """The parameters."""
        ...


class CommandFace:
    """The options of one command, and those of `downslope train` for advice on how to train.

    A setting that neither has is named in plain words, and advice on it says no more than its words.

    Args:
        commands: every command, by its name.
        name: the command that speaks; None before it is known.
    """

    def __init__(self, commands: Mapping[str, Command], name: str | None):
        self._commands = commands
        self._own = _parameters(commands.get(name or ""))
        self._train = _parameters(commands.get("train"))

    def name(self, setting: str, *, first: bool) -> str:
        """Return the option, or the setting in plain words."""
        parameter = self._own.get(OPTIONS.get(setting, setting))
        if parameter is not None:
            return _option(parameter)
        noun = NOUNS.get(setting, setting).replace("_", " ")
        return f"The {noun}" if first else noun

    def function(self, name: str) -> str:
        """Return the command, or Python's name where there is none."""
        command = COMMANDS.get(name, name)
        return f"downslope {command}" if command in self._commands else f"Python's {name}"

    def assignment(self, settings: Mapping[str, object]) -> str | None:
        """Return the options with their values: those of this command, or else those of `downslope train`."""
        spelled = _spelled(settings)
        if spelled is None:
            return None
        own = _assigned(self._own, spelled)
        return _assigned(self._train, spelled) if own is None else own

    def code(self, expression: str) -> str | None:
        """Return None: there is no Python here."""
        return None

    def remark(self, settings: Sequence[Mapping[str, object]]) -> str:
        """Say so if options are those of another command."""
        named = [spelled for advice in settings if (spelled := _spelled(advice))]
        foreign = any(_assigned(self._own, spelled) is None and _assigned(self._train, spelled) for spelled in named)
        return " (options of downslope train)" if foreign else ""


_current: ContextVar[CommandFace | None] = ContextVar("the command that speaks", default=None)


@contextmanager
def using_face(face: CommandFace) -> Iterator[None]:
    """Use a face for all messages within."""
    token = _current.set(face)
    try:
        yield
    finally:
        _current.reset(token)


def current_face() -> CommandFace:
    """Return the words of the command that speaks."""
    return _current.get() or CommandFace({}, None)


def in_command_words(sentence: str) -> str:
    """Return a sentence in the words of the command that speaks."""
    from downslope.core import worded

    return worded(sentence, current_face())


def _parameters(command: Command | None) -> dict[str, TyperOption]:
    """Return the options of a command, by the name of the parameter."""
    if command is None:
        return {}
    from typer.core import TyperOption

    return {str(parameter.name): parameter for parameter in command.params if isinstance(parameter, TyperOption)}


def _option(parameter: TyperOption) -> str:
    """Return an option as it is written."""
    return next(text for text in parameter.opts if text.startswith("--"))


def _spelled(settings: Mapping[str, object]) -> dict[str, object] | None:
    """Return settings as parameters of commands with plain values; None where one has no such value."""
    from downslope.optimizers import Optimizer

    plain: dict[str, object] = {}
    for name, value in settings.items():
        if isinstance(value, Optimizer):
            options = options_of(value)
            if options is None:
                return None
            plain |= options
        elif value is None or value is False:
            return None
        else:
            plain[OPTIONS.get(name, name)] = name.upper() if value is ... else value
    return plain


def _assigned(parameters: Mapping[str, TyperOption], settings: Mapping[str, object]) -> str | None:
    """Return settings as options with values; None if one of them is no option."""
    if not all(name in parameters for name in settings):
        return None
    return " ".join(_words(parameters[name], value) for name, value in settings.items())


def _words(parameter: TyperOption, value: object) -> str:
    """Return one option with its value, repeated for each of several where the option may be."""
    option = _option(parameter)
    if value is True:
        return option
    items = value if isinstance(value, (list, tuple)) else [value]
    texts = [_number_text(item) if isinstance(item, float) else str(item) for item in items]
    words = texts if parameter.multiple else [",".join(texts)]
    return " ".join(f"{option} {shlex.quote(text)}" for text in words)


def _number_text(number: float) -> str:
    """Return a number in six digits where that is all of it, else in as many as it has."""
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))
