"""B6, E2: more epochs than a schedule reaches over, after early stopping, and jobs that are started again."""

import json
import os
import shutil
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest

import downslope as ds
from downslope.core import render
from downslope.runs import RunFolder
from test_resume import same

DATA = ds.load("iris")
NET = ds.mlp([6], outputs=3)
STEPS = 8  # an epoch
SETTINGS = {"batch_size": 15, "validation": 0.2, "seed": 3, "progress": False}
SCHEDULES = {
    "cosine": ds.schedules.cosine_decay(0.05, 3 * STEPS),
    "one cycle": ds.schedules.one_cycle(0.05, 3 * STEPS),
    "warm-up and cosine": ds.schedules.warmup(STEPS, ds.schedules.cosine_decay(0.05, 2 * STEPS)),
}


def trained(schedule, **settings):
    return ds.train(NET, DATA, optimizer=ds.adam(schedule), **SETTINGS | {"epochs": 3} | settings)


@pytest.fixture
def finished(tmp_path):
    """Return a function that trains three epochs of a schedule over three epochs, and the folder."""

    def make(name):
        trained(SCHEDULES[name], store=tmp_path / "run")
        return tmp_path / "run"

    return make


@pytest.mark.parametrize("name", SCHEDULES)
def test_b6_more_epochs_than_a_schedule_has_ask_how_it_goes_on(name, finished):
    store = finished(name)
    before = (store / "run.json").read_bytes()
    with pytest.raises(ds.SettingError, match=r"ends after 24 steps, before 6 epochs do.*'stretch'.*'restart'.*'hold'"):
        ds.resume(store, epochs=6, progress=False)
    with pytest.raises(ds.SettingError, match="must be 'stretch', 'restart', 'hold', a schedule or a number, got 'on'"):
        ds.resume(store, epochs=6, schedule="on", progress=False)
    assert (store / "run.json").read_bytes() == before
    assert ds.resume(store, progress=False).epochs == 3


@pytest.mark.product
@pytest.mark.optimized
@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("way", ["stretch", "restart", "hold", "another", "a number"])
def test_b6_what_comes_out_is_what_training_with_that_schedule_gives(name, way, finished):
    schedule, sequence, join = SCHEDULES[name], ds.schedules.sequence, {"at": 3 * STEPS}
    another = ds.schedules.exponential_decay(0.01, 0.9)
    whole = {
        "stretch": sequence(schedule, ds.schedules.stretched(schedule, 6 * STEPS), **join, offset=3 * STEPS),
        "restart": sequence(schedule, schedule, **join),
        "hold": schedule,
        "another": sequence(schedule, another, **join),
        "a number": sequence(schedule, 0.002, **join),
    }[way]
    store = finished(name)
    run = ds.resume(store, epochs=6, schedule={"another": another, "a number": 0.002}.get(way, way), progress=False)
    expected = trained(whole, epochs=6)
    same(run, expected)
    rates = run.history["learning_rate"]
    if way == "restart":
        np.testing.assert_array_equal(rates[:3], rates[3:])
    record = RunFolder.open(store).read_record()
    assert record.configuration["optimizer"]["learning_rate"] == json.loads(json.dumps(render(whole)))


@pytest.mark.optimized
def test_b6_a_run_stopped_before_its_schedule_finishes_it_first_and_then_restarts(tmp_path):
    schedule = SCHEDULES["cosine"]
    stop = lambda moment: ds.Stop() if moment.epoch == 2 else None  # noqa: E731
    trained(schedule, store=tmp_path / "run", observers=[stop])
    run = ds.resume(tmp_path / "run", epochs=5, schedule="restart", progress=False)
    again = ds.schedules.cosine_decay(0.05, 2 * STEPS)
    same(run, trained(ds.schedules.sequence(schedule, again, at=3 * STEPS), epochs=5))


@pytest.mark.slow
@pytest.mark.optimized
def test_b6_it_goes_on_twice_and_with_several_starts(tmp_path):
    schedule = SCHEDULES["cosine"]
    trained(schedule, store=tmp_path / "run", restarts=3)
    for epochs in (5, 6):
        ds.resume(tmp_path / "run", epochs=epochs, schedule="restart", progress=False)
    first = ds.schedules.sequence(schedule, ds.schedules.cosine_decay(0.05, 2 * STEPS), at=3 * STEPS)
    both = ds.schedules.sequence(first, ds.schedules.cosine_decay(0.05, STEPS), at=5 * STEPS)
    expected = trained(both, epochs=6, restarts=3)
    np.testing.assert_array_equal(ds.open_run(tmp_path / "run").restarts.losses, expected.restarts.losses)


def stopped_early(store, **settings):
    """Train a run that early stopping ends after two of five epochs."""
    settings = {"epochs": 5, "early_stopping": 1, "optimizer": ds.sgd(0.0), "store": store} | settings
    return ds.train(NET, DATA, **SETTINGS | settings)


@pytest.mark.optimized
def test_b6_after_early_stopping_it_goes_on_when_told(tmp_path):
    assert stopped_early(tmp_path / "run").epochs == 2
    assert ds.resume(tmp_path / "run", progress=False).epochs == 2
    with pytest.warns(
        ds.RunWarning, match=r"stopped early, after 1 epoch without .*=1., or go on without early stopping"
    ):
        assert ds.resume(tmp_path / "run", epochs=9, progress=False).epochs == 2
    anew = ds.resume(tmp_path / "run", epochs=9, early_stopping=3, progress=False)
    assert (anew.epochs, anew.stop_reason, anew.best_epoch) == (5, "early_stopping", 1)  # three epochs after the second
    free = ds.resume(tmp_path / "run", epochs=9, early_stopping=0, progress=False)
    whole = stopped_early(None, epochs=9, early_stopping=None)
    same(free, whole)
    record = json.loads((tmp_path / "run" / "run.json").read_text())["configuration"]
    assert (record["early_stopping"], record["continued_from"], record["epochs"]) == (None, 5, 9)


@pytest.mark.slow
def test_b6_the_command_names_the_choices(cli):
    cli("train", "iris", "--network", 4, "--optimizer", "sgd", "--learning-rate", 1e-30, "--epochs", 9,
        "--early-stopping", 1, "--store", "run")  # fmt: skip
    code, _, err = cli("resume", "run", "--epochs", 20)
    assert code == 0
    assert "run has nothing left to do. It stopped early, after 1 epoch without" in err
    assert "Go on with patience counted anew (--early-stopping 1), or go on without early stopping" in err
    code, out, err = cli("resume", "run", "--epochs", 4, "--early-stopping", 0)
    assert (code, out.splitlines()[0][:18]) == (0, "Completed 4 epochs"), err
    cli("train", "iris", "--network", 4, "--schedule", "cosine", "--epochs", 2, "--early-stopping", 0, "--store", "c")
    code, _, err = cli("resume", "c", "--epochs", 4)
    assert (code, err.count("\n")) == (2, 1)
    assert "--schedule 'stretch'" in err
    assert cli("resume", "c", "--epochs", 4, "--schedule", "restart")[0] == 0
    assert cli("resume", "c", "--epochs", 5, "--learning-rate", 0.01)[0] == 0
    code, _, err = cli("resume", "c", "--epochs", 6, "--learning-rate", 0.01, "--schedule", "hold")
    assert (code, "Give one" in err) == (2, True)


WORDS = ("train", "iris", "--network", 4, "--early-stopping", 0, "--store", "run", "--resume", "auto")


def test_e2_resume_auto_begins_goes_on_and_ends(cli):
    code, out, err = cli(*WORDS, "--epochs", 2)
    assert (code, out.splitlines()[0][:18]) == (0, "Completed 2 epochs"), err
    assert cli(*WORDS, "--epochs", 2)[1].startswith("Completed 2 epochs")
    code, out, err = cli(*WORDS, "--epochs", 4, "--json")
    assert (code, json.loads(out)["epochs"]) == (0, 4), err
    whole = cli("train", "iris", "--network", 4, "--early-stopping", 0, "--store", "whole", "--epochs", 4)
    assert whole[0] == 0
    for name in ("variables", "last", "history"):
        runs = ds.open_run("run"), ds.open_run("whole")
        for one, other in zip(*(jax.tree.leaves(getattr(run, name)) for run in runs), strict=True):
            np.testing.assert_array_equal(one, other)
    for more, named in (
        (("--epochs", 3), "--epochs of a run that goes on may grow, got 3"),
        (("--epochs", 4, "--learning-rate", 0.5), "--learning-rate was 0.001 there, got 0.5"),
        (("--epochs", 4, "--batch-size", 7), "--batch-size was 32 there, got 7"),
        (("--epochs", 4, "--seed", 7), "The data must be what this run was trained with"),
        (("--epochs", 4, "--normalize", "minmax"), "--normalize was standard there, got minmax"),
    ):
        code, out, err = cli(*WORDS, *more)
        assert (code, out, err.count("\n")) == (2, "", 1), more
        assert named in err, more
    code, _, err = cli("train", "iris", "--store", "run")
    assert (code, "go on with the run in it (--resume auto)" in err) == (2, True)


def test_e2_a_store_half_made_is_begun_again(cli):
    for files in (["checkpoints"], ["checkpoints", "run.json"], ["checkpoints", "run.json", "metrics.jsonl"]):
        assert cli(*WORDS, "--epochs", 2)[0] == 0
        folder = RunFolder.open("run", to_write=True)
        folder.write_record(folder.read_record().model_copy(update={"status": "running", "stop_reason": None}))
        folder.release()
        for name in files:
            shutil.rmtree(f"run/{name}", ignore_errors=True) if name == "checkpoints" else os.unlink(f"run/{name}")
        os.makedirs("run/checkpoints")
        with open("run/run.json.new", "w") as file:
            file.write("{")
        if "run.json" not in files:  # the record is written first
            code, _, err = cli("resume", "run")
            assert (code, "stopped before it was saved for the first time" in err) == (2, True)
        code, out, err = cli(*WORDS, "--epochs", 2)
        assert (code, out.splitlines()[0][:18]) == (0, "Completed 2 epochs"), err
    os.makedirs("other")
    with open("other/notes.txt", "w") as file:
        file.write("mine")
    code, _, err = cli(*WORDS[:-3], "other", "--resume", "auto")
    assert (code, "must be new or empty" in err, os.listdir("other")) == (2, True, ["notes.txt"])


@pytest.mark.slow
def test_e2_resume_auto_takes_what_was_found_before(tmp_path):
    settings = SETTINGS | {"optimizer": ds.sgd("auto"), "store": tmp_path / "run", "resume": "auto"}
    first = ds.train(NET, DATA, epochs=2, **settings)
    more = ds.train(NET, DATA, epochs=3, **settings)
    assert more.recipe.settings.optimizer == first.recipe.settings.optimizer
    with pytest.raises(ds.SettingError, match="goes on with the run in a folder, got none"):
        ds.train(NET, DATA, **settings | {"store": None})
    with pytest.raises(ds.SettingError, match=r"replaces it. Give one"):
        ds.train(NET, DATA, **settings, overwrite=True)
    x = np.array(DATA.x)
    x[0, 0] += 1
    with pytest.raises(ds.DataError, match=r"its column 'sepal length .cm.' holds other values"):
        ds.train(NET, ds.Dataset(x, DATA.y, feature_names=DATA.feature_names), **settings)


@pytest.fixture
def signal_at(monkeypatch):
    """Return the function that has a signal arrive while a command writes a text to stderr, once."""

    def arrive(number, text):
        left, write = [text], sys.stderr.write

        def writing(written):
            if left and left[0] in written:
                left.clear()
                signal.raise_signal(number)
            return write(written)

        monkeypatch.setattr(sys.stderr, "write", writing)

    return arrive


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_e2_a_signal_saves_and_the_same_command_goes_on(name, cli, signal_at):
    before = signal.getsignal(signal.SIGTERM)
    signal_at(getattr(signal, name), "epoch 1/5  train")
    code, out, err = cli(*WORDS, "--epochs", 5)
    assert (code, out) == (75, ""), err
    assert (
        f"Stopped by {name} after 1 epoch, and saved in run. Go on by the same command with --resume auto, or by: "
        in err
    )
    assert RunFolder.open("run").read_record().stop_reason == "interrupted"
    assert signal.getsignal(signal.SIGTERM) is before
    code, out, err = cli(*WORDS, "--epochs", 5)
    assert (code, out.splitlines()[0][:18]) == (0, "Completed 5 epochs"), err


SIGNALED = """
import signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)
from downslope.cli.main import main
import downslope.data.dataset as dataset

dataset.split_rows = lambda *arguments, **settings: signal.raise_signal(getattr(signal, sys.argv[1]))
main(sys.argv[2:])
"""
"""A command to which a signal comes while it splits its rows."""


@pytest.mark.slow
@pytest.mark.parametrize("command", ["train", "sweep", "find-lr"])
@pytest.mark.parametrize("name, cause, code", [("SIGTERM", "SIGTERM", 75), ("SIGINT", "Ctrl-C", 130)])
def test_e2_commands_end_in_a_sentence(name, cause, code, command, tmp_path):
    words = [sys.executable, "-c", SIGNALED, name, command, "iris"]
    result = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (code, "", f"downslope: stopped by {cause}.\n")
    assert not list(tmp_path.iterdir())
