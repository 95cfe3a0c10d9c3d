"""Reading of tables: long headers, stray quotation marks and cells, and files that are read as that of a run was."""

import json

import numpy as np
import polars as pl
import pytest

import downslope as ds
from downslope.core import generator
from downslope.data import Preprocessing
from downslope.data.files import csv
from downslope.data.files.file_table import ReadSizes
from downslope.data.files.reader import read_selection
from downslope.data.files.selection import ColumnSelection


def test_f9_a_header_line_of_any_length(tmp_path, command_line):
    names = [f"GENE_{i:03d}_" + "x" * 6000 for i in range(30)]  # 180 kB, more than Python's csv takes
    rows = generator(0, "genes").normal(size=(6, 30)).round(3)
    path = tmp_path / "genes.csv"
    lines = [",".join([*names, "y"]), *(",".join(map(str, [*row, i % 2])) for i, row in enumerate(rows.tolist()))]
    path.write_text("\n".join(lines))
    data = ds.read(path, "y")
    assert data.feature_names == tuple(names)
    np.testing.assert_array_equal(data.x.to_numpy(), rows)
    path.write_text("\n".join(lines).replace(",", ";"))  # the separator is looked for in the long line, too
    np.testing.assert_array_equal(ds.read(path, "y").x.to_numpy(), rows)
    exit_code, _, error = command_line("train", path, "--target", "z", "--store", tmp_path / "run")
    assert exit_code == 2
    assert "--target must be one of GENE_000_" in error


@pytest.mark.parametrize("where", [0, 700, 1999])
@pytest.mark.parametrize("stray", ['5" pipe', '5" of 6" pipe'], ids=["one", "two"])
def test_b2_a_stray_quote_is_read_in_linear_time(where, stray, tmp_path, monkeypatch):
    searched = []

    def complete_end(content, separator):
        searched.append(len(content))
        return original(content, separator)

    original = csv.complete_end
    monkeypatch.setattr(csv, "complete_end", complete_end)
    names = [f"name, {i}" if i % 3 else str(i) for i in range(2000)]
    names[where] = stray
    path = tmp_path / "pipes.csv"
    path.write_text("name,n\n" + "".join(f'"{t}",{i}\n' if "," in t else f"{t},{i}\n" for i, t in enumerate(names)))
    sizes = ReadSizes(large=1, text_block=500, row_block=17)
    data = read_selection(path, ColumnSelection(), cache=tmp_path / "cache", progress=False, sizes=sizes)
    assert data.x[:]["name"].to_list() == names
    assert data.x[:]["n"].to_list() == list(range(2000))
    assert sum(searched) < 5 * 3 * path.stat().st_size  # looked for the separator, twice read, a rest searched again


def test_b2_a_quote_that_nothing_closes_is_no_hang(tmp_path, monkeypatch):
    monkeypatch.setattr(csv, "LONGEST_CELL", 2000)
    path = tmp_path / "pipes.csv"
    path.write_text("name,n\n" + "a,1\n" * 100 + '"5 pipe,1\n' + "a,1\n" * 5000)
    sizes = ReadSizes(large=1, text_block=500, row_block=17)
    for read in (
        lambda: ds.read(path),
        lambda: read_selection(path, ColumnSelection(), cache=tmp_path, progress=False, sizes=sizes),
    ):
        with pytest.raises(ds.DataError, match=r"opens a cell in line 102 of 'pipes\.csv', and none closes it"):
            read()


def test_all_stray_cells_are_in_one_message(tmp_path):
    path = tmp_path / "ranks.csv"
    rows = [f"{'DD' if i % 30 == 7 else i},{'-' if i == 50 else 2 * i},{'NA' if i == 3 else i / 2}" for i in range(100)]
    path.write_text("rank,place,y\n" + "\n".join(rows))
    with pytest.raises(ds.DataError) as caught:
        ds.read(path)
    assert str(caught.value) == (
        "Columns 'rank', 'place' hold numbers, but 'DD' in row 7 (counting from 0, line 9 of 'ranks.csv') of 'rank', "
        "'DD' in row 37 (line 39) of 'rank', 'DD' in row 67 (line 69) of 'rank', 'DD' in row 97 (line 99) of 'rank', "
        "'-' in row 50 (line 52) of 'place'. Correct these cells, read them as missing (missing=['NA', 'DD', '-']), "
        "or declare the columns categorical (categorical=['rank', 'place'])."
    )
    data = ds.read(path, missing=["NA", "DD", "-"])
    assert data.x.dtypes == [pl.Int64, pl.Int64, pl.Float64]
    assert data.x.null_count().row(0) == (4, 1, 1)


def test_the_list_of_stray_cells_is_bounded(tmp_path):
    path = tmp_path / "ranks.csv"
    path.write_text("rank\n" + "".join(f"{'DD' if i % 40 == 0 else i}\n" for i in range(2000)))
    with pytest.raises(ds.DataError, match=r"… \(50 in all\)\. Correct these cells, read them as missing") as caught:
        ds.read(path)
    assert str(caught.value).count("'DD'") == 11


@pytest.mark.parametrize("repeats", [1, 40])
def test_the_fast_way_gives_what_the_exact_way_gives(repeats, tmp_path, monkeypatch):
    draws = generator(0, "fast")
    n = 50
    table = pl.DataFrame(
        {
            "tiny": draws.normal(size=n) * 10.0 ** draws.integers(-300, 300, n),
            "plain": draws.normal(size=n).round(3),
            "whole": draws.integers(-(2**53), 2**53, n),
            "gaps": [None if i % 7 == 0 else i / 3 for i in range(n)],
            "words": ["NA" if i == 40 else str(i * 0.5) for i in range(n)],
            "late": [str(i) if i < 45 else f"{i}.25" for i in range(n)],
            "codes": [f"00{i}" for i in range(n)],
            "text": [["a", "b,c", 'd"e'][i % 3] for i in range(n)],
            "flag": [i % 2 == 0 for i in range(n)],
        }
    )
    path = tmp_path / "table.csv"
    pl.concat([table] * repeats).write_csv(path)
    fast = ds.read(path, categorical=["codes"])
    read_exactly(monkeypatch)
    exact = ds.read(path, categorical=["codes"])
    assert fast.x.schema == exact.x.schema
    assert fast.x.equals(exact.x, null_equal=True)
    assert fast.notes == exact.notes
    assert fast.x["codes"].to_list()[:2] == ["000", "001"]


def read_exactly(monkeypatch):
    """Turn the fast way off."""
    monkeypatch.setattr(csv, "_guessed", lambda content, lines, names, settled: all_text(names))


def all_text(names):
    return csv.NumberParser(dict.fromkeys(names, pl.String))


COMMA_CELLS = {
    "plain": lambda i: f"{i / 7:.3f}",
    "whole": lambda i: str(i),
    "thousands late": lambda i: "1.234,5" if i == 300 else f"{i / 8:.2f}",
    "thousands only": lambda i: f"{i % 5 + 1}.{i:03d}",
    "a thousand late": lambda i: "1.234" if i == 300 else f"{i / 8:.2f}",
    "no digit behind": lambda i: "5," if i == 300 else f"{i / 8:.2f}",
    "infinite": lambda i: "1e999" if i == 300 else f"{i / 8:.2f}",
    "a word": lambda i: "NA" if i == 300 else f"{i / 8:.2f}",
    "quoted": lambda i: f'"{i / 8:.2f}"',
    "a point": lambda i: "0point5" if i == 300 else f"{i / 8:.2f}",
    "days": lambda i: f"0{i % 9 + 1}point12point2024",
}


@pytest.mark.parametrize("name", COMMA_CELLS)
def test_the_fast_way_with_decimal_commas_gives_what_the_exact_way_gives(name, tmp_path, monkeypatch):
    cells = [COMMA_CELLS[name](i) for i in range(400)]
    cells = [
        cell if "," in cell or "1.234" in cell or name == "thousands only" else cell.replace(".", ",") for cell in cells
    ]
    lines = [f"{cell.replace('point', '.')};{i},5;x{i % 3}" for i, cell in enumerate(cells)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["a;b;c", *lines]) + "\n")
    monkeypatch.setattr(csv, "GUESSED", 1000)
    results = []
    for _ in range(2):
        try:
            data = ds.read(path)
            results.append((data.x.schema, data.x.rows(), data.notes))
        except ds.DataError as error:
            results.append(str(error))
        read_exactly(monkeypatch)
    assert results[0] == results[1]
    assert ("must have one decimal mark" in results[0]) is (name == "a point")


@pytest.fixture
def german(tmp_path, command_line):
    """Return the folder of a run trained on a file whose amounts have points between thousands and decimal commas."""
    folder = tmp_path
    lines = [
        f"{i // 1000}.{i % 1000:03d};{i / 7:.1f}".replace(".", ",", 2).replace(",", ".", 1) for i in range(1000, 1040)
    ]
    (folder / "rents.csv").write_text("rent;size\n" + "\n".join(lines) + "\n")
    code, _, error = command_line(
        "train", folder / "rents.csv", "--target", "size", "--epochs", 2, "--network", "2", "--store", folder / "run"
    )
    assert code == 0, error
    assert "'1.000' in 'rent' as 1000" in error
    return folder


@pytest.fixture
def predicted(german, command_line):
    """Predict for the rows of a text with the run on German amounts."""

    def predict(text, *words):
        (german / "new.csv").write_text(text)
        return command_line("predict", german / "run", german / "new.csv", *words)

    return predict


def test_a_run_keeps_how_its_table_was_read(german):
    arguments = json.loads((german / "run" / "run.json").read_text())
    text = json.dumps(arguments)
    assert '"separator": ";"' in text
    assert '"decimal": ","' in text


def test_new_rows_are_read_as_those_of_the_run(predicted):
    code, expected, _ = predicted("rent\n1020\n2500\n")
    assert code == 0
    assert predicted("size;rent\n;1.020\n;2.500\n")[:2] == (0, expected)
    code, _, error = predicted("size;rent\n;1.020\n;2.500\n")
    assert "'1.020' in 'rent' as 1020" in error
    assert predicted("rent,size\n1020.0,0.5\n2500.0,1\n")[:2] == (0, expected)


def test_what_neither_new_rows_nor_the_run_decide_is_refused(predicted):
    code, _, error = predicted("rent,size\n1.020,1\n2.500,2\n")
    assert code == 2
    assert "may be 1.020 or 1020" in error
    assert "--decimal" in error
    declared = predicted("rent,size\n1.020,1\n2.500,2\n", "--decimal", "comma")
    assert declared[:2] == predicted("rent\n1020\n2500\n")[:2]


def test_evaluate_and_resume_read_them_so_too(german, command_line):
    code, out, error = command_line("evaluate", german / "run", german / "rents.csv", "--json")
    assert code == 0
    assert json.loads(out)["rows"] == 40
    assert "'1.000' in 'rent' as 1000" in error
    code, _, error = command_line("resume", german / "run", "--epochs", 3)
    assert code == 0, error
    ambiguous = german / "few.csv"
    ambiguous.write_text("rent;size\n1.020;145\n1.030;147\n")
    assert command_line("evaluate", german / "run", ambiguous)[0] == 0


def test_words_for_missing_cells_hold_for_new_rows(tmp_path, command_line):
    path = tmp_path / "ranks.csv"
    path.write_text("a,y\n" + "".join(f"{'DD' if i % 9 == 0 else i},{i % 2}\n" for i in range(60)))
    code, _, error = command_line(
        "train", path, "--target", "y", "--epochs", 1, "--store", tmp_path / "run", "--missing", "DD"
    )
    assert code == 0, error
    (tmp_path / "new.csv").write_text("a\nDD\n5\n")
    code, out, _ = command_line("predict", tmp_path / "run", tmp_path / "new.csv")
    assert code == 0
    assert len(out.splitlines()) == 3


def test_options_for_text_are_for_text(tmp_path, command_line):
    pl.DataFrame({"a": [1, 2], "y": [0, 1]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(ds.SettingError, match=r"`decimal` is for text files \(\.csv, \.tsv\)"):
        ds.read(tmp_path / "t.parquet", "y", decimal=",")
    code, _, error = command_line("train", "iris", "--separator", ";", "--store", tmp_path / "run")
    assert code == 2
    assert "--separator is for files" in error


def test_identifiers_of_parquet_are_not_rounded(tmp_path):
    pl.DataFrame({"id": [2**53 + 1, 2**53], "y": [0.5, 1.5]}).write_parquet(tmp_path / "t.parquet")
    data = ds.read(tmp_path / "t.parquet", "y")
    assert data.x["id"].to_list() == ["9007199254740993", "9007199254740992"]
    assert "Read as text" in data.notes[0]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize("large", [False, True], ids=["in memory", "on disk"])
def test_names_that_look_like_patterns_are_names(ending, large, tmp_path):
    columns = {"^a.*$": [0.5, 1.5, 2.5], "ab": [1.5, 2.5, 0.5], "*": ["x", "y", "x"], "y": [0.25, 0.5, 0.75]}
    frame, path = pl.DataFrame(columns), tmp_path / f"table{ending}"
    (frame.write_csv if ending == ".csv" else frame.write_parquet)(path)
    sizes = ReadSizes(large=1 if large else 2**28, text_block=40, row_block=2)
    data = read_selection(path, ColumnSelection("ab"), cache=tmp_path / "cache", progress=False, sizes=sizes)
    preprocessing = Preprocessing.fit(data)
    assert preprocessing.columns == ("^a.*$", "*", "y")
    for rows in (data, frame):
        assert preprocessing.inputs(rows)[:].tolist() == [[0.5, 1, 0, 0.25], [1.5, 0, 1, 0.5], [2.5, 1, 0, 0.75]]
