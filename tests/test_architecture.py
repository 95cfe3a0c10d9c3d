"""The map of the house: floors as in the contract, paths that exist, identifiers in the words of the field."""

import ast
import importlib
import re
import tomllib
from pathlib import Path

import pytest

import downslope as ds

ROOT = Path(__file__).parent.parent
MAP = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SOURCE = Path(ds.__file__).parent
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
LARGE_ROOMS = ("cli", "data", "diagnosis", "explorer", "figures", "training")
MOST_FILES = 20
"""At most so many files lie in a folder."""

VAGUE = "found one at made asked told given each kept keeper meant said heard shown seen taken held wanted thing"
NO_WORDS = {*VAGUE.split(" "), "things", "whatever", "who"}
"""Words that say nothing of what they name, as a whole identifier."""


def section(title):
    """Return the text below a heading."""
    return MAP.split(f"## {title}\n")[1].split("\n## ")[0]


def test_floors_are_those_of_the_contract():
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", section("Floors"), re.MULTILINE)
    floors = [set(re.findall(r"`(\w+)`", rooms)) for _, rooms in rows]
    [contract] = [contract for contract in CONTRACTS if contract["containers"] == ["downslope"]]
    assert floors == [set(layer.split(" | ")) for layer in contract["layers"]]
    assert [int(number) for number, _ in rows] == list(range(len(rows), 0, -1))


def test_every_room_has_its_line():
    named = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.+?) \|", section("Rooms"), re.MULTILINE))))
    assert named == {path.parent.name for path in SOURCE.glob("*/__init__.py")}


def test_large_rooms_order_their_sub_rooms():
    containers = {name for contract in CONTRACTS for name in contract["containers"]}
    assert {f"downslope.{room}" for room in LARGE_ROOMS} <= containers
    assert all(contract["type"] == "layers" and contract["exhaustive"] for contract in CONTRACTS)


def test_every_path_that_it_names_exists():
    paths = re.findall(r"`((?:[\w]+/)+[\w.]*)`", MAP)
    bases = (ROOT, SOURCE)
    assert paths
    assert [path for path in paths if not any((base / path).exists() for base in bases)] == []


def test_no_folder_is_crowded():
    folders = {path.parent for path in SOURCE.rglob("*.py")}
    crowded = {str(folder): len(list(folder.glob("*.py"))) for folder in folders}
    assert {folder: files for folder, files in crowded.items() if files > MOST_FILES} == {}


PUBLIC_MODULES = {"downslope.layers.initializers"}
"""Modules that users import, too."""


def imports(path):
    """Yield the module of every `from downslope… import` in a file, and the names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "downslope":
            yield node.module, [alias.name for alias in node.names]


def test_rooms_import_from_fences_only():
    """What one room has of another is exported by its `__init__`, or by that of one of its sub-rooms."""
    inside = []
    for path in SOURCE.rglob("*.py"):
        room = path.relative_to(SOURCE).parts[0]
        for module, _ in imports(path):
            parts = module.split(".")
            own = len(parts) < 2 or parts[1] == room
            if not own and module not in PUBLIC_MODULES and not SOURCE.joinpath(*parts[1:], "__init__.py").exists():
                inside.append(f"{path.relative_to(SOURCE)}: {module}")
    assert inside == []


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_benchmarks_import_what_there_is(path):
    modules = [(importlib.import_module(module), module, names) for module, names in imports(path)]
    missing = [f"{module}.{name}" for found, module, names in modules for name in names if not hasattr(found, name)]
    assert missing == []


def bound_names(tree):
    """Yield every name that a module binds: variables, parameters, attributes, functions, classes."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name


PUBLIC_WORDS = {"at"}
"""Those of the list that are public: `Batches.at`, `piecewise_constant(at=…)`."""


def test_identifiers_use_the_words_of_the_field():
    vague = {}
    for path in SOURCE.rglob("*.py"):
        names = bound_names(ast.parse(path.read_text(encoding="utf-8")))
        words = {name for name in names if name.strip("_").lower() in NO_WORDS - PUBLIC_WORDS}
        if words:
            vague[str(path.relative_to(SOURCE))] = sorted(words)
    assert vague == {}
