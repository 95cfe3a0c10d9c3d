"""Whole numbers that floats do not tell from their neighbors are names: text among inputs, exact as labels."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

import downslope as ds
from downslope.data import Preprocessing

LONG, NEXT = 2**53, 2**53 + 1
ROWS = 20
VALUES = [(7 * row) % 11 / 2 for row in range(ROWS)]

COLUMNS = {
    "int64": pl.Series([LONG + row for row in range(ROWS)]),
    "negative": pl.Series([-LONG - row for row in range(ROWS)]),
    "uint64": pl.Series([2**63 + row for row in range(ROWS)], dtype=pl.UInt64),
    "int128": pl.Series([2**70 + row for row in range(ROWS)], dtype=pl.Int128),
    "decimal": pl.Series([Decimal(LONG + row) for row in range(ROWS)], dtype=pl.Decimal(20, 0)),
    "with gaps": pl.Series([None, *(LONG + row for row in range(1, ROWS))]),
    "pandas int64": pd.Series([LONG + row for row in range(ROWS)]),
    "pandas uint64": pd.Series(np.array([2**63 + row for row in range(ROWS)], np.uint64)),
    "pandas nullable": pd.Series(pd.array([None, *(LONG + row for row in range(1, ROWS))], dtype="Int64")),
    "pandas objects": pd.Series([2**70 + row for row in range(ROWS)], dtype=object),
    "pandas objects of 200 bits": pd.Series([2**200 + row for row in range(ROWS)], dtype=object),
}


def frame_of(column, values=VALUES):
    library = pl if isinstance(column, pl.Series) else pd
    return library.DataFrame({"id": column, "value": values})


@pytest.mark.parametrize("name", COLUMNS)
def test_b4_long_numbers_of_a_frame_are_names(name):
    column = COLUMNS[name]
    data = ds.Dataset(frame_of(column), VALUES)
    assert data.x["id"].to_list() == [None if pd.isna(cell) else str(int(cell)) for cell in column]
    assert any("whole numbers too long for floats: 'id' (" in note for note in data.notes)
    assert "names the rows" in data.roles.idle["id"]
    assert Preprocessing.fit(data).columns == ("value",)
    kept = Preprocessing.fit(ds.Dataset(frame_of(column), VALUES, keep=["id"]))
    codes = kept.inputs(frame_of(column))[:, :-1]
    assert len(np.unique(codes, axis=0)) == ROWS


def test_short_numbers_stay_numbers():
    columns = {
        "exact": pl.Series([LONG, *range(ROWS - 1)]),
        "wide": pl.Series(range(ROWS), dtype=pl.Int128),
        "category": pl.Series(["b", "a"] * (ROWS // 2), dtype=pl.Categorical),
        "amount": pl.Series([Decimal(row) / 4 for row in range(ROWS)], dtype=pl.Decimal(20, 2)),
    }
    data = ds.Dataset(pl.DataFrame(columns), VALUES)
    assert [str(dtype) for dtype in data.x.dtypes] == ["Int64", "Int64", "String", "Float64"]
    nullable = ds.Dataset(frame_of(pd.Series(pd.array([None, *range(1, ROWS)], dtype="Int64"))), VALUES)
    assert str(nullable.x["id"].dtype) == "Int64"
    assert not any("too long" in note for note in (*data.notes, *nullable.notes))
    codes = pd.DataFrame({"id": pd.Categorical([1, 2] * (ROWS // 2)), "value": VALUES})
    assert not any("too long" in note for note in ds.Dataset(codes, VALUES).notes)


LABELS = {
    "array": np.array([NEXT, LONG] * 10),
    "list": [NEXT, LONG] * 10,
    "polars": pl.Series([NEXT, LONG] * 10),
    "pandas": pd.Series([NEXT, LONG] * 10),
    "pandas nullable": pd.Series(pd.array([NEXT, LONG] * 10, dtype="Int64")),
    "uint64": np.array([2**64 - 1, 2**64 - 2] * 10, np.uint64),
    "uint64 and small": np.array([2**63 + 1, 3] * 10, np.uint64),
    "all distinct": np.arange(LONG, LONG + ROWS),
    "of both signs": [2**64 - 1, -1] * 10,
    "of 200 bits": [2**200, 2**200 + 1] * 10,
}


@pytest.mark.parametrize("name", LABELS)
def test_b4_long_labels_stay_exact(name):
    labels = LABELS[name]
    data = ds.Dataset(np.arange(float(ROWS))[:, None], labels)
    assert data.task == "classification"
    assert {int(label) for label in data.classes} == {int(label) for label in labels}
    preprocessing = Preprocessing.from_json(Preprocessing.fit(data).as_json())
    assert preprocessing.labels(preprocessing.targets(labels)).tolist() == data.y.tolist()


def test_labels_of_another_type_are_compared_exactly():
    data = ds.Dataset(np.arange(float(ROWS))[:, None], np.array([NEXT, LONG] * 10))
    preprocessing = Preprocessing.fit(data)
    assert preprocessing.targets(np.array([NEXT, LONG], np.uint64)).tolist() == [1, 0]
    for labels in (np.array([2**63 + 1], np.uint64), [LONG + 2]):
        with pytest.raises(ds.DataError, match="must be one of the classes"):
            preprocessing.targets(labels)
    with pytest.raises(ds.DataError, match="must be whole numbers, as in training, got floats"):
        preprocessing.targets([float(NEXT)])


def test_long_numbers_of_parquet_declared_numbers_are_rounded(tmp_path):
    frame_of(COLUMNS["int64"]).with_columns(y=pl.Series(VALUES)).write_parquet(tmp_path / "ids.parquet")
    assert str(ds.read(tmp_path / "ids.parquet", target="y").x["id"].dtype) == "String"
    assert str(ds.read(tmp_path / "ids.parquet", target="y", numeric=["id"]).x["id"].dtype) == "Float64"
