"""Rows on disk: read as they are wanted, and training on them gives the bits of training in memory."""

import jax
import numpy as np
import pytest

import downslope as ds
from downslope.core import generator
from downslope.data import Preprocessing, StoredRows, arranged
from downslope.data.files.file_table import ReadSizes
from downslope.data.files.reader import read_selection
from downslope.data.files.selection import ColumnSelection
from downslope.data.preprocessing.medians import medians


@pytest.fixture
def on_disk(tmp_path):
    """Return arrays as rows that stay on disk, however few."""

    def mapped(x):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.npy"
        np.save(path, x)
        return StoredRows(np.load(path, mmap_mode="r"))

    return mapped


def rows(gaps=False, shape=(6,)):
    draws = generator(0, "stored")
    x = draws.normal(3.0, 2.0, (200, *shape)).astype(np.float32)
    y = draws.integers(0, 3, 200)
    if gaps:
        x[draws.random(x.shape) < 0.05] = np.nan
    return x, y


def same(one, other):
    for name in ("variables", "last", "history"):
        pairs = zip(jax.tree.leaves(getattr(one, name)), jax.tree.leaves(getattr(other, name)), strict=True)
        for a, b in pairs:
            np.testing.assert_array_equal(a, b, err_msg=name)


@pytest.mark.parametrize("chosen", [None, [5, 2, 2, 9, 0]])
def test_rows_are_read_like_those_of_an_array(on_disk, chosen):
    x, _ = rows()
    stored = on_disk(x) if chosen is None else on_disk(x).take(chosen)
    plain = x if chosen is None else x[chosen]
    assert (stored.shape, stored.dtype, len(stored), stored.ndim) == (plain.shape, plain.dtype, len(plain), plain.ndim)
    assert stored.nbytes == plain.nbytes
    for which in (slice(1, 4), slice(None), np.array([3, 0, 3]), np.array([[1, 0], [4, 4]])):
        np.testing.assert_array_equal(stored[which], plain[which])
    np.testing.assert_array_equal(np.asarray(stored), plain)
    np.testing.assert_array_equal(stored.take([2, 1]).prepared(np.square, np.float64)[:], plain[[2, 1]] ** 2)


def test_parts_of_a_set_stay_on_disk(on_disk):
    x, y = rows()
    data, plain = ds.Dataset(on_disk(x), y), ds.Dataset(x, y)
    for part, other in zip(data.split(validation=0.2, test=0.1, seed=3), plain.split(validation=0.2, test=0.1, seed=3)):  # noqa: B905
        assert isinstance(part.x, StoredRows)
        np.testing.assert_array_equal(part.x[:], other.x)
        np.testing.assert_array_equal(part.y, other.y)
    assert repr(data) == repr(plain)


CASES = {
    "as they are": ((6,), False, ds.mlp([5], outputs=3), {}),
    "standardized, held out": ((6,), False, ds.mlp([5], outputs=3), {"normalize": "standard", "validation": 0.25}),
    "gaps filled in": ((6,), True, ds.mlp([5], outputs=3), {"normalize": "minmax", "validation": 0.25}),
    "images": ((4, 4, 2), False, ds.cnn([3], outputs=3), {"normalize": "symmetric"}),
    "weighted, drawn anew": ((6,), False, ds.mlp([5], outputs=3), {"class_weight": "balanced", "order": "replacement"}),
    "recorded": ((6,), False, ds.mlp([5], outputs=3, norm="batch"), {"record": ds.Record(statistics_every=3)}),
    "several starts": ((6,), False, ds.mlp([5], outputs=3), {"restarts": 3, "validation": 0.25}),
    "it diverges": ((6,), False, ds.mlp([5], outputs=3), {"optimizer": ds.sgd(1e30)}),
}


@pytest.mark.product
@pytest.mark.parametrize("case", CASES)
def test_training_gives_the_bits_of_training_in_memory(case, on_disk):
    shape, gaps, net, settings = CASES[case]
    x, y = rows(gaps, shape)
    common = {"epochs": 3, "batch_size": 16, "progress": False} | settings
    run, plain = (ds.train(net, ds.Dataset(each, y), **common) for each in (on_disk(x), x))
    same(run, plain)
    assert run.preprocessing == plain.preprocessing
    assert run.stop_reason == plain.stop_reason
    assert run.training_rows.on_disk
    assert not plain.training_rows.on_disk
    np.testing.assert_array_equal(run.predict_proba(on_disk(x)), plain.predict_proba(x))
    assert run.evaluate(ds.Dataset(on_disk(x), y)) == plain.evaluate(ds.Dataset(x, y))


def test_a_run_on_disk_goes_on(on_disk, tmp_path):
    x, y = rows()
    data, net = ds.Dataset(on_disk(x), y), ds.mlp([5], outputs=3)
    common = {"validation": 0.25, "normalize": "standard", "progress": False}
    ds.train(net, data, epochs=2, store=tmp_path / "run", **common)
    same(
        ds.resume(tmp_path / "run", data, epochs=5, progress=False), ds.train(net, ds.Dataset(x, y), epochs=5, **common)
    )


def test_its_surface_is_that_of_the_rows(on_disk):
    x, y = rows()
    settings = {"epochs": 2, "normalize": "standard", "progress": False}
    run, plain = (ds.train(ds.mlp([5], outputs=3), ds.Dataset(each, y), **settings) for each in (on_disk(x), x))
    surface, expected = run.surface(), plain.surface()
    assert surface.value(run.params) == expected.value(run.params)
    for a, b in zip(*(jax.tree.leaves(one.gradient(run.params)) for one in (surface, expected)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("target", [0, 3, -1])
def test_a_column_of_a_file_is_its_target(target, on_disk, tmp_path):
    x, _ = rows()
    np.save(tmp_path / "table.npy", x)
    selection, sizes = ColumnSelection(target), ReadSizes(large=1)
    data = read_selection(tmp_path / "table.npy", selection, cache=None, progress=False, sizes=sizes)
    assert isinstance(data.x, StoredRows if target == 3 else np.ndarray)
    np.testing.assert_array_equal(data.x, np.delete(x, target, axis=1))
    np.testing.assert_array_equal(data.y, x[:, target])
    scaled = ds.Dataset(on_disk(x), np.arange(200)), ds.Dataset(x, np.arange(200))
    fitted = [Preprocessing.fit(each, normalize="standard").inputs(each.x)[:] for each in scaled]
    np.testing.assert_array_equal(*fitted)


@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_what_cannot_be_learned_from_is_said(bad, on_disk):
    x, y = rows()
    x[150, 3] = bad
    with pytest.raises(ds.DataError, match=r"row 150 \(counting from 0\), column 3"):
        ds.Dataset(on_disk(x), y)


def test_gaps_that_training_had_none_of_are_refused(on_disk):
    x, y = rows()
    run = ds.train(ds.mlp([5], outputs=3), ds.Dataset(on_disk(x), y), epochs=1, progress=False)
    x[7, 1] = np.nan
    with pytest.raises(ds.DataError, match="no missing number, got NaN in row 7"):
        run.predict(on_disk(x))


@pytest.mark.parametrize("sample", [20, 60, 2**16])
def test_medians_of_rows_on_disk_are_exact(sample, on_disk):
    draws = generator(0, "medians")
    columns = [
        draws.normal(size=400),
        np.zeros(400),
        np.where(draws.random(400) < 0.7, 0.0, draws.normal(size=400)),
        draws.integers(0, 3, 400),
        np.full(400, np.nan),
        np.where(np.arange(400) == 17, 4.5, np.nan),
        np.sort(draws.standard_cauchy(400)),
    ]
    x = np.stack(columns, axis=1)
    x[::7, 0] = np.nan
    found = medians(on_disk(x), sample)
    expected = [np.median(column[~np.isnan(column)]) if (~np.isnan(column)).any() else 0.0 for column in x.T]
    assert found == expected == medians(x)


def mapped(path, shape, dtype):
    """Return a memory-mapped array, zero but for its first rows, of which the disk holds little else."""
    x = np.lib.format.open_memmap(path, "w+", dtype, shape)
    x[:100] = generator(0, "mapped").integers(0, 99, (100, *shape[1:]))
    return np.load(path, mmap_mode="r")


def test_memory_mapped_arrays_stay_on_disk_from_256_mib_on(tmp_path):
    x, y = mapped(tmp_path / "x.npy", (2**18, 1024), np.uint8), np.arange(2**18) % 2
    data = ds.Dataset(x, y)
    assert isinstance(data.x, StoredRows)
    assert isinstance(data.take([5, 3]).x, StoredRows)
    np.testing.assert_array_equal(data.take([5, 3]).x[:], x[[5, 3]])
    assert isinstance(arranged(data, (32, 32, 1), task=None).x, StoredRows)
    inputs = Preprocessing.fit(ds.Dataset(x[:100], y[:100]), normalize="minmax").inputs(x)
    assert isinstance(inputs, StoredRows)
    np.testing.assert_array_equal(ds.read(tmp_path / "x.npy", 3).x[:100], np.delete(x[:100], 3, axis=1))
    assert isinstance(ds.read(tmp_path / "x.npy", 3).x, StoredRows)
    smaller = mapped(tmp_path / "smaller.npy", (2**18 - 1, 1024), np.uint8)
    assert type(ds.Dataset(smaller, y[1:]).take([5, 3]).x) is not StoredRows


@pytest.mark.slow
def test_training_on_a_large_memory_mapped_array_gives_the_bits_of_training_in_memory(tmp_path):
    x, y = mapped(tmp_path / "x.npy", (2**19, 64), np.float64), np.arange(2**19) % 3
    settings = {"epochs": 1, "batch_size": 2**16, "normalize": "standard", "validation": 0.25, "progress": False}
    run, plain = (ds.train(ds.mlp([], outputs=3), ds.Dataset(rows, y), **settings) for rows in (x, np.array(x)))
    same(run, plain)
    assert run.training_rows.on_disk
    assert not plain.training_rows.on_disk
    np.testing.assert_array_equal(run.predict_proba(x), plain.predict_proba(np.array(x)))
