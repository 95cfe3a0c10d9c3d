"""B3: dates and times become features, the same whatever writes them; which is day and which month is never guessed."""

import json
from datetime import UTC, date, datetime, time, timedelta, timezone

import numpy as np
import pandas as pd
import polars as pl
import pytest

import downslope as ds
from downslope.data import Preprocessing
from downslope.data.dates import PATTERNS, typed_seconds, written_dates, written_seconds

DAYS = [date(2023, 11, 5) + timedelta(days=17 * i) for i in range(40)]
NOONS = [datetime(day.year, day.month, day.day, i % 24, 30) for i, day in enumerate(DAYS)]
SIZES = np.random.default_rng(0).normal(size=40).round(3)


def fitted(dates, name="when"):
    """Return the preprocessing of a table with a column of dates, and the table."""
    frame = dates if isinstance(dates, (pl.DataFrame, pd.DataFrame)) else pl.DataFrame({"size": SIZES, name: dates})
    return Preprocessing.fit(ds.Dataset(frame, np.arange(len(frame)) * 0.37)), frame


WRITTEN = {
    "ISO": "%Y-%m-%d",
    "ISO with slashes": "%Y/%m/%d",
    "points": "%d.%m.%Y",
    "short years": "%d.%m.%y",
    "day first": "%d/%m/%Y",
    "month first": "%m/%d/%Y",
    "dashes": "%d-%m-%Y",
    "names": "%d %B %Y",
    "short names": "%d-%b-%Y",
    "Oracle": "%d-%b-%y",
    "American names": "%B %d, %Y",
    "weekdays": "%a, %d %b %Y",
    "midnight": "%Y-%m-%d 00:00:00",
}


@pytest.mark.parametrize("form", WRITTEN.values(), ids=WRITTEN)
def test_b3_text_dates_are_as_typed_ones(form):
    typed, frame = fitted(DAYS)
    text, written = fitted([day.strftime(form) for day in DAYS])
    np.testing.assert_array_equal(text.inputs(written), typed.inputs(frame))
    assert text.feature_names == typed.feature_names
    assert typed.feature_names == (
        "size", "when.elapsed", "when.year",
        "when.month.sin", "when.month.cos", "when.weekday.sin", "when.weekday.cos",
    )  # fmt: skip


CLOCKS = {
    "T": "%Y-%m-%dT%H:%M:%S",
    "blank": "%Y-%m-%d %H:%M",
    "UTC": "%Y-%m-%dT%H:%M:%SZ",
    "microseconds": "%Y-%m-%d %H:%M:%S.%f",
    "twelve hours": "%m/%d/%Y %I:%M %p",
    "RFC 2822": "%a, %d %b %Y %H:%M:%S GMT",
}


@pytest.mark.parametrize("form", CLOCKS.values(), ids=CLOCKS)
def test_b3_so_are_dates_with_times(form):
    typed, frame = fitted(NOONS)
    text, written = fitted([moment.strftime(form) for moment in NOONS])
    np.testing.assert_array_equal(text.inputs(written), typed.inputs(frame))
    assert "when.hour.sin" in typed.feature_names


def test_b3_times_of_day():
    times = [time(i % 24, 15) for i in range(40)]
    typed, frame = fitted(times)
    text, written = fitted([f"{moment:%H:%M}" for moment in times])
    assert typed.feature_names == ("size", "when.hour.sin", "when.hour.cos")
    np.testing.assert_array_equal(text.inputs(written), typed.inputs(frame))
    angle = 2 * np.pi * (np.arange(40) % 24 + 0.25) / 24
    np.testing.assert_allclose(typed.inputs(frame)[:, 1:], np.stack([np.sin(angle), np.cos(angle)], axis=1), atol=1e-12)


def test_b3_features_are_those_of_the_calendar():
    preprocessing, frame = fitted(NOONS)
    features = dict(zip(preprocessing.feature_names, preprocessing.inputs(frame).T, strict=True))
    seconds = np.array([(moment - NOONS[0]).total_seconds() for moment in NOONS])
    np.testing.assert_allclose(features["when.elapsed"], seconds / seconds[-1], rtol=1e-12)
    years = np.array([moment.year for moment in NOONS])
    np.testing.assert_allclose(features["when.year"], (years - years[0]) / (years[-1] - years[0]), rtol=1e-12)
    for part, period, value in [
        ("month", 12, [moment.month - 1 for moment in NOONS]),
        ("weekday", 7, [moment.weekday() for moment in NOONS]),
        ("hour", 24, [moment.hour + moment.minute / 60 for moment in NOONS]),
    ]:
        angle = 2 * np.pi * np.array(value) / period
        np.testing.assert_allclose(features[f"when.{part}.sin"], np.sin(angle), atol=1e-9)
        np.testing.assert_allclose(features[f"when.{part}.cos"], np.cos(angle), atol=1e-9)


def test_parts_that_do_not_vary_are_left_out():
    preprocessing, _ = fitted([date(2024, 3, 4) + timedelta(days=7 * (i % 4)) for i in range(40)])
    assert preprocessing.feature_names == ("size", "when.elapsed")
    constant, frame = fitted([date(2024, 3, 4)] * 40)
    assert constant.feature_names == ("size",)
    assert constant.inputs(frame).shape == (40, 1)
    assert "'when' (nothing, as it never changes)" in constant.notes[0]


def test_missing_dates_have_a_feature_of_their_own():
    dates = [None if i % 5 == 0 else day for i, day in enumerate(DAYS)]
    preprocessing, frame = fitted(dates)
    inputs = preprocessing.inputs(frame)
    assert preprocessing.feature_names[-1] == "when.missing"
    assert np.isfinite(inputs).all()
    np.testing.assert_array_equal(inputs[:, -1], np.arange(40) % 5 == 0)
    np.testing.assert_array_equal(inputs[::5, 3:-1], 0)
    whole, frame = fitted(DAYS)
    new = frame.with_columns(when=pl.lit(None, pl.Date))
    assert whole.notes_on(new) == ("Missing cells were filled in: 'when' 40 cells (the middle of the training dates).",)


def test_all_faces_of_a_table_give_the_same():
    typed, frame = fitted(NOONS)
    expected = typed.inputs(frame)
    berlin = [moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=2))) for moment in NOONS]
    faces = {
        "pandas": pd.DataFrame({"size": SIZES, "when": pd.to_datetime(pd.Series(NOONS))}),
        "pandas with a zone": pd.DataFrame({"size": SIZES, "when": pd.Series(berlin)}),
        "pandas objects": pd.DataFrame({"size": SIZES, "when": pd.Series(NOONS, dtype=object)}),
        "polars in nanoseconds": frame.with_columns(pl.col("when").cast(pl.Datetime("ns"))),
        "polars with a zone": frame.with_columns(pl.col("when").dt.replace_time_zone("UTC")),
        "text": frame.with_columns(pl.col("when").cast(pl.String)),
        "text with offsets": frame.with_columns(when=pl.Series([moment.isoformat() for moment in berlin])),
    }
    for face, table in faces.items():
        np.testing.assert_array_equal(typed.inputs(table), expected, err_msg=face)
        again, _ = fitted(table)
        np.testing.assert_array_equal(again.inputs(table), expected, err_msg=face)
        np.testing.assert_array_equal(again.inputs(frame), expected, err_msg=face)


DECIDED = {
    "a day above 12": (["03/04/2024", "13/04/2024", "05/06/2024"], "day first"),
    "a second above 12": (["03/04/2024", "04/13/2024", "05/06/2024"], "month first"),
    "points": (["03.04.2024", "05.06.2024"], "day first"),
    "sorted as days": ([f"{d:02}/{m:02}/2024" for m in (1, 2, 3) for d in (2, 5, 9)], "day first"),
    "sorted as months": ([f"{m:02}/{d:02}/2024" for m in (1, 2, 3) for d in (2, 5, 9)], "month first"),
    "nothing": (["03/04/2024", "05/06/2024", "01/02/2024"], None),
}


@pytest.mark.parametrize("texts, form", DECIDED.values(), ids=DECIDED)
def test_day_and_month_are_told_apart_by_the_whole_column(texts, form):
    assert written_dates(pl.Series(texts)).form == form


NO_DATES = {
    "words": ["red", "blue"],
    "versions": ["1.2.3", "2.13.4"],
    "seasons": ["2009-10", "2010-11", "2011-12"],
    "ranges": ["1-2", "3-4"],
    "names": ["Margaret 2000", "Augustus 2001"],
    "phone numbers": ["555-1234", "555-9876"],
    "impossible days": ["2024-02-30", "2024-02-31"],
}


@pytest.mark.parametrize("texts", NO_DATES.values(), ids=NO_DATES)
def test_what_is_no_date_stays_text(texts):
    assert written_dates(pl.Series(texts)) is None


def test_every_form_reads_its_dates():
    examples = {
        "year first": "2024-01-31", "day first": "31/01/2024", "month first": "01/31/2024",
        "day, name": "31st Jan 2024", "name, day": "January 31, 2024", "name, year": "Jan 2024", "clock": "23:59",
    }  # fmt: skip
    assert set(examples) == set(PATTERNS)
    for form, text in examples.items():
        assert written_dates(pl.Series([text])).form == form
        assert np.isfinite(written_seconds(pl.Series([text]), form)).all()


def test_seconds_are_those_of_pandas():
    moments = pd.to_datetime(pd.Series(pd.date_range("1582-01-01", "2261-12-31", periods=997))).dt.floor("us")
    texts = pl.Series([moment.isoformat() for moment in moments])
    expected = typed_seconds(pl.Series(moments.to_numpy().astype("datetime64[us]")))
    np.testing.assert_allclose(written_seconds(texts, "year first"), expected, atol=1e-5)


def test_ambiguous_dates_are_refused_with_what_to_do():
    texts = [f"{1 + i % 7:02}/{1 + i * 5 % 11:02}/2024" for i in range(40)]
    with pytest.raises(ds.DataError, match=r"'when' must show .* day or the month .* '01/01/2024' only. Write them as"):
        fitted(texts)
    other = [f"{13 + i % 7}/{1 + i % 5:02}/2024" for i in range(40)]
    frame = pl.DataFrame({"when": texts, "then": other})
    assert {calendar.form for calendar in fitted(frame)[0].calendars} == {"day first"}


def test_a_stray_cell_is_refused():
    texts = [day.isoformat() for day in DAYS]
    with pytest.raises(ds.DataError, match="'when' must hold dates, but 'soon' in row 7"):
        fitted([*texts[:7], "soon", *texts[8:]])
    preprocessing, frame = fitted(DAYS)
    for column, words in [(pl.lit("soon"), "'soon' in row 0"), (pl.lit(3), "got Int32"), (pl.lit(time(3)), "got Time")]:
        with pytest.raises(ds.DataError, match=words):
            preprocessing.inputs(frame.with_columns(when=column))
    numbers, frame = fitted(SIZES)
    with pytest.raises(ds.DataError, match="'when' must hold numbers, as in training, got dates or times"):
        numbers.inputs(frame.with_columns(when=pl.lit(date(2024, 1, 1))))


def test_it_travels_as_json_and_says_itself():
    preprocessing, frame = fitted([day.strftime("%d/%m/%Y") for day in DAYS])
    loaded = Preprocessing.from_json(json.loads(json.dumps(preprocessing.as_json())))
    assert loaded == preprocessing
    np.testing.assert_array_equal(loaded.inputs(frame), preprocessing.inputs(frame))
    assert preprocessing.notes[0] == (
        "Dates and times became features: 'when' (time elapsed, year, month, day of the week; day first)."
    )


def test_statistics_are_those_of_the_training_part():
    data = ds.Dataset(pl.DataFrame({"when": DAYS}), np.arange(40) * 0.37)
    train = Preprocessing.fit(data.take(np.arange(20)))
    assert train.inputs(data.x)[:20, 0].max() == 1
    assert train.inputs(data.x)[20:, 0].min() > 1


def test_a_part_of_the_rows_is_read_as_the_whole():
    texts = [f"{1 + i % 12:02}/{1 + i % 12:02}/2024" for i in range(39)] + ["31/01/2024"]
    data = ds.Dataset(pl.DataFrame({"when": texts}), np.arange(40) * 0.37)
    assert Preprocessing.fit(data.take(np.arange(30))).calendars[0].form == "day first"


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_b3_commands_learn_from_dates(ending, cli, tmp_path):
    frame = pl.DataFrame({"size": SIZES, "when": NOONS, "day": [f"{day:%d/%m/%Y}" for day in DAYS]})
    frame = frame.with_columns(y=pl.col("when").dt.month() + pl.col("size"))
    path = tmp_path / f"table.{ending}"
    frame.write_csv(path) if ending == "csv" else frame.write_parquet(path)
    code, _, heard = cli("train", path, "--target", "y", "--epochs", "2", "--store", tmp_path / "run")
    assert (code, "Dates and times became features: 'when' (time elapsed, year, month, day of the week" in heard) == (
        0,
        True,
    )
    few = frame[20:23].with_columns(day=pl.Series(["01/02/2024", "02/01/2024", "2024-01-03"]))
    few.drop("y").write_csv(tmp_path / "few.csv")
    few.drop("y").write_parquet(tmp_path / "few.parquet")
    answers = {ending: cli("predict", tmp_path / "run", tmp_path / f"few.{ending}") for ending in ("csv", "parquet")}
    assert answers["csv"][:2] == answers["parquet"][:2]
    assert answers["csv"][0] == 0
    run = ds.open_run(tmp_path / "run")
    assert [f"{value:g}" for value in run.predict(few)] == [
        f"{float(line):g}" for line in answers["csv"][1].split()[1:]
    ]
    assert cli("evaluate", tmp_path / "run", path, "--json")[0] == 0
    longer = ds.resume(tmp_path / "run", epochs=3, progress=False)
    assert longer.preprocessing == run.preprocessing
