"""Option groups: dataclasses whose fields are options.

A command takes a group as one parameter, and typer sees its fields:

    def find(source: SourceArgument, network: NetworkOptions, seed: SeedOption = 0) -> None: ...

is `find SOURCE --network … --activation … --seed …`. Every field has a default. A field whose annotation carries a
`typer.Option` is an option; any other keeps its default. A command with another default or another help text for an
option, or without it, takes a subclass that declares this field again.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import cache, wraps
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from typer.models import ParameterInfo


def expanded(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command as typer takes it, with the options of its groups in place of the groups.

    Args:
        command: a function with annotated parameters, which are groups, options or arguments.

    Raises:
        ValueError: two parameters have the same name.
    """
    signature = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type] = {name: hints[name] for name in signature.parameters if is_dataclass(hints[name])}
    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        own = [_parameter(name, hints[name], parameter.default)]
        parameters += options_in(groups[name]).values() if name in groups else own

    @wraps(command)
    def call(**values: object) -> None:
        arguments = {name: values[name] for name in signature.parameters if name not in groups}
        for name, group in groups.items():
            arguments[name] = group(**{option: values[option] for option in options_in(group)})
        command(**arguments)

    call.__dict__["__signature__"] = inspect.Signature(parameters)
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


@cache
def options_in(group: type) -> dict[str, inspect.Parameter]:
    """Return the options of a group by the name of the field, in order."""
    hints = get_type_hints(group, include_extras=True)
    return {
        field.name: _parameter(field.name, hints[field.name], field.default)
        for field in fields(group)
        if _information(hints[field.name]) is not None
    }


def changed_options(group: object) -> dict[str, object]:
    """Return the options of a group that differ from their defaults."""
    values = {name: (getattr(group, name), option.default) for name, option in options_in(type(group)).items()}
    return {name: value for name, (value, default) in values.items() if value != default}


def _parameter(name: str, hint: object, default: object) -> inspect.Parameter:
    """Return a parameter for typer; it knows no unions, and needs no type where there is a parser."""
    information = _information(hint)
    if information is not None and information.parser is not None:
        hint = Annotated[Any, information]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)


def _information(hint: object) -> ParameterInfo | None:
    """Return the option or argument in an annotation; None without."""
    if get_origin(hint) is not Annotated:
        return None
    return next((part for part in get_args(hint) if isinstance(part, ParameterInfo)), None)
