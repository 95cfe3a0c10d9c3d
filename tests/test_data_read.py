"""Files of every kind as data sets, and every way they can be broken as one sentence."""

import gzip

import numpy as np
import polars as pl
import pytest

from cases import refused
from downslope.core import DataError, SettingError, UnknownNameError
from downslope.data import Preprocessing, read

ROWS = "age,city,member,score\n31,Rome,true,1.5\n44,Oslo,false,2.5\n,Rome,TRUE,3.5\n27,?,true,NA\n"


@pytest.fixture
def write(tmp_path):
    def to_file(text, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return to_file


def test_columns_get_their_kinds(write):
    data = read(write(ROWS))
    assert data.x.dtypes == [pl.Int64, pl.String, pl.Boolean, pl.Float64]
    assert data.x.rows() == [
        (31, "Rome", True, 1.5),
        (44, "Oslo", False, 2.5),
        (None, "Rome", True, 3.5),
        (27, None, True, None),
    ]
    assert data.y is None


SPELLINGS = {
    "semicolons": ROWS.replace(",", ";"),
    "tabs": ROWS.replace(",", "\t"),
    "windows": ROWS.replace("\n", "\r\n"),
    "old mac": ROWS.replace("\n", "\r"),
    "byte order mark": "\ufeff" + ROWS,
    "no last line end": ROWS.rstrip("\n"),
    "blank lines": "\n\n" + ROWS.replace("\n", "\n\n") + "  \n\n",
    "outer blanks": ROWS.replace(",", " , "),
    "quotes": "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in ROWS.splitlines()),
    "other marks": ROWS.replace("?", "null").replace("NA", "nan"),
    "decimal commas": ROWS.replace(",", ";").replace("1.5", "1,5").replace("2.5", "2,5").replace("3.5", "3,5"),
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_one_table_spelled_in_many_ways(write, text):
    plain, other = read(write(ROWS)), read(write(text, "other.csv"))
    assert other.x.equals(plain.x)
    assert other.x.schema == plain.x.schema


def test_cells_with_separators_quotes_and_line_ends(write):
    data = read(write('t,n\n"a, b",1\n"say ""hi""",2\n"two\nlines",3\n5" pipe,4\n'))
    assert data.x["t"].to_list() == ["a, b", 'say "hi"', "two\nlines", '5" pipe']
    assert data.x["n"].to_list() == [1, 2, 3, 4]


def test_nameless_columns_are_numbered(write):
    assert read(write(",a\n0,1.5\n1,2.5\n")).feature_names == ("column_1", "a")


@pytest.mark.parametrize(
    "target, task, classes",
    [
        ("age", "regression", None),
        ("city", "classification", ["Oslo", "Rome"]),
        ("member", "classification", [False, True]),
    ],
)
def test_the_target_leaves_the_features(write, target, task, classes):
    data = read(write("age,city,member\n31,Rome,true\n44,Oslo,false\n12,Rome,true\n27,Oslo,true\n"), target)
    assert data.task == task
    assert (None if data.classes is None else data.classes.tolist()) == classes
    assert target not in data.feature_names
    assert len(data.feature_names) == 2


def test_whole_number_labels_stay_whole(write):
    data = read(write("a,k\n1.5,3\n2.5,1\n3.5,3\n4.5,1\n"), target="k")
    assert data.classes.tolist() == [1, 3]
    assert all(isinstance(label, int) for label in data.y.tolist())


def with_strays(rows, strays):
    return "n,m\n" + "".join(f"{'oops' if i < strays else i},1\n" for i in range(rows))


def test_a_stray_cell_is_named(write):
    with pytest.raises(DataError, match=r"'n' holds numbers, but 'oops' in row 0 .*line 2 of 'table.csv'"):
        read(write(with_strays(100, 5)))
    assert read(write(with_strays(100, 6))).x["n"].dtype == pl.String
    assert read(write(with_strays(100, 5)), categorical=["n"]).x["n"].dtype == pl.String
    with pytest.raises(DataError, match="'oops'"):
        read(write(with_strays(100, 50)), numeric=["n"])


def test_lines_are_counted_as_an_editor_does(write):
    text = 't,n\n"two\nlines",1\n\n' + "".join(f"x,{i}\n" for i in range(40)) + "x,oops\n"
    with pytest.raises(DataError, match=r"row 41 .*line 45 of"):
        read(write(text))


def test_codes_that_look_like_numbers(write):
    data = read(write("zip,n\n01234,1\n99999,2\n01234,3\n"), categorical=["zip"])
    assert data.x["zip"].to_list() == ["01234", "99999", "01234"]


def test_chosen_columns_for_prediction(write):
    train = read(write("a,t,y\n1,7,0.5\n2,8,1.5\n3,7,2.7\n"), "y", categorical=["t"])
    kept = Preprocessing.fit(train)
    new = write("y,extra,t,a\noops,inf,7,4\n0,x,9,5\n", "new.csv")
    data = read(new, only=kept.columns, numeric=kept.numeric, categorical=kept.categorical)
    np.testing.assert_array_equal(kept.inputs(data.x), [[4, 1, 0], [5, 0, 0]])
    with pytest.raises(DataError, match="lacks 'a'"):
        read(write("t,y\n7,1\n", "less.csv"), only=kept.columns, numeric=kept.numeric)


def test_parquet_keeps_its_types(tmp_path):
    frame = pl.DataFrame({"n": [1, 2, None], "t": ["a", None, "b"], "y": [0.5, 1.5, 2.7]})
    frame.write_parquet(tmp_path / "table.parquet")
    data = read(tmp_path / "table.parquet", "y")
    assert data.x.equals(frame.drop("y"))
    assert data.task == "regression"
    codes = read(tmp_path / "table.parquet", "y", categorical=["n"])
    assert codes.x["n"].to_list() == ["1", "2", None]


@pytest.mark.parametrize("target, column", [(-1, 2), ("-1", 2), (2, 2), (0, 0), ("1", 1), (-3, 0)])
def test_a_column_of_npy_by_its_number(tmp_path, target, column):
    array = np.random.default_rng(0).normal(size=(20, 3))
    np.save(tmp_path / "a.npy", array)
    data = read(tmp_path / "a.npy", target)
    np.testing.assert_array_equal(data.y, array[:, column])
    np.testing.assert_array_equal(data.x, np.delete(array, column, axis=1))
    assert type(data.x) is np.ndarray


def test_npy_without_a_target(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((5, 4, 4, 1), np.uint8))
    assert read(tmp_path / "a.npy").x.shape == (5, 4, 4, 1)


@pytest.mark.parametrize("x, y", [("x", "y"), ("X", "Y"), ("X", "y"), ("x_train", "y_train"), ("X_train", "y_train")])
def test_npz_by_its_usual_names(tmp_path, x, y):
    np.savez(tmp_path / "a.npz", **{x: np.eye(4), y: [0, 1, 0, 1], "z": [1.5, 2.0, 3.0, 4.0]})
    data = read(tmp_path / "a.npz")
    assert (data.x.shape, data.y.tolist()) == ((4, 4), [0, 1, 0, 1])
    assert read(tmp_path / "a.npz", "z").task == "regression"


def saved(tmp_path, name, *arrays, **named):
    (np.savez if name.endswith("npz") else np.save)(tmp_path / name, *arrays, **named)


BROKEN = [
    ("a,b\n1,2\n3\n", {}, DataError, "must have 2 cells, as the first, got 1 in line 3"),
    ("a,b\n1,2\n\n3,4,5\n", {}, DataError, "got 3 in line 4"),
    ('a,b\n1,2\n"3,4\n5,6\n', {}, DataError, "in line 3"),
    ("a,b\n", {}, DataError, "column names only"),
    ("", {}, DataError, "empty file"),
    ("\n \n", {}, DataError, "blank lines"),
    ("a,b,a\n1,2,3\n", {}, DataError, "'a' more than once"),
    ("1,2\n3,4\n", {}, DataError, "got numbers"),
    (b"a,b\n1,2\n\xe9,4\n", {}, DataError, "UTF-8, got other bytes in line 3"),
    ("a,b\n1,2\n".encode("utf-16-le"), {}, DataError, "UTF-16 without a byte order mark"),
    (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", {}, DataError, "binary"),
    (gzip.compress(b"a,b\n1,2\n", mtime=0), {}, DataError, "binary"),
    ("age,b\n1,2\n", {"target": "agee"}, UnknownNameError, "Did you mean 'age'"),
    ("age\n1\n", {"target": "age"}, DataError, "besides the target 'age'"),
    ("a,b\n1,2\n", {"numeric": ["c"]}, DataError, "lacks 'c'"),
    ("a,b\n1,2\n", {"numeric": ["a"], "categorical": ["a"]}, SettingError, "both for 'a'"),
    ("a,b\n1,2\n3,\n", {"target": "b"}, DataError, "1 missing entry, first in row 1"),
    ("a,b\n1,2\ninf,3\n", {}, DataError, "row 1 .*'a'"),
]


@pytest.mark.parametrize("text, options, error, words", BROKEN, ids=[case[3] for case in BROKEN])
def test_a_broken_table_is_one_sentence(write, text, options, error, words):
    with pytest.raises(error, match=words) as caught:
        read(write(text), **options)
    assert "\n" not in str(caught.value)


def test_at_most_thirty_columns_are_listed(write):
    names = [f"c{i:03d}" for i in range(50)]
    with pytest.raises(UnknownNameError) as caught:
        read(write(",".join(names) + "\n" + ",".join(["1"] * 50)), target="price")
    assert "c029, …" in str(caught.value)
    assert "c030" not in str(caught.value)


def test_a_path_that_leads_nowhere(write, tmp_path):
    write(ROWS, "penguins.csv")
    for path, words in [
        (tmp_path / "pengins.csv", "Did you mean 'penguins.csv'"),
        (tmp_path / "nothing_like_it.csv", "There is no file"),
        (tmp_path / "no_folder" / "penguins.csv", "There is no file"),
        (tmp_path, "is a folder"),
        (write("x", "table.xlsx"), "must end in .csv"),
        (write("x", "table"), "must end in .csv"),
        (write("not parquet", "table.parquet"), "must be a Parquet file"),
        (write("not numpy", "a.npy"), "'a.npy'"),
        (write("not numpy", "a.npz"), "'a.npz'"),
        (write(b"PK\x03\x04 torn", "b.npz"), "'b.npz'"),
    ]:
        with pytest.raises(DataError, match=words) as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_numpy_files_that_do_not_fit(tmp_path):
    saved(tmp_path, "objects.npy", np.array([{}, "a"], dtype=object))
    saved(tmp_path, "text.npy", np.array([["a"]]))
    saved(tmp_path, "flat.npy", np.zeros(3))
    saved(tmp_path, "wide.npy", np.zeros((4, 3)))
    saved(tmp_path, "names.npz", a=np.zeros(3), b=np.zeros(3))
    saved(tmp_path, "xy.npz", x=np.zeros(3), y=np.zeros(3))
    (tmp_path / "kind.npy").write_bytes((tmp_path / "xy.npz").read_bytes())
    (tmp_path / "junk.npy").write_bytes(b"no array of NumPy's")
    whole = (tmp_path / "xy.npz").read_bytes()
    (tmp_path / "damaged.npz").write_bytes(b"PKxx" + whole[4:])  # the directory at its end is whole
    for name, options, error, words in [
        ("objects.npy", {}, DataError, "Python objects"),
        ("junk.npy", {}, DataError, "it does not begin as one"),
        ("damaged.npz", {}, DataError, "cannot be read"),
        ("text.npy", {}, DataError, "data frame"),
        ("flat.npy", {"target": 0}, DataError, "two columns"),
        ("wide.npy", {"target": 3}, SettingError, "-3 to 2, got 3"),
        ("wide.npy", {"target": "price"}, SettingError, "'price'"),
        ("wide.npy", {"numeric": ["a"]}, SettingError, "in tables only"),
        ("names.npz", {}, DataError, "got a, b"),
        ("xy.npz", {"target": "z"}, UnknownNameError, "x, y"),
        ("kind.npy", {}, DataError, "other kind"),
    ]:
        with pytest.raises(error, match=words):
            read(tmp_path / name, **options)


@pytest.mark.parametrize("rows", [pl.DataFrame({"a": [1]}), np.ones((2, 2)), [[1, 2]]], ids=["frame", "array", "list"])
def test_rows_in_memory_are_no_file(rows):
    message = rf"^`path` must be the path of a file, got {type(rows).__name__}\. Make a .* by ds\.Dataset\(x, y\)\.$"
    with refused(SettingError, match=message):
        read(rows)
