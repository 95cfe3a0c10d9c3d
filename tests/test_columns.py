"""Which columns of a table are learned from, and how many levels of text: nothing in silence, nothing for ever."""

import json
import time

import numpy as np
import polars as pl
import pytest

import downslope as ds
from downslope.data import Preprocessing
from downslope.data.files.file_table import ReadSizes
from downslope.data.files.reader import read_selection
from downslope.data.files.selection import ColumnSelection

ROWS = 60
DRAWS = np.random.default_rng(0)


def table(**columns):
    return pl.DataFrame(
        {"size": DRAWS.normal(size=ROWS).round(4), "town": [f"t{i % 4}" for i in range(ROWS)]} | columns
    ).with_columns(y=pl.col("size") * 2 + 1)


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a table from a file of any format, in memory or left on disk."""

    def read_file(frame, kind="csv", **choices):
        ending = kind.removeprefix("large ")
        path = tmp_path / f"table.{ending}"
        frame.write_csv(path) if ending == "csv" else frame.write_parquet(path)
        sizes = ReadSizes(large=1, text_block=300, row_block=17) if kind.startswith("large") else ReadSizes()
        selection = ColumnSelection("y", **choices)
        return read_selection(path, selection, cache=tmp_path / "cache", progress=False, sizes=sizes)

    return read_file


KINDS = pytest.mark.parametrize("kind", ["csv", "parquet", "large csv", "large parquet"])
IDLE = {
    "from 0": (range(ROWS), "counts the rows"),
    "from 1": (range(1, ROWS + 1), "counts the rows"),
    "names": ([f"Person {i}" for i in range(ROWS)], "names the rows: 60 texts in 60 cells"),
    "names with a few twice": ([f"Person {max(i, 3)}" for i in range(ROWS)], "names the rows: 57 texts in 60 cells"),
    "ids": ([f"{hash(i) * 7919 % 65536:04x}-{i}" for i in range(ROWS)], "names the rows: 60 texts in 60 cells"),
    "with gaps": ([f"Person {i}" if i % 3 else None for i in range(ROWS)], "names the rows: 40 texts in 40 cells"),
}


@KINDS
@pytest.mark.parametrize("column, reason", IDLE.values(), ids=IDLE)
def test_b1_what_counts_or_names_the_rows_is_left_out_and_said(kind, column, reason, read):
    frame = table(key=list(column))
    preprocessing = Preprocessing.fit(read(frame, kind))
    assert preprocessing.columns == ("size", "town")
    assert preprocessing.notes[0] == (
        f"Left out of the inputs: 'key' ({reason}). To learn from such a column all the same: keep=['key']."
    )
    for choice in ({"keep": ["key"]}, {"only": ["key", "size"]}, {"categorical": ["key"]}):
        chosen = Preprocessing.fit(read(frame, kind, **choice))
        assert "key" in chosen.columns, choice
        assert not any("Left out" in note for note in chosen.notes)
    assert Preprocessing.fit(ds.Dataset(frame.drop("y"), frame["y"])).columns == ("size", "town")
    assert "key" in Preprocessing.fit(ds.Dataset(frame.drop("y"), frame["y"], keep=["key"])).columns


USEFUL = {
    "years": range(1960, 1960 + ROWS),
    "from 2": range(2, ROWS + 2),
    "backwards": range(ROWS, 0, -1),
    "mixed": DRAWS.permutation(ROWS).tolist(),
    "measurements": DRAWS.normal(size=ROWS).tolist(),
    "floats": [float(i) for i in range(ROWS)],
    "text of few levels": [f"w{i % 20}" for i in range(ROWS)],
    "text half of which is once": [f"w{i if i % 2 else i % 8}" for i in range(ROWS)],
}


@pytest.mark.parametrize("column", USEFUL.values(), ids=USEFUL)
def test_what_is_no_id_is_learned_from(column):
    frame = table(key=list(column))
    assert "key" in Preprocessing.fit(ds.Dataset(frame.drop("y"), frame["y"])).columns


def test_never_are_all_columns_left_out_nor_are_few_rows_judged():
    alone = Preprocessing.fit(ds.Dataset(pl.DataFrame({"t": range(ROWS)}), np.arange(ROWS) * 0.5))
    assert alone.columns == ("t",)
    few = Preprocessing.fit(ds.Dataset(table(key=range(ROWS)).drop("y")[:9], np.arange(9) * 0.5))
    assert "key" in few.columns


@KINDS
def test_parts_of_a_table_know_its_columns(kind, read):
    data = read(table(key=range(ROWS), name=[f"Person {i}" for i in range(ROWS)]), kind)
    split = data.split(validation=0.2, test=0.2)
    preprocessing = Preprocessing.fit(split.train)
    assert preprocessing.columns == ("size", "town")
    assert preprocessing.inputs(split.test.x)[:].shape == (12, 5)


def test_other_files_need_no_columns_that_were_left_out(cli, tmp_path):
    frame = table(key=range(ROWS), rank=DRAWS.permutation(ROWS).tolist())
    frame.write_csv(tmp_path / "all.csv")
    options = ("--target", "y", "--epochs", "1", "--store", tmp_path / "run")
    code, _, heard = cli("train", tmp_path / "all.csv", *options)
    assert code == 0
    assert (
        "Left out of the inputs: 'key' (counts the rows). To learn from such a column all the same: --keep key."
        in heard
    )
    few = frame.sort("rank")[:12].drop("key")  # here, rank counts the rows
    few.write_csv(tmp_path / "few.csv")
    assert cli("predict", tmp_path / "run", tmp_path / "few.csv")[0] == 0
    assert cli("evaluate", tmp_path / "run", tmp_path / "few.csv")[0] == 0
    run = ds.open_run(tmp_path / "run")
    assert run.evaluate(ds.read(tmp_path / "few.csv", "y"))["loss"] == run.evaluate(ds.Dataset(few, few["y"]))["loss"]


@pytest.mark.slow
def test_columns_are_chosen_on_the_command_line(cli, tmp_path):
    frame = table(key=range(ROWS), **{"a, b": range(60, 0, -1), "c d": range(60, 0, -1)})
    frame.write_csv(tmp_path / "all.csv")

    def columns(*options):
        store = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        code, _, heard = cli(
            "train", tmp_path / "all.csv", "--target", "y", "--epochs", "1", "--store", store, *options
        )
        assert code == 0, heard
        record = json.loads((store / "run.json").read_text())
        assert cli("predict", store, tmp_path / "all.csv")[0] == 0
        return record["preprocessing"]["columns"], record["data"]["origin"]["arguments"]

    chosen, arguments = columns("--exclude", "town,c d")
    assert chosen == ["size", "a, b"]
    assert arguments["exclude"] == ["town", "c d"]
    assert columns("--exclude", "a, b", "--exclude", "town")[0] == ["size", "c d"]
    assert columns("--only", "key,size")[0] == ["key", "size"]
    assert columns("--only", "size", "--only", "a, b")[0] == ["size", "a, b"]
    assert columns("--keep", "key", "--exclude", "town,size")[0] == ["key", "a, b", "c d"]


@pytest.mark.parametrize(
    "choice, error, words",
    [
        (
            {"exclude": ["towm"]},
            ds.UnknownNameError,
            "`exclude` must be one of size, town, y, got 'towm'. Did you mean 'town'",
        ),
        ({"only": ["siz"]}, ds.DataError, "lacks 'siz'. Did you mean 'size'"),
        ({"keep": ["siz"]}, ds.DataError, "lacks 'siz'. Did you mean 'size'"),
        ({"exclude": ["y"]}, ds.SettingError, "must leave the target"),
        ({"exclude": ["size", "town"]}, ds.DataError, "a column besides the target"),
        (
            {"exclude": ["size"], "only": ["size"]},
            ds.SettingError,
            "`exclude` and `only` must differ, got 'size' in both",
        ),
        ({"exclude": ["size"], "numeric": ["size"]}, ds.SettingError, "`exclude` and `numeric` must differ"),
    ],
)
def test_choices_that_cannot_be(choice, error, words, read):
    with pytest.raises(error, match=words):
        read(table(), **choice)


def test_excluded_cells_are_not_looked_at(read):
    frame = table(dirt=[*(str(i) for i in range(ROWS - 1)), "oops"])
    with pytest.raises(ds.DataError, match="'oops'"):
        read(frame)
    assert read(frame, exclude=["dirt"]).feature_names == ("size", "town")


@KINDS
def test_rows_without_a_target_are_dropped_if_so_wished(kind, read):
    frame = table(key=range(ROWS)).with_columns(y=pl.when(pl.col("key") % 7 == 2).then(None).otherwise(pl.col("y")))
    with pytest.raises(ds.DataError, match=r"9 missing entries, first in row 2 .*leave these rows out \(drop_missing"):
        read(frame, kind)
    data = read(frame, kind, drop_missing_target=True)
    filled = frame.filter(pl.col("y").is_not_null())
    np.testing.assert_array_equal(data.y, filled["y"].to_numpy())
    assert data.x[:]["key"].to_list() == filled["key"].to_list()
    assert "9 of 60 rows without a target were left out." in data.notes
    assert Preprocessing.fit(data).columns == ("size", "town")
    nothing = frame.with_columns(y=pl.lit(None, pl.String))
    with pytest.raises(ds.DataError, match="60 missing entries"):
        read(nothing, kind, drop_missing_target=True)


@pytest.mark.slow
def test_rows_without_a_target_on_the_command_line(cli, tmp_path):
    frame = table().with_columns(y=pl.when(pl.col("town") == "t1").then(None).otherwise(pl.col("y")))
    frame.write_csv(tmp_path / "all.csv")
    options = ("train", tmp_path / "all.csv", "--target", "y", "--epochs", "1", "--store", tmp_path / "run")
    code, _, heard = cli(*options)
    assert (code, "(--drop-missing-target)" in heard) == (2, True)
    code, _, heard = cli(*options, "--drop-missing-target")
    assert (code, "15 of 60 rows without a target were left out." in heard) == (0, True)
    assert cli("evaluate", tmp_path / "run", tmp_path / "all.csv")[0] == 2
    assert cli("evaluate", tmp_path / "run", tmp_path / "all.csv", "--drop-missing-target")[0] == 0
    assert ds.resume(tmp_path / "run", epochs=2, progress=False).epochs == 2


@pytest.mark.parametrize("twice", [False, True])
def test_100_000_levels_are_encoded_at_once(twice):
    """16,000 took 140 s, 60,000 never ended; 100,000 take a quarter of a second."""
    words = [f"title {i // (1 + twice)}" for i in range(100_000)]
    data = ds.Dataset(pl.DataFrame({"title": words, "x": np.arange(1e5) / 7}), np.arange(100_000) % 2, keep=["title"])
    start = time.process_time()
    preprocessing = Preprocessing.fit(data)
    inputs = preprocessing.inputs(data.x)
    assert time.process_time() - start < 5
    assert inputs.shape == (100_000, 51)
    levels, once = (50_000, "") if twice else (100_000, ", 100,000 of them once")
    assert f"'title' (50 columns, one for all rare levels: {levels:,} levels{once})" in preprocessing.notes[0]


@KINDS
def test_missing_text_is_a_level_of_its_own(kind, read):
    frame = table(color=[["red", None, "blue"][i % 3] for i in range(ROWS)])
    data = read(frame, kind)
    preprocessing = Preprocessing.fit(data)
    assert preprocessing.feature_names[-3:] == ("color=blue", "color=red", "color=(missing)")
    np.testing.assert_array_equal(preprocessing.inputs(data.x)[:][:3, -3:], [[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert "Missing text in the training rows is a level of its own: 'color' 20 cells." in preprocessing.notes


def test_empty_text_is_missing_text():
    texts = ["red", "", None, "blue"] * 10
    preprocessing = Preprocessing.fit(ds.Dataset(pl.DataFrame({"color": texts}), np.arange(40) % 2))
    assert preprocessing.feature_names == ("color=blue", "color=red", "color=(missing)")
    np.testing.assert_array_equal(preprocessing.inputs(pl.DataFrame({"color": texts}))[1:3], [[0, 0, 1]] * 2)
