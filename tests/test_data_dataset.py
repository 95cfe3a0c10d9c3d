"""What a data set takes, what it makes of it, and what it refuses."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from downslope.core import DataError, ShapeError, UnknownNameError
from downslope.data import Dataset

X = np.arange(12.0).reshape(6, 2)
WORDS = ["b", "a", "b", "a", "c", "c"]

TARGETS = [
    (WORDS, "classification", ["a", "b", "c"]),
    (np.array(WORDS), "classification", ["a", "b", "c"]),
    (np.array(WORDS, dtype=object), "classification", ["a", "b", "c"]),
    (pl.Series(WORDS), "classification", ["a", "b", "c"]),
    (pl.Series(WORDS, dtype=pl.Categorical), "classification", ["a", "b", "c"]),
    (pd.Series(WORDS), "classification", ["a", "b", "c"]),
    (pd.Series(WORDS, dtype="category"), "classification", ["a", "b", "c"]),
    (pl.DataFrame({"y": WORDS}), "classification", ["a", "b", "c"]),
    ([True, False] * 3, "classification", [False, True]),
    (np.array([True, False] * 3), "classification", [False, True]),
    ([3, 1, 3, 1, 3, 1], "classification", [1, 3]),
    (np.array([3, 1, 3, 1, 3, 1], np.uint8), "classification", [1, 3]),
    (np.array([[3], [1], [3], [1], [3], [1]]), "classification", [1, 3]),
    (pd.Series([3, 1, 3, 1, 3, 1], dtype="Int64"), "classification", [1, 3]),
    (np.array([2.0, 1.0] * 3), "classification", [1.0, 2.0]),
    ([1, 2, 3, 4, 5, 6], "regression", None),
    ([1.5, 1.0, 1.5, 1.0, 1.5, 1.0], "regression", None),
    (np.arange(12).reshape(6, 2), "regression", None),
]


@pytest.mark.parametrize("y, task, classes", TARGETS, ids=lambda value: type(value).__name__)
def test_the_task_is_inferred_and_said(y, task, classes):
    data = Dataset(X, y)
    assert data.task == task
    assert (None if data.classes is None else data.classes.tolist()) == classes
    assert len(data.notes) == 1
    assert data.notes[0].startswith(f"Task: {task}, because")
    assert isinstance(data.y, np.ndarray)
    assert len(data.y) == len(data) == 6


def test_a_task_that_is_given_is_taken():
    assert Dataset(X, [1, 2, 1, 2, 1, 2], task="regression").classes is None
    data = Dataset(X, [0.5, 1.5, 0.5, 1.5, 0.5, 2.5], task="classification")
    assert data.classes.tolist() == [0.5, 1.5, 2.5]
    assert data.notes == ()


def test_twenty_one_whole_numbers_are_no_classes():
    x = np.zeros((210, 1))
    assert Dataset(x, np.arange(210) % 20).task == "classification"
    assert Dataset(x, np.arange(210) % 21).task == "regression"


def test_features_without_a_target():
    data = Dataset(X)
    assert (data.y, data.task, data.classes, data.notes) == (None, None, None, ())


def test_arrays_of_any_kind_and_shape():
    assert Dataset([1.0, 2.0, 3.0]).x.shape == (3, 1)
    assert Dataset(np.zeros((4, 8, 8, 3), np.uint8)).x.dtype == np.uint8
    masked = np.ma.masked_equal(np.array([[1, 2], [3, 4]]), 3)
    np.testing.assert_array_equal(Dataset(masked).x, [[1, 2], [np.nan, 4]])


def test_f6_an_array_is_copied_once_and_cannot_be_written_to(tmp_path):
    own = Dataset(X).x
    assert not np.shares_memory(own, X)
    assert not own.flags.writeable
    assert own.ctypes.data % 64 == 0
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert type(Dataset(mapped).x) is np.ndarray


FRAMES = {
    "polars": pl.DataFrame(
        {"n": [1, 2, None], "f": [1.0, None, float("nan")], "b": [True, False, None], "t": ["a", None, "b"]}
    ),
    "pandas": pd.DataFrame(
        {"n": [1, 2, None], "f": [1.0, None, np.nan], "b": [True, False, None], "t": ["a", None, "b"]}
    ),
    "nullable": pd.DataFrame(
        {"n": [1, 2, None], "f": [1.0, None, np.nan], "b": [True, False, None], "t": ["a", None, "b"]}
    ).astype({"n": "Int64", "f": "Float64", "b": "boolean", "t": "category"}),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_frames_of_any_library_become_one(frame):
    data = Dataset(frame)
    assert data.feature_names == ("n", "f", "b", "t")
    assert data.x["n"].cast(pl.Float64).to_list() == [1.0, 2.0, None]
    assert data.x["f"].to_list() == [1.0, None, None]
    assert data.x["b"].cast(pl.Float64).to_list() == [1.0, 0.0, None]
    assert data.x["t"].to_list() == ["a", None, "b"]


def test_take_keeps_task_and_classes():
    data = Dataset(pl.DataFrame({"a": range(6), "t": WORDS}), WORDS, row_weights=range(6))
    part = data.take([4, 0])
    assert part.x.rows() == [(4, "c"), (0, "b")]
    assert part.y.tolist() == ["c", "b"]
    assert part.row_weights.tolist() == [4.0, 0.0]
    assert part.classes.tolist() == ["a", "b", "c"]
    assert (part.task, part.feature_names, part.notes) == (data.task, data.feature_names, data.notes)


REFUSED = [
    (lambda: Dataset(np.array([["a", "b"]])), DataError, "data frame"),
    (lambda: Dataset(np.array([[1, "b"]], dtype=object)), DataError, "data frame"),
    (lambda: Dataset([[1.0], [2.0, 3.0]]), ShapeError, "equal length"),
    (lambda: Dataset(np.ones((2, 2), complex)), DataError, "complex"),
    (lambda: Dataset(3.0), ShapeError, "single number"),
    (lambda: Dataset(np.zeros((0, 3))), DataError, "at least one row"),
    (lambda: Dataset(pl.DataFrame({"a": []})), DataError, "at least one row"),
    (lambda: Dataset([[1.0, 2.0], [3.0, np.inf]]), DataError, "row 1 .*column 1"),
    (lambda: Dataset([[1.0], [-np.inf]], feature_names=["age"]), DataError, "row 1 .*'age'"),
    (lambda: Dataset(pl.DataFrame({"a": [1.0], "b": [np.inf]})), DataError, "row 0 .*'b'"),
    (lambda: Dataset(pl.DataFrame({"pair": [[1, 2]]})), DataError, "'pair'"),
    (lambda: Dataset(pd.DataFrame({"mixed": [1, "a"]}, dtype=object)), DataError, "1 and 'a'"),
    (lambda: Dataset(pd.DataFrame([[1, 2]], columns=["a", "a"])), DataError, "'a' more than once"),
    (lambda: Dataset(X, WORDS[:5]), ShapeError, "6 and 5"),
    (lambda: Dataset(X, [1, 2, None, 4, None, 6]), DataError, "2 missing entries, first in row 2"),
    (lambda: Dataset(X, [1.0, 2.0, 3.0, np.nan, 5.0, 6.0]), DataError, "1 missing entry, first in row 3"),
    (lambda: Dataset(X, ["a", np.nan, "b", "a", "b", "a"]), DataError, "1 missing entry, first in row 1"),
    (lambda: Dataset(X, pd.Series(["a", pd.NA, "b", "a", "b", "a"])), DataError, "1 missing entry"),
    (lambda: Dataset(X, [1.0, 2.0, np.inf, 4.0, 5.0, 6.0]), DataError, "row 2"),
    (lambda: Dataset(X, [1, "a", 2, 3, 4, 5]), DataError, "1 and 'a'"),
    (lambda: Dataset(X, np.zeros((6, 2, 2))), ShapeError, r"\(rows,\)"),
    (lambda: Dataset(X, np.eye(6), task="classification"), ShapeError, "argmax"),
    (lambda: Dataset(X, WORDS, task="regression"), DataError, "'b'"),
    (lambda: Dataset(X, WORDS, task="clasification"), UnknownNameError, "Did you mean 'classification'"),
    (lambda: Dataset(X, feature_names=["a"]), ShapeError, "got 1"),
    (lambda: Dataset(X, feature_names=["a", "a"]), DataError, "more than once"),
    (lambda: Dataset(X, row_weights=[1, 1]), ShapeError, "6 and 2"),
    (lambda: Dataset(X, row_weights=[1, 1, 1, 1, 1, -1]), DataError, "0 or more"),
    (lambda: Dataset(X, row_weights=np.zeros(6)), DataError, "not all 0"),
]


@pytest.mark.parametrize("make, error, words", REFUSED)
def test_what_is_refused(make, error, words):
    with pytest.raises(error, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
