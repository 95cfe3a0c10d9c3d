"""A run's identity: its rows as they were given, what decides the bits of its numbers, and its settings."""

import json
import warnings

import jax
import numpy as np
import polars as pl
import pytest

import downslope as ds
from downslope.runs import RunFolder
from downslope.training.identity import computing
from downslope.training.identity.digests import digests_of

RNG = np.random.default_rng(0)
ROWS = 60
TABLE = pl.DataFrame(
    {
        "size": RNG.normal(size=ROWS),
        "age": RNG.integers(1, 90, ROWS),
        "town": RNG.choice(["Delft", "Breda", "Gouda"], ROWS),
    }
)
PRICES = RNG.normal(size=ROWS)
LABELS = RNG.choice(["no", "yes"], ROWS)
WEIGHTS = RNG.uniform(1, 2, ROWS)
SETTINGS = {"epochs": 2, "validation": 0.2, "normalize": "standard", "progress": False}


def table(y=PRICES, frame=TABLE, **more):
    return ds.Dataset(frame, y, **more)


def array(y=PRICES, scale=1.0, shift=0.0, dtype=np.float64, **more):
    x = np.asarray(TABLE[["size", "age"]], np.float64)
    x[:, 0] = x[:, 0] * scale + shift
    return ds.Dataset(x.astype(dtype), y, **more)


def one_changed(values):
    changed = np.array(values)
    changed[7] = changed[8]
    return changed


CHANGES = {
    "a column times three": (array(), array(scale=3.0), "its column 0 .counting from 0. holds other values"),
    "a column shifted": (array(), array(shift=1.0), "its column 0 .counting from 0. holds other values"),
    "a column of a table times three": (
        table(),
        table(frame=TABLE.with_columns(pl.col("age") * 3)),
        "its column 'age' holds other values",
    ),
    "labels renamed": (
        table(LABELS),
        table(np.where(LABELS == "no", "nay", "yea")),
        "its labels are 'nay', 'yea', where they were 'no', 'yes'",
    ),
    "labels swapped": (table(LABELS), table(np.where(LABELS == "no", "yes", "no")), "its target holds other values"),
    "a level renamed": (
        table(),
        table(frame=TABLE.with_columns(pl.col("town").replace("Gouda", "Leiden"))),
        "its column 'town' holds other values",
    ),
    "a header renamed": (table(), table(frame=TABLE.rename({"size": "area"})), "its columns lack 'size' and have"),
    "a name of an array renamed": (
        array(feature_names=["size", "age"]),
        array(feature_names=["area", "age"]),
        "its columns lack 'size' and have 'area' instead",
    ),
    "targets times 1024": (array(), array(PRICES * 1024), "its target holds other values"),
    "rows in another order": (table(), table().take(np.arange(ROWS)[::-1]), "its rows seem to be in another order"),
    "a row changed": (array(), array(one_changed(PRICES)), "its target holds other values"),
    "numbers rounded by another type": (array(), array(dtype=np.float32), "its column 0 .* holds other values"),
    "row weights changed": (
        array(row_weights=WEIGHTS),
        array(row_weights=one_changed(WEIGHTS)),
        "its row weights are others",
    ),
    "row weights left out": (array(row_weights=WEIGHTS), array(), "it has no row weights, and had some"),
    "a row fewer": (array(), array().take(np.arange(ROWS - 1)), "it has the shape 59 rows × 2, and had 60 rows × 2"),
}


@pytest.mark.product
@pytest.mark.parametrize("change", CHANGES)
def test_f2_other_data_is_refused_and_named(change, tmp_path):
    data, other, difference = CHANGES[change]
    outputs = 2 if data.task == "classification" else 1
    scaled = None if data.task == "classification" else "standard"
    store = tmp_path / "run"
    ds.train(ds.mlp([3], outputs=outputs), data, **SETTINGS, normalize_targets=scaled, store=store)
    before = (store / "run.json").read_bytes()
    for use in (
        lambda: ds.resume(store, other, epochs=3, progress=False),
        lambda: ds.open_run(store).with_data(other),
        lambda: ds.diagnose(ds.open_run(store), other, progress=False),
    ):
        with pytest.raises(ds.DataError, match=f"must be what this run was trained with, 48 .*: {difference}"):
            use()
    assert (store / "run.json").read_bytes() == before
    assert ds.resume(store, data, epochs=3, progress=False).epochs == 3


def test_f2_other_validation_rows_are_refused(tmp_path):
    data, store = array(), tmp_path / "run"
    ds.train(ds.mlp([3], outputs=1), data, **SETTINGS | {"validation": data.take(np.arange(20))}, store=store)
    others = array(one_changed(PRICES)).take(np.arange(20))
    with pytest.raises(ds.DataError, match=r"`validation` must be .* 20 validation .* its target holds other values"):
        ds.resume(store, data, validation=others, epochs=3, progress=False)


def test_f2_the_same_values_in_other_containers_are_the_same_data(tmp_path):
    data, store = table(), tmp_path / "run"
    run = ds.train(ds.mlp([3], outputs=1), data, **SETTINGS, store=store)
    other = table(frame=TABLE.with_columns(pl.col("age").cast(pl.Float64), pl.col("town").cast(pl.Categorical)))
    longer = ds.resume(store, other, epochs=3, progress=False)
    assert longer.preprocessing == run.preprocessing


def test_f2_preprocessing_is_that_of_the_run_even_if_another_would_be_fitted(tmp_path, monkeypatch):
    data, store = table(), tmp_path / "run"
    run = ds.train(ds.mlp([3], outputs=1), data, **SETTINGS, store=store)
    monkeypatch.setattr("downslope.data.Preprocessing.fit", lambda *arguments, **settings: pytest.fail("fitted again"))
    longer = ds.resume(store, data, epochs=3, progress=False)
    assert longer.preprocessing == run.preprocessing


def test_f2_runs_on_columns_of_other_units_are_not_of_the_same_rows(tmp_path):
    for name, data in {"one": array(), "other": array(scale=3.0)}.items():
        ds.train(ds.mlp([3], outputs=1), data, **SETTINGS, store=tmp_path / name)
    assert "They did not learn from the same rows" in str(ds.compare([tmp_path / "one", tmp_path / "other"]))


def test_digests_go_by_values():
    assert digests_of(array()) == digests_of(array(dtype=np.float64, feature_names=["a", "b"]))
    with_gap = TABLE.with_columns(pl.when(pl.col("size") > 1).then(None).otherwise(pl.col("size")).alias("size"))
    assert digests_of(table(frame=with_gap)) != digests_of(table())
    images = RNG.normal(size=(5, 4, 4, 1))
    digests = digests_of(ds.Dataset(images, np.arange(5.0)))
    assert digests["columns"] is None
    assert digests["inputs"] != digests_of(ds.Dataset(images[::-1], np.arange(5.0)))["inputs"]


def rewritten(store, **changes):
    """Change what the record of a run says of what it was computed by."""
    folder = RunFolder.open(store, to_write=True)
    record = folder.read_record()
    folder.write_record(record.model_copy(update={"computing": record.computing | changes}))
    folder.release()


@pytest.mark.product
@pytest.mark.parametrize(
    "changes, words",
    [
        ({"xla_flags": ["--xla_cpu_enable_fast_math=true"]}, "XLA_FLAGS --xla_cpu_enable_fast_math=true, now without"),
        ({"processor": "Z80"}, "processor Z80, now "),
        ({"processor_features": ["amx_tile"]}, "instructions of the processor amx_tile, now "),
        ({"devices": "8 × TPU"}, "devices 8 × TPU, now 1 × cpu"),
        ({"environment": {"NPROC": "1"}}, "NPROC 1, now not set"),
    ],
)
def test_f3_what_decides_bits_is_warned_of(changes, words, tmp_path):
    ds.train(ds.mlp([3], outputs=3), ds.load("iris"), epochs=1, progress=False, store=tmp_path / "run")
    rewritten(tmp_path / "run", **changes)
    with pytest.warns(ds.RunWarning, match=f"began with {words}.*: what follows may differ in its last bits"):
        ds.resume(tmp_path / "run", epochs=2, progress=False)


def test_f3_settings_of_jax_and_flags_are_recorded(tmp_path, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=/tmp/x --xla_cpu_multi_thread_eigen=false")
    ds.train(ds.mlp([3], outputs=3), ds.load("iris"), epochs=1, progress=False, store=tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())["computing"]
    assert record["xla_flags"] == ["--xla_cpu_multi_thread_eigen=false"]
    assert {"jax_threefry_partitionable", "jax_default_matmul_precision"} <= record["jax"].keys()
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    with jax.threefry_partitionable(not jax.config.jax_threefry_partitionable):
        [difference] = computing.differences(record)
    assert difference.startswith("jax_threefry_partitionable ")


def test_f3_a_run_computed_alike_resumes_without_a_word(tmp_path):
    ds.train(ds.mlp([3], outputs=3), ds.load("iris"), epochs=1, progress=False, store=tmp_path / "run")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds.resume(tmp_path / "run", epochs=2, progress=False)


@pytest.mark.slow
def test_f11_draws_do_not_depend_on_the_default_generator():
    net = ds.mlp([8], outputs=3, dropout=0.3)

    def trained():
        return ds.train(net, ds.load("iris"), epochs=2, progress=False, record=ds.Record(statistics_every=3))

    usual = trained()
    with jax.default_prng_impl("rbg"):
        other = trained()
        other.surface(mode="training").value(other.params)
    for one, two in zip(jax.tree.leaves(usual.params), jax.tree.leaves(other.params), strict=True):
        np.testing.assert_array_equal(one, two)
