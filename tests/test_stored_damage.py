"""F8: what is half written goes, what is damaged or out of date is noticed, and nobody else's work is touched."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest

import downslope as ds
from downslope.data import StoredRows
from downslope.data.files.file_table import ReadSizes
from downslope.data.files.reader import read_selection
from downslope.data.files.selection import ColumnSelection
from downslope.data.stored.unfinished import FORGOTTEN, LOCK, remove_abandoned, unfinished_folder

ROWS = 400


@pytest.fixture
def path(tmp_path):
    """Return a file of numbers and text."""
    x = np.random.default_rng(0).normal(size=(ROWS, 4)).round(4)
    frame = pl.DataFrame({f"x{i}": x[:, i] for i in range(4)} | {"town": ["ABC"[i % 3] for i in range(ROWS)]})
    frame.with_columns(y=pl.col("x0") * 2).write_csv(tmp_path / "table.csv", float_precision=4)
    return tmp_path / "table.csv"


def read(path, progress=False):
    """Read a file as a large one."""
    selection, sizes = ColumnSelection("y"), ReadSizes(large=1, text_block=2000)
    return read_selection(path, selection, cache=path.parent / "cache", progress=progress, sizes=sizes)


def trained(data):
    """Return the losses of a training, for which inputs are prepared on disk."""
    return ds.train(ds.mlp([3], outputs=1), data, epochs=2, normalize="standard", progress=False).history["train_loss"]


def zero_half(file, half):
    """Write zeros over the first or the second half of a file; its size and the time that it shows stay."""
    content, status = bytearray(file.read_bytes()), file.stat()
    middle = len(content) // 2
    part = slice(0, middle) if half == "first" else slice(middle, None)
    content[part] = bytes(len(content[part]))
    with file.open("rb+") as opened:
        opened.write(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("half", ["first", "second"])
@pytest.mark.parametrize("name", ["rows.npy", "inputs-*.npy"])
def test_f8_a_damaged_conversion_is_noticed_and_made_again(name, half, path, capsys):
    expected, table = trained(read(path)), ds.read(path)
    (file,) = path.parent.glob(f"cache/*/{name}")
    whole = file.read_bytes()
    zero_half(file, half)
    data = read(path, progress="lines")
    assert ("MiB of 'table.csv' to convert" in capsys.readouterr().err) == (name == "rows.npy")
    assert data.x[:]["x3"].to_list() == table.x["x3"].to_list()
    np.testing.assert_array_equal(trained(data), expected)
    (file,) = path.parent.glob(f"cache/*/{name}")
    assert file.read_bytes() == whole


@pytest.mark.parametrize("name", ["rows.npy", "columns.json", "source.json", "declared.json"])
@pytest.mark.parametrize("size", [0, 100, -7])
def test_so_is_one_that_is_cut_short(name, size, path):
    expected = read(path).x[:]
    (file,) = path.parent.glob(f"cache/*/{name}")
    os.truncate(file, size % file.stat().st_size)
    assert read(path).x[:].equals(expected)


def test_levels_that_were_changed_are_noticed(path):
    expected = read(path).x[:]
    (file,) = path.parent.glob("cache/*/columns.json")
    file.write_text(file.read_text().replace('"A"', '"Z"'))
    assert read(path).x[:].equals(expected)


@pytest.mark.parametrize("blocks", ["arrays", "tables"])
def test_f8_damaged_rows_of_ones_own_are_refused(blocks, tmp_path):
    x = np.random.default_rng(0).normal(size=(300, 3))
    rows = [(x, x[:, 0])] if blocks == "arrays" else [pl.DataFrame(x)]
    ds.store_rows(rows, tmp_path / "rows", target=None if blocks == "arrays" else "column_0")
    zero_half(tmp_path / "rows" / "rows.npy", "first")
    with pytest.raises(ds.DataError, match=r"damaged: .* Delete that folder, and|cannot be read: .* Delete that"):
        ds.read(tmp_path / "rows")


def test_a_single_byte_is_noticed(path):
    expected = read(path).x[:]
    (file,) = path.parent.glob("cache/*/rows.npy")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert read(path).x[:].equals(expected)


def test_rows_that_an_earlier_version_stored_are_read_without_a_digest(tmp_path):
    ds.store_rows([np.ones((3, 2))], tmp_path / "rows")
    np.save(tmp_path / "rows" / "rows.npy", np.eye(3))
    assert ds.read(tmp_path / "rows").x.tolist() == np.eye(3).tolist()


@pytest.mark.parametrize("how", ["in place", "by another file"])
def test_f8_a_file_changed_with_the_same_size_and_time_is_read_again(how, path):
    before, status = read(path), path.stat()
    content = path.read_bytes().replace(b",A,", b",Q,")
    if how == "in place":
        path.write_bytes(content)
    else:
        (path.parent / "new").write_bytes(content)
        (path.parent / "new").replace(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    after = read(path)
    assert set(after.x[:]["town"]) == {"Q", "B", "C"}
    assert set(before.x[:]["town"]) == {"A", "B", "C"}


def test_the_same_content_is_not_converted_again(path, capsys):
    read(path)
    status, content = path.stat(), path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    for _ in range(2):
        read(path, progress="lines")
        assert "to convert" not in capsys.readouterr().err


def test_a_file_that_changes_while_it_is_converted_is_refused(path, monkeypatch):
    from downslope.data.files import conversion

    whole = conversion.column_kinds

    def change(blocks, *arguments, **options):
        kinds = whole(blocks, *arguments, **options)
        path.write_bytes(path.read_bytes().replace(b",A,", b",Q,"))
        return kinds

    monkeypatch.setattr(conversion, "column_kinds", change)
    with pytest.raises(ds.DataError, match="must stay as it is while it is read"):
        read(path)
    assert not list((path.parent / "cache").iterdir())


ENDED = """
import os, signal, sys
from pathlib import Path
import downslope as ds, numpy as np
from downslope.cli.interrupts import exit_on_interrupt

def blocks():
    yield np.ones((3, 2))
    assert list(Path(sys.argv[1]).iterdir())
    os.kill(os.getpid(), getattr(signal, sys.argv[2]))
    yield np.ones((3, 2))

with exit_on_interrupt():
    ds.store_rows(blocks(), Path(sys.argv[1], "rows"))
"""


@pytest.mark.parametrize("name, code", [("SIGINT", 130), ("SIGTERM", 75), ("SIGHUP", 75)])
def test_f8_a_signal_leaves_nothing_half_written(name, code, tmp_path):
    done = subprocess.run([sys.executable, "-c", ENDED, tmp_path, name], check=False)
    assert done.returncode == code
    assert not list(tmp_path.iterdir())


def test_ctrl_c_in_python_leaves_nothing_either(tmp_path):
    def blocks():
        yield np.ones((3, 2))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ds.store_rows(blocks(), tmp_path / "rows")
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_f8_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    done = subprocess.run([sys.executable, "-c", ENDED, tmp_path, "SIGKILL"], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert (left / LOCK).exists()
    ds.store_rows([np.ones((3, 2))], tmp_path / "others")
    assert [entry.name for entry in tmp_path.iterdir()] == ["others"]


def test_f8_who_is_writing_is_not_disturbed(path):
    cache = path.parent / "cache"
    cache.mkdir()
    with unfinished_folder(cache / "theirs") as part:
        (part / "rows.npy").write_bytes(b"half")
        read(path)
        assert (part / "rows.npy").read_bytes() == b"half"
    assert not part.exists()


def test_what_earlier_versions_left_is_removed_once_it_is_old(tmp_path):
    for name, age in (("a.part-new", 0.0), ("b.part-old", FORGOTTEN + 60)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.npy").write_bytes(b"half")
        for entry in (tmp_path / name / "rows.npy", tmp_path / name):
            os.utime(entry, (time.time() - age,) * 2)
    remove_abandoned(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.part-new"]


def test_preparing_inputs_leaves_those_that_another_is_preparing(tmp_path):
    stored = StoredRows(np.ones((9, 2)), prepare=lambda block: block + 1, prepared_file=tmp_path / "inputs-1.npy")
    with unfinished_folder(tmp_path / "inputs-2.npy") as part:
        np.testing.assert_array_equal(stored.ready()[:], 2.0)
        assert part.exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["inputs-1.npy"]
