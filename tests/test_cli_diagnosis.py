"""`downslope init` and `downslope profile`: what they print where, and what they draw."""

import json

import pytest

from downslope.cli.output import check_figure, draw_into

QUICK = ("--epochs", "1", "--restarts", "2", "--batch-size", "64")


@pytest.mark.slow
def test_init_reports_what_is_wrong_in_the_words_of_the_command_line(cli, tmp_path):
    deep = ("--network", ",".join(["24"] * 10), "--initializer", "glorot_normal")
    code, out, err = cli("init", "iris", *deep, "--compare", "none", "--figure", "start.png")
    assert code == 0, err
    assert "fix: Use --initializer he_normal" in out
    assert (tmp_path / "start.png").read_bytes().startswith(b"\x89PNG")


def test_init_compares_starts(cli):
    code, out, err = cli("init", "iris", "--network", "4", "--compare", "zeros", *QUICK)
    assert code == 0, err
    assert "validation loss of 2 restarts each" in out
    assert err.splitlines()[-2:] == ["Comparing 1 of 2: auto", "Comparing 2 of 2: zeros"]


@pytest.mark.slow
def test_init_for_programs(cli):
    small = ("init", "old_faithful", "--network", "3", "--json")
    code, out, err = cli(*small, "--compare", "none")
    report = json.loads(out, parse_constant=pytest.fail)
    assert code == 0, err
    assert [layer["layer"] for layer in report["layers"]] == ["", "Dense", "ReLU", "Dense"]
    assert (report["loss"], report["comparison"]) == ("squared_error", None)
    compared = json.loads(cli(*small, "--compare", "zeros,orthogonal", "--validation", "0", *QUICK)[1])["comparison"]
    assert list(compared["losses"]) == ["auto", "zeros", "orthogonal"]
    assert compared["measured"] == "training loss"
    assert compared["best"] == compared["as_good"][0]


def test_profile_measures_and_draws(cli, tmp_path):
    (tmp_path / "small.csv").write_text("a,b,y\n" + "".join(f"{i},{i % 3},{1.5 * i}\n" for i in range(4)))
    words = ("profile", "small.csv", "--target", "y", "--task", "regression", "--batch-size", "4")
    code, out, err = cli(*words, "--network", "linear", "--figure", "speed.svg")
    assert code == 0, err
    assert all(words in out for words in ("Dense(1)", "A step on 4 examples", "examples/s"))
    assert "small.csv: 4 rows" in err
    assert (tmp_path / "speed.svg").read_text().startswith("<?xml")


def test_profile_for_programs(cli):
    conv = ("--network", "conv2-pool", "--batch-size", "16")
    code, out, err = cli("profile", "digits", *conv, "--seconds", "1e-6", "--json")
    found = json.loads(out, parse_constant=pytest.fail)
    assert code == 0, err
    assert [layer["layer"].split("(")[0] for layer in found["layers"]][:3] == ["Conv2D", "ReLU", "MaxPool"]
    assert found["step"]["batch_size"] == 16
    assert found["step"]["spread"] == 0
    assert found["step"]["rounds"] == 1
    assert not found["bottleneck_known"]
    assert found["bottleneck"] is None
    assert {"spread", "other_work", "least_examples_per_second"} <= set(found["throughput"][0])
    assert found["notes"]


def test_a_figure_is_drawn_only_if_asked_for():
    check_figure(None)
    draw_into(None, pytest.fail)
