"""D5: soft and one-hot targets, quantiles and medians, from data to predictions, files and the command line."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

import cases
import downslope as ds
from downslope import losses
from downslope.core import DataError, SettingError
from downslope.training import constant_predictor_loss, one_answer_loss

X = np.asarray(cases.normal(0, 60, 2))
SHARES = np.asarray(np.exp(X @ [[2.0, 0.0, -2.0], [0.0, 1.0, 0.0]]))
SHARES = SHARES / SHARES.sum(axis=1, keepdims=True)
LINEAR = ds.mlp([], outputs=3)
FAST = {"optimizer": ds.adam(0.3), "epochs": 60, "progress": False}


@pytest.fixture(scope="module")
def soft_run(tmp_path_factory):
    path = tmp_path_factory.mktemp("soft") / "run"
    return ds.train(LINEAR, ds.Dataset(X, SHARES), loss="cross_entropy", store=path, **FAST)


def test_d5_a_network_learns_shares_down_to_their_entropy(soft_run):
    entropy = -np.sum(SHARES * np.log(SHARES), axis=1).mean()
    assert soft_run.history["train_loss"][-1] == pytest.approx(entropy, rel=1e-3)
    for predicted in (soft_run.predict(X), soft_run.predict_proba(X)):
        np.testing.assert_allclose(predicted, SHARES, atol=0.03)
        np.testing.assert_allclose(predicted.sum(axis=1), 1, rtol=1e-6)


def test_d5_one_hot_targets_train_as_their_indices_do():
    labels = np.argmax(SHARES, axis=1)
    indexed = ds.train(LINEAR, ds.Dataset(X, labels, task="classification"), **FAST)
    one_hot = ds.train(LINEAR, ds.Dataset(X, np.eye(3)[labels]), loss="cross_entropy", **FAST)
    cases.assert_trees_close(one_hot.params, indexed.params, rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(one_hot.predict(X).argmax(axis=1), indexed.predict(X))


@pytest.mark.slow
def test_d5_the_trivial_and_the_attainable_loss_of_shares_are_entropies(soft_run):
    problem = soft_run.recipe.problem()
    mean = SHARES.mean(axis=0)
    assert one_answer_loss(problem, problem.train) == pytest.approx(-np.sum(mean * np.log(mean)), rel=1e-6)
    case = ds.diagnosis.case_of(soft_run)
    assert case.scale.floor == pytest.approx(-np.sum(SHARES * np.log(SHARES), axis=1).mean(), rel=1e-6)
    assert case.scale.learned(case.loss) > 0.99


def test_d5_a_run_on_shares_opens_again_and_is_exported(soft_run, tmp_path):
    again = ds.open_run(soft_run.path)
    np.testing.assert_array_equal(again.predict(X), soft_run.predict(X))
    runtime = pytest.importorskip("onnxruntime")
    ds.export.to_onnx(soft_run, tmp_path / "soft.onnx")
    session = runtime.InferenceSession(str(tmp_path / "soft.onnx"))
    feeds = {entry.name: X.astype(np.float64) for entry in session.get_inputs()}
    (predicted,) = session.run(["prediction"], feeds)
    np.testing.assert_allclose(predicted, soft_run.predict(X), atol=1e-5)


def test_d5_binary_cross_entropy_takes_shares_of_one_column():
    data = ds.Dataset(X, SHARES[:, 0])
    run = ds.train(ds.mlp([4], outputs=1), data, loss="binary_cross_entropy", **FAST)
    np.testing.assert_allclose(run.predict(X), SHARES[:, 0], atol=0.1)
    with pytest.raises(DataError, match="must lie between 0 and 1"):
        ds.train(ds.mlp([4], outputs=1), ds.Dataset(X, 2 * SHARES[:, 0]), loss="binary_cross_entropy", **FAST)


def test_d5_rows_that_are_no_shares_are_refused_with_their_number():
    targets = SHARES.copy()
    targets[7] *= 1.5
    with pytest.raises(DataError, match=r"shares that sum to 1 in each row, got \[.*\] in row 7\. Divide each row"):
        ds.train(LINEAR, ds.Dataset(X, targets), loss="cross_entropy", **FAST)


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.1, 0.5, 0.8])
def test_d5_a_network_without_inputs_answers_the_quantile(level):
    t = np.arange(1.0, 42.0) ** 2
    data = ds.Dataset(np.zeros((41, 1)), t, task="regression")
    loss = losses.quantile_with(level=level)
    run = ds.train(
        ds.mlp([], outputs=1), data, loss=loss, optimizer=ds.sgd(20.0), epochs=400, batch_size=41, progress=False
    )
    problem = run.recipe.problem()
    lowest = constant_predictor_loss(loss, problem.train, 1)
    assert lowest == pytest.approx(
        float(loss.value(jnp.full((41, 1), np.quantile(t, level)), jnp.asarray(t[:, None]))), rel=1e-2
    )
    assert run.history["train_loss"][-1] == pytest.approx(lowest, rel=0.02)
    share = np.mean(t < run.predict(np.zeros((1, 1)))[0])
    assert abs(share - level) < 0.06


@pytest.mark.slow
def test_d5_quantiles_from_the_command_line(cli, tmp_path):
    rows = "\n".join(f"{a:.4f},{10 + 3 * b:.4f}" for a, b in X)
    (tmp_path / "t.csv").write_text(f"a,y\n{rows}\n")
    train = ["train", "t.csv", "--target", "y", "--network", "linear", "--epochs", "3", "--validation", "0"]
    code, _, err = cli(*train, "--loss", "quantile", "--quantile-level", "0.9", "--store", "high")
    assert code == 0, err
    recorded = json.loads((tmp_path / "high" / "run.json").read_text())["configuration"]["loss"]
    assert recorded == {"kind": "losses.quantile_with", "level": 0.9}
    assert cli(*train, "--loss", "absolute_error", "--store", "median")[0] == 0
    assert "is for the loss quantile" in cli(*train, "--quantile-level", "0.9", "--store", "none")[2]
    code, _, err = cli(*train, "--loss", "quantile", "--quantile-level", "1.5", "--store", "none")
    assert (code, "--quantile-level must be" in err) == (2, True), err


@pytest.mark.slow
def test_d5_biases_are_spared_from_the_command_line(cli, tmp_path):
    train = ["train", "iris", "--network", "4", "--epochs", "1", "--store"]
    for name, options in {"sgd": ["--weight-decay", "0.1"], "adam": ["--weight-decay", "0.1"], "adamw": []}.items():
        code, _, err = cli(*train, name, "--optimizer", name, "--spare-biases", *options)
        assert code == 0, err
        recorded = json.loads((tmp_path / name / "run.json").read_text())["configuration"]["optimizer"]
        assert recorded["decay_biases"] is False
    code, _, err = cli(*train, "none", "--spare-biases")
    assert (code, "--spare-biases goes with weight decay" in err) == (2, True), err


@pytest.mark.slow
def test_d5_an_estimator_answers_medians_and_quantiles():
    from downslope.estimators import NetworkRegressor

    t = 10 + 3 * X[:, 0] + np.abs(np.asarray(cases.normal(2, 60)))
    fast = {"max_iter": 300, "learning_rate_init": 0.05, "tol": 0, "n_iter_no_change": 300, "random_state": 0}
    high = NetworkRegressor((), loss=losses.quantile_with(level=0.9), **fast)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        share = np.mean(t < high.fit(X, t).predict(X))
    assert abs(share - 0.9) < 0.07


def test_d5_labels_are_no_numbers_to_be_median_of():
    with pytest.raises(SettingError, match="'absolute_error', which is for numbers"):
        ds.train(LINEAR, ds.load("iris"), loss="absolute_error", progress=False)
