"""Class weights: rows that count more in what descends, and nowhere else."""

import json

import jax
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

import downslope as ds
from cases import refused

pytestmark = pytest.mark.optimized

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 3)), np.array(["no"] * 40 + ["some"] * 15 + ["yes"] * 5)
DATA = ds.Dataset(X, Y)
NET = ds.mlp([5], outputs=3, activation="tanh")
START = NET.init(1, (3,))


def trained(data=DATA, net=NET, **settings):
    defaults = {"epochs": 4, "batch_size": 100, "optimizer": ds.sgd(0.3), "start": START, "progress": False}
    return ds.train(net, data, **defaults | settings)


def assert_close(one, other):
    for a, b in zip(jax.tree.leaves(one.variables), jax.tree.leaves(other.variables), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13)


def test_class_weights_are_row_weights():
    by_row = np.where(Y == "yes", 4.0, np.where(Y == "no", 0.5, 1.0))
    weighted, expected = trained(class_weight={"yes": 4, "no": 0.5}), trained(ds.Dataset(X, Y, row_weights=by_row))
    assert_close(weighted, expected)
    np.testing.assert_allclose(weighted.history["batch_loss"], expected.history["batch_loss"], rtol=1e-12)


def test_they_multiply_row_weights():
    own = RNG.uniform(0.5, 2, 60)
    weighted = trained(ds.Dataset(X, Y, row_weights=own), class_weight={"yes": 4})
    assert_close(weighted, trained(ds.Dataset(X, Y, row_weights=own * np.where(Y == "yes", 4, 1))))


@pytest.mark.slow
def test_balanced_is_that_of_scikit_learn_on_the_training_part():
    weights = dict(zip(("no", "some", "yes"), compute_class_weight("balanced", classes=np.unique(Y), y=Y), strict=True))
    assert_close(trained(class_weight="balanced"), trained(class_weight=weights))
    split = DATA.split(validation=0.4, seed=0)
    of_part = compute_class_weight("balanced", classes=np.unique(Y), y=split.train.y)
    by_share = trained(class_weight="balanced", validation=0.4)
    by_hand = trained(split.train, class_weight=dict(zip(("no", "some", "yes"), of_part, strict=True)))
    np.testing.assert_allclose(by_share.history["batch_loss"], by_hand.history["batch_loss"], rtol=1e-12)
    assert_close(trained(split.train, class_weight="balanced"), by_hand)


def test_what_is_measured_at_fixed_parameters_counts_by_row_weights_alone():
    run = trained(class_weight={"yes": 50}, validation=DATA, metrics=["accuracy"], optimizer=ds.sgd(0.0))
    scores = run.evaluate(DATA)
    for part in ("train", "validation"):
        assert run.history[f"{part}_loss"][-1] == pytest.approx(scores["loss"], rel=1e-12)
        assert run.history[f"{part}_accuracy"][-1] == scores["accuracy"]
    assert run.history["batch_loss"][-1] != pytest.approx(scores["loss"], rel=1e-3)


def test_a_weighted_step_is_that_of_torch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    weights = {"no": 0.5, "some": 1.5, "yes": 4.0}
    run = trained(ds.Dataset(X, Y), net=ds.mlp([], outputs=3), start=None, class_weight=weights, epochs=1, seed=3)
    start = trained(net=ds.mlp([], outputs=3), start=None, epochs=1, optimizer=ds.sgd(0.0), seed=3)
    W, b = (torch.tensor(np.asarray(start.params[0][name]), requires_grad=True) for name in ("weight", "bias"))
    criterion = torch.nn.CrossEntropyLoss(weight=torch.tensor(list(weights.values()), dtype=torch.float64))
    loss = criterion(torch.tensor(X) @ W + b, torch.tensor(np.unique(Y, return_inverse=True)[1]))
    loss.backward()
    assert run.history["batch_loss"][0] == pytest.approx(loss.item(), rel=1e-10)
    np.testing.assert_allclose(run.params[0]["weight"], (W - 0.3 * W.grad).detach(), rtol=1e-10)


@pytest.mark.parametrize("batch_size", [1, 7])
def test_a_class_of_weight_zero_is_as_if_it_were_not_there(batch_size):
    run = trained(class_weight={"yes": 0, "some": 0}, batch_size=batch_size, order="sequential")
    kept = trained(ds.Dataset(X, Y, row_weights=(Y == "no").astype(float)), batch_size=batch_size, order="sequential")
    assert run.stop_reason == "completed"
    assert_close(run, kept)


@pytest.mark.parametrize("labels", [[0, 1, 2], [0.5, 1.5, 2.5], [False, True]], ids=["whole", "fractions", "booleans"])
def test_labels_of_any_kind(labels):
    y = np.array([labels[min(k, len(labels) - 1)] for k in np.unique(Y, return_inverse=True)[1]])
    data = ds.Dataset(X, y, task="classification")
    by_row = np.where(y == labels[-1], 3.0, 1.0)
    assert_close(
        trained(data, class_weight={labels[-1]: 3}), trained(ds.Dataset(X, y, row_weights=by_row, task=data.task))
    )
    assert_close(trained(data, class_weight={y[-1]: 3}), trained(data, class_weight={labels[-1]: 3}))


@pytest.mark.parametrize(
    ("class_weight", "setting", "weights"),
    [
        (None, None, None),
        ("balanced", "balanced", [["no", 0.5], ["some", 60 / 45], ["yes", 4.0]]),
        ({"yes": 2}, [["no", 1.0], ["some", 1.0], ["yes", 2.0]], [["no", 1.0], ["some", 1.0], ["yes", 2.0]]),
    ],
    ids=["none", "balanced", "by label"],
)
def test_the_run_records_them(tmp_path, class_weight, setting, weights):
    trained(class_weight=class_weight, store=tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["configuration"]["class_weight"] == setting
    assert record["data"]["class_weights"] == weights


NUMBERS = ds.Dataset(X, X[:, 0])
REFUSED = {
    "unknown label": (DATA, {"ye": 2.0}, r"must name labels of the target \('no', 'some', 'yes'\), got 'ye'.*'yes'\?"),
    "label as text": (ds.Dataset(X, np.resize([0, 1], 60)), {"1": 2.0}, r"\(0, 1\), got '1'. Did you mean 1\?"),
    "negative": (DATA, {"yes": -1.0}, "must be a number of at least 0, got -1.0.*'yes'"),
    "not finite": (DATA, {"yes": float("inf")}, "must be a number of at least 0"),
    "nothing left": (DATA, dict.fromkeys(("no", "some", "yes"), 0), "some row a weight above 0"),
    "unknown word": (DATA, "balance", "Did you mean 'balanced'"),
    "a list": (DATA, [1.0, 2.0, 3.0], "'balanced' or weights by label"),
    "numbers": (NUMBERS, "balanced", "is for classes, got targets that are numbers"),
}


@pytest.mark.parametrize(("data", "class_weight", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_in_a_sentence(data, class_weight, words):
    outputs = 1 if data is NUMBERS else 3
    with refused(ds.SettingError, match=words) as _:
        trained(data, net=ds.mlp([5], outputs=outputs), start=None, class_weight=class_weight)


def test_rows_that_all_weigh_zero_are_refused():
    part = ds.Dataset(X, Y, row_weights=np.arange(60) < 30).take(np.arange(30, 60))
    with pytest.raises(ds.DataError, match="weight above 0, got 30 rows that all weigh 0"):
        trained(validation=part)
