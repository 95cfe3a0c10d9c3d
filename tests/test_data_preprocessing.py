"""Inputs and targets as a network takes them: equal to scikit-learn's, fitted on training rows, the same after JSON."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from downslope.core import DataError, SettingError, ShapeError, UnknownNameError
from downslope.data import NORMALIZATIONS, Dataset, Preprocessing, fit_scaling, load, row_blocks, with_roles

SCALERS = {"standard": StandardScaler(), "minmax": MinMaxScaler(), "symmetric": MinMaxScaler(feature_range=(-1, 1))}
RANDOM = np.random.default_rng(0)
NUMBERS = RANDOM.normal(3.0, [1.0, 20.0, 0.05], size=(60, 3))
LABELS = np.arange(60) % 2


def table(rows=80, seed=0):
    random = np.random.default_rng(seed)
    holes = random.random((rows, 2)) < 0.1
    size = np.where(holes[:, 0], np.nan, random.normal(50, 9, rows))
    color = np.where(holes[:, 1], None, random.choice(["red", "green", "blue"], rows, p=[0.6, 0.3, 0.1]))
    return pl.DataFrame(
        {"size": size, "color": color.tolist(), "count": random.integers(0, 9, rows), "odd": random.random(rows) < 0.5},
        nan_to_null=True,
    )


def fitted(x, y=None, task=None, **options):
    return Preprocessing.fit(Dataset(x, np.arange(len(x)) % 2 if y is None else y, task=task), **options)


def columns_of_sklearn(frame, scaler, text=("color",)):
    numeric = [name for name in frame.columns if name not in text]
    encoder = OneHotEncoder(max_categories=50, handle_unknown="infrequent_if_exist", sparse_output=False)
    steps = [
        (name, make_pipeline(SimpleImputer(strategy="median"), scaler), [name])
        if name in numeric
        else (name, make_pipeline(SimpleImputer(strategy="constant", fill_value="~ missing"), encoder), [name])
        for name in frame.columns
    ]
    return ColumnTransformer(steps)


def as_pandas(frame):
    return pd.DataFrame(
        {name: pd.Series(frame[name].to_list(), dtype=object if name == "color" else float) for name in frame.columns}
    ).replace({None: np.nan})


@pytest.mark.parametrize("how", NORMALIZATIONS)
def test_scaling_is_that_of_sklearn(how):
    new = RANDOM.normal(0.0, 30.0, size=(10, 3))
    ours = fitted(NUMBERS, normalize=how)
    theirs = SCALERS[how].fit(NUMBERS)
    np.testing.assert_allclose(ours.inputs(NUMBERS), theirs.transform(NUMBERS), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.inputs(new), theirs.transform(new), rtol=1e-12, atol=1e-12)


CONSTANT = {
    "a small one": [0.1, 0.1, 0.1],
    "a large one": [1e15 / 3, 1e15 / 3, 1e15 / 3],
    "but for rounding": [0.3, 0.1 + 0.2, 0.3],
    "but for less than rounding of a large one": [1e16, 1e16 + 2, 1e16],
    "small changes": [0.0, 1e-14, 2e-14],
    "small changes of one": [1.0, 1.0 + 1e-12, 1.0],
    "far from zero": [1e9, 1e9 + 1, 1e9 + 2],
}


@pytest.mark.parametrize("values", CONSTANT.values(), ids=CONSTANT)
@pytest.mark.parametrize("how", NORMALIZATIONS)
def test_what_hardly_changes_is_scaled_as_by_sklearn(how, values):
    column = np.resize(values, (30, 1))
    scaling, theirs = fitted(column, normalize=how).scaling, clone(SCALERS[how]).fit(column)
    center, scale = (theirs.mean_, theirs.scale_) if how == "standard" else (theirs.data_min_, 1 / theirs.scale_)
    np.testing.assert_allclose(scaling.center, center, rtol=1e-15)
    np.testing.assert_allclose(scaling.scale, scale, rtol=1e-12)


@pytest.mark.parametrize("size", [1, 7, 60], ids="{} rows a block".format)
@pytest.mark.parametrize("how", NORMALIZATIONS)
def test_scaling_by_blocks_is_that_of_sklearn(how, size):
    far = np.add(NUMBERS, [0.0, 1e6, -1e3])
    scaling, theirs = fit_scaling(far, how, block_numbers=3 * size), clone(SCALERS[how]).fit(far)
    center, scale = (theirs.mean_, theirs.scale_) if how == "standard" else (theirs.data_min_, 1 / theirs.scale_)
    np.testing.assert_allclose(scaling.center, center, rtol=1e-12)
    np.testing.assert_allclose(scaling.scale, scale, rtol=1e-12)


def test_scaled_numbers_have_the_promised_size():
    standard, minmax, symmetric = (fitted(NUMBERS, normalize=how).inputs(NUMBERS) for how in NORMALIZATIONS)
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose(standard.std(axis=0), 1, rtol=1e-13)
    for scaled, low in ((minmax, 0), (symmetric, -1)):
        np.testing.assert_array_equal(scaled.min(axis=0), low)
        np.testing.assert_array_equal(scaled.max(axis=0), 1)


@pytest.mark.parametrize("how", NORMALIZATIONS)
def test_tables_are_encoded_as_by_sklearn(how):
    train, new = table(), table(seed=1)
    ours = fitted(train, normalize=how)
    theirs = columns_of_sklearn(train, SCALERS[how]).fit(as_pandas(train))
    np.testing.assert_allclose(ours.inputs(train), theirs.transform(as_pandas(train)), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(ours.inputs(new), theirs.transform(as_pandas(new)), rtol=1e-12, atol=1e-12)
    colors = ("color=blue", "color=green", "color=red", "color=(missing)")
    assert ours.feature_names == ("size", *colors, "count", "odd")
    assert ours.input_shape == (7,)


def test_unseen_text_is_all_zeros():
    preprocessing = fitted(table())
    new = table(3).with_columns(pl.Series("color", ["red", "mauve", None]))
    np.testing.assert_array_equal(preprocessing.inputs(new)[:, 1:5], [[0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]])
    assert preprocessing.notes_on(new[:1]) == ()
    assert preprocessing.notes_on(new) == (
        f"Missing cells were filled in: 'size' 1 cell ({preprocessing.fills[0]:g}).",
        "Text that training never saw was taken for none of the known: 'color' 1 cell ('mauve').",
    )


def test_many_levels_share_a_column():
    words = [f"w{i:02d}" for i in range(70) for _ in range(1 + (i < 40))]
    train = pl.DataFrame({"word": words})
    ours = fitted(train)
    encoder = OneHotEncoder(max_categories=50, handle_unknown="infrequent_if_exist", sparse_output=False)
    column = np.array(words, dtype=object)[:, None]
    encoder.fit(column)
    np.testing.assert_array_equal(ours.inputs(train), encoder.transform(column))
    assert ours.input_shape == (50,)
    assert ours.feature_names[-1] == "word=(other)"
    assert ours.inputs(pl.DataFrame({"word": ["never seen"]}))[0, -1] == 1
    assert ours.notes_on(pl.DataFrame({"word": ["never seen"]})) == ()
    assert "50 columns, one for all rare levels" in ours.notes[0]


def test_missing_cells_are_filled_in_and_said():
    train = pl.DataFrame({"a": [1.0, None, 5.0, 9.0], "t": ["x", "x", None, "y"]})
    preprocessing = fitted(train)
    np.testing.assert_array_equal(preprocessing.inputs(train), [[1, 1, 0, 0], [5, 1, 0, 0], [5, 0, 0, 1], [9, 0, 1, 0]])
    assert preprocessing.notes == (
        "Missing numbers in the training rows were filled in: 'a' 1 cell (median: 5).",
        "Missing text in the training rows is a level of its own: 't' 1 cell.",
        "Text was one-hot encoded: 't' (3 columns).",
    )


def test_text_that_training_saw_no_gap_in_is_filled_in_and_said():
    preprocessing = fitted(pl.DataFrame({"t": ["x", "x", "z", "y"]}))
    new = pl.DataFrame({"t": [None, "y"]}, schema={"t": pl.String})
    np.testing.assert_array_equal(preprocessing.inputs(new), [[1, 0, 0], [0, 1, 0]])
    assert preprocessing.notes_on(new) == ("Missing cells were filled in: 't' 1 cell ('x').",)


def test_missing_text_of_an_earlier_run_stays_filled_in():
    train = pl.DataFrame({"t": ["x", "x", None, "y"]})
    earlier = dataclasses.replace(fitted(train).categories[0], missing=False)
    preprocessing = dataclasses.replace(fitted(train), categories=(earlier,), input_shape=(2,))
    np.testing.assert_array_equal(preprocessing.inputs(train), [[1, 0], [1, 0], [1, 0], [0, 1]])
    again = with_roles(Dataset(train, np.arange(4) % 2), preprocessing.roles(["t"]))
    assert Preprocessing.fit(again).categories == (earlier,)


def test_gaps_in_arrays():
    holed = np.where(RANDOM.random(NUMBERS.shape) < 0.1, np.nan, NUMBERS)
    ours = fitted(holed, normalize="standard")
    theirs = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(holed)
    np.testing.assert_allclose(ours.inputs(holed), theirs.transform(holed), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(ours.fills, theirs[0].statistics_)
    assert ours.notes_on([[1.0, np.nan, 0.0]]) == (
        f"Missing cells were filled in: column 1 1 cell ({ours.fills[1]:g}).",
    )
    with pytest.raises(DataError, match=r"row 1 .*column 0"):
        fitted(NUMBERS).inputs([[1.0, 2.0, 3.0], [np.nan, 1.0, 2.0]])
    with pytest.raises(DataError, match="no missing number"):
        fitted(np.full((4, 2, 2, 1), np.nan))


def test_columns_that_never_change():
    x = np.stack([np.full(10, 7.0), np.arange(10.0), np.full(10, 0.1)], axis=1)
    preprocessing = Preprocessing.fit(
        Dataset(x, np.arange(10) % 2, feature_names=["seven", "row", "tenth"]), normalize="standard"
    )
    np.testing.assert_allclose(preprocessing.inputs(x)[:, [0, 2]], 0, atol=1e-15)
    assert preprocessing.notes == (
        "Constant in the training rows, so of no use: 'seven', 'tenth'; standardized, they are 0.",
    )
    assert "column 0, column 2" in fitted(x).notes[0]


def test_a_column_without_a_filled_cell():
    train = pl.DataFrame(
        {"a": [1.0, 2.0, 3.0, 4.0], "void": [None] * 4, "text": pl.Series([None] * 4, dtype=pl.String)}
    )
    preprocessing = fitted(train, normalize="standard")
    assert preprocessing.feature_names == ("a", "void")
    np.testing.assert_array_equal(preprocessing.inputs(train)[:, 1], 0)
    assert "'void' 4 cells (empty: 0)" in preprocessing.notes[0]


def test_images_are_scaled_by_channel():
    images = RANDOM.integers(0, 256, size=(12, 4, 4, 3)).astype(np.uint8)
    scaled = fitted(images, normalize="standard").inputs(images)
    assert scaled.shape == images.shape
    np.testing.assert_allclose(scaled.mean(axis=(0, 1, 2)), 0, atol=1e-13)
    np.testing.assert_allclose(scaled.std(axis=(0, 1, 2)), 1, rtol=1e-13)


def test_blocks_of_rows_make_no_difference():
    whole, parts = fit_scaling(NUMBERS, "standard"), fit_scaling(NUMBERS, "standard", block_numbers=12)
    np.testing.assert_allclose(parts.center, whole.center, rtol=1e-14)
    np.testing.assert_allclose(parts.scale, whole.scale, rtol=1e-14)


def test_many_rows_are_prepared_like_few():
    many = np.tile(NUMBERS, (2**22 // NUMBERS.size + 1, 1))
    assert len(list(row_blocks(many))) == 2
    preprocessing = fitted(NUMBERS, normalize="standard")
    few = Preprocessing.from_json(preprocessing.as_json()).inputs(NUMBERS)
    prepared = preprocessing.inputs(many).reshape(-1, *NUMBERS.shape)
    np.testing.assert_array_equal(prepared, np.broadcast_to(few, prepared.shape))


def test_statistics_are_those_of_the_training_part():
    train, test = load("old_faithful").split(test=0.2)
    preprocessing = Preprocessing.fit(train, normalize="standard", normalize_targets="standard")
    np.testing.assert_allclose(preprocessing.inputs(train.x).mean(), 0, atol=1e-13)
    assert abs(preprocessing.inputs(test.x).mean()) > 1e-3
    np.testing.assert_allclose(preprocessing.scaling.center, train.x.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(preprocessing.target_scaling.scale, [train.y.std()], rtol=1e-14)


def test_nothing_to_do_copies_nothing():
    assert np.shares_memory(fitted(NUMBERS).inputs(NUMBERS), NUMBERS)


def test_the_type_is_that_of_networks(float32):
    preprocessing = fitted(NUMBERS, y=NUMBERS[:, 0], normalize="standard")
    assert preprocessing.inputs(NUMBERS).dtype == np.float32
    assert preprocessing.targets(NUMBERS[:, 0]).dtype == np.float32
    assert fitted(table()).inputs(table()).dtype == np.float32


LABEL_KINDS = [
    ["no", "yes", "yes", ""],
    [True, False, False, True],
    [3, -1, 3, 7],
    [0.5, 1.0, 1.5, 0.5],
]


@pytest.mark.parametrize("y", LABEL_KINDS, ids=lambda y: type(y[0]).__name__)
def test_labels_keep_their_kind_through_json(y):
    preprocessing = fitted(np.arange(4.0), y=y, task="classification")
    loaded = Preprocessing.from_json(json.loads(json.dumps(preprocessing.as_json())))
    assert loaded == preprocessing
    indices = loaded.targets(y)
    assert indices.dtype == np.int32
    assert loaded.labels(indices).tolist() == y
    assert [type(label) for label in loaded.labels(indices).tolist()] == [type(label) for label in y]
    assert loaded.outputs == len(set(y))


@pytest.mark.parametrize("how", [None, *NORMALIZATIONS])
def test_saved_is_loaded_bitwise(how):
    preprocessing = fitted(table(), y=RANDOM.normal(size=80), normalize=how, normalize_targets="standard")
    spec = preprocessing.as_json()
    assert json.loads(json.dumps(spec)) == spec
    loaded = Preprocessing.from_json(json.loads(json.dumps(spec)))
    assert loaded == preprocessing
    np.testing.assert_array_equal(loaded.inputs(table(seed=2)), preprocessing.inputs(table(seed=2)))
    np.testing.assert_array_equal(loaded.targets([1.0, 2.0]), preprocessing.targets([1.0, 2.0]))


@pytest.mark.parametrize("shape", [(30,), (30, 1), (30, 2)])
@pytest.mark.parametrize("how", [None, "standard"])
def test_targets_come_back(shape, how):
    y = RANDOM.normal(100.0, 5.0, size=shape)
    preprocessing = fitted(np.arange(30.0), y=y, task="regression", normalize_targets=how)
    targets = preprocessing.targets(y)
    assert preprocessing.outputs == targets.shape[1] == (1 if len(shape) == 1 else shape[1])
    np.testing.assert_allclose(preprocessing.original_targets(targets), y, rtol=1e-14)
    if how:
        np.testing.assert_allclose(targets.std(axis=0), 1, rtol=1e-13)


def test_columns_are_found_by_name():
    preprocessing = fitted(table(), normalize="minmax")
    wanted = preprocessing.inputs(table(seed=3))
    shuffled = table(seed=3).select("odd", "color", "size", "count", pl.lit(np.inf).alias("extra"))
    np.testing.assert_array_equal(preprocessing.inputs(shuffled), wanted)
    np.testing.assert_array_equal(preprocessing.inputs(as_pandas(table(seed=3))), wanted)
    written = table(seed=3).with_columns(pl.col("count").cast(pl.String))
    np.testing.assert_array_equal(preprocessing.inputs(written), wanted)


def test_arrays_and_tables_meet_by_name():
    eruptions = load("old_faithful")
    preprocessing = Preprocessing.fit(eruptions, normalize="standard")
    frame = pl.DataFrame({"waiting": eruptions.y, "eruptions": eruptions.x[:, 0]})
    np.testing.assert_array_equal(preprocessing.inputs(frame), preprocessing.inputs(eruptions.x))
    by_table = fitted(frame.select("eruptions"), normalize="standard")
    np.testing.assert_array_equal(by_table.inputs(eruptions.x), preprocessing.inputs(eruptions.x))
    nameless = fitted(NUMBERS)
    np.testing.assert_array_equal(nameless.inputs(pl.DataFrame(NUMBERS)), NUMBERS)


TABLE = fitted(table())
ARRAY = fitted(NUMBERS)
WORDS = fitted(NUMBERS, y=["a", "b"] * 30)
LINE = fitted(NUMBERS, y=NUMBERS[:, 0])
LACKING = table().drop("size", "odd").rename({"count": "cuont"})
WORDY = table().with_columns(pl.lit("much").alias("size"))
REFUSED = [
    (lambda: TABLE.inputs(LACKING), DataError, "lacks 'size', 'count', 'odd'. Did you mean 'cuont'"),
    (lambda: TABLE.inputs(WORDY), DataError, "'size' .*'much' in row 0"),
    (lambda: TABLE.inputs(np.zeros((2, 4))), DataError, "data frame with the columns 'size'"),
    (lambda: ARRAY.inputs(np.zeros((2, 4))), ShapeError, r"\(rows, 3\).*got \(2, 4\)"),
    (lambda: ARRAY.inputs(np.zeros(3)), ShapeError, "single row"),
    (lambda: ARRAY.inputs([[1.0, np.inf, 2.0]]), DataError, "row 0 .*column 1"),
    (lambda: WORDS.targets(["a", "c", "d"]), DataError, "'a', 'b', got 'c', 'd', first in row 1"),
    (lambda: ARRAY.targets(["a"]), DataError, "0, 1, got 'a'"),
    (lambda: ARRAY.targets([-1]), DataError, "got -1"),
    (lambda: ARRAY.targets([2]), DataError, "got 2"),
    (lambda: fitted(NUMBERS, y=NUMBERS).targets(NUMBERS[:, :2]), ShapeError, "3 columns"),
    (lambda: fitted(NUMBERS, y=["a"] * 60), DataError, "at least two classes, got only 'a'"),
    (lambda: Preprocessing.fit(Dataset(NUMBERS)), DataError, "needs a target"),
    (lambda: fitted(NUMBERS, normalize="standrd"), UnknownNameError, "'standard'"),
    (lambda: fitted(NUMBERS, normalize_targets="standard"), SettingError, "regression"),
    (lambda: fitted(NUMBERS, y=NUMBERS[:, 0], normalize_targets="minmax"), UnknownNameError, "standard"),
    (lambda: LINE.labels([0]), SettingError, "original_targets"),
]


@pytest.mark.parametrize("make, error, words", REFUSED)
def test_what_is_refused(make, error, words):
    with pytest.raises(error, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_given_classes_are_known():
    part = Dataset(NUMBERS, ["b"] * 60)
    preprocessing = Preprocessing.fit(part, classes=["c", "b", "a"])
    assert preprocessing.classes.tolist() == ["a", "b", "c"]
    assert preprocessing.targets(["c", "b"]).tolist() == [2, 1]


def test_what_is_loaded_when(tmp_path):
    spec = fitted(table(), normalize="standard").as_json()
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    table(seed=1).write_csv(tmp_path / "new.csv")
    code = f"""
import json, sys
import numpy as np
from downslope import data
heavy = {{"polars", "pandas", "sklearn", "scipy.stats", "matplotlib"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
plain = data.Dataset(np.eye(4), [0, 1, 0, 1])
data.Preprocessing.fit(plain, normalize="standard").inputs(plain.x)
plain.split(test=0.5), data.available(), data.load("quadrants")
assert not heavy & set(sys.modules), heavy & set(sys.modules)
preprocessing = data.Preprocessing.from_json(json.load(open({str(tmp_path / "spec.json")!r})))
preprocessing.inputs(data.read({str(tmp_path / "new.csv")!r}).x)
assert "sklearn" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
