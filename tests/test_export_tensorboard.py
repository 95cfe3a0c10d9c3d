"""TensorBoard's event files hold what the history does, whatever ends a training."""

import struct
import sys

import numpy as np
import pytest

import downslope as ds
from cases import assert_bitwise
from downslope import export

pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.record_writer import masked_crc32c

NET, DATA = ds.mlp([4], outputs=3), ds.load("iris")
SETTINGS = {"validation": 0.2, "metrics": ("accuracy",), "early_stopping": None, "progress": False}


def trained(*observers, epochs=3, **settings):
    return ds.train(NET, DATA, epochs=epochs, observers=observers, **SETTINGS | settings)


def events(path):
    """Return the events of a file, every checksum compared."""
    found, content = [], path.read_bytes()
    while content:
        (size,), (check,) = struct.unpack("<Q", content[:8]), struct.unpack("<I", content[8:12])
        assert check == masked_crc32c(content[:8])
        event, content = content[12 : 12 + size], content[12 + size :]
        assert struct.unpack("<I", content[:4]) == (masked_crc32c(event),)
        found.append(Event.FromString(event))
        content = content[4:]
    return found


def scalars(folder):
    """Return the values in a folder's one file by name, each with its step."""
    (path,) = folder.iterdir()
    found = {}
    for event in events(path)[2:]:
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_every_scalar_of_the_history_is_there(tmp_path):
    run = trained(export.TensorBoard(tmp_path / "board"))
    expected = {
        "train": {"batch_loss": "batch_loss", "loss": "train_loss", "learning_rate": "learning_rate"},
        "validation": {"loss": "validation_loss", "accuracy": "validation_accuracy"},
    }
    expected["train"]["accuracy"] = "train_accuracy"
    assert sum(map(len, expected.values())) == len(run.history)
    for part, names in expected.items():
        found = scalars(tmp_path / "board" / part)
        assert found.keys() == names.keys()
        for tag, name in names.items():
            assert [step for step, _ in found[tag]] == [1, 2, 3]
            np.testing.assert_array_equal([value for _, value in found[tag]], run.history[name].astype(np.float32))


def test_distributions_of_the_parameters_on_request(tmp_path):
    run = trained(export.TensorBoard(tmp_path, histograms=True), epochs=1)
    (path,) = (tmp_path / "train").iterdir()
    found = {value.tag: value.histo for event in events(path) for value in event.summary.value}
    weight = run.last.params[0]["weight"]
    assert found["params/0/weight"].num == sum(found["params/0/weight"].bucket) == weight.size
    assert (found["params/0/weight"].min, found["params/0/weight"].max) == (weight.min(), weight.max())
    assert {"params/0/bias", "params/2/weight", "params/2/bias"} <= found.keys()


def test_watching_changes_no_bit(tmp_path):
    assert_bitwise(trained(export.TensorBoard(tmp_path, histograms=True)).last, trained().last)


def test_what_ended_is_there_when_a_training_breaks(tmp_path):
    def breaks(moment):
        if moment.epoch == 2:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        trained(export.TensorBoard(tmp_path), breaks)
    assert [step for step, _ in scalars(tmp_path / "train")["loss"]] == [1, 2]


def test_going_on_takes_the_place_of_the_epochs_it_repeats(tmp_path):
    board = tmp_path / "run" / "tensorboard"
    trained(export.TensorBoard(board), epochs=2, store=tmp_path / "run")
    ds.resume(tmp_path / "run", epochs=4, observers=[export.TensorBoard(board)], progress=False)
    first, second = sorted((board / "train").iterdir(), key=lambda path: path.name)
    opening = events(second)[:2]
    assert opening[0].file_version == "brain.Event:2"
    assert (opening[1].session_log.status, opening[1].step) == (SessionLog.START, 3)
    assert {event.step for event in events(first)[2:]} == {1, 2}
    assert {event.step for event in events(second)[2:]} == {3, 4}


def test_an_observer_used_again_begins_a_new_file(tmp_path):
    board = export.TensorBoard(tmp_path)
    trained(board, epochs=2)
    trained(board, epochs=1)
    first, second = sorted((tmp_path / "train").iterdir(), key=lambda path: path.name)
    assert {event.step for event in events(first)[2:]} == {1, 2}
    assert (events(second)[1].session_log.status, events(second)[1].step) == (SessionLog.START, 1)


def test_a_folder_that_cannot_be_is_refused_before_training(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ds.SettingError, match="must be a folder, or nothing yet, got the file"):
        export.TensorBoard(tmp_path / "file")


def test_a_folder_that_turns_out_unwritable_ends_with_a_sentence(tmp_path):
    board = export.TensorBoard(tmp_path / "board")
    (tmp_path / "board").touch()
    with pytest.raises(ds.UnwritableRunError, match="cannot be written"):
        trained(board)


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ds.MissingExtraError, match=r"`tensorboardX`.*pip install 'downslope\[tensorboard\]'"):
        export.TensorBoard(tmp_path)
