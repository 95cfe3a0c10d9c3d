"""ONNX files answer as the run they were made from, in onnxruntime, from a user's rows to labels."""

import json
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

import cases
import downslope as ds
from downslope import export, losses
from downslope.data import Preprocessing
from downslope.data.dates import typed_seconds
from downslope.training import Run

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

RNG = np.random.default_rng(0)
NUMBERS = ds.Dataset(RNG.normal(size=(6, 4)), RNG.normal(size=6), task="regression")
NOTHING = ("optimizer_state", "divergence", "restarts", "averaged", "trajectory", "statistics", "tracking", "path")


def untrained(net, data, *, loss="mean_squared_error", **normalize):
    """Return a run that ended before its first step, with noise on every parameter."""
    preprocessing = Preprocessing.fit(data, **normalize)
    variables = cases.moved(net.init(0, preprocessing.input_shape))
    given = {"net": net, "loss": losses.as_loss(loss), "variables": variables, "last": variables, "history": {}}
    given |= {"stop_reason": "completed", "best_epoch": 0, "metrics": (), "notes": (), "preprocessing": preprocessing}
    return Run(**given, **dict.fromkeys(NOTHING), training_rows=None, recipe=None)


def session_of(run, folder):
    """Return onnxruntime's view of a run, of a file that onnx finds in order."""
    path = export.to_onnx(run, folder / "network.onnx")
    onnx.checker.check_model(onnx.load(path), full_check=True)
    return onnxruntime.InferenceSession(path)


def fed(session, x):
    """Return rows as the file's inputs want them."""
    if not isinstance(x, pl.DataFrame):
        kinds = {"tensor(double)": np.float64, "tensor(float)": np.float32}
        return {"x": np.asarray(x, kinds[session.get_inputs()[0].type])}
    facts = session.get_modelmeta().custom_metadata_map
    numbers, text = (json.loads(facts[name]) for name in ("columns", "text_columns"))
    given = {"x": x.select(numbers).cast(pl.Float64).fill_null(float("nan")).to_numpy()} if numbers else {}
    dates = json.loads(facts["date_columns"])
    if dates:
        given["dates"] = np.stack([typed_seconds(x[name]) for name in dates], axis=1)
    return given | ({"text": x.select(text).fill_null("").to_numpy().astype(object)} if text else {})


def answers(session, x):
    """Return what a file answers, by the names of its outputs."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, fed(session, x)), strict=True))


def assert_agrees(run, session, x):
    """Check that the file answers as the run, to 1e-5, and takes one row as it does many."""
    found = answers(session, x)
    for name, one in answers(session, x[:1]).items():
        assert one.shape == found[name][:1].shape
    np.testing.assert_allclose(found["outputs"], run.outputs(x), rtol=1e-5, atol=1e-5)
    predicted = run.predict(x)
    assert found["prediction"].shape == predicted.shape
    if run.task == "regression":
        np.testing.assert_allclose(found["prediction"], predicted, rtol=1e-5, atol=1e-5)
    else:
        assert found["prediction"].tolist() == predicted.tolist()
    assert ("probabilities" in found) == (run.task == "classification" and run.loss.inverse_link is not None)
    if "probabilities" in found:
        np.testing.assert_allclose(found["probabilities"], run.predict_proba(x), rtol=0, atol=1e-5)


def numbers_run(net, shape):
    """Return an untrained run on numbers of a shape, and rows for it."""
    x = 2 * RNG.normal(size=(6, *shape))
    return untrained(net, ds.Dataset(x, np.arange(6.0) / 2, task="regression")), x


@pytest.mark.product
@cases.every_layer
def test_every_layer_answers_alike(layer, tmp_path):
    run, x = numbers_run(ds.Sequential([layer, ds.Flatten()]), cases.input_shape(layer))
    width = run.net.output_shape(x.shape[1:])[0]
    session = session_of(Run(**vars(run) | {"preprocessing": _columns(run.preprocessing, width)}), tmp_path)
    expected = run.outputs(x)
    for rows in (6, 1):
        found = answers(session, x[:rows])["outputs"]
        np.testing.assert_allclose(found, expected[:rows], rtol=1e-5, atol=1e-5)


def _columns(preprocessing, width):
    """Return a preprocessing for so many targets."""
    return Preprocessing(**vars(preprocessing) | {"target_columns": width})


SHAPED = cases.SHAPED_NETWORKS | {
    name: (cases.NETWORKS[name], (cases.FEATURES,)) for name in ("one unit throughout", "an activation alone")
}


@pytest.mark.slow
@pytest.mark.parametrize(("net", "shape"), SHAPED.values(), ids=SHAPED.keys())
def test_every_network_answers_alike(net, shape, tmp_path):
    width = net.output_shape(shape)[0]
    labels = np.arange(12) % max(width, 2)
    loss = "cross_entropy" if width > 1 else "binary_cross_entropy"
    run = untrained(net, ds.Dataset(RNG.normal(size=(12, *shape)), labels), loss=loss, normalize="standard")
    assert_agrees(run, session_of(run, tmp_path), RNG.normal(size=(5, *shape)))


class Work(NamedTuple):
    data: ds.Dataset
    loss: str
    outputs: int
    normalize: dict


def work(x, y, loss, outputs, *, task="classification", **normalize):
    return Work(ds.Dataset(x, y, task=task), loss, outputs, normalize)


YEARS = 2e6 + RNG.normal(size=(40, 3))
GAPS = np.where(RNG.random((40, 3)) < 0.2, np.nan, YEARS)
IMAGES = RNG.integers(0, 255, (40, 4, 4, 2)).astype(float)
CLASSES, SIDES = np.arange(40) % 3, np.arange(40) % 2
FRAME = pl.DataFrame(
    {
        "color": [["red", None, "", "blue"][i % 4] for i in range(40)],
        "price": [None if i % 7 == 0 else 1e6 + i for i in range(40)],
        "nothing": [None] * 40,
        "street": [f"street {i % 30}" for i in range(40)],
        "flag": [i % 3 == 0 for i in range(40)],
    },
    schema_overrides={"nothing": pl.String},
)
MANY = pl.DataFrame({"word": [f"word {i % 60}" for i in range(150)]})
DATED = pl.DataFrame(
    {
        "size": RNG.normal(size=40),
        "when": [None if i % 9 == 4 else datetime(1899, 12, 30, 7) + timedelta(days=997.3 * i) for i in range(40)],
        "day": [date(2024, 2, 27) + timedelta(days=i) for i in range(40)],
        "at": [time(i % 24, 7 * i % 60) for i in range(40)],
        "color": [["red", None, "blue"][i % 3] for i in range(40)],
    }
)
WORKS = {
    "dates": work(DATED, CLASSES, "cross_entropy", 3, normalize="standard"),
    "large numbers": work(YEARS, CLASSES, "cross_entropy", 3, normalize="standard"),
    "least to greatest": work(YEARS, CLASSES, "cross_entropy", 3, normalize="minmax"),
    "around zero": work(YEARS, CLASSES, "cross_entropy", 3, normalize="symmetric"),
    "as they are": work(YEARS - 2e6, CLASSES, "cross_entropy", 3),
    "gaps": work(GAPS, CLASSES, "cross_entropy", 3, normalize="standard"),
    "images": work(IMAGES, CLASSES, "cross_entropy", 3, normalize="standard"),
    "text labels": work(YEARS, np.array(["é", "b b", "c"])[CLASSES], "cross_entropy", 3, normalize="standard"),
    "true and false": work(YEARS, SIDES == 1, "cross_entropy", 2, normalize="standard"),
    "labels with halves": work(YEARS, CLASSES / 2, "cross_entropy", 3, normalize="standard"),
    "one output": work(YEARS, SIDES, "binary_cross_entropy", 1, normalize="standard"),
    "two outputs for two sides": work(YEARS, SIDES, "binary_cross_entropy", 2, normalize="standard"),
    "one output without probabilities": work(YEARS, SIDES, "hinge", 1, normalize="standard"),
    "without probabilities": work(YEARS, CLASSES, "perceptron", 3, normalize="standard"),
    "numbers": work(YEARS, YEARS[:, 0], "squared_error", 1, task="regression", normalize="standard"),
    "targets normalized": work(
        YEARS, YEARS[:, 0], "huber", 1, task="regression", normalize="standard", normalize_targets="standard"
    ),
    "two targets": work(
        YEARS, YEARS[:, :2], "squared_error", 2, task="regression", normalize="minmax", normalize_targets="standard"
    ),
    "a column of targets": work(
        YEARS, YEARS[:, :1], "squared_error", 1, task="regression", normalize="minmax", normalize_targets="standard"
    ),
    "counts": work(YEARS, CLASSES, "poisson", 1, task="regression", normalize="standard"),
    "a frame": work(FRAME, CLASSES, "cross_entropy", 3, normalize="standard"),
    "a frame of numbers": work(FRAME.select("flag", "price"), CLASSES, "cross_entropy", 3, normalize="minmax"),
    "a frame of text with rare words": work(MANY, np.arange(150) % 3, "cross_entropy", 3),
}


@pytest.mark.product
@pytest.mark.parametrize("work", WORKS.values(), ids=WORKS.keys())
def test_what_surrounds_the_network_is_in_the_file(work, tmp_path):
    net = ds.Sequential([ds.Flatten(), ds.Dense(work.outputs)])
    run = untrained(net, work.data, loss=work.loss, **work.normalize)
    session = session_of(run, tmp_path)
    assert_agrees(run, session, work.data.x)


def test_text_that_training_never_saw_is_taken_as_the_run_takes_it(tmp_path):
    run = untrained(ds.mlp([], outputs=3), ds.Dataset(FRAME, CLASSES), loss="cross_entropy", normalize="standard")
    strange = FRAME.with_columns(color=pl.lit("pink"), street=pl.lit("nowhere"), nothing=pl.lit("something"))
    assert_agrees(run, session_of(run, tmp_path), strange)


def test_a_file_says_what_it_is(tmp_path):
    run = untrained(ds.mlp([], outputs=3), ds.Dataset(FRAME, CLASSES), loss="cross_entropy", normalize="standard")
    session = session_of(run, tmp_path)
    meta = session.get_modelmeta()
    facts = {name: json.loads(text) for name, text in meta.custom_metadata_map.items()}
    assert meta.producer_name == "downslope"
    assert (facts["columns"], facts["text_columns"]) == (["price", "flag"], ["color", "nothing", "street"])
    assert (facts["classes"], facts["link"]) == ([0, 1, 2], "softmax")
    assert facts["network"]["layers"][0]["kind"] == "layers.Dense"
    assert Preprocessing.from_json(facts["preprocessing"]) == run.preprocessing
    shapes = {place.name: (place.type, place.shape) for place in (*session.get_inputs(), *session.get_outputs())}
    assert shapes == {
        "x": ("tensor(double)", ["rows", 2]),
        "text": ("tensor(string)", ["rows", 3]),
        "prediction": ("tensor(int64)", ["rows"]),
        "probabilities": ("tensor(float)", ["rows", 3]),
        "outputs": ("tensor(float)", ["rows", 3]),
    }
    model = onnx.load(tmp_path / "network.onnx")
    assert {(one.domain, one.version) for one in model.opset_import} == {("", 17), ("ai.onnx.ml", 3)}


def test_a_layer_of_a_users_own_is_refused_by_name_and_place(tmp_path):
    net = ds.Sequential([ds.Residual([ds.Dense(4), cases.NoisyCounter()]), ds.Dense(1)])
    with pytest.raises(ds.CustomPartError, match=r"NoisyCounter\(\) at place 0/body/1, which is your own. Export the"):
        export.to_onnx(untrained(net, NUMBERS), tmp_path / "network.onnx")
    assert not list(tmp_path.iterdir())


def test_a_loss_that_reads_outputs_in_its_own_way_is_refused(tmp_path):
    own = losses.Loss("odd", losses.squared_error.rows, losses.squared_error.rows_derivative, inverse_link=jnp.cosh)
    with pytest.raises(ds.CustomPartError, match="'odd' turns outputs into means by a function of its own"):
        export.to_onnx(untrained(ds.mlp([], outputs=1), NUMBERS, loss=own), tmp_path / "network.onnx")


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ds.MissingExtraError, match=r"pip install 'downslope\[onnx\]'"):
        export.to_onnx(untrained(ds.mlp([], outputs=1), NUMBERS), tmp_path / "network.onnx")
