"""Run folders: written from the first moment, read back as they were, damage always noticed."""

import json
import pathlib

import jax
import numpy as np
import pytest

import downslope as ds
from downslope.runs import Checkpoint, RunFolder
from downslope.training.engine.progress import Silent
from downslope.training.job import run_job
from downslope.training.monitor.recorder import Recorder
from jobs import training_job

DATA = ds.load("iris")
NET = ds.mlp([6], outputs=3, activation="tanh", initializer=ds.initializers.normal(0.3))


def stored(folder, **settings):
    return ds.train(NET, DATA, **{"epochs": 3, "validation": 0.2, "store": folder, "progress": False} | settings)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "iris"
    settings = {"optimizer": ds.clip(1.0, ds.adam(ds.schedules.cosine_decay(1e-2, 20))), "normalize": "standard"}
    return stored(folder, **settings, record=ds.Record(parameters_every=4), metrics=["accuracy"])


def same(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_an_opened_run_is_the_run(finished):
    opened = ds.open_run(finished.path)
    same(opened.variables, finished.variables)
    same(opened.last, finished.last)
    same(opened.history, finished.history)
    same(opened.trajectory.params, finished.trajectory.params)
    np.testing.assert_array_equal(opened.predict(DATA.x), finished.predict(DATA.x))
    for name in ("net", "loss", "stop_reason", "best_epoch", "preprocessing", "metrics", "notes", "epochs", "task"):
        assert getattr(opened, name) == getattr(finished, name), name


def test_a_run_opens_in_another_precision_than_it_was_saved_in(tmp_path):
    with jax.enable_x64(False):
        run = stored(tmp_path / "run", record=ds.Record(parameters_every=4))
    opened = ds.open_run(tmp_path / "run")
    assert opened.params[0]["weight"].dtype == np.float32
    same((opened.variables, opened.trajectory.params), (run.variables, run.trajectory.params))


def test_a_run_folder_holds_what_the_design_says(finished):
    files = {str(path.relative_to(finished.path)) for path in finished.path.rglob("*") if path.is_file()}
    checkpoints = {f"checkpoints/{name}.safetensors" for name in ("last", "previous", "best")}
    assert files == {"run.json", "metrics.jsonl", "trajectory.safetensors"} | checkpoints
    record = json.loads((finished.path / "run.json").read_text())
    assert record["configuration"]["optimizer"]["kind"] == "optimizers.clip"
    assert record["configuration"]["network"]["layers"][0]["initializer"] == {"kind": "initializers.normal", "s": 0.3}
    assert {"jax", "numpy", "downslope", "python"} <= record["versions"].keys()
    assert (record["status"], record["stop_reason"], record["seed"]) == ("finished", "completed", 0)
    assert [json.loads(line)["epoch"] for line in (finished.path / "metrics.jsonl").read_text().splitlines()] == [
        1,
        2,
        3,
    ]


def test_the_files_can_be_read_without_downslope(finished):
    from safetensors.numpy import load_file

    arrays = load_file(finished.path / "checkpoints" / "best.safetensors")
    np.testing.assert_array_equal(arrays["variables/params/0/weight"], finished.params[0]["weight"])


def test_no_pickle_anywhere(finished):
    for path in finished.path.rglob("*"):
        assert path.is_dir() or not path.read_bytes().startswith(b"\x80")
    sources = pathlib.Path(ds.__file__).parent.rglob("*.py")
    assert not [path for path in sources if "import pickle" in path.read_text(encoding="utf-8")]


def test_the_folder_is_written_before_the_first_step(tmp_path):
    class Observed(Recorder):
        def parameters_due(self, step):
            opened = ds.open_run(tmp_path / "run")
            assert (step, opened.stop_reason, opened.epochs) == (0, "running", 0)
            raise MemoryError

    job = training_job(NET, DATA, epochs=3, validation=0.2)
    job.recorder = Observed(ds.Record())
    with pytest.raises(MemoryError):
        run_job(job, folder=RunFolder.create(tmp_path / "run"), progress=Silent())
    start = NET.init(ds.core.fold(0, "initialize"), (4,))
    same(ds.open_run(tmp_path / "run").variables, start)


def test_a_folder_in_use_is_refused_and_overwritten_only_on_purpose(tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(ds.RunError, match="new or empty"):
        stored(tmp_path)
    stored(tmp_path, overwrite=True, seed=1)
    with pytest.raises(ds.RunError, match="overwrite"):
        stored(tmp_path)
    again = stored(tmp_path, overwrite=True, epochs=2)
    assert ds.open_run(tmp_path).epochs == again.epochs == 2
    assert (tmp_path / "mine.txt").read_text() == "keep me"


def test_a_diverged_run_is_stored_with_its_reason(tmp_path):
    line, data, rate = ds.mlp([], outputs=1), ds.load("old_faithful"), ds.sgd(1.0)
    run = ds.train(line, data, optimizer=rate, epochs=500, store=tmp_path / "run", progress=False)
    assert run.stop_reason == "diverged"
    opened = ds.open_run(tmp_path / "run")
    assert opened.stop_reason == "diverged"
    assert str(opened.divergence) == str(run.divergence)


def test_a_part_of_your_own_is_recorded_by_name_and_passed_again(tmp_path):
    loss = ds.losses.Loss(
        "absolute", lambda y, t: abs(y - t).sum(axis=1), lambda y, t: jax.numpy.sign(y - t), targets="numbers"
    )
    data = ds.load("old_faithful")
    run = ds.train(ds.mlp([], outputs=1), data, loss=loss, epochs=2, store=tmp_path / "run", progress=False)
    with pytest.raises(ds.CustomPartError, match="absolute"):
        ds.open_run(tmp_path / "run")
    np.testing.assert_array_equal(ds.open_run(tmp_path / "run", loss=loss).predict(data.x), run.predict(data.x))


@pytest.mark.parametrize("path", ["nowhere", "file.txt", "empty"])
def test_what_is_no_run_is_said_to_be_none(tmp_path, path):
    (tmp_path / "file.txt").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ds.RunError, match="run"):
        ds.open_run(tmp_path / path)


@pytest.mark.parametrize(
    "name", ["run.json", "metrics.jsonl", "checkpoints/last.safetensors", "checkpoints/best.safetensors"]
)
@pytest.mark.parametrize("share", [0.02, 0.35, 0.6, 0.97])
def test_a_flipped_bit_is_noticed_and_the_file_named(tmp_path, finished, name, share):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(finished.path, folder)
    content = bytearray((folder / name).read_bytes())
    content[int(share * len(content))] ^= 1
    (folder / name).write_bytes(bytes(content))
    with pytest.raises(ds.RunError) as refusal:
        ds.open_run(folder)
    assert pathlib.Path(name).name in str(refusal.value)


def test_a_last_line_cut_off_does_not_count(tmp_path, finished):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(finished.path, folder)
    lines = (folder / "metrics.jsonl").read_bytes()
    (folder / "metrics.jsonl").write_bytes(lines + lines[:30])
    assert ds.open_run(folder).epochs == 3
    (folder / "metrics.jsonl").write_bytes(lines[:-5])  # of an epoch that was saved
    with pytest.raises(ds.DamagedRunError, match="of 3 epochs it has 2"):
        ds.open_run(folder)


def test_a_kind_that_is_not_public_is_refused():
    from downslope.core import rebuild

    with pytest.raises(ds.RunError, match=r"os\.system"):
        rebuild({"kind": "os.system", "command": "true"}, {"layers": ds.layers})
    with pytest.raises(ds.RunError, match="initialize_everything"):
        rebuild({"function": "layers.initialize_everything"}, {"layers": ds.layers})


def test_saving_keeps_the_state_before(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    for epoch in (1, 2, 3):
        folder.save_last(Checkpoint({"a": np.full(3, epoch)}, {"epoch": epoch}))
    assert folder.read("last").facts == {"epoch": 3}
    assert folder.read("previous").arrays["a"].tolist() == [2, 2, 2]
    assert not list(tmp_path.rglob("*.new"))
