"""Exported safetensors and JSON hold all that a prediction needs, for readers without Downslope; and the command."""

import json
import math

import numpy as np
import pytest
from safetensors import safe_open

import cases
import downslope as ds
from downslope import export
from downslope.cli.commands.export import export as export_command
from downslope.core import named_leaves, rebuild
from downslope.data import Preprocessing
from downslope.training.recipe import ROOMS

DATA = ds.load("iris")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a run whose network has a block, running statistics and dropout."""
    net = ds.Sequential(
        [ds.Dense(4), ds.BatchNorm(), ds.Tanh(), ds.Residual([ds.Dense(3), ds.Dropout(0.1)]), ds.Dense(3)]
    )
    folder = tmp_path_factory.mktemp("export") / "iris"
    return ds.train(net, DATA, epochs=2, normalize="standard", store=folder, progress=False)


def read_safetensors(path):
    """Return the arrays of a file by name, and its metadata as JSON."""
    with safe_open(path, "numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dict)
        return arrays, {name: json.loads(text) for name, text in file.metadata().items()}


def assert_described(facts, run):
    """Check that the parts of a run can be made again from what a file says."""
    assert rebuild(facts["network"], ROOMS) == run.net
    assert rebuild(facts["loss"], ROOMS) == run.loss
    assert Preprocessing.from_json(facts["preprocessing"]) == run.preprocessing
    assert facts["link"] == "softmax"
    assert facts["versions"].keys() >= {"downslope", "jax", "python"}


@pytest.mark.slow
def test_safetensors_hold_every_array_and_what_they_are(run, tmp_path):
    arrays, facts = read_safetensors(export.to_safetensors(run, tmp_path / "iris.safetensors"))
    expected = named_leaves(run.variables)
    assert {"params/3/body/0/weight", "params/3/projection/weight", "state/1/mean"} <= arrays.keys() == expected.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, expected[name])
    assert_described(facts, run)


def test_json_holds_every_number_and_what_they_are(run, tmp_path):
    facts = json.loads(export.to_json(run, tmp_path / "iris.json").read_text(encoding="utf-8"))
    assert (facts["format"], facts["layout"]) == ("downslope network", 1)
    assert_described(facts, run)
    for part, tree in (("params", run.variables.params), ("state", run.variables.state)):
        for name, array in named_leaves(tree).items():
            found = facts[part]
            for word in name.split("/"):
                found = found[int(word) if isinstance(found, list) else word]
            np.testing.assert_array_equal(found, array)


def test_json_is_enough_to_predict_with_python_alone(run, tmp_path):
    facts = json.loads(export.to_json(run, tmp_path / "iris.json").read_text(encoding="utf-8"))
    dense, norm, _, block, last = facts["params"]
    state, eps = facts["state"][1], facts["network"]["layers"][1]["eps"]

    def affine(h, own):
        columns = zip(*own["weight"], strict=True)
        biases = own.get("bias", [0.0] * len(own["weight"][0]))
        return [
            sum(a * w for a, w in zip(h, column, strict=True)) + b for column, b in zip(columns, biases, strict=True)
        ]

    for row, expected in zip(DATA.x[::30], run.predict_proba(DATA.x[::30]), strict=True):
        scaling = facts["preprocessing"]["scaling"]
        h = [(x - c) / s for x, c, s in zip(row, scaling["center"], scaling["scale"], strict=True)]
        numbers = zip(affine(h, dense), state["mean"], state["variance"], norm["scale"], norm["shift"], strict=True)
        h = [math.tanh(scale * (x - mean) / math.sqrt(v + eps) + shift) for x, mean, v, scale, shift in numbers]
        skipped = zip(affine(h, block["body"][0]), affine(h, block["projection"]), strict=True)
        exponents = [math.exp(y) for y in affine([a + b for a, b in skipped], last)]
        np.testing.assert_allclose([e / sum(exponents) for e in exponents], expected, atol=1e-6)


def test_networks_with_layers_of_a_users_own_are_exported_by_name(tmp_path):
    net = ds.Sequential([cases.NoisyCounter(), ds.Dense(3)])
    run = ds.train(net, DATA, epochs=1, progress=False)
    arrays, facts = read_safetensors(export.to_safetensors(run, tmp_path / "own.safetensors"))
    assert facts["network"]["layers"][0] == {"custom": f"{cases.NoisyCounter.__module__}.NoisyCounter"}
    assert {"params/0/scale", "state/0/calls"} <= arrays.keys()


@pytest.mark.parametrize("write", [export.to_safetensors, export.to_json])
def test_a_place_that_cannot_be_is_refused(write, run, tmp_path):
    with pytest.raises(ds.SettingError, match=r"to a file in a folder that is there, but .* is a folder itself"):
        write(run, tmp_path)
    with pytest.raises(ds.SettingError, match=r"is in .*nowhere, which is none"):
        write(run, tmp_path / "nowhere" / "iris")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "written"),
    [
        ({}, "iris.safetensors"),
        ({"format": "json"}, "iris.json"),
        ({"output": "flowers.json"}, "flowers.json"),
        ({"output": "flowers", "format": "safetensors"}, "flowers"),
    ],
    ids=str,
)
def test_the_command_writes_one_file(words, written, run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if "output" in words:
        words = words | {"output": tmp_path / words["output"]}
    export_command(run.path, **words)
    assert [path.name for path in tmp_path.iterdir()] == [written]
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{written} (" in captured.err
    if written.endswith("json"):
        assert json.loads((tmp_path / written).read_text())["link"] == "softmax"
    else:
        assert_described(read_safetensors(tmp_path / written)[1], run)


def test_the_command_knows_its_formats(run):
    with pytest.raises(ds.UnknownNameError, match="Did you mean 'safetensors'"):
        export_command(run.path, format="safetensor")
