"""The tests and examples of a room and of all that stands on it, for `pytest --room ROOM`, as imports say."""

import ast
import doctest
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "downslope"
ROOMS = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))


def files_standing_on(room):
    """Return the files of tests and of examples that use a room, or a room that stands on it.

    A file uses the rooms that it imports, those whose names it takes from `ds`, and the rooms that its helpers and its
    shared fixtures use. Tests that use no room, such as those of the floors, belong to every room.

    Raises:
        pytest.UsageError: no room has that name.
    """
    if room not in ROOMS:
        raise pytest.UsageError(f"There is no room `{room}`. {_advice(room)}")
    rooms = {room, *(upper for upper in ROOMS if room in _below(upper))}
    tests = {path for path in TESTS.glob("test_*.py") if not _used_by_test(path) or _used_by_test(path) & rooms}
    return tests | {path for path in SOURCE.rglob("*.py") if ({_room_of(path)} | _used_by_examples(path)) & rooms}


def _advice(name):
    """Return the rooms whose names are close, or all."""
    close = get_close_matches(name, ROOMS)
    rooms = ", ".join(f"`{room}`" for room in close or ROOMS)
    return f"Did you mean {rooms}?" if close else f"The rooms are {rooms}."


def _room_of(path):
    """Return the room in which a file of the source lies."""
    return path.relative_to(SOURCE).parts[0]


@cache
def _below(room):
    """Return the rooms on which a room stands, directly or not."""
    direct = set().union(*(_used(_parsed(path)) for path in (SOURCE / room).rglob("*.py"))) - {room}
    return direct.union(*map(_below, direct))


@cache
def _used_by_test(path):
    """Return the rooms that a file of tests or a helper uses."""
    tree = _parsed(path)
    return _used(tree).union(*(_used_by_test(helper) for helper in _helpers(tree) if helper != path))


def _used_by_examples(path):
    """Return the rooms that the examples in the docstrings of a file use."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef
    texts = [ast.get_docstring(node) or "" for node in ast.walk(_parsed(path)) if isinstance(node, documented)]
    examples = [example for text in texts for example in doctest.DocTestParser().get_examples(text)]
    return _used(ast.parse("".join(example.source for example in examples)))


@cache
def _parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def _helpers(tree):
    """Return the files of helpers that a module imports, and that of the shared fixtures if it uses one."""
    names = {module.split(".")[-1] for module, _ in _imports(tree)}
    parameters = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    shared = {node.name for node in ast.walk(_parsed(TESTS / "conftest.py")) if isinstance(node, ast.FunctionDef)}
    if parameters & shared:
        names.add("conftest")
    return [path for path in TESTS.glob("*.py") if path.stem in names]


def _used(tree):
    """Return the rooms that a module names: in imports, and as attributes of the front door."""
    imported, doors = set(), set()
    for module, alias in _imports(tree):
        room = module.removeprefix("downslope.").split(".")[0]
        if module == "downslope":
            doors.add(alias)
        elif module.startswith("downslope."):
            imported.add(_public().get(room, room))
    names = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in doors
    }
    return (imported | {_public().get(name, name) for name in names}) & {*ROOMS}


def _imports(tree):
    """Yield what a module imports, as `package.module.name`, and what it calls that."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, alias.asname or alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module, ""
            if node.module == "downslope":
                yield from ((f"{node.module}.{alias.name}", "") for alias in node.names)


@cache
def _public():
    """Return the room of every public name of the front door."""
    stub = [node for node in _parsed(SOURCE / "__init__.pyi").body if isinstance(node, ast.ImportFrom) and node.module]
    return {alias.name: node.module.split(".")[0] for node in stub for alias in node.names}
