"""Exact resume: a run that was stopped, wherever, goes on to the bits of one that never was."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import downslope as ds
from downslope.runs import RunFolder
from downslope.training import loop, observers
from downslope.training.engine import epoch as end_of_epoch
from jobs import ALWAYS_SAVE, Failing, failing_at_call, failing_file_system, train_in_chunks

DATA = ds.load("iris")
NET = ds.mlp([6], outputs=3, activation="tanh")
NORMED = ds.mlp([6], outputs=3, norm="batch", dropout=0.2)
PLATEAU = ds.schedules.reduce_on_plateau(0.05, factor=0.5, patience=1)

CASES = {
    "adam": (NET, {"optimizer": ds.adam(1e-2)}),
    "batch norm and dropout": (NORMED, {"optimizer": ds.sgd(0.05, momentum=0.9)}),
    "a schedule that waits for the loss": (NET, {"optimizer": ds.adam(PLATEAU)}),
    "averaged weights, batches that grow": (
        NET,
        {
            "optimizer": ds.ema(0.9, ds.clip(1.0, ds.rmsprop(1e-2))),
            "batch_size": ds.schedules.piecewise_constant([8, 32], at=[2]),
        },
    ),
    "rows drawn anew, metrics, weights of classes": (
        NET,
        {"order": "replacement", "metrics": ["accuracy"], "class_weight": "balanced", "normalize": "standard"},
    ),
    "recorded": (NET, {"record": ds.Record(parameters_every=5, statistics_every=7)}),
    "a start that was given": (NET, {"start": NET.init(5, (4,))}),
}


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


def whole(case, **settings):
    net, given = CASES[case]
    common = {"epochs": 5, "batch_size": 16, "validation": 0.2, "seed": 3, "progress": False}
    return ds.train(net, DATA, **common | given | settings)


def whole_in_chunks(case, **settings):
    """Train in chunks of two steps, saving at every chance."""
    net, given = CASES[case]
    common = {"epochs": 5, "batch_size": 16, "validation": 0.2, "seed": 3}
    return train_in_chunks(net, DATA, chunk=2, policy=ALWAYS_SAVE, **common | given | settings)


def killed_at(case, step, store, **settings):
    """Train until a step, and be killed there."""
    with pytest.raises(Killed):
        whole_in_chunks(case, store=store, progress=Failing(Killed, at_chunk=step // 2 + 1), **settings)


def same(one, other):
    for name in ("variables", "last", "optimizer_state", "averaged", "history"):
        leaves = [jax.tree.leaves_with_path(getattr(run, name)) for run in (one, other)]
        for (path, a), (_, b) in zip(*leaves, strict=True):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b), err_msg=f"{name} {path}")
    for name in ("stop_reason", "best_epoch"):
        assert getattr(one, name) == getattr(other, name), name
    for name in ("trajectory", "statistics"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        if a is not None:
            np.testing.assert_array_equal(a.steps, b.steps)
            for x, y in zip(jax.tree.leaves(vars(a)), jax.tree.leaves(vars(b)), strict=True):
                np.testing.assert_array_equal(x, y)


@pytest.fixture(scope="module")
def uninterrupted():
    kept = {}

    def run(case):
        if case not in kept:
            kept[case] = whole(case)
        return kept[case]

    return run


@pytest.mark.product
@pytest.mark.optimized
@pytest.mark.parametrize("case, step", [*(("adam", step) for step in (0, 3, 33)), *((case, 19) for case in CASES)])
def test_killed_and_resumed_is_never_stopped(case, step, tmp_path, uninterrupted):
    killed_at(case, step, tmp_path / "run")
    run = ds.resume(tmp_path / "run", progress=False)
    same(run, uninterrupted(case))
    opened = ds.open_run(tmp_path / "run")
    for name in ("variables", "last", "history"):
        for a, b in zip(jax.tree.leaves(getattr(opened, name)), jax.tree.leaves(getattr(run, name)), strict=True):
            np.testing.assert_array_equal(a, b)


def test_states_are_saved_within_epochs(tmp_path):
    killed_at("adam", 5, tmp_path / "run")
    facts = RunFolder.open(tmp_path / "run").read("last").facts
    assert (facts["epoch"], facts["step"]) == (0, 4)


@pytest.mark.optimized
def test_more_epochs_are_those_of_a_longer_run(tmp_path, uninterrupted):
    whole("adam", epochs=2, store=tmp_path / "run")
    same(ds.resume(tmp_path / "run", epochs=5, progress=False), uninterrupted("adam"))
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["configuration"]["epochs"], record["status"]) == (5, "finished")


@pytest.mark.optimized
@pytest.mark.parametrize("call", range(25, 49, 4))
def test_ctrl_c_at_any_call_leaves_a_run_that_goes_on(call, tmp_path, uninterrupted):
    """Of the functions of the loop and of the end of an epoch; one in four calls of the third and fourth epoch."""
    with failing_at_call(call, loop.__file__, end_of_epoch.__file__, observers.__file__):
        assert whole("adam", store=tmp_path / "run").stop_reason == "interrupted"
    same(ds.resume(tmp_path / "run", progress=False), uninterrupted("adam"))


@pytest.mark.slow
@pytest.mark.optimized
def test_restarts_go_on_together(tmp_path):
    settings = {"restarts": 3, "early_stopping": 2, "optimizer": ds.adam(3e-2)}
    expected = whole("adam", **settings)
    for number, epochs in enumerate((1, 3)):
        store = tmp_path / str(number)
        with pytest.raises(Killed):
            whole_in_chunks("adam", store=store, progress=Failing(Killed, at_epoch=epochs + 1), **settings)
        run = ds.resume(store, progress=False)
        same(run, expected)
        np.testing.assert_array_equal(run.restarts.losses, expected.restarts.losses)
        assert run.restarts.stop_reasons == expected.restarts.stop_reasons
        assert ds.open_run(store).with_data().recipe.settings.keys() == run.recipe.settings.keys()


@pytest.mark.slow
def test_what_was_tracked_before_is_kept(tmp_path):
    track = ds.Track(curvature_every=4, budget=None)
    killed_at("adam", 17, tmp_path / "run", track=track, epochs=3)
    run = ds.resume(tmp_path / "run", progress=False)
    assert run.tracking.steps.tolist() == list(range(0, 24, 4))
    assert len(run.tracking.status) == len(run.tracking)


def test_a_finished_run_is_returned_as_it_is(tmp_path):
    run = whole("adam", epochs=3, early_stopping=1, optimizer=ds.sgd(0.0), store=tmp_path / "run")
    assert run.stop_reason == "early_stopping"
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert ds.resume(tmp_path / "run", progress=False).stop_reason == "early_stopping"
    with pytest.warns(ds.RunWarning, match=r"stopped early, after 1 epoch without .* \(early_stopping=1\), or go on"):
        assert ds.resume(tmp_path / "run", epochs=9, progress=False).stop_reason == "early_stopping"
    assert before == {path: path.read_bytes() for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert ds.resume(tmp_path / "run", DATA).recipe.data is not None


def test_what_cannot_go_on_is_said(tmp_path):
    line, data = ds.mlp([], outputs=1), ds.load("old_faithful")
    ds.train(line, data, optimizer=ds.sgd(1.0), epochs=500, store=tmp_path / "diverged", progress=False)
    with pytest.raises(ds.RunError, match="diverged"):
        ds.resume(tmp_path / "diverged")
    whole("adam", epochs=2, store=tmp_path / "run")
    with pytest.raises(ds.SettingError, match="counts all epochs, got 1 for a run that has made 2"):
        ds.resume(tmp_path / "run", epochs=1)
    with pytest.raises(ds.DataError, match="trained with"):
        ds.resume(tmp_path / "run", ds.load("wine"), epochs=3)
    with pytest.raises(ds.SettingError, match="`net` must be the one"):
        ds.resume(tmp_path / "run", epochs=3, net=ds.mlp([7], outputs=3))
    with pytest.raises(ds.RunError, match="nothing at"):
        ds.resume(tmp_path / "nowhere")
    with jax.enable_x64(False), pytest.raises(ds.RunError, match="JAX_ENABLE_X64=1"):
        ds.resume(tmp_path / "run", epochs=3)


def test_other_versions_are_warned_of(tmp_path):
    whole("adam", epochs=1, store=tmp_path / "run")
    folder = RunFolder.open(tmp_path / "run", to_write=True)
    folder.write_record(folder.read_record().model_copy(update={"cpu_count": 1024}))
    folder.release()
    with pytest.warns(ds.RunWarning, match="1024 processors, now .*: what follows may differ"):
        ds.resume(tmp_path / "run", epochs=2, progress=False)


@pytest.mark.optimized
def test_a_damaged_state_is_replaced_by_the_one_before(tmp_path, uninterrupted):
    killed_at("adam", 19, tmp_path / "run")
    last = RunFolder.open(tmp_path / "run").checkpoint_path("last")
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(bytes(content))
    with pytest.raises(ds.DamagedRunError, match=r"last\.safetensors is damaged"):
        ds.open_run(tmp_path / "run")
    with pytest.warns(ds.RunWarning, match=r"last\.safetensors is damaged.*Went on from the save before it"):
        run = ds.resume(tmp_path / "run", progress=False)
    same(run, uninterrupted("adam"))


@pytest.mark.optimized
@pytest.mark.parametrize("call", ["open", "fsync", "link", "replace"])
@pytest.mark.parametrize(
    "number", [4, pytest.param(7, marks=pytest.mark.slow), pytest.param(9, marks=pytest.mark.slow)]
)
def test_killed_between_write_sync_and_rename(call, number, tmp_path, uninterrupted):
    """Every system call of a save is where a process may end; what is on disk then goes on."""
    with pytest.raises(Killed):
        whole_in_chunks("adam", store=tmp_path / "run", files=failing_file_system(call, Killed, from_call=number))
    same(ds.resume(tmp_path / "run", progress=False), uninterrupted("adam"))


def test_two_cannot_write_one_folder(tmp_path):
    folder = RunFolder.create(tmp_path / "run")
    with pytest.raises(ds.RunError, match=f"process {os.getpid()} on"):
        whole("adam", store=tmp_path / "run", overwrite=True)
    folder.release()
    whole("adam", epochs=1, store=tmp_path / "run", overwrite=True)
    held = RunFolder.open(tmp_path / "run", to_write=True)
    with pytest.raises(ds.RunError, match=f"process {os.getpid()} on"):
        ds.resume(tmp_path / "run", epochs=2)
    held.release()
    assert not list(tmp_path.rglob("*.lock"))


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(30, "Read-only file system")])
def test_a_disk_that_refuses_ends_training_and_leaves_what_was_saved(error, tmp_path):
    refusing = failing_file_system("fsync", error, from_call=7)
    with pytest.raises(ds.RunError, match=f"{error.strerror}. What was saved before is still there"):
        whole_in_chunks("adam", store=tmp_path / "run", files=refusing)
    ds.open_run(tmp_path / "run")
    assert ds.resume(tmp_path / "run", progress=False).epochs == 5


def test_a_folder_deleted_on_the_way_is_said(tmp_path):
    def deleting(moment):
        shutil.rmtree(tmp_path / "run")

    with pytest.raises(ds.RunError, match="cannot be written"):
        whole("adam", store=tmp_path / "run", observers=[deleting])


TRAINING = """
import sys
import jax
import downslope as ds
from downslope.training.checkpointing import CheckpointPolicy
from jobs import resume_in_chunks, train_in_chunks

jax.config.update("jax_compilation_cache_dir", sys.argv[2])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
policy = CheckpointPolicy(0.0, 0.0, 0.0)
folder, epochs = sys.argv[1], int(sys.argv[3])
print("ready", flush=True)
try:
    run = resume_in_chunks(folder, epochs, policy=policy)
except ds.RunError:
    net = ds.mlp([32, 32], outputs=10, norm="batch", dropout=0.1)
    optimizer = ds.adam(ds.schedules.cosine_decay(3e-3, 20000))
    settings = {"optimizer": optimizer, "batch_size": 8, "validation": 0.2, "overwrite": True, "policy": policy}
    record = ds.Record(parameters_every=500, statistics_every=500)
    run = train_in_chunks(net, ds.load("digits"), epochs=epochs, store=folder, record=record, **settings)
print(run.stop_reason, run.epochs, flush=True)
"""
"""Goes on with the run in a folder, or begins it; saves all the time."""


@pytest.mark.parametrize("times", [pytest.param(4, marks=pytest.mark.slow), pytest.param(20, marks=pytest.mark.long)])
def test_killed_many_times(tmp_path, times):
    """A real process, `kill -9` at random moments, also while writing: it ends bitwise as if left alone."""

    def child(folder, epochs):
        command = [sys.executable, "-c", TRAINING, str(tmp_path / folder), str(tmp_path / "compiled"), str(epochs)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent)
        assert process.stdout.readline() == "ready\n"
        return process

    draws = np.random.default_rng(0)
    for _ in range(times):
        process = child("killed", epochs=1_000_000)
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=float(draws.uniform(0.1, 0.8)))
        process.kill()
        process.communicate()
    metrics = tmp_path / "killed" / "metrics.jsonl"
    epochs = 3 + (len(metrics.read_text().splitlines()) if metrics.exists() else 0)
    for folder in ("killed", "alone"):
        assert child(folder, epochs).communicate()[0] == f"completed {epochs}\n"
    one, other = (ds.open_run(tmp_path / name) for name in ("alone", "killed"))
    same(one, other)


def opened_or_refused(folder, name):
    """Return the run, or None where it is refused in words that name a file."""
    try:
        return ds.open_run(folder)
    except ds.RunError as refusal:
        if name not in str(refusal):
            raise
        return None


@pytest.mark.slow
def test_every_bit_counts(tmp_path):
    """One bit flipped anywhere in any file: an error that names the file, or the very same run."""
    settings = {"record": ds.Record(parameters_every=9, statistics_every=9), "track": ds.Track(curvature_every=20)}
    run = whole("adam", epochs=2, store=tmp_path / "run", **settings)
    draws = np.random.default_rng(0)
    for path in sorted(path for path in (tmp_path / "run").rglob("*") if path.is_file()):
        whole_file = path.read_bytes()
        for place in draws.choice(len(whole_file), min(len(whole_file), 25), replace=False):
            damaged = bytearray(whole_file)
            damaged[place] ^= 1 << int(draws.integers(8))
            path.write_bytes(bytes(damaged))
            opened = opened_or_refused(tmp_path / "run", path.name)
            if opened is not None:
                np.testing.assert_array_equal(opened.outputs(DATA.x), run.outputs(DATA.x))
                assert {name: list(values) for name, values in opened.history.items()} == {
                    name: list(values) for name, values in run.history.items()
                }
        path.write_bytes(whole_file)
