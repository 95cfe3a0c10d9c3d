"""Tables as people write them: each is read right, or refused with a sentence that says what to do."""

import json
import re
from dataclasses import dataclass, field

import polars as pl
import pytest

import downslope as ds
from downslope.cli.commands.predict import prediction_table
from downslope.data.files.file_table import ReadSizes
from downslope.data.files.reader import read_selection
from downslope.data.files.reading import checked_reading
from downslope.data.files.selection import ColumnSelection

SMALL_BLOCKS = ReadSizes(large=1, text_block=40, row_block=17)


@dataclass
class Case:
    """A file, and the cells of its columns, or what its refusal says.

    Attributes:
        text: of the file.
        columns: by name; None where it is refused.
        says: part of what notes or the refusal say.
        settings: of the call.
    """

    text: str | bytes
    columns: dict | None = None
    says: str = ""
    settings: dict = field(default_factory=dict)


def table(*lines):
    return "\n".join(lines) + "\n"


AB = {"a": [1048, 950]}
HALVES = {"a": [1048.5, 950.0]}
CASES = {
    # numbers between semicolons and tabs
    "b1 thousands of a semicolon file": Case(
        table("a;b", "1,048;2", "950;3"), says="may be 1048 or 1.048.*decimal=','"
    ),
    "thousands beside decimal points": Case(
        table("a;b", "1,048;2.5", "950;3"), AB | {"b": [2.5, 3.0]}, "'1,048' in 'a' as 1048"
    ),
    "f10 thousands beside decimal commas": Case(
        table("a;b", "950;0,5", "1.050;1,5"), {"a": [950, 1050], "b": [0.5, 1.5]}, "as 1050"
    ),
    "points between thousands alone": Case(table("a;b", "950;1", "1.050;2"), says="may be 1.050 or 1050"),
    "points between thousands, the comma declared": Case(
        table("a;b", "950;1", "1.050;2"), {"a": [950, 1050]}, "as 1050", {"decimal": ","}
    ),
    "a comma declared as the decimal mark": Case(
        table("a;b", "1,048;2", "950;3"), {"a": [1.048, 950.0]}, "as 1.048", {"decimal": "comma"}
    ),
    "a comma declared between thousands": Case(table("a;b", "1,048;2", "950;3"), AB, "as 1048", {"thousands": ","}),
    "german amounts": Case(table("a;b", "1.048,50;1", "950,00;2"), HALVES, "as 1048.50"),
    "english amounts between semicolons": Case(table("a;b", "1,048.50;1", "950.00;2"), HALVES, "as 1048.50"),
    "millions between semicolons": Case(table("a;b", "1.234.567;1", "950;2"), {"a": [1234567, 950]}, "as 1234567"),
    "one column decides for another": Case(
        table("a;b;c", "1.048;1.234.567;1", "950;950;2"), AB | {"b": [1234567, 950]}, "as 1048"
    ),
    "three decimals, which others show": Case(
        table("a;b", "1.048;0.5", "2.048;1.5"), {"a": [1.048, 2.048], "b": [0.5, 1.5]}
    ),
    "decimal commas between tabs": Case(
        table("a\tb", "0,25\t1", "1,75\t2"), {"a": [0.25, 1.75]}, "'0,25' in 'a' as 0.25"
    ),
    "one comma in each number between tabs": Case(table("a\tb", "1,048\t1", "2,500\t2"), says="may be 1048 or 1.048"),
    "two decimal marks": Case(table("a;b", "0,5;0.5", "1,5;1.5"), says="must have one decimal mark"),
    "thousands against decimals": Case(table("a;b", "1.234.567;0.5", "950;1.5"), says="must have one decimal mark"),
    "two ways that both leave open": Case(table("a;b", "1,048;1.048", "950;950"), says="must have one decimal mark"),
    # numbers between commas
    "quoted thousands": Case(table("a,b", '"1,048",1', "950,2"), AB, "as 1048"),
    "quoted millions": Case(table("a,b", '"1,234,567",1', "950,2"), {"a": [1234567, 950]}, "as 1234567"),
    "quoted thousands with decimals": Case(table("a,b", '"1,048.50",1', "950.00,2"), HALVES, "as 1048.50"),
    "quoted decimal commas": Case(table("a,b", '"0,25",1', '"0,75",2'), {"a": [0.25, 0.75]}, "as 0.25"),
    "quoted german amounts": Case(table("a,b", '"1.048,50",1', '"950,00",2'), HALVES, "as 1048.50"),
    "lakhs": Case(table("a,b", '"12,34,567",1', "950,2"), {"a": [1234567, 950]}, "as 1234567"),
    "points that may be between thousands": Case(table("a,b", "1.048,1", "950,2"), says="may be 1.048 or 1048"),
    "three decimals each": Case(table("a,b", "1.048,1", "2.950,2"), {"a": [1.048, 2.95]}),
    "three decimals, and a thousand without a mark": Case(table("a,b", "1.048,1", "9500,2"), {"a": [1.048, 9500.0]}),
    "underscores": Case(table("a,b", "1_048,1", "950,2"), AB, "'1_048' in 'a' as 1048"),
    "blanks": Case(table("a;b", "1 048;1", "950;2"), AB, "'1 048' in 'a' as 1048"),
    "no-break blanks": Case(table("a;b", "1\u00a0048,5;1", "950,0;2"), HALVES, "as 1048.5"),
    "narrow blanks": Case(table("a;b", "1\u202f048;1", "950;2"), AB, "as 1048"),
    "swiss thousands": Case(table("a,b", "1'048.5,1", "950,2"), HALVES, "as 1048.5"),
    "typographic apostrophes": Case(table("a,b", "1\u2019048,1", "950,2"), AB, "as 1048"),
    # signs
    "dollars": Case(table("a,b", "$1048,1", "$950,2"), AB, r"dropped.*'a' \(\$\)"),
    "dollars with thousands": Case(table("a,b", '"$1,048.50",1', "$950.00,2"), HALVES, "as 1048.50.*dropped"),
    "euros behind": Case(table("a;b", "1.048,50 €;1", "950,00 €;2"), HALVES, "dropped.*€"),
    "euros before, some without": Case(table("a,b", "€ 1048,1", "950,2"), AB, "dropped"),
    "percent": Case(table("a,b", "12%,1", "15.5 %,2"), {"a": [12.0, 15.5]}, "12% is 12.*'a'"),
    "percent and shares": Case(table("a,b", "12%,1", "0.5,2"), says="must have one unit.*'12%'.*'0.5'"),
    "two currencies": Case(table("a,b", "$5,1", "€6,2"), says="must have one unit"),
    "minus signs": Case(table("a,b", "\u22125,1", "4.5,2"), {"a": [-5.0, 4.5]}, "as -5"),
    "en dashes": Case(table("a,b", "\u20135,1", "4,2"), {"a": [-5, 4]}, "as -5"),
    "parentheses and minus signs behind": Case(table("a,b", "(5),1", "7-,2"), {"a": [-5, -7]}, "as -5"),
    # separators, names
    "pipes": Case(table("a|b", "1|x", "2|y"), {"a": [1, 2], "b": ["x", "y"]}),
    "pipes and decimal commas": Case(table("a|b", "0,5|x", "1,5|y"), {"a": [0.5, 1.5]}, "as 0.5"),
    "another separator, undeclared": Case(
        table("a^b", "1^x", "2^y"), says=r"one column, named .a\^b.*separator=.\^", settings={"target": "b"}
    ),
    "another separator": Case(table("a^b", "1^x", "2^y"), {"a": [1, 2]}, settings={"separator": "^"}),
    "blanks between cells": Case(
        table(" a   b", "1  x ", "  2\ty"), {"a": [1, 2], "b": ["x", "y"]}, settings={"separator": "space"}
    ),
    "two separators": Case(table("a,b;c", "1,2;3", "4,5;6"), says="may stand ',' or ';'"),
    "semicolons in cells of a comma file": Case(table("a,b", "1,x;y", "2,z"), {"a": [1, 2], "b": ["x;y", "z"]}),
    # missing, identifiers
    "words for missing cells among labels": Case(table("a,b", "1,NA", "2,DE"), {"b": [None, "DE"]}, "'b' \\(1 'NA'\\)"),
    "words that are labels": Case(
        table("a,b", "1,NA", "2,None"),
        {"b": ["NA", "None"]},
        r"read as text: 'b' \(1 'NA', 1 'None'\).*missing=\['\?', 'NA', 'None'\]",
        {"missing": ["?"]},
    ),
    "words that are listed": Case(table("a,b", "1,NA", "2,x"), {"b": [None, "x"]}, settings={"missing": ["NA"]}),
    "no words at all": Case(table("a,b", "1,NA", "2,"), {"b": ["NA", None]}, r"'b' \(1 'NA'\)", {"missing": []}),
    "a word for missing numbers": Case(
        table("a,b", "1,x", "DD,y", "3,z"), {"a": [1, None, 3]}, settings={"missing": "DD"}
    ),
    "identifiers of twenty digits": Case(
        table("a,b", "12345678901234567890,1", "12345678901234567891,2"),
        {"a": ["12345678901234567890", "12345678901234567891"]},
        "as text.*'a'",
    ),
    "identifiers that floats round": Case(
        table("a,b", "9007199254740993,1", "9007199254740992,2"),
        {"a": ["9007199254740993", "9007199254740992"]},
        "as text",
    ),
    "identifiers declared numbers": Case(
        table("a,b", "9007199254740993,1", "5,2"), {"a": [9007199254740992.0, 5.0]}, settings={"numeric": ["a"]}
    ),
    "large amounts": Case(table("a,b", "100000000000000000000,1", "2.5,2"), {"a": [1e20, 2.5]}),
    # quotation marks
    "inches": Case(table("a,b", '5" pipe,1', '6" pipe,2'), {"a": ['5" pipe', '6" pipe'], "b": [1, 2]}),
    "blanks before quotation marks": Case(table("a, b", '1, "x, y"', '2, "z"'), {"a": [1, 2], "b": ["x, y", "z"]}),
    "a quotation mark that opens": Case(table("a,b", '"5 pipe,1', "6,2"), says="opens a cell in line 2.*none closes"),
    "one that another line seems to close": Case(
        table("a,b", '"5 pipe,3', '"7 pipe",4'), says="opens a cell in line 2"
    ),
    "one in the last cell": Case(table("a,b", '1,"x', "2,y"), says="opens a cell in line 2"),
    # encodings
    "utf-8 with a mark": Case("\ufeffa,b\n1,é\n2,ü\n".encode(), {"a": [1, 2], "b": ["é", "ü"]}),
    "utf-16 with a mark": Case("a,b\n1,é\n2,ü\n".encode("utf-16"), {"a": [1, 2], "b": ["é", "ü"]}),
    "utf-16 without": Case("a,b\n1,é\n2,ü\n".encode("utf-16-be"), says="encoding='utf-16-be'"),
    "utf-16 declared": Case(
        "a,b\n1,é\n2,ü\n".encode("utf-16-le"), {"b": ["é", "ü"]}, settings={"encoding": "utf-16-le"}
    ),
    "windows": Case("a,b\n1,é\n2,ü\n".encode("cp1252"), says="other bytes in line 2.*encoding='cp1252'"),
    "windows declared": Case(
        "a,b\r\n1,é\r\n2,€\r\n".encode("cp1252"), {"b": ["é", "€"]}, settings={"encoding": "cp1252"}
    ),
}


def in_memory(path, settings):
    return ds.read(path, **settings)


def in_blocks(path, settings):
    """Read a file as one that is larger than memory, a line or two at a time."""
    columns = {name: list(settings[name]) for name in ("numeric", "categorical") if name in settings}
    names = ("separator", "decimal", "thousands", "encoding", "missing")
    reading = checked_reading(*(settings.get(name) for name in names))
    selection = ColumnSelection(settings.get("target"), **columns)
    cache = path.parent / "cache"
    return read_selection(path, selection, reading, cache=cache, progress=False, sizes=SMALL_BLOCKS)


@pytest.mark.parametrize("name", CASES)
def test_a_table_is_read_right_or_refused(name, tmp_path):
    case, path = CASES[name], tmp_path / "table.csv"
    path.write_bytes(case.text if isinstance(case.text, bytes) else case.text.encode())
    said = []
    for read in (in_memory, in_blocks, in_blocks):  # the last from what the second converted
        if case.columns is None:
            with pytest.raises(ds.DownslopeError, match=case.says) as caught:
                read(path, case.settings)
            said.append(str(caught.value))
            assert "\n" not in said[-1]
            continue
        data = read(path, case.settings)
        for column, cells in case.columns.items():
            assert (data.x if isinstance(data.x, pl.DataFrame) else data.x[:])[column].to_list() == cells, column
        said.append(" ".join(data.notes))
        assert case.says or not said[-1]
        assert ds.read(**data.origin.arguments).x.shape == data.x.shape
        if case.says:
            assert re.search(case.says, said[-1])
    assert len(set(said)) == 1


SLOW = ("german amounts", "percent", "windows")
"""Those of the law over commands that are slow; the others are long."""


def marked(name):
    return pytest.param(name, marks=pytest.mark.slow if name in SLOW else pytest.mark.long)


def options_of(settings):
    """Return settings of `ds.read` as options of a command."""
    pairs = [(name, value if isinstance(value, list) else [value]) for name, value in settings.items()]
    return [text for name, values in pairs for value in values for text in (f"--{name}", value)]


def target_of(columns):
    """Return a column without missing cells, the last of two."""
    return next(name for name in ("b", "a") if None not in columns.get(name, ()))


PLAIN = ("--validation", "0", "--test", "0", "--network", "2", "--epochs", "1", "--overwrite", "--store", "run")


def check_refused(answer):
    code, out, err = answer
    assert (code, out) == (2, "")
    assert err.startswith("downslope: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", [marked(name) for name in CASES if CASES[name].settings.get("missing") != []])
def test_a_table_goes_through_train_predict_and_evaluate(name, cli, tmp_path):
    """What a training needed to be told of a file, predict and evaluate know from its run."""
    case, path = CASES[name], tmp_path / "table.csv"
    path.write_bytes(case.text if isinstance(case.text, bytes) else case.text.encode())
    told = options_of({key: value for key, value in case.settings.items() if key != "target"})
    if case.columns is None:
        check_refused(cli("train", "table.csv", *told, "--target", case.settings.get("target", "b"), *PLAIN))
        (tmp_path / "plain.csv").write_text("a,b\n1,2\n2,3\n")
        assert cli("train", "plain.csv", "--target", "b", *PLAIN)[0] == 0
        if name != "two separators":  # there the separator of training decides, which leaves the target unnamed
            check_refused(cli("predict", "run", "table.csv"))
        check_refused(cli("evaluate", "run", "table.csv"))
        return
    target = target_of(case.columns)
    code, _, err = cli("train", "table.csv", *told, "--target", target, *PLAIN)
    assert code == 0, err
    run, table = ds.open_run(tmp_path / "run"), ds.read(path, **case.settings).x
    expected = table.with_columns(pl.Series(column, cells) for column, cells in case.columns.items())
    features = expected.drop(target)
    code, out, err = cli("predict", "run", "table.csv")
    assert code == 0, err
    assert out == prediction_table(run, features).write_csv()
    code, out, err = cli("evaluate", "run", "table.csv", "--json")
    assert code == 0, err
    scores = run.evaluate(ds.Dataset(features, expected[target], task=run.task))
    assert {name: json.loads(out)[name] for name in scores} == scores
