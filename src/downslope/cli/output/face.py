"""Messages in the words of a command: settings are its options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

OPTIONS = {
    "metrics": "metric",
    "normalize_targets": "normalize",
    "memory_limit": "memory",
}
"""The parameter of commands for each setting that has another name in Python."""

NOUNS = {"x": "rows", "y": "targets", "params": "parameters", "net": "network", "X": "rows"}
"""What is meant by names of settings that are no words."""

COMMANDS = {"compare_initializations": "init", "find_learning_rate": "find-lr"}
"""The command for each function that has another name in Python."""


class CommandFace:
    """The options of one command, and those of `downslope train` for advice on how to train.

    A setting that neither has is named in plain words, and advice on it says no more than its words.

    Args:
        commands: every command, by its name; each has `params`, as typer makes them.
        name: the command that speaks; None before it is known.
    """

    def __init__(self, commands: Mapping[str, Any], name: str | None):
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

    def assignment(self, settings: Mapping[str, Any]) -> str | None:
        """Return the options with their values: those of this command, or else those of `downslope train`."""
        spelled = _spelled(settings)
        if spelled is None:
            return None
        here = _assigned(self._own, spelled)
        return _assigned(self._train, spelled) if here is None else here

    def code(self, expression: str) -> str | None:
        """Return None: there is no Python here."""
        return None

    def remark(self, settings: Sequence[Mapping[str, Any]]) -> str:
        """Say so if options are those of another command."""
        named = [spelled for each in settings if (spelled := _spelled(each))]
        foreign = any(_assigned(self._own, each) is None and _assigned(self._train, each) for each in named)
        return " (options of downslope train)" if foreign else ""


_current: ContextVar[CommandFace | None] = ContextVar("the command that speaks", default=None)


@contextmanager
def speaking(face: CommandFace) -> Iterator[None]:
    """Let what is said be in the words of a command."""
    token = _current.set(face)
    try:
        yield
    finally:
        _current.reset(token)


def face_here() -> CommandFace:
    """Return the words of the command that speaks."""
    return _current.get() or CommandFace({}, None)


def worded_here(sentence: str) -> str:
    """Return a sentence in the words of the command that speaks."""
    from downslope.core import worded

    return worded(sentence, face_here())


def _parameters(command: Any | None) -> dict[str, Any]:
    """Return the options of a command, by the name of the parameter."""
    if command is None:
        return {}
    return {parameter.name: parameter for parameter in command.params if parameter.param_type_name == "option"}


def _option(parameter: Any) -> str:
    """Return an option as it is written."""
    return next(text for text in parameter.opts if text.startswith("--"))


def _spelled(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return settings as parameters of commands with plain values; None where one has no such value."""
    from downslope.cli.parse.optimizer import options_of
    from downslope.optimizers import Optimizer

    plain: dict[str, Any] = {}
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


def _assigned(parameters: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """Return settings as options with values; None if one of them is no option."""
    if not all(name in parameters for name in settings):
        return None
    return " ".join(_words(parameters[name], value) for name, value in settings.items())


def _words(parameter: Any, value: Any) -> str:
    """Return one option with its value, repeated for each of several where the option may be."""
    option = _option(parameter)
    if value is True:
        return option
    several: Sequence[Any] = list(value) if isinstance(value, (list, tuple)) else [value]
    values = [f"{each:g}" if isinstance(each, float) else str(each) for each in several]
    return " ".join(f"{option} {each}" for each in (values if parameter.multiple else [",".join(values)]))
