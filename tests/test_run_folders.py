"""Runs that every version wrote are opened, used and resumed; see run_folders/README.md."""

import functools
import hashlib
import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import downslope as ds
from downslope.runs import RunFolder
from downslope.runs._upgrade import SCHEMA, STEPS
from run_folders import make

FOLDERS = Path(__file__).parent / "run_folders"
VERSIONS = sorted(path.name for path in FOLDERS.iterdir() if path.name[0].isdigit())
RUNS = [f"{version}/{path.name}" for version in VERSIONS for path in sorted((FOLDERS / version).iterdir())]
NEWEST = VERSIONS[-1]
pytestmark = pytest.mark.usefixtures("float32")


@pytest.fixture
def folder(tmp_path):
    """Return a function that copies a run to a folder that tests may write to."""
    return lambda run: shutil.copytree(FOLDERS / run, tmp_path / "run")


@pytest.fixture
def table(tmp_path):
    """Return the file that runs of the kind `table` were trained on, which is elsewhere now."""
    make.write_table(tmp_path / "rows.csv")
    return tmp_path / "rows.csv"


def rows_of(kind, table):
    """Return the rows that a kind of run was trained on."""
    if kind == "table":
        return ds.read(table, target="price")
    targets = make.heights() if kind == "diverged" else make.labels()
    return ds.Dataset(make.inputs(), targets, task="regression" if kind == "diverged" else "classification")


def rewrite(path, **changes):
    """Change a run's record, with the digest that belongs to it."""
    record = json.loads((path / "run.json").read_text()) | changes
    del record["digest"]
    canonical = json.dumps(record, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    (path / "run.json").write_text(json.dumps(record | {"digest": digest}))


def those(kind):
    """Return the runs of a kind."""
    return [run for run in RUNS if run.endswith(f"/{kind}")]


@functools.cache
def trained_today(kind):
    """Return what a training of a kind gives in five epochs, and its rows."""
    net, data, settings = make.trainings(ds)[kind]()
    return ds.train(net, data, **settings | {"epochs": 5}, progress=False), data


def test_every_version_of_the_layout_is_kept():
    assert {int(version[0]) for version in VERSIONS} == set(range(1, SCHEMA + 1)) == set(STEPS)


@pytest.mark.parametrize("run", RUNS)
def test_it_opens_predicts_and_evaluates_as_the_newest_does(run, table):
    kind = run.partition("/")[2]
    opened, newest = ds.open_run(FOLDERS / run), ds.open_run(FOLDERS / NEWEST / kind)
    data = rows_of(kind, table)
    assert opened.stop_reason == newest.stop_reason
    assert opened.best_epoch == newest.best_epoch
    # they were made on several processors, which decide the last bits
    np.testing.assert_allclose(opened.history["train_loss"], newest.history["train_loss"], rtol=1e-5)
    np.testing.assert_allclose(opened.outputs(data.x), newest.outputs(data.x), rtol=1e-4, atol=1e-5)
    if opened.task == "classification":
        np.testing.assert_array_equal(opened.predict(data.x), newest.predict(data.x))
    assert opened.evaluate(data) == pytest.approx(newest.evaluate(data), rel=1e-4)


@pytest.mark.parametrize("run", those("stopped_early") + those("diverged"))
def test_what_has_ended_is_ended(run, folder):
    path = folder(run)
    data = rows_of(run.partition("/")[2], None)
    opened = ds.open_run(path)
    if opened.stop_reason == "diverged":
        assert opened.divergence.epoch == 5
        assert "3" in str(opened.divergence.remedy) or "clip" in str(opened.divergence.remedy)
        with pytest.raises(ds.RunError, match="diverged, so there is nothing to go on with"):
            ds.resume(path, data, progress=False)
    else:
        ended = ds.resume(path, data, progress=False)
        assert (ended.epochs, ended.best_epoch) == (opened.epochs, opened.epochs - 1)
        assert ended.recipe.settings["early_stopping"] == 1


@pytest.mark.parametrize("run", those("arrays") + those("batch_norm") + those("class_weights"))
def test_it_is_resumed_to_what_training_gives_today(run, folder):
    kind = run.partition("/")[2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ds.RunWarning)
        longer = ds.resume(folder(run), rows_of(kind, None), epochs=5, progress=False)
    whole, data = trained_today(kind)
    assert longer.best_epoch == whole.best_epoch
    for name, values in whole.history.items():
        np.testing.assert_allclose(longer.history[name], values, rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(longer.outputs(data.x), whole.outputs(data.x), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("run", those("arrays"))
def test_resuming_says_what_an_older_run_does_not_tell(run, folder):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ds.resume(folder(run), rows_of("arrays", None), epochs=4, progress=False)
    gaps = [str(warning.message) for warning in caught if "earlier version" in str(warning.message)]
    if run < "1g":
        (gap,) = gaps
        assert "did not keep a digest of its validation rows, so whether they are the same is not checked." in gap
    else:
        assert not gaps


@pytest.mark.parametrize("run", those("arrays"))
def test_resuming_compares_the_rows(run, folder):
    data = rows_of("arrays", None)
    others = ds.Dataset(np.asarray(data.x) + 1, data.y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ds.RunWarning)
        with pytest.raises(ds.DataError, match="must be what this run was trained with, 30 rows"):
            ds.resume(folder(run), others, epochs=4, progress=False)


@pytest.mark.parametrize("run", those("table"))
def test_rows_are_read_again_where_it_is_told_where_they_were(run, folder, table):
    path = folder(run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ds.RunWarning)
        if run < "1e":
            with pytest.raises(ds.DataError, match="earlier version, which did not keep where its rows came from"):
                ds.resume(path, epochs=4, file=table, progress=False)
            longer = ds.resume(path, rows_of("table", table), epochs=4, progress=False)
        else:
            longer = ds.resume(path, epochs=4, file=table, progress=False)
    assert longer.epochs == 4


@pytest.mark.parametrize("run", those("restarts"))
def test_restarts_go_on_where_all_of_them_were_kept(run, folder):
    path, data = folder(run), rows_of("restarts", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ds.RunWarning)
        if run < "1g":
            with pytest.raises(ds.RunError, match="kept the best of 3 starts and not the state of the others"):
                ds.resume(path, data, epochs=4, progress=False)
        else:
            assert ds.resume(path, data, epochs=4, progress=False).restarts.epochs.tolist() == [4, 4, 4]


@pytest.mark.parametrize("run", those("recorded"))
def test_what_was_recorded_goes_on(run, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ds.RunWarning)
        longer = ds.resume(folder(run), rows_of("recorded", None), epochs=5, progress=False)
    assert longer.trajectory.steps.tolist() == [0, 4, 8, 12]
    assert longer.statistics.steps.tolist() == [0, 4, 8, 12]


@pytest.mark.parametrize("version", VERSIONS)
def test_commands_read_it(version, cli, table):
    run = FOLDERS / version / "table"
    code, judged, _ = cli("evaluate", run, table, "--json")
    assert (code, json.loads(judged)["loss"]) == (0, ds.open_run(run).evaluate(rows_of("table", table))["loss"])
    code, predicted, _ = cli("predict", run, table)
    assert (code, len(predicted.splitlines())) == (0, 41)
    code, compared, _ = cli("compare", run, FOLDERS / version / "arrays", FOLDERS / version / "diverged")
    assert (code, "diverged" in compared) == (0, True)
    assert cli("export", run, "--format", "json", "--output", "run.json")[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_commands_that_measure_read_it(version, cli, folder, table):
    run = folder(f"{version}/table")
    assert cli("spectrum", run, table, "--json")[0] == 0
    code, _, heard = cli("diagnose", run, table)
    assert code == (2 if version < "1e" else 0), heard
    assert ("did not keep where its rows came from" in heard) == (version < "1e")


def test_a_newer_layout_is_refused(folder):
    path = folder(RUNS[-1])
    rewrite(path, schema_version=SCHEMA + 1, versions={"downslope": "9.9"})
    with pytest.raises(ds.RunError, match=rf"has layout {SCHEMA + 1}, .* up to {SCHEMA}. Use .* downslope 9.9, or"):
        ds.open_run(path)


@pytest.mark.parametrize("version", [0, None, "1"])
def test_a_record_without_a_version_is_damaged(folder, version):
    path = folder(RUNS[-1])
    rewrite(path, schema_version=version)
    with pytest.raises(ds.DamagedRunError, match="has no version of its layout"):
        ds.open_run(path)


@pytest.mark.parametrize("best", [1, 2])
def test_best_parameters_of_another_save_are_not_taken_for_those_of_the_last(folder, best):
    path = folder("1f_memory_limit/stopped_early")
    rewrite(path, status="running", stop_reason=None)
    run = RunFolder.open(path)
    checkpoint = run.read("best")
    run.save("best", checkpoint._replace(facts=checkpoint.facts | {"best_epoch": best}))
    run.discard("previous")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ds.RunWarning)
        if best == checkpoint.facts["best_epoch"]:
            assert ds.resume(path, rows_of("arrays", None), progress=False).best_epoch == best
        else:
            with pytest.raises(ds.RunError, match="holds the parameters of epoch"):
                ds.resume(path, rows_of("arrays", None), progress=False)
