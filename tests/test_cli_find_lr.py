"""`downslope find-lr`, and `auto` for a rate or a batch size in `downslope train`."""

import json
import shlex

import pytest

from downslope.cli.options import DataOptions, OptimizerOptions
from downslope.cli.output import train_command

LINEAR = ("--network", "linear", "--test", "0")


@pytest.mark.slow
def test_the_rate_is_printed_with_the_command_that_trains_with_it(cli, tmp_path):
    options = ("--optimizer", "sgd", "--momentum", "0.5", "--batch-size", "all", *LINEAR)
    code, out, err = cli("find-lr", "iris", "--steps", "20", *options, "--figure", "rates.png")
    assert code == 0, err
    first, command = out.splitlines()[0], out.splitlines()[-1].strip()
    rate = float(first.split()[2])
    assert first == f"Learning rate {rate:g} for sgd, batches of 120."
    assert shlex.split(command)[-2:] == ["--learning-rate", str(rate)]
    assert "--momentum 0.5 --batch-size all" in command
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
    code, out, err = cli(*shlex.split(command)[1:], "--epochs", "1", "--store", "run")
    assert code == 0, err


@pytest.mark.slow
def test_the_rate_for_programs(cli):
    code, out, err = cli("find-lr", "iris", "--steps", "20", "--json", *LINEAR)
    found = json.loads(out, parse_constant=pytest.fail)
    assert code == 0, err
    assert found["learning_rate"] == found["suggestions"]["best"]["rate"]
    assert len(found["range_test"]["rates"]) == len(found["range_test"]["losses"])
    assert len(found["trials"]["rates"]) == len(found["trials"]["losses"])
    assert found["curvature"]["limit"] > 0
    assert found["batch_size"] == 32


@pytest.mark.slow
def test_training_finds_what_it_is_told_to(cli, tmp_path):
    auto = ("--learning-rate", "auto", "--batch-size", "auto", "--epochs", "2", "--store", "run")
    code, _, err = cli("train", "iris", *LINEAR, *auto)
    assert code == 0, err
    assert "Learning rate " in err
    assert "Batch size " in err
    kept = json.loads((tmp_path / "run" / "run.json").read_text())["configuration"]
    assert isinstance(kept["batch_size"], int)
    assert isinstance(kept["optimizer"]["learning_rate"], float)


@pytest.mark.parametrize(
    "words, message",
    [
        (("train", "iris", "--learning-rate", "auto", "--schedule", "cosine"), "--learning-rate auto finds a constant"),
        (("train", "iris", "--batch-size", "auto", "--schedule", "cosine"), "--batch-size auto leaves the number"),
        (("train", "iris", "--learning-rate", "fast"), "--learning-rate must be a number above 0 or 'auto'"),
        (("find-lr", "iris", "--steps", "5"), "--steps must be a whole number, 20 or more"),
        (("find-lr", "iris", "--figure", "rates.gif"), "--figure must end in"),
    ],
)
def test_what_cannot_be_is_bad_usage(cli, words, message):
    code, out, err = cli(*words)
    assert (code, out) == (2, "")
    assert message in err.splitlines()[-1]


def test_a_command_repeats_only_what_was_asked_for():
    data, optimizer = DataOptions(numeric=["a", "b"], target="y"), OptimizerOptions(clip=1.0, optimizer="adam")
    words = train_command("a b.csv", data, optimizer, settings={"learning_rate": 0.1, "momentum": None})
    asked = "downslope train 'a b.csv' --target y --numeric a --numeric b --clip 1.0"
    assert words == f"{asked} --learning-rate 0.1"
