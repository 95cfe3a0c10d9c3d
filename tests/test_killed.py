"""F1: a process that ends at any call of the file system after the last save loses no decision of the training."""

import itertools
from pathlib import Path

import numpy as np
import pytest

import downslope as ds
from downslope.runs import LocalFileSystem, RunFolder
from downslope.training.checkpointing import CheckpointPolicy
from jobs import ALWAYS_SAVE, AtOnce, resume_in_chunks, train_in_chunks
from test_resume import Killed, same

DATA = ds.load("iris")
NET = ds.mlp([5], outputs=3)
COMMON = {"batch_size": 30, "validation": 0.2, "seed": 3, "optimizer": ds.adam(3e-2)}
SELDOM = CheckpointPolicy(1e9, 1e9, 1e9, executor=AtOnce)
"""Save at the beginning and at the end alone."""

FIRST_SAVE = 12
"""So many calls write the record and the first state."""


def stop_in_the_third(moment):
    return ds.Stop() if moment.epoch == 3 else None


def halve_in_the_last(moment):
    return ds.Change(learning_rate=moment.hyperparams["learning_rate"] / 2) if moment.epoch >= 3 else None


CASES = {
    "plain end": {"epochs": 4},
    "early stopping": {"epochs": 9, "early_stopping": 1, "optimizer": ds.sgd(0.0)},
    "an observer stops": {"epochs": 9, "observers": [stop_in_the_third]},
    "an observer changes": {"epochs": 4, "observers": [halve_in_the_last]},
    "an observer drops a schedule": {
        "epochs": 4,
        "observers": [halve_in_the_last],
        "optimizer": ds.adam(ds.schedules.cosine_decay(3e-2, 16)),
    },
    "a plateau": {
        "epochs": 4,
        "optimizer": ds.adam(ds.schedules.reduce_on_plateau(0.5, factor=0.5, patience=0)),
        "record": ds.Record(parameters_every=3),
    },
    "restarts": {"epochs": 5, "restarts": 3, "early_stopping": 1},
}


class KilledAtCall:
    """A file system whose calls end the process from the so many-eth on: a write leaves half of its content."""

    def __init__(self, number):
        self.number, self.calls = number, itertools.count(1)
        self.local, self.made = LocalFileSystem(), 0

    def dies(self):
        """Count a call, and return whether the process ends there."""
        self.made = next(self.calls)
        return self.made >= self.number

    def open(self, path, mode):
        if self.dies():
            raise Killed
        return WritesCounted(self.local.open(path, mode), self)

    def fsync(self, descriptor):
        if self.dies():
            raise Killed
        self.local.fsync(descriptor)

    def link(self, source, target):
        if self.dies():
            raise Killed
        self.local.link(source, target)

    def replace(self, source, target):
        if self.dies():
            raise Killed
        self.local.replace(source, target)


class WritesCounted:
    """A file whose writes are calls, too."""

    def __init__(self, file, calls):
        self.file, self.calls = file, calls

    def write(self, content):
        if self.calls.dies():
            self.file.write(content[: len(content) // 2])
            raise Killed
        return self.file.write(content)

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()


def trained(case, **more):
    """Train a case in chunks of two steps."""
    return train_in_chunks(NET, DATA, chunk=2, **COMMON | CASES[case] | more)


def killed(case, policy, number, store, monkeypatch):
    """Train until a call, and be killed there; return how many calls there were."""
    files, unlink = KilledAtCall(number), Path.unlink

    def remove(path, missing_ok=False):
        if files.made and path.suffix != ".lock" and files.dies():
            raise Killed
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", remove)
        try:
            trained(case, store=store, files=files, policy=policy)
        except Killed:
            assert files.made >= number
    return files.made


def resumed(store, case):
    """Go on with a run that is not finished, with the same observers; open one that is."""
    if RunFolder.open(store).read_record().status == "finished":
        return ds.open_run(store)
    return resume_in_chunks(store, CASES[case]["epochs"], chunk=2, observers=CASES[case].get("observers", ()))


def alike(one, other, case):
    """Compare a run with the uninterrupted one, as far as an opened one tells."""
    assert (one.epochs, one.stop_reason, one.best_epoch) == (other.epochs, other.stop_reason, other.best_epoch)
    if one.optimizer_state is not None:
        same(one, other)
    for name, values in other.history.items():
        np.testing.assert_array_equal(one.history[name], values, err_msg=name)
    np.testing.assert_array_equal(one.outputs(DATA.x), other.outputs(DATA.x))
    if "restarts" in CASES[case]:
        assert one.restarts.stop_reasons == other.restarts.stop_reasons
        np.testing.assert_array_equal(one.restarts.losses, other.restarts.losses)


def check_last_calls(case, policy, back, tmp_path, monkeypatch):
    """Kill a training at each call that is so many before the last, but behind the save of the first state."""
    whole = trained(case)
    total = killed(case, policy, 10**9, tmp_path / "counted", monkeypatch)
    for number in (total - calls for calls in back if total - calls > FIRST_SAVE):
        killed(case, policy, number, tmp_path / str(number), monkeypatch)
        alike(resumed(tmp_path / str(number), case), whole, case)


@pytest.mark.long
@pytest.mark.optimized
@pytest.mark.parametrize("policy", [ALWAYS_SAVE, SELDOM], ids=["saved often", "saved seldom"])
@pytest.mark.parametrize("case", CASES)
def test_f1_killed_at_every_call_up_to_the_end(case, policy, tmp_path, monkeypatch):
    check_last_calls(case, policy, range(40), tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.optimized
@pytest.mark.parametrize("case", CASES)
def test_f1_killed_after_the_last_save(case, tmp_path, monkeypatch):
    check_last_calls(case, ALWAYS_SAVE, (5,), tmp_path, monkeypatch)


@pytest.mark.optimized
def test_f1_early_stopping_decided_before_the_last_save_is_kept(tmp_path, monkeypatch):
    check_last_calls("early stopping", ALWAYS_SAVE, (5,), tmp_path, monkeypatch)
