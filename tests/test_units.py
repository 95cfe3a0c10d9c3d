"""Numbers of new rows are written as in training, or read as the same values, or refused, or warned of."""

import json
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

import downslope as ds
from downslope.core import RunWarning
from downslope.data import Preprocessing, Reading, read_like
from downslope.data.files.file_table import ReadSizes
from downslope.data.files.reader import read_selection
from downslope.data.files.selection import ColumnSelection

SMALL_BLOCKS = ReadSizes(large=1, text_block=40, row_block=17)


def written(folder, name, cells, *, separator=",", targets=None):
    """Return the path of a table with the columns `a` and `y`."""
    targets = range(len(cells)) if targets is None else targets
    lines = [f"{cell}{separator}{target}" for cell, target in zip(cells, targets, strict=True)]
    path = folder / f"{name}.csv"
    path.write_text("\n".join([f"a{separator}y", *lines]) + "\n", encoding="utf-8")
    return path


PERCENT = ["12%", "15.5%", "18%", "9%"]
FILES = {
    "percent, without a sign": (PERCENT, ["0.12", "0.5"], "with percent signs, where 12% was read as 12, got none"),
    "percent, whole numbers": (PERCENT, ["12", "15"], "got none, so that they may be shares"),
    "shares, in percent": (["0.12", "0.155", "0.18", "0.09"], ["12%", "15%"], "without percent signs, got %"),
    "whole numbers, in percent": (["12", "15", "18", "9"], ["12%", "15%"], "without percent signs, got %"),
    "percent, in percent": (PERCENT, ["12 %", "7.25%"], [12.0, 7.25]),
    "percent, a currency": (PERCENT, ["$12", "$15"], r"got \$"),
    "dollars, in euros": (["$5", "$6.5", "$8", "$9"], ["€5", "€6"], r"in \$, got €"),
    "dollars, without a sign": (["$5", "$6.5", "$8", "$9"], ["5", "6.5"], [5.0, 6.5]),
    "amounts, with a sign": (["5", "6.5", "8", "9"], ["$5", "$6.5"], [5.0, 6.5]),
    "plain, with thousands": (["1048", "950", "2000", "1"], ['"1,048"', "950"], [1048.0, 950.0]),
    "thousands, plain": (['"1,048"', "950", "2000", "1"], ["1048", "950"], [1048.0, 950.0]),
    "points, commas": (["0.5", "1.5", "2.5", "3.5"], ['"0,5"', '"1,25"'], [0.5, 1.25]),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("large", [False, True], ids=["in memory", "on disk"])
def test_another_file_is_read_alike_or_refused(name, large, tmp_path):
    cells, others, expected = FILES[name]
    train = ds.read(written(tmp_path, "train", cells), target="y", task="regression")
    preprocessing = Preprocessing.fit(train)
    new = written(tmp_path, "new", others)
    if large:
        like = Reading.of_arguments(train.origin.arguments)
        selection = ColumnSelection(only=["a"])
        rows = read_selection(new, selection, cache=tmp_path / "cache", progress=False, like=like, sizes=SMALL_BLOCKS)
    else:
        rows = read_like(train.origin, new, only=["a"])
    if isinstance(expected, list):
        assert preprocessing.inputs(rows)[:].ravel().tolist() == expected
        return
    with pytest.raises(ds.DataError, match=rf"Column 'a' must have its numbers as in training, .*{expected}") as caught:
        preprocessing.inputs(rows)
    with pytest.raises(ds.DataError, match=re.escape(str(caught.value))):
        preprocessing.notes_on(rows)


FRAMES = {
    "percent, text in percent": (PERCENT, ["12%", "15.5 %"], [12.0, 15.5]),
    "percent, text without a sign": (PERCENT, ["0.12", "0.5"], "with percent signs"),
    "numbers, text in percent": (["0.5", "1", "2", "3"], ["50%", "100%"], "without percent signs"),
    "numbers, text": (["0.5", "1", "2", "3"], ["0.5", "1e2"], [0.5, 100.0]),
    "numbers, text with thousands": (["1048", "1", "2", "3"], ["1,048,576.5", "950"], [1048576.5, 950.0]),
    "numbers, text that may be two": (["1048", "1", "2", "3"], ["1,048", "950"], "got '1,048' in row 0"),
    "numbers, text with commas": (["1048", "1", "2", "3"], ["1.048", "0,5"], [1048.0, 0.5]),
    "commas, text that may be two": (['"0,5"', '"1,5"', '"2,5"', '"3,5"'], ["1.048", "2.048"], "got '1.048'"),
    "commas, text that shows points": (['"0,5"', '"1,5"', '"2,5"', '"3,5"'], ["1.048", "2.5"], [1.048, 2.5]),
    "numbers, text that is none": (["0.5", "1", "2", "3"], ["0.5", "big"], "got 'big' in row 1"),
    "dollars, text in euros": (["$5", "$6.5", "$8", "$9"], ["€5", "6"], r"in \$, got €"),
}


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("frame", [pl.DataFrame, pd.DataFrame], ids=["polars", "pandas"])
def test_text_of_a_frame_is_read_alike_or_refused(name, frame, tmp_path):
    cells, others, expected = FRAMES[name]
    preprocessing = Preprocessing.fit(ds.read(written(tmp_path, "train", cells), target="y", task="regression"))
    if isinstance(expected, list):
        assert preprocessing.inputs(frame({"a": others})).ravel().tolist() == expected
        return
    with pytest.raises(ds.DataError, match=rf"Column 'a' must .*{expected}"):
        preprocessing.inputs(frame({"a": others}))


def test_the_target_has_the_unit_of_training(tmp_path):
    train = ds.read(written(tmp_path, "train", [1, 2, 3, 4], targets=PERCENT), target="y")
    run = ds.train(ds.mlp([], outputs=1), train, epochs=1, progress=False, store=tmp_path / "run")
    same = ds.read(written(tmp_path, "same", [1, 2], targets=["12%", "13%"]), target="y", task="regression")
    shares = ds.read(written(tmp_path, "shares", [1, 2], targets=["0.12", "0.13"]), target="y", task="regression")
    for opened in (run, ds.open_run(tmp_path / "run")):
        assert opened.evaluate(same)["loss"] > 0
        with pytest.raises(ds.DataError, match="The target must have its numbers as in training, with percent signs"):
            opened.evaluate(shares)


def test_numbers_of_a_frame_that_seem_to_be_shares_are_warned_of(tmp_path):
    train = ds.read(written(tmp_path, "train", PERCENT), target="y", task="regression")
    run = ds.train(ds.mlp([], outputs=1), train, epochs=1, progress=False)
    shares, percent = pl.DataFrame({"a": [0.12, None, 0.5]}), pl.DataFrame({"a": [0.5, 12.0]})
    run.predict(percent), run.predict(train.x), run.predict(train), run.predict(np.array([[0.5], [12.0]]))
    for rows in (shares, shares.to_pandas(), ds.Dataset(shares), np.array([[0.12], [0.5]])):
        with pytest.warns(RunWarning, match="'a' are taken for percent, as in training.*multiply them by 100"):
            run.predict(rows)


def test_commands_refuse_or_warn_of_another_unit(cli, tmp_path):
    written(tmp_path, "train", PERCENT * 5)
    written(tmp_path, "shares", ["0.12", "0.5"])
    pl.DataFrame({"a": [0.12, 0.5], "y": [1.0, 2.0]}).write_parquet(tmp_path / "shares.parquet")
    network = ("--network", "2", "--epochs", "1", "--task", "regression", "--store", "run")
    assert cli("train", "train.csv", "--target", "y", *network)[0] == 0
    for verb in ("predict", "evaluate"):
        code, out, err = cli(verb, "run", "shares.csv")
        assert (code, out) == (2, "")
        assert re.fullmatch(r"downslope: Column 'a' must have its numbers as in training, with percent.*\n", err)
        code, out, err = cli(verb, "run", "shares.parquet")
        assert code == 0
        assert err.count("'a' are taken for percent") == 1
        assert "RunWarning" not in err
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["preprocessing"]["units"] == {"a": "%"}
