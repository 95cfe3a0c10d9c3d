"""Metrics: those of scikit-learn under their names, NaN where they are undefined, and never a warning."""

import numpy as np
import pytest
from sklearn import metrics as theirs

import downslope as ds
from downslope import losses
from downslope.data import Preprocessing
from downslope.training.problem.metrics import METRICS, MetricInputs, compute_metrics

ROWS = 60


def answers(classes, *, loss=losses.cross_entropy, outputs=None, weights=None, seed=0, truth=None):
    """Return answers to a task of so many classes, or of numbers where there are none."""
    random = np.random.default_rng(seed)
    if classes:
        y = np.resize([f"class {place}" for place in range(classes)], ROWS)
        fitted = Preprocessing.fit(ds.Dataset(np.zeros((ROWS, 1)), y))
        truth = random.integers(0, classes, ROWS) if truth is None else np.asarray(truth)
    else:
        y = 100 + 20 * random.normal(size=ROWS)
        fitted = Preprocessing.fit(ds.Dataset(np.zeros((ROWS, 1)), y), normalize_targets="standard")
        truth = y if truth is None else np.asarray(truth)
    outputs = random.normal(size=(len(truth), outputs or max(classes, 1)))
    return MetricInputs(truth, outputs, weights, fitted, loss)


def softmax(outputs):
    shares = np.exp(outputs)
    return shares / shares.sum(axis=1, keepdims=True)


WEIGHTS = {"alike": None, "weighted": np.random.default_rng(9).integers(1, 4, ROWS).astype(float)}
every_weighting = pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
REGRESSION = {"rmse": theirs.root_mean_squared_error, "mae": theirs.mean_absolute_error, "r2": theirs.r2_score}
OURS = {**METRICS["classification"], **METRICS["regression"]}


@every_weighting
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_metrics_of_classes_are_those_of_scikit_learn(classes, weights):
    ours = answers(classes, weights=weights)
    found, predictions = compute_metrics(METRICS["classification"], ours), ours.outputs.argmax(axis=1)
    shares, settings = softmax(ours.outputs), {"sample_weight": weights}
    two = classes == 2
    expected = {
        "accuracy": theirs.accuracy_score(ours.truth, predictions, **settings),
        "balanced_accuracy": theirs.balanced_accuracy_score(ours.truth, predictions, **settings),
        "f1": theirs.f1_score(ours.truth, predictions, average="binary" if two else "macro", **settings),
        "auc": theirs.roc_auc_score(ours.truth, shares[:, 1] if two else shares, multi_class="ovr", **settings),
    }
    assert found == pytest.approx(expected, rel=1e-12)


@every_weighting
def test_metrics_of_numbers_are_those_of_scikit_learn_in_the_units_of_the_targets(weights):
    ours = answers(0, loss=losses.squared_error, weights=weights)
    predictions, settings = ours.preprocessing.original_targets(ours.outputs), {"sample_weight": weights}
    expected = {name: metric(ours.truth, predictions, **settings) for name, metric in REGRESSION.items()}
    assert compute_metrics(METRICS["regression"], ours) == pytest.approx(expected, rel=1e-12)


def answers_in_columns(targets, weights):
    random = np.random.default_rng(3)
    y = random.normal([5.0, -80.0, 0.01][:targets], [1.0, 20.0, 0.003][:targets], (ROWS, targets))
    fitted = Preprocessing.fit(ds.Dataset(np.zeros((ROWS, 1)), y), normalize_targets="standard")
    return MetricInputs(y, random.normal(size=y.shape), weights, fitted, losses.squared_error)


@every_weighting
@pytest.mark.parametrize("targets", [1, 3])
def test_several_targets_are_averaged_evenly_as_in_scikit_learn(targets, weights):
    ours = answers_in_columns(targets, weights)
    predictions = ours.preprocessing.original_targets(ours.outputs)
    for name, theirs_of in REGRESSION.items():
        expected = theirs_of(ours.truth, predictions, sample_weight=weights)
        assert compute_metrics([name], ours)[name] == pytest.approx(expected, rel=1e-12)


def test_a_column_of_targets_is_compared_row_by_row():
    flat = answers(0, loss=losses.squared_error)
    column = MetricInputs(flat.truth[:, None], flat.outputs, None, flat.preprocessing, flat.loss)
    assert compute_metrics(METRICS["regression"], column) == compute_metrics(METRICS["regression"], flat)


@pytest.mark.parametrize("loss", [losses.binary_cross_entropy, losses.hinge], ids=lambda loss: loss.name)
def test_one_output_ranks_two_classes(loss):
    ours = answers(2, loss=loss, outputs=1)
    expected = theirs.roc_auc_score(ours.truth, ours.outputs[:, 0])
    assert compute_metrics(["auc"], ours)["auc"] == pytest.approx(expected, rel=1e-12)


def test_without_probabilities_classes_are_ranked_by_how_much_they_exceed_the_others():
    two, three = answers(2, loss=losses.hinge), answers(3, loss=losses.hinge)
    expected = theirs.roc_auc_score(two.truth, two.outputs[:, 1] - two.outputs[:, 0])
    assert compute_metrics(["auc"], two)["auc"] == pytest.approx(expected, rel=1e-12)
    by_hand = [[row[k] - max(row[j] for j in range(3) if j != k) for k in range(3)] for row in three.outputs]
    np.testing.assert_allclose(three.scores, by_hand, rtol=1e-12)


@pytest.mark.parametrize("name", OURS)
def test_rows_of_weight_zero_do_not_count(name):
    weights = np.repeat([1.0, 0.0], ROWS // 2)
    ours = answers(3 if name in METRICS["classification"] else 0, weights=weights)
    half = MetricInputs(ours.truth[:30], ours.outputs[:30], None, ours.preprocessing, ours.loss)
    assert compute_metrics([name], ours) == pytest.approx(compute_metrics([name], half), rel=1e-12)


@pytest.mark.parametrize("classes", [2, 4])
def test_where_one_class_occurs_auc_is_undefined_and_the_rest_is_not(classes):
    ours = answers(classes, truth=np.zeros(ROWS, int))
    found = compute_metrics(METRICS["classification"], ours)
    assert np.isnan(found["auc"])
    assert found["accuracy"] == found["balanced_accuracy"] == np.mean(ours.outputs.argmax(axis=1) == 0)


def test_a_class_that_does_not_occur_is_left_out():
    ours = answers(3, truth=np.resize([0, 2], ROWS))
    shares = softmax(ours.outputs)
    expected = np.mean([theirs.roc_auc_score(ours.truth == place, shares[:, place]) for place in (0, 2)])
    assert compute_metrics(["auc"], ours)["auc"] == pytest.approx(expected, rel=1e-12)
    assert 0 < compute_metrics(["balanced_accuracy"], ours)["balanced_accuracy"] < 1


def test_f1_is_undefined_where_the_second_of_two_classes_is_neither_there_nor_predicted():
    ours = answers(2, truth=np.zeros(ROWS, int))
    never = MetricInputs(ours.truth, np.tile([1.0, 0.0], (ROWS, 1)), None, ours.preprocessing, ours.loss)
    assert np.isnan(compute_metrics(["f1"], never)["f1"])
    assert compute_metrics(["f1"], ours)["f1"] == 0


EQUAL = {"one row": [3.0], "equal targets": [0.1] * 3, "differences too small to square": [1e-200, 2e-200]}


@pytest.mark.parametrize("truth", EQUAL.values(), ids=EQUAL)
def test_r2_is_undefined_where_targets_do_not_vary(truth):
    ours = answers(0, loss=losses.squared_error, truth=truth)
    found = compute_metrics(METRICS["regression"], ours)
    assert np.isnan(found["r2"])
    assert np.isfinite(found["rmse"])


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_outputs_that_are_not_finite_score_nan(name, bad):
    ours = answers(3 if name in METRICS["classification"] else 0)
    ours.outputs[7, 0] = bad
    assert np.isnan(compute_metrics([name], ours)[name])


@pytest.mark.parametrize("name", OURS)
def test_no_rows_score_nan(name):
    ours = answers(3 if name in METRICS["classification"] else 0, weights=np.zeros(ROWS))
    assert np.isnan(compute_metrics([name], ours)[name])


# ── In a run ─────────────────────────────────────────────────────────────────────────────────────


def trained(net, data, **settings):
    return ds.train(net, data, **{"epochs": 3, "progress": False} | settings)


def test_metrics_by_name_enter_history_and_evaluation():
    data, names = ds.load("iris"), list(METRICS["classification"])
    run = trained(ds.mlp([8], outputs=3), data, metrics=names, validation=0.2, normalize="standard")
    for name in names:
        assert np.isfinite(run.history[f"train_{name}"]).all()
        assert np.isfinite(run.history[f"validation_{name}"]).all()
    scores, shares = run.evaluate(data), run.predict_proba(data.x)
    assert scores["auc"] == pytest.approx(theirs.roc_auc_score(data.y, shares, multi_class="ovr"), rel=1e-12)
    assert scores["f1"] == pytest.approx(theirs.f1_score(data.y, run.predict(data.x), average="macro"), rel=1e-12)


def test_classes_may_be_numbers_with_fractions():
    x = np.random.default_rng(0).normal(size=(40, 2))
    data = ds.Dataset(x, np.where(x[:, 0] > 0, 0.5, 1.5), task="classification")
    assert trained(ds.mlp([], outputs=2), data, optimizer=ds.adam(0.1)).evaluate(data)["accuracy"] > 0.8


@pytest.mark.slow
def test_counts_are_predicted_as_counts():
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 2))
    data = ds.Dataset(x, random.poisson(np.exp(1 + 0.5 * x[:, 0])), task="regression")
    run = trained(
        ds.mlp([], outputs=1), data, loss="poisson", optimizer=ds.sgd(0.1), batch_size=400, epochs=400, metrics=["mae"]
    )
    linear = pytest.importorskip("sklearn.linear_model")
    fitted = linear.PoissonRegressor(alpha=0, tol=1e-10, max_iter=1000).fit(x, data.y)
    np.testing.assert_allclose(run.params[0]["weight"][:, 0], fitted.coef_, atol=1e-4)
    np.testing.assert_allclose(run.predict(x), fitted.predict(x), rtol=1e-3)
    assert run.evaluate(data)["mae"] == pytest.approx(np.abs(data.y - run.predict(x)).mean(), rel=1e-12)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"loss": "poisson"}, "must be 0 or more"), ({"loss": "poisson", "normalize_targets": "standard"}, "0 or more")],
    ids=["negative targets", "normalized targets"],
)
def test_poisson_refuses_what_is_no_count(settings, words):
    y = np.arange(10.0) if "normalize_targets" in settings else np.arange(10.0) - 3
    with pytest.raises(ds.DataError, match=words):
        trained(ds.mlp([], outputs=1), ds.Dataset(np.eye(10), y, task="regression"), **settings)


def test_unknown_metrics_offer_close_names():
    with pytest.raises(ds.UnknownNameError, match="Did you mean 'balanced_accuracy'"):
        trained(ds.mlp([], outputs=3), ds.load("iris"), metrics=["balanced_acuracy"])
