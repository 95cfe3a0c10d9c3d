"""`downslope resume` and `downslope compare`, as a user calls them."""

import json
import os

import pytest

import downslope as ds
from downslope.runs import RunFolder

PARTS = ("train", "validation", "test")


def train(cli, name, *words):
    code, out, err = cli("train", "iris", "--network", "4", "--early-stopping", 0, "--store", name, *words)
    assert code == 0, err
    return out


def test_more_epochs_and_nothing_left_to_do(cli):
    train(cli, "short", "--epochs", 2)
    whole = train(cli, "long", "--epochs", 5, "--json")
    code, out, err = cli("resume", "short", "--epochs", 5, "--json")
    assert code == 0, err
    facts = json.loads(out)
    assert err.startswith("Going on after epoch 2.\n")
    assert (facts["epochs"], facts["stop_reason"], facts["went_on_after"]) == (5, "completed", 2)
    trained = json.loads(whole)
    assert {part: facts[part] for part in PARTS} == {part: trained[part] for part in PARTS}
    assert facts["validation"]["loss"] == pytest.approx(ds.open_run("short").history["validation_loss"].min())
    code, out, err = cli("resume", "short")
    assert code == 0
    assert err == "short has nothing left to do. For more epochs: --epochs.\n"
    assert out.startswith("Completed 5 epochs. Kept: epoch 5")
    assert [line.split()[0] for line in out.splitlines()[3:]] == list(PARTS)


def test_a_damaged_state_is_said_and_gone_on_before(cli):
    train(cli, "run", "--epochs", 2)
    last = RunFolder.open("run").checkpoint_path("last")
    last.write_bytes(last.read_bytes()[:-3])
    code, _, err = cli("predict", "run", "iris")
    assert code == 1
    assert "go on from the save before it with downslope resume, or train again." in err
    code, out, err = cli("resume", "run", "--epochs", 3)
    assert code == 0
    assert "last.safetensors is damaged" in err
    assert "Restore it" not in err
    assert "Went on from the save before it, epoch 0." in err
    assert out.startswith("Completed 3 epochs.")


def test_what_cannot_be_is_said_in_a_sentence(cli):
    train(cli, "run", "--epochs", 2)
    for words, code, said in (
        (("resume", "nowhere"), 2, "there is nothing at nowhere. Make one with downslope train."),
        (("resume", "rum"), 2, "there is nothing at rum. Did you mean run?"),
        (("resume", "."), 2, ". holds no run: expected a folder with run.json, which downslope train writes. Did you"),
        (("resume", "run", "--epochs", 1), 2, "--epochs counts all epochs, got 1 for a run that has made 2"),
        (("resume", "run", "--epochs", "many"), 2, "--epochs"),
        (("compare", "run"), 2, "name two folders or more, got 1"),
        (("compare", "run", "nowhere"), 2, "there is nothing at nowhere"),
        (("compare", "run", "run", "--figure", "x.gif"), 2, "--figure must end in .png, .svg or .pdf"),
    ):
        found, _, err = cli(*words)
        assert (found, len(err.splitlines())) == (code, 1), words
        assert said in err, words


def test_a_run_that_is_being_written_is_left_alone(cli):
    train(cli, "run", "--epochs", 2)
    folder = RunFolder.open("run", to_write=True)
    code, _, err = cli("resume", "run", "--epochs", 3)
    folder.release()
    assert code == 75
    assert f"process {os.getpid()} on" in err


def test_runs_are_compared(cli):
    train(cli, "one", "--epochs", 2)
    train(cli, "other", "--epochs", 2, "--learning-rate", 0.05)
    code, out, err = cli("compare", "one", "other", "--figure", "c.svg")
    assert code == 0, err
    head, *rows = out.splitlines()
    assert head.split()[:2] == ["run", "learning_rate"]
    assert {row.split()[0] for row in rows} == {"one", "other"}
    assert err == "Figure: c.svg\n"
    code, out, _ = cli("compare", "one", "other", "--json")
    assert {row["run"]: row["learning_rate"] for row in json.loads(out)["runs"]} == {"one": "0.001", "other": "0.05"}


def test_a_run_is_exported_and_watched(cli, tmp_path):
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
    train(cli, "run", "--epochs", 2, "--tensorboard")
    code, _, err = cli("resume", "run", "--epochs", 3, "--tensorboard")
    assert code == 0, err
    assert f"tensorboard --logdir {os.path.join('run', 'tensorboard')}\n" in err
    assert len(list((tmp_path / "run" / "tensorboard" / "validation").iterdir())) == 2
    code, out, err = cli("export", "run", "--output", "net.json")
    assert (code, out) == (0, "")
    assert err.startswith("Wrote net.json (")
    assert json.loads((tmp_path / "net.json").read_text())["format"]
    code, _, err = cli("train", "iris", "--restarts", 2, "--tensorboard")
    assert code == 2
    assert "--tensorboard follows one descent, got 2 restarts" in err
