"""`downslope sweep`: which values a text stands for, what is printed, and how the best one is trained again."""

import json
import shlex
from dataclasses import replace

import pytest
import typer

import downslope as ds
from downslope.cli.commands.sweep import Combination, in_order
from downslope.cli.parse import values_of


@pytest.mark.parametrize(
    "text, kind, following, values",
    [
        ("1e-4..1e-1", float, lambda value: 10 * value, [1e-4, 1e-3, 1e-2, 1e-1]),
        ("3e-4..1e-2,0.5", float, lambda value: 10 * value, [3e-4, 3e-3, 0.5]),
        ("0.1,0.1,0", float, lambda value: 10 * value, [0.1, 0.0]),
        ("16..100", int, lambda value: 2 * value, [16, 32, 64]),
        ("8,all", int, lambda value: 2 * value, [8, 999]),
        (" 2 .. 4 ", int, lambda value: value + 1, [2, 3, 4]),
    ],
)
def test_values_and_ranges(text, kind, following, values):
    assert values_of("x", text, kind, following, {"all": 999}) == values


def test_the_best_combination_can_be_trained_again(cli):
    same = ("--network", "4", "--schedule", "cosine", "--epochs", "3", "--skip")
    swept = ("--optimizer", "sgd", "--learning-rate", "1e-3..1e-1", "--momentum", "0,0.9")
    code, out, err = cli("sweep", "iris", *same, *swept)
    lines = out.splitlines()
    assert code == 0, err
    assert lines[0].split() == ["learning", "rate", "momentum", "validation", "loss", "epochs", "ended"]
    losses = [float(line.split()[2]) for line in lines[1:7]]
    assert losses == sorted(losses)
    assert "iris: 150 rows" in err
    words = shlex.split(lines[-1])
    assert words[:3] == ["downslope", "train", "iris"]
    code, out, err = cli(*words[1:], "--json")
    assert code == 0, err
    assert json.loads(out)["validation"]["loss"] == pytest.approx(losses[0], rel=1e-3)


@pytest.mark.slow
def test_networks_and_batch_sizes_are_swept_for_programs(cli):
    shapes = ("--network", "linear", "--network", "3", "--batch-size", "16,all", "--validation", "0")
    code, out, err = cli("sweep", "iris", *shapes, "--learning-rate", "0.01", "--epochs", "1", "--json")
    found = json.loads(out, parse_constant=pytest.fail)
    assert code == 0, err
    tried = {(run["network"], run["batch_size"]) for run in found["runs"]}
    assert tried == {("linear", 16), ("3", 16), ("linear", "all"), ("3", "all")}
    assert found["best"]["settings"]["network"] == found["runs"][0]["network"]
    assert (found["best"]["validation"], set(found["best"]["test"])) == (None, {"loss", "accuracy"})


def test_ctrl_c_leaves_only_what_has_a_loss_to_compare(cli, ctrl_c_at):
    ctrl_c_at("epoch 1/1")
    words = ("sweep", "iris", "--network", "linear", "--learning-rate", "0.01", "--epochs", "1")
    code, out, err = cli(*words, "--batch-size", "16,32,64", "--json")
    assert code == 0, err
    assert "Interrupted: 1 of 3 combinations have a loss, and only these are compared." in err
    assert [run["batch_size"] for run in json.loads(out)["runs"]] == [16]


def test_ctrl_c_in_the_first_epoch_leaves_nothing_to_compare(capsys):
    run = ds.train(ds.mlp([], outputs=3), ds.load("iris"), epochs=1, progress=False)
    with pytest.raises(typer.Exit) as end:
        in_order([Combination({}, replace(run, stop_reason="interrupted"), float("nan"))], 2)
    assert end.value.exit_code == 130
    assert capsys.readouterr().err == "Interrupted before the first epoch ended: nothing to compare.\n"
