"""Tables on disk: what is read of a large file is what a small one gives, and so is what is learned from it."""

import dataclasses

import numpy as np
import polars as pl
import pytest

import downslope as ds
from downslope.core import generator
from downslope.data import StoredRows, StoredTable, arranged, column_names, open_origin
from downslope.data.files.file_table import ReadSizes
from downslope.data.files.reader import read_selection
from downslope.data.files.selection import ColumnSelection
from test_stored_rows import same

SMALL_BLOCKS = ReadSizes(large=1, text_block=300, row_block=17)


@pytest.fixture
def read_large(tmp_path):
    """Read any file as a large one, in small blocks; what is converted lies in the folder `cache`."""

    def read(path, target, *, cache=tmp_path / "cache", progress=False, **columns):
        return read_selection(
            path, ColumnSelection(target, **columns), cache=cache, progress=progress, sizes=SMALL_BLOCKS
        )

    return read


def pets(rows=150):
    draws = generator(0, "pets")
    return pl.DataFrame(
        {
            "legs": draws.integers(2, 5, rows),
            "weight": [None if value > 6 else value for value in draws.normal(4.0, 1.5, rows).round(3).tolist()],
            "color": [["red", None, "dark blue", "green, or so"][i] for i in draws.integers(0, 4, rows)],
            "tame": draws.random(rows) < 0.5,
            "tail": pl.Series(draws.normal(size=rows).astype(np.float32)),
            "toes": [None if i == 0 else int(i) for i in draws.integers(0, 9, rows)],
            "pet": [["cat", "dog", "yak"][i] for i in draws.integers(0, 3, rows)],
        }
    )


TEXTS = {
    "plain": "a,b,y\n" + "".join(f"{i},{i / 7:.3f},{'nm'[i % 2]}\n" for i in range(60)),
    "gaps and booleans": "a,b,c,y\n"
    + "".join(f"{i % 5 or '?'},{i > 9},{'NA' if i % 4 else i},{i % 3}\n" for i in range(70)),
    "commas": "a;b;y\n" + "".join(f"{i},5;{i / 3:.2f};{i}\n".replace(".", ",") for i in range(50)),
    "lines in quotes": "a,b,y\r\n" + "".join(f'{i},"one\n{i % 3} ""two""",{i % 2}\r\n' for i in range(40)),
    "blank lines and a mark": "\ufeffa,y\n\n" + "".join(f"{i},{i * i}\n" + "\n" * (i % 3) for i in range(90)),
    "late text": "a,b,y\n" + "".join(f"{i if i < 30 else 'x'},1,{i % 2}\n" for i in range(60)),
    "no end of line": "a,y\n" + "\n".join(f"{i},{i % 2}" for i in range(60)),
}


def alike(data, plain):
    assert isinstance(data.x, StoredTable)
    assert (data.feature_names, data.task, data.notes, data.target_name) == (
        plain.feature_names, plain.task, plain.notes, plain.target_name,
    )  # fmt: skip
    assert data.x.shape == plain.x.shape
    found = data.x[:]
    for name in plain.x.columns:
        expected = plain.x[name]
        gaps = expected.null_count() and expected.dtype != pl.String
        assert found[name].to_list() == (expected.cast(pl.Float64) if gaps else expected).to_list(), name
    np.testing.assert_array_equal(data.y, plain.y)
    assert data.y.dtype.kind == plain.y.dtype.kind


@pytest.mark.parametrize("text", TEXTS)
def test_a_large_csv_file_is_read_as_a_small_one(text, read_large, tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(TEXTS[text].encode())
    plain = ds.read(path, "y")
    alike(read_large(path, "y"), plain)


@pytest.mark.parametrize("settings", [{}, {"categorical": ["legs"], "only": ["color", "legs"]}, {"numeric": ["legs"]}])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_so_are_all_kinds_of_columns(ending, settings, read_large, tmp_path):
    path = tmp_path / f"pets.{ending}"
    pets().write_parquet(path, row_group_size=40) if ending == "parquet" else pets().write_csv(path)
    plain = ds.read(path, "pet", **settings)
    alike(read_large(path, "pet", **settings), plain)


@pytest.mark.product
@pytest.mark.parametrize("ending, target", [("csv", "pet"), ("parquet", "weight"), ("parquet", "legs")])
def test_training_on_it_gives_the_bits_of_training_in_memory(ending, target, read_large, tmp_path):
    path = tmp_path / f"pets.{ending}"
    table = pets().filter(pl.col("weight").is_not_null()) if target == "weight" else pets()
    table.write_parquet(path) if ending == "parquet" else table.write_csv(path)
    plain, settings = (
        ds.read(path, target),
        {"validation": 0.2, "normalize": "standard", "epochs": 2, "progress": False},
    )
    net = ds.mlp([4], outputs=1 if plain.classes is None else len(plain.classes))
    expected = ds.train(net, plain, **settings)
    data = read_large(path, target)
    run = ds.train(net, data, store=tmp_path / "run", **settings)
    assert len(list(tmp_path.glob("cache/*/inputs-*.npy"))) == 1
    same(run, expected)
    assert run.preprocessing == expected.preprocessing
    np.testing.assert_array_equal(run.predict(data), expected.predict(plain))
    np.testing.assert_array_equal(run.predict(plain), expected.predict(plain))
    assert run.evaluate(data) == expected.evaluate(plain)
    expected = ds.train(net, plain, **settings | {"epochs": 3})
    same(ds.resume(tmp_path / "run", data, epochs=3, progress=False), expected)


def test_it_is_opened_again_from_its_origin(read_large, tmp_path):
    path = tmp_path / "pets.csv"
    pets().write_csv(path)
    data = read_large(path, "pet", categorical=["legs"])
    again = open_origin(data.origin)
    assert data.origin == again.origin
    alike(data, again)


@pytest.mark.parametrize(
    "text, error",
    [
        ("a,y\n" + "1,0\n" * 99 + "x,1\n", "Column 'a' holds numbers, but 'x' in row 99 .*line 101 of"),
        ("a,y\n" + "1,0\n" * 200 + "1,2,3\n", "must have 2 cells, as the first, got 3 in line 202"),
        ("a,y\n", "must hold rows, got column names only"),
        ("\n \n" * 200, "must hold data, got only blank lines"),
        ("1,2\n" * 200, "must name the columns"),
        ("a,y\n" + "1,0\n" * 99 + "inf,1\n", "got an infinite one in row 99"),
    ],
)
def test_what_cannot_be_used_is_said_as_of_a_small_file(text, error, read_large, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(ds.DataError, match=error) as plain:
        ds.read(path, "y")
    with pytest.raises(ds.DataError, match=error) as found:
        read_large(path, "y")
    assert str(found.value) == str(plain.value)
    assert not list(tmp_path.glob("cache/*.part-*"))


def test_a_file_is_converted_once_and_anew_when_it_changes(read_large, tmp_path, capsys):
    path, cache = tmp_path / "table.csv", tmp_path / "cache"
    path.write_text(TEXTS["plain"])
    first = read_large(path, "y", progress="lines")
    assert "MiB of" in capsys.readouterr().err
    (folder,) = cache.iterdir()
    written = folder.stat()
    alike(read_large(path, "y", progress="lines"), first.__class__(first.x[:], first.y, target_name="y"))
    assert "MiB of" not in capsys.readouterr().err
    assert folder.stat().st_ino == written.st_ino
    path.write_text(TEXTS["plain"] + "7,7,n\n")
    assert len(read_large(path, "y")) == len(first) + 1
    assert len(list(cache.iterdir())) == 2


def test_inputs_are_prepared_once_and_again_where_they_are_another(read_large, tmp_path, capsys):
    path = tmp_path / "pets.csv"
    pets().write_csv(path)
    data = read_large(path, "pet")

    def trained(seed, progress=False):
        settings = {"validation": 0.2, "normalize": "standard", "epochs": 1, "seed": seed}
        ds.train(ds.mlp([4], outputs=3), data, progress=progress, **settings)
        return set(tmp_path.glob("cache/*/inputs-*"))

    first = trained(0)
    assert trained(0, "lines") == first != trained(1)
    assert "rows" not in capsys.readouterr().err
    assert trained(0, "lines") == first
    assert "150/150 rows" in capsys.readouterr().err


def test_where_inputs_cannot_be_written_they_are_prepared_as_they_are_read(read_large, tmp_path):
    path = tmp_path / "pets.csv"
    pets().write_csv(path)
    plain, settings = ds.read(path, "pet"), {"normalize": "minmax", "epochs": 1, "progress": False}
    data = read_large(path, "pet")
    lost = dataclasses.replace(data, x=dataclasses.replace(data.x, folder=tmp_path / "no such folder"))
    same(ds.train(ds.mlp([4], outputs=3), lost, **settings), ds.train(ds.mlp([4], outputs=3), plain, **settings))
    assert not list(tmp_path.rglob("inputs-*"))


def test_inputs_that_cannot_be_written_in_full_leave_nothing(tmp_path):
    rows, calls = np.arange(2.0**20).reshape(-1, 4), []

    def prepare(block):
        calls.append(len(block))
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return block + 1

    stored = StoredRows(rows, prepare=prepare, prepared_file=tmp_path / "inputs-1.npy")
    assert stored.ready() is stored
    assert len(calls) == 2
    assert not list(tmp_path.iterdir())
    np.testing.assert_array_equal(stored[:5], rows[:5] + 1)
    np.testing.assert_array_equal(stored.ready()[:5], rows[:5] + 1)
    assert [path.name for path in tmp_path.iterdir()] == ["inputs-1.npy"]


@pytest.mark.parametrize(
    "settings, again",
    [
        ({"only": ["legs", "color"]}, False),
        ({"categorical": ["color", "pet"]}, False),
        ({"numeric": ["legs", "weight"]}, False),
        ({"categorical": ["legs"]}, True),
    ],
)
def test_a_file_is_converted_again_only_where_columns_would_be_others(settings, again, read_large, tmp_path):
    path = tmp_path / "pets.csv"
    pets().write_csv(path)
    plain = ds.read(path, "pet", **settings)
    read_large(path, "pet")
    alike(read_large(path, "pet", **settings), plain)
    assert len(list((tmp_path / "cache").iterdir())) == 1 + again


def test_progress_is_told(read_large, tmp_path, capsys):
    path = tmp_path / "table.csv"
    path.write_text(TEXTS["plain"])
    read_large(path, "y", progress="lines")
    assert "1/1 MiB of 'table.csv'" in capsys.readouterr().err


def test_where_nothing_can_be_written_it_is_said(read_large, tmp_path):
    path, place = tmp_path / "table.csv", tmp_path / "file"
    path.write_text(TEXTS["plain"])
    place.write_text("no folder")
    with pytest.raises(ds.DataError, match="too large to be read into memory, and its rows cannot be written to"):
        read_large(path, "y", cache=place / "cache")


def blocks_of(x, y, size=37):
    return ((x[at : at + size], y[at : at + size]) for at in range(0, len(x), size))


def test_rows_of_ones_own_are_stored_and_read_again(tmp_path):
    draws = generator(0, "own")
    x, y = draws.normal(size=(200, 2, 3)).astype(np.float32), np.array(["no", "yes"])[draws.integers(0, 2, 200)]
    data = ds.store_rows(blocks_of(x, y), tmp_path / "rows")
    assert isinstance(data.x, np.ndarray)
    for each in (data, ds.read(tmp_path / "rows"), open_origin(data.origin)):
        np.testing.assert_array_equal(each.x, x)
        np.testing.assert_array_equal(each.y, y)
    flat = ds.store_rows(
        (block.reshape(-1, 6) for block, _ in blocks_of(x, y)), tmp_path / "flat", feature_names="abcdef"
    )
    assert (flat.y, flat.feature_names) == (None, tuple("abcdef"))
    np.testing.assert_array_equal(flat.x, x.reshape(-1, 6))


def test_tables_of_ones_own_are_stored_and_read_again(tmp_path):
    table = pets().drop("toes")
    blocks = (table[at : at + 40] for at in range(0, len(table), 40))
    data = ds.store_rows(blocks, tmp_path / "rows", target="pet")
    alike(data, ds.Dataset(table.drop("pet"), table["pet"]))
    alike(open_origin(data.origin), ds.Dataset(table.drop("pet"), table["pet"]))


@pytest.mark.parametrize(
    "blocks, error",
    [
        ([], "at least one block of rows, got none"),
        ([np.ones((3, 2)), np.ones((3, 4))], r"rows of the shape \(2,\), as the first, got \(4,\) after 3 rows"),
        ([(np.ones((3, 2)), np.ones(4))], "equally many rows, got 3 and 4"),
        ([np.ones((3, 2)), (np.ones((3, 2)), np.ones(3))], "Either all blocks or none must be pairs"),
        ([pl.DataFrame({"a": [1, 2]}), pl.DataFrame({"a": [1, None]})], "has none in row 3"),
        ([pl.DataFrame({"a": [1.0]}), pl.DataFrame({"b": [1.0]})], "lacks 'a'"),
        ([np.array(["text"])], "must be an array of numbers"),
    ],
)
def test_blocks_that_cannot_be_stored_leave_nothing(blocks, error, tmp_path):
    with pytest.raises((ds.DataError, ds.ShapeError), match=error):
        ds.store_rows(blocks, tmp_path / "rows")
    assert not list(tmp_path.iterdir())


def test_stored_rows_are_not_written_over(tmp_path):
    ds.store_rows([np.ones((3, 2))], tmp_path / "rows")
    with pytest.raises(ds.DataError, match="must be a new folder"):
        ds.store_rows([np.ones((3, 2))], tmp_path / "rows")


def test_rows_of_numbers_on_disk_are_arranged_as_images(read_large, tmp_path):
    x = generator(0, "images").normal(size=(60, 16)).round(3)
    path, y = tmp_path / "images.csv", np.arange(60) % 2
    pl.DataFrame({**{f"p{i}": x[:, i] for i in range(16)}, "y": y}).write_csv(path)
    for data in (read_large(path, "y"), ds.Dataset(StoredRows(x), y)):
        images = arranged(data, (4, 4, 1), task=None)
        assert isinstance(images.x, StoredRows)
        np.testing.assert_array_equal(images.x[:], x.reshape(60, 4, 4, 1))
        np.testing.assert_array_equal(images.take([5, 3]).x[:], x.reshape(60, 4, 4, 1)[[5, 3]])


def test_stored_rows_of_arrays_have_no_names_of_columns(tmp_path):
    with pytest.raises(ds.DataError, match="without names of columns"):
        column_names(ds.store_rows([np.ones((3, 2))], tmp_path / "rows").origin.arguments["path"])


@pytest.mark.parametrize("name, save", [("rows.npy", np.save), ("rows.npz", np.savez)])
def test_nor_have_files_of_arrays(name, save, tmp_path):
    save(tmp_path / name, np.ones((3, 2)))
    with pytest.raises(ds.DataError, match=rf"'{name}' holds arrays, whose columns have no names\. Choose the target"):
        column_names(tmp_path / name)


@pytest.mark.slow
def test_files_are_large_from_256_mib_on(tmp_path):
    x = generator(0, "large").random((2**17, 256))
    table = pl.DataFrame({f"c{index}": x[:, index] for index in range(256)})
    table.write_parquet(tmp_path / "large.parquet", compression="uncompressed")
    table[: 2**16].write_parquet(tmp_path / "small.parquet", compression="uncompressed")
    large = ds.read(tmp_path / "large.parquet", cache=tmp_path / "cache", progress=False)
    small = ds.read(tmp_path / "small.parquet", cache=tmp_path / "cache", progress=False)
    assert isinstance(large.x, StoredTable)
    assert isinstance(small.x, pl.DataFrame)
    assert large.x[: 2**16].equals(small.x)
