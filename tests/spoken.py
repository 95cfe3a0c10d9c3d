"""Whether what a command prints is true of that command: it names only options that are there."""

import ast
import json
import re
from functools import cache

from downslope.cli.app import command

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
COMMAND = re.compile(r"\bdownslope ([a-z-]+)")
OF = re.compile(r"\(options of downslope ([a-z-]+)\)")
OTHERS = ("tensorboard --logdir", "No such option")
"""Options of other programs, and those that a user made up."""

SAYING = ("Error", "Warning", "Message", "Advice", "Finding")
"""What calls that make sentences for users are named."""

IN_PYTHON = ("normalize_targets", "metrics", "net", "data", "start", "track", "record", "observers")
"""Arguments of Python that are no options."""


def false_words(name, text):
    """Return what a text of a command names that is not there: options it lacks, and what only Python has."""
    found = [option for line in text.splitlines() for option in _false_options(name, line)]
    return [*found, *re.findall(r"`\w+`|\bds\.\w+", text), *_assigned().findall(text)]


def advice_in(written):
    """Return the sentences of JSON in which advice is given, a line each."""
    return "\n".join(_advice(json.loads(written))) if written.strip() else ""


def _advice(value):
    """Yield sentences of nested data."""
    if isinstance(value, dict):
        yield from (text for name in ("fix", "change", "start", "notes") for text in _sentences(value.get(name)))
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _advice(inner)


def _sentences(value):
    """Yield a sentence, or those of a list."""
    yield from (text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str))


def _false_options(name, line):
    """Yield the options of a line that the command has not which they belong to."""
    if any(other in line for other in OTHERS):
        return
    for match in OPTION.finditer(line):
        before = COMMAND.findall(line[: match.start()])
        behind = OF.search(line, match.end())
        owner = before[-1] if before else behind[1] if behind else name
        if match[0] not in _options(owner):
            yield f"{match[0]} of downslope {owner}"


@cache
def _options(name):
    """Return the options of a command."""
    found = command().commands.get(name, command())
    return {text for parameter in found.params for text in parameter.opts} | {"--help", "--version"}


@cache
def _assigned():
    """Return the pattern of a setting with a value, as Python has it."""
    named = {parameter.name for each in command().commands.values() for parameter in each.params}
    return re.compile(rf"\b(?:{'|'.join([*named, *IN_PYTHON])})=\S+")


def unstructured(source):
    """Return the text in the messages of a module that only Python, or only the command line, could say so.

    Options and settings with a value belong into `Advice`, names of settings into `Setting`.

    Args:
        source: of the module.
    """
    pattern = re.compile(rf"{OPTION.pattern}|`\w+`|{_assigned().pattern}")
    return [
        text.value
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and _name(call.func).endswith(SAYING)
        for argument in call.args
        for text in _texts(argument)
        if pattern.search(text.value)
    ]


def _texts(node):
    """Yield the strings of an expression, without those of calls in it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node
    elif not isinstance(node, ast.Call):
        for child in ast.iter_child_nodes(node):
            yield from _texts(child)


def _name(function):
    """Return the name that a call has, `Finding` for `diagnosis.Finding`."""
    return getattr(function, "id", getattr(function, "attr", ""))
