"""The command line as a user meets it: what it prints where, what it writes, and its exit codes."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import polars
import pytest

from downslope import schedules
from downslope.cli.commands.train import next_steps
from downslope.cli.compile_cache import make_private
from downslope.cli.main import TRACEBACK
from downslope.cli.parse import optimizer_of, schedule_of
from downslope.core import SettingError
from downslope.training import open_run

VERBS = (
    "train",
    "predict",
    "evaluate",
    "sweep",
    "find-lr",
    "init",
    "profile",
    "diagnose",
    "spectrum",
    "data",
    "demo",
)
HEAVY = ("jax", "sklearn", "polars", "matplotlib", "pandas", "torch", "optax")
PETS = "legs,weight,sound,pet\n" + "".join(
    f"{legs},{weight + i / 10},{sound},{pet}\n"
    for i in range(12)
    for legs, weight, sound, pet in ((4, 20.0, "woof", "dog"), (2, 0.1, "tweet", "bird"), (4, 4.0, "meow", "cat"))
)
QUICK = ("--epochs", "2", "--network", "4", "--batch-size", "16")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    """Run where files may be written."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pets(tmp_path):
    (tmp_path / "pets.csv").write_text(PETS)
    return "pets.csv"


def in_a_process(*words, **environment):
    command = [sys.executable, "-m", "downslope", *words]
    inherited = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    return subprocess.run(command, capture_output=True, text=True, env=inherited | environment, check=False)


def test_help_loads_nothing_heavy():
    script = (
        "import sys\nfrom downslope.cli.main import run\n"
        f"for verb in {VERBS!r}:\n    assert run([verb, '--help']) == 0\n"
        "assert run(['--help']) == run([]) == run(['--version']) == 0\n"
        f"loaded = sorted(name for name in {HEAVY!r} if name in sys.modules)\nassert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "completed"),
    [("downslope tra", "train"), ("downslope train --ove", "--overwrite")],
    ids=["command", "option"],
)
def test_the_shell_completes_commands_and_options(words, completed):
    typed = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = in_a_process(_DOWNSLOPE_COMPLETE="complete_bash", **typed)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [completed], "")


def test_completion_is_offered_by_the_command_alone(cli):
    assert "--install-completion" in cli("--help")[1]
    assert "completion" not in cli("train", "--help")[1]


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_a_page_of_help_with_an_example(cli, verb):
    code, out, err = cli(verb, "--help")
    assert (code, err) == (0, "")
    assert "bool" not in out
    assert f"downslope {verb}" in out.split("Examples")[1]
    assert len(out.splitlines()) < 240


def test_help_names_every_verb_and_option(cli):
    _, out, _ = cli("--help")
    assert all(verb in out for verb in VERBS)
    _, out, _ = cli("train", "--help")
    options = (
        "target task shape network activation initializer norm skip dropout loss label-smoothing class-weight "
        "optimizer learning-rate schedule momentum weight-decay clip batch-size order normalize epochs early-stopping "
        "restarts validation test seed metric store overwrite json"
    )
    assert all(f"--{option}" in out for option in options.split())


def test_train_a_table_then_predict_and_evaluate(cli, pets, tmp_path):
    code, out, err = cli("train", pets, "--target", "pet", "--store", "run", *QUICK)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[3:6]] == ["train", "validation", "test"]
    assert "downslope predict run pets.csv" in out
    assert "Task: classification" in err
    assert "'sound' (3 columns)" in err

    code, out, err = cli("predict", "run", pets)
    rows = out.splitlines()
    assert (code, err) == (0, "")
    assert rows[0] == "prediction,probability_bird,probability_cat,probability_dog"
    assert len(rows) == 37
    assert sum(map(float, rows[1].split(",")[1:])) == pytest.approx(1)

    code, out, err = cli("evaluate", "run", pets, "--json")
    scores = json.loads(out)
    predicted = [row.split(",")[0] for row in rows[1:]]
    truth = [row.split(",")[-1] for row in PETS.splitlines()[1:]]
    assert (code, err) == (0, "")
    assert scores["rows"] == 36
    assert scores["accuracy"] == pytest.approx(np.mean([p == t for p, t in zip(predicted, truth, strict=True)]))


def test_predict_matches_columns_by_name_and_needs_no_target(cli, pets, tmp_path):
    cli("train", pets, "--target", "pet", "--store", "run", *QUICK)
    table = polars.read_csv(pets)
    table.select("sound", polars.lit(1).alias("extra"), "weight", "legs").write_csv("other.csv")
    table.drop("pet").write_parquet("other.parquet")
    expected = cli("predict", "run", pets)
    assert cli("predict", "run", "other.csv") == expected
    assert cli("predict", "run", "other.parquet") == expected
    table.with_columns(polars.lit("moo").alias("sound")).write_csv("new.csv")
    assert cli("predict", "run", "new.csv")[2] == (
        "Text that training never saw was taken for none of the known: 'sound' 36 cells ('moo').\n"
    )
    code, out, err = cli("predict", "run", "other.csv", "--output", "out.csv")
    assert (code, out) == (0, "")
    assert (tmp_path / "out.csv").read_text() == expected[1]
    assert "36 predictions" in err


def test_json_is_one_strict_object(cli):
    code, out, err = cli("train", "iris", "--json", *QUICK)
    report = json.loads(out, parse_constant=pytest.fail)
    assert code == 0
    assert list(report) == ["run", "task", "epochs", "stop_reason", "train", "validation", "test"]
    assert report["run"] == os.path.join("runs", "iris-1")
    assert (report["task"], report["epochs"], report["stop_reason"]) == ("classification", 2, "completed")
    assert all(set(report[part]) == {"loss", "accuracy"} for part in ("train", "validation", "test"))
    assert "iris: 150 rows, 4 features, classification into 3 classes." in err


def test_regression_reports_original_units(cli):
    code, out, _ = cli("train", "old_faithful", "--json", "--network", "linear", "--learning-rate", "0.05")
    report = json.loads(out)
    assert code == 0
    assert set(report["test"]) == {"loss", "rmse", "r2"}
    assert 3 < report["test"]["rmse"] < 12  # minutes
    assert open_run(report["run"]).preprocessing.target_scaling is not None


def test_without_parts_to_hold_out_there_is_no_early_stopping(cli):
    code, out, err = cli("train", "iris", "--validation", "0", "--test", "0", "--json", *QUICK)
    report = json.loads(out)
    assert code == 0, err
    assert report["validation"] is None
    assert report["test"] is None


def test_runs_are_numbered_and_only_replaced_on_request(cli):
    for _ in range(2):
        assert cli("train", "iris", *QUICK)[0] == 0
    assert sorted(os.listdir("runs")) == ["iris-1", "iris-2"]
    again = ("train", "iris", "--store", "runs/iris-1", *QUICK)
    assert cli(*again)[0] == 2
    assert cli(*again, "--overwrite")[0] == 0


def test_a_run_that_cannot_begin_leaves_no_folder(cli):
    assert cli("train", "iris", "--order", "shufle")[0] == 2
    assert not os.path.exists("runs")


def test_the_same_command_gives_the_same_numbers(cli):
    first, second = (json.loads(cli("train", "iris", "--json", *QUICK)[1]) for _ in range(2))
    assert first | {"run": None} == second | {"run": None}


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_arrays_train_and_predict(cli, ending):
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 3))
    y = x @ [1.0, -2.0, 0.5]
    file = f"table.{ending}"
    if ending == "npy":
        np.save(file, np.column_stack([x, y]))
    else:
        np.savez(file, x=x, y=y)
    target = ("--target", "-1") if ending == "npy" else ()
    code, out, err = cli("train", file, *target, "--task", "regression", "--store", "run", "--json", *QUICK)
    assert code == 0, err
    assert json.loads(out)["task"] == "regression"
    assert ("no better than always answering the mean" in err) == (json.loads(out)["test"]["r2"] <= 0)
    _, out, _ = cli("predict", "run", file)
    assert len(out.splitlines()) == 41
    code, out, err = cli("evaluate", "run", file, "--json")
    assert code == 0, err
    assert json.loads(out)["rows"] == 40


def test_divergence_is_a_result_and_fails(cli):
    steep = ("--optimizer", "sgd", "--learning-rate", "1e8", "--normalize", "none")
    code, out, err = cli("train", "diabetes", *steep, *QUICK, "--json")
    report = json.loads(out, parse_constant=pytest.fail)
    assert code == 1
    assert report["stop_reason"] == "diverged"
    assert "Diverged at step" in err.splitlines()[-1]
    assert err.endswith("Try 0.01, or clip the gradient (--clip 1).\n")
    run = open_run(report["run"])
    assert run.stop_reason == "diverged"
    assert next_steps(run, "diabetes")[1] == f"  downslope diagnose {report['run']}"


def test_ctrl_c_keeps_what_was_learned(cli, ctrl_c_at):
    ctrl_c_at("epoch 1/9")
    code, out, _ = cli("train", "iris", "--epochs", "9", "--network", "4")
    assert code == 0
    assert out.startswith("Interrupted after 1 epoch.")
    run = open_run("runs/iris-1")
    assert (run.stop_reason, run.epochs) == ("interrupted", 1)


def test_ctrl_c_elsewhere_is_quiet(cli, monkeypatch):
    def interrupt(name):
        raise KeyboardInterrupt

    monkeypatch.setattr("downslope.data.load", interrupt)
    assert cli("train", "iris") == (130, "", "")


def test_an_unexpected_error_is_one_line(cli, run_command, capsys, monkeypatch):
    def fail(name):
        raise ZeroDivisionError("a bug\nin two lines")

    monkeypatch.setattr("downslope.data.load", fail)
    code, out, err = cli("train", "iris")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "ZeroDivisionError: a bug in two lines" in err
    monkeypatch.setenv(TRACEBACK, "1")
    assert run_command(["train", "iris"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_data_lists_the_sets(cli):
    code, out, err = cli("data")
    listed = json.loads(cli("data", "--json")[1])
    assert (code, err) == (0, "")
    assert {"name": "digits", "rows": 1797, "features": 64, "task": "classification"}.items() <= listed[1].items()
    assert [line.split()[0] for line in out.splitlines()[1:]] == [info["name"] for info in listed]


@pytest.mark.slow
def test_demo_reaches_96_percent_and_draws(cli, tmp_path):
    code, out, err = cli("demo")
    assert code == 0, err
    accuracy = float(out.split("Test accuracy: ")[1].split(" %")[0])
    assert accuracy >= 96
    for name in ("loss_curves.png", "predictions.png"):
        path = tmp_path / "runs" / "demo" / "figures" / name
        assert str(path.relative_to(tmp_path)) in out
        assert path.read_bytes().startswith(b"\x89PNG")


def test_demo_replaces_an_earlier_demo_only(cli, tmp_path):
    cli("train", "iris", "--store", "mine", *QUICK)
    code, _, err = cli("demo", "--store", "mine")
    assert code == 2
    assert "new or empty" in err


SCHEDULES = {
    "constant": schedules.constant(0.1),
    "step:0.5:10": schedules.step_decay(0.1, 0.5, 10),
    "exponential:0.9": schedules.exponential_decay(0.1, 0.9),
    "exponential:0.9:5": schedules.exponential_decay(0.1, 0.9, 5),
    "inverse:0.01": schedules.inverse_time_decay(0.1, 0.01),
    "inverse:0.01:0.5": schedules.inverse_time_decay(0.1, 0.01, 0.5),
    "cosine": schedules.cosine_decay(0.1, 100),
    "cosine:0.01": schedules.cosine_decay(0.1, 100, 0.01),
    "one-cycle": schedules.one_cycle(0.1, 100),
    "one_cycle": schedules.one_cycle(0.1, 100),
    "cyclic:0.001:20": schedules.cyclic(0.001, 0.1, 20),
    "cyclic:0.001:20:triangular2": schedules.cyclic(0.001, 0.1, 20, "triangular2"),
    "plateau:0.5:5": schedules.reduce_on_plateau(0.1, 0.5, 5),
    "warmup:10": schedules.warmup(10, schedules.constant(0.1)),
    "warmup:10+cosine": schedules.warmup(10, schedules.cosine_decay(0.1, 90)),
}


@pytest.mark.parametrize("text", SCHEDULES)
def test_schedules_can_be_written(text):
    assert schedule_of(text, 0.1, 100) == SCHEDULES[text]


@pytest.mark.parametrize(
    "text, part",
    [
        ("cosin", "'cosine'"),
        ("step", "step:FACTOR:EVERY"),
        ("step:2:10", "`factor`"),
        ("step:a:10", "`factor`"),
        ("step:0.5:1.5", "`every`"),
        ("cosine:1:2", "cosine[:END]"),
        ("constant+cosine", "written constant"),
        ("warmup:10+", "warmup:STEPS[+SCHEDULE]"),
        ("warmup:10+step:9:9", "step:FACTOR:EVERY"),
        ("warmup:x+cosine", "`steps`"),
    ],
)
def test_a_schedule_that_cannot_be_read_says_how_it_is_written(text, part):
    with pytest.raises(SettingError, match=re.escape(part)):
        schedule_of(text, 0.1, 100)


@pytest.mark.parametrize("name, rate", [("adam", 1e-3), ("adamw", 1e-3), ("rmsprop", 1e-3), ("sgd", 1e-2)])
def test_optimizers_have_their_usual_rates(name, rate):
    assert optimizer_of(name, None, None, "constant", 10).settings["learning_rate"] == rate


def test_targets_with_a_range_of_their_own_are_not_standardized(cli):
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 2))
    np.savez("shares.npz", x=x, y=1 / (1 + np.exp(x.sum(axis=1))))
    loss = ("--loss", "binary_cross_entropy", "--task", "regression")
    code, out, err = cli("train", "shares.npz", *loss, "--json", *QUICK)
    assert code == 0, err
    assert open_run(json.loads(out)["run"]).preprocessing.target_scaling is None


@pytest.mark.slow
def test_a_whole_process_keeps_compiled_code_in_a_private_folder(tmp_path):
    done = in_a_process("train", "iris", *QUICK, "--json", XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    json.loads(done.stdout)
    for folder in ("downslope", "downslope/xla"):
        assert (tmp_path / "cache" / folder).stat().st_mode & 0o777 == 0o700
    assert any((tmp_path / "cache" / "downslope" / "xla").iterdir())


def test_a_cache_open_to_others_is_not_used(tmp_path):
    folder = tmp_path / "downslope"
    assert make_private(folder)
    folder.chmod(0o777)
    assert not make_private(folder)
    (tmp_path / "file").touch()
    assert not make_private(tmp_path / "file" / "inside")
    (tmp_path / "link").symlink_to(tmp_path)
    assert not make_private(tmp_path / "link")


def test_a_process_that_nobody_listens_to_ends_quietly():
    command = f"{sys.executable} -m downslope data | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""
