"""What `import downslope` offers, and what it loads."""

import ast
import importlib.metadata
import json
import pathlib
import subprocess
import sys
import tomllib

import pytest

import downslope as ds

PACKAGE = pathlib.Path(ds.__file__).parent
ROOMS = sorted(path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file())
HEAVY = "jax numpy optax sklearn scipy polars pandas matplotlib pydantic torch safetensors importlib.metadata"


def test_the_front_door_offers_just_what_its_stub_lists():
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    listed = {alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert set(ds.__all__) == listed
    for name in listed:
        assert getattr(ds, name) is not None


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_offers_just_what_it_lists(room):
    module = __import__(f"downslope.{room}", fromlist=["__all__"])
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name)


def test_every_room_is_on_a_floor():
    contract = (pathlib.Path(__file__).parents[1] / "pyproject.toml").read_text()
    floors = contract.split("layers = [")[1].split("]")[0]
    assert set(ROOMS) == {room.strip() for floor in floors.split('"')[1::2] for room in floor.split("|")}


@pytest.mark.parametrize("module", ["downslope", "downslope.cli"])
def test_importing_loads_nothing_heavy(module):
    script = f"import sys, {module}; print(*(set('{HEAVY}'.split()) & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []


def test_the_version_is_that_which_is_installed():
    assert ds.__version__ == importlib.metadata.version("downslope")
    assert "__version__" not in ds.__all__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError):
        _ = ds.no_such_thing


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_public_thing_says_what_it_is(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.ClassDef)
    missing = [
        node.name
        for node in tree.body
        if isinstance(node, kinds) and node.name[0] != "_" and not ast.get_docstring(node)
    ]
    assert not missing
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]


def test_the_notice_names_what_the_page_bundles():
    root = pathlib.Path(__file__).parents[1]
    pinned = json.loads((root / "ui" / "package.json").read_text(encoding="utf-8"))
    notice = (root / "NOTICE").read_text(encoding="utf-8").replace("three.js", "three").lower()
    assert [name for name, version in pinned["dependencies"].items() if f"{name} {version}" not in notice] == []


def test_the_license_expression_names_every_license_in_the_wheel():
    root = pathlib.Path(__file__).parents[1]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = {path.stem for path in (root / "licenses").glob("*.txt")}
    assert set(project["license"].split(" AND ")) == {"MIT"} | texts
