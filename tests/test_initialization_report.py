"""The report on a start: what it measures, that theory agrees, and that it names what is wrong."""

from dataclasses import dataclass
from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytest

import downslope as ds
from downslope.core import fold, generator
from downslope.diagnosis import Finding, initialization_report
from downslope.diagnosis.finding import by_severity
from downslope.diagnosis.starts.cosines import activation_cosine, mean_cosine
from downslope.diagnosis.starts.layer_theory import expectations

WIDTH, DEPTH = 256, 30


def normal_data(rows=96, shape=(WIDTH,), seed=0):
    draws = generator(seed, "data")
    return ds.Dataset(draws.standard_normal((rows, *shape)), draws.standard_normal(rows), task="regression")


def codes(report):
    return [finding.code for finding in report.findings]


def at(report, place):
    return next(layer for layer in report.layers if layer.place == place)


@pytest.fixture(scope="module")
def deep():
    def report(initializer, seed):
        net = ds.mlp([WIDTH] * DEPTH, outputs=1, initializer=initializer)
        return initialization_report(net, normal_data(seed=seed), seed=seed)

    return [report("he_normal", seed) for seed in range(3)], report("glorot_normal", 0)


@pytest.mark.slow
def test_he_keeps_signals_through_thirty_relu_layers(deep):
    he, _ = deep
    for depth in (1, 10, 20, DEPTH):
        sizes = [report.stages[depth - 1].last.mean_square / report.layers[0].mean_square for report in he]
        # √(5/n) a layer, independent from layer to layer
        assert abs(np.log(np.mean(sizes))) < 3 * np.sqrt(5 * depth / WIDTH / len(he)), depth
    for report in he:
        assert not {"vanishing_signal", "exploding_signal", "vanishing_gradients"} & set(codes(report))
        assert report.stages[DEPTH - 1].last.mean_square_theory == pytest.approx(1, rel=0.05)


@pytest.mark.slow
def test_glorot_shrinks_them_by_two_to_the_minus_thirty_and_the_report_names_the_fix(deep):
    (he, *_), glorot = deep
    last, kept = glorot.stages[DEPTH - 1].last, he.stages[DEPTH - 1].last
    # the same draws at half the variance, and relu is homogeneous
    assert last.mean_square == pytest.approx(2.0**-DEPTH * kept.mean_square, rel=1e-9)
    assert np.log2(last.mean_square_theory) == pytest.approx(-DEPTH, abs=0.1)
    factors = [b.last.mean_square / a.last.mean_square for a, b in pairwise(glorot.stages[:DEPTH])]
    assert np.exp(np.mean(np.log(factors))) == pytest.approx(0.5, rel=0.1)
    signal, gradients = glorot.findings[:2]
    assert (signal.code, signal.severity) == ("vanishing_signal", "severe")
    assert (gradients.code, gradients.severity) == ("vanishing_gradients", "severe")
    assert "over 30 hidden layers" in signal.statement
    assert "theory: 2^-30" in signal.evidence
    assert "initializer='he_normal'" in signal.fix
    assert "theory: 2^-30" in str(glorot)


@pytest.mark.product
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "gelu"])
def test_theory_agrees_with_what_is_measured(activation):
    net = ds.mlp([WIDTH] * 3, outputs=64, activation=activation)
    draws = generator(1, "data")
    # large targets, so that the error depends little on the weights, as theory takes it
    data = ds.Dataset(draws.standard_normal((96, WIDTH)), 100 * draws.standard_normal((96, 64)))
    reports = [initialization_report(net, data, seed=seed) for seed in range(3)]
    for place in map(str, range(7)):
        found = [at(report, place) for report in reports]
        for name in ("mean_square", "gradient"):
            measured = np.mean([getattr(layer, name) for layer in found])
            predicted = np.mean([getattr(layer, f"{name}_theory") for layer in found])
            assert measured == pytest.approx(predicted, rel=0.15), (place, name)
        size = np.sqrt(found[0].mean_square)
        assert np.mean([layer.mean - layer.mean_theory for layer in found]) == pytest.approx(0, abs=0.15 * size), place
    for place in "0246":
        assert at(reports[0], place).weight_cosine == pytest.approx(WIDTH**-0.5, rel=0.05)
        assert at(reports[0], place).weight_cosine_theory == WIDTH**-0.5


def test_expectations_are_exact():
    m, q = jnp.array([[0.0], [0.0]]), jnp.array([[4.0], [0.25]])
    s = np.sqrt(np.array(q))
    mean, square, slope = expectations(ds.ReLU(), m, q)
    assert np.allclose(mean, s / np.sqrt(2 * np.pi), rtol=1e-9)
    assert np.allclose(square, s**2 / 2, rtol=1e-9)
    assert np.allclose(slope, 0.5, rtol=1e-9)
    shifted = expectations(ds.Softplus(), m + 3, q + 9)[0]
    draws = 3 + s * np.random.default_rng(0).standard_normal((1, 400_000))
    assert np.allclose(shifted[:, 0], np.logaddexp(0, draws).mean(axis=1), rtol=5e-3)


@pytest.mark.slow
def test_what_is_measured_is_what_training_starts_from():
    data, net = ds.load("iris"), ds.mlp([8, 8], outputs=3, activation="tanh")
    report = initialization_report(net, data, rows=1000, seed=3, normalize="standard")
    x = (data.x - data.x.mean(axis=0)) / data.x.std(axis=0)
    variables = net.init(fold(3, "initialize"), (4,))
    h = net.forward(variables, x).activations
    d = ds.loss_and_gradients(net, variables, x, data.y, "cross_entropy").activations
    assert [layer.place for layer in report.layers] == ["input", "0", "1", "2", "3", "4"]
    for layer, activation, gradient in zip(report.layers, h, d, strict=True):
        assert layer.mean == pytest.approx(float(activation.mean()), abs=1e-12)
        assert layer.variance == pytest.approx(float(activation.var()))
        assert layer.gradient == pytest.approx(float(jnp.sqrt(jnp.mean(gradient**2))))
        correlations = np.corrcoef(np.asarray(activation).T)[~np.eye(activation.shape[1], dtype=bool)]
        assert layer.activation_cosine == pytest.approx(np.sqrt(np.mean(correlations**2)))
    assert (report.rows, report.loss) == (150, "cross_entropy")


def test_cosines_of_random_vectors_fall_with_the_dimension_and_equal_ones_stay_at_one():
    draws = np.random.default_rng(0)
    for n in (4, 64, 1024):
        assert mean_cosine(draws.standard_normal((200, n))) == pytest.approx(n**-0.5, rel=0.05)
    assert mean_cosine(np.outer([1.0, -2.0, 3.0], draws.standard_normal(5))) == pytest.approx(1)
    assert mean_cosine(np.zeros((3, 4))) is None
    few = draws.standard_normal((5, 40))  # fewer rows than units: the other Gram matrix
    unit = few.T / np.linalg.norm(few.T, axis=1, keepdims=True)
    assert mean_cosine(few.T) == pytest.approx(np.sqrt(np.mean((unit @ unit.T)[~np.eye(40, dtype=bool)] ** 2)))
    assert activation_cosine(np.array([[1.0, np.inf], [2.0, 0.0]])) is None


def test_zeros_carry_no_gradient_to_earlier_layers():
    report = initialization_report(ds.mlp([16, 16], outputs=1, initializer="zeros"), normal_data(shape=(5,)))
    assert [at(report, place).gradient for place in "0123"] == [0, 0, 0, 0]
    assert at(report, "4").gradient > 0
    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("zero_weights", "severe")
    assert "E[y]" in finding.statement
    assert "he_normal" in finding.fix


def test_zeros_are_fine_where_they_stop_nothing():
    data = normal_data(shape=(5,))
    assert codes(initialization_report(ds.mlp([], outputs=1, initializer="zeros"), data)) == []
    body = ds.Residual([ds.Dense(8), ds.Tanh(), ds.Dense(8, initializer="zeros")])
    assert codes(initialization_report(ds.Sequential([ds.Dense(8), body, ds.Dense(1)]), data)) == []
    head = ds.Sequential([ds.Dense(8), ds.Tanh(), ds.Dense(1, initializer="zeros")])
    (finding,) = initialization_report(head, data).findings
    assert (finding.code, finding.severity) == ("zero_weights", "warning")


@pytest.mark.product
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_constant_weights_keep_units_identical(activation):
    net = ds.mlp([6, 6], outputs=3, activation=activation, initializer=ds.initializers.constant(0.3))
    report = initialization_report(net, ds.load("iris"), normalize="standard")
    for place in "02":
        assert at(report, place).identical
        assert at(report, place).weight_cosine == pytest.approx(1)
        assert at(report, place).activation_cosine == pytest.approx(1)
        assert at(report, place).variance_theory is None  # such weights are not drawn around 0
    assert not at(report, "4").identical  # the targets tell outputs apart
    finding = report.findings[0]
    assert (finding.code, finding.severity) == ("identical_units", "severe")
    assert "layers 0, 2" in finding.evidence


def test_relu_units_dead_from_the_start():
    net, data = ds.mlp([32, 32], outputs=1), normal_data(shape=(8,))
    params, state = net.init(0, (8,))
    params[0]["bias"][:24] = -100
    report = initialization_report(net, data, start=ds.Variables(params, state))
    assert at(report, "1").dead == 0.75
    finding = report.findings[0]
    assert (finding.code, finding.severity) == ("dead_units", "severe")
    assert "75 % of the units at layer 1 (ReLU)" in finding.evidence
    assert "biases at 0" in finding.fix
    assert report.seed is None
    assert at(report, "0").mean_theory == pytest.approx(-75)


def test_large_weights_saturate_and_explode():
    data = normal_data(shape=(64,))
    plateau = initialization_report(
        ds.mlp([64, 64], outputs=1, activation="tanh", initializer=ds.initializers.normal(3.0)), data
    )
    assert at(plateau, "1").saturated > 0.9
    assert plateau.findings[0].severity == "severe"
    assert "saturated_units" in codes(plateau)
    growing = initialization_report(ds.mlp([64] * 6, outputs=1, initializer=ds.initializers.normal(1.0)), data)
    assert codes(growing)[:2] == ["exploding_signal", "exploding_gradients"]
    assert "he_normal" in growing.findings[0].fix


@pytest.mark.slow
def test_signals_that_overflow_are_reported(float32):
    net = ds.mlp([64] * 12, outputs=1, initializer=ds.initializers.normal(1e3))
    report = initialization_report(net, normal_data(16, (64,)), rows=16)
    assert codes(report)[0] == "exploding_signal"
    assert "too large for" in report.findings[0].evidence
    assert "(nan)" not in str(report)


def test_sigmoids_make_gradients_vanish():
    report = initialization_report(ds.mlp([32] * 6, outputs=1, activation="sigmoid"), normal_data(shape=(32,)))
    finding = report.findings[0]
    assert (finding.code, finding.severity) == ("vanishing_gradients", "severe")
    assert "tanh" in finding.fix


@pytest.mark.slow
def test_inputs_that_want_normalizing_come_first_where_they_are_the_cause():
    net = ds.mlp([32, 32], outputs=3, activation="tanh")
    raw = initialization_report(net, ds.load("wine"))
    assert codes(raw)[0] == "inputs_not_normalized"
    assert raw.findings[0].severity == "severe"
    assert all("normalize='standard'" in finding.fix for finding in raw.findings)
    assert codes(initialization_report(net, ds.load("wine"), normalize="standard")) == []
    shifted = ds.Dataset(normal_data(shape=(8,)).x + 2, normal_data().y, task="regression")
    assert codes(initialization_report(ds.mlp([16], outputs=1), shifted)) == ["inputs_not_centered"]


@pytest.mark.slow
def test_convolutions_follow_the_theory():
    net = ds.Sequential(
        [
            ds.Conv2D(48, 3, stride=2),
            ds.ReLU(),
            ds.Conv2D(48, 3, padding="valid"),
            ds.ReLU(),
            ds.Flatten(),
            ds.Dropout(0.5),
            ds.Dense(32),
        ]
    )
    draws = generator(2, "data")
    data = ds.Dataset(draws.standard_normal((48, 12, 12, 8)), draws.standard_normal((48, 32)))
    for layer in initialization_report(net, data).layers[1:]:
        assert layer.mean_square == pytest.approx(layer.mean_square_theory, rel=0.2), layer.place
        assert layer.gradient == pytest.approx(layer.gradient_theory, rel=0.2), layer.place


@pytest.mark.slow
def test_blocks_add_up_and_their_inside_is_shown():
    report = initialization_report(
        ds.mlp([128] * 5, outputs=32, skip=True, activation="tanh"),
        ds.Dataset(normal_data(64, (128,)).x, generator(3, "y").standard_normal((64, 32))),
    )
    assert [layer.place for layer in report.layers[2:5]] == ["1", "1.0", "1.1"]
    assert len(report.stages) == 6
    for layer in report.layers[1:]:
        assert layer.mean_square == pytest.approx(layer.mean_square_theory, rel=0.25), layer.place
        assert layer.gradient == pytest.approx(layer.gradient_theory, rel=0.25), layer.place


@dataclass(frozen=True)
class Halve:
    def forward(self, params, x):
        return x / 2, None

    def backward(self, params, cache, dy):
        return {}, dy / 2


@pytest.mark.slow
def test_theory_starts_again_behind_layers_without_one():
    frozen = ds.Frozen(ds.Dense(64, initializer="he_normal"))
    middle = [Halve(), ds.BatchNorm(), ds.Residual([ds.Dense(32), ds.ReLU()]), ds.LayerNorm()]
    net = ds.Sequential([frozen, *middle, ds.Dense(64), ds.Dense(16)])
    data = ds.Dataset(normal_data(64, (64,)).x, generator(4, "y").standard_normal((64, 16)))
    report = initialization_report(net, data)
    unknown = {layer.place for layer in report.layers[1:] if layer.variance_theory is None}
    assert unknown == {"1", "2", "3", "4"}
    assert {layer.place for layer in report.layers[1:] if layer.gradient_theory is None} == {"0", "1", "2", "3"}
    assert at(report, "0").weight_gradient is None
    assert at(report, "5").mean_square == pytest.approx(at(report, "5").mean_square_theory, rel=0.2)
    assert at(report, "0").mean_square == pytest.approx(at(report, "0").mean_square_theory, rel=0.2)


def test_rows_of_weight_zero_do_not_count():
    data, net = normal_data(40, (6,)), ds.mlp([8], outputs=1)
    spoiled = ds.Dataset(
        np.concatenate([data.x, np.full((40, 6), 1e3)]), np.concatenate([data.y, data.y]), task="regression"
    )
    weighted = ds.Dataset(spoiled.x, spoiled.y, task="regression", row_weights=np.repeat([1.0, 0.0], 40))
    assert initialization_report(net, weighted).layers == initialization_report(net, data).layers


@pytest.mark.slow
def test_a_report_is_deterministic_and_prints_and_tabulates():
    net, data = ds.mlp([8, 8], outputs=10, norm="batch", dropout=0.2), ds.load("digits")
    report = initialization_report(net, data, rows=50, seed=5)
    assert str(report) == str(initialization_report(net, data, rows=50, seed=5))
    assert report.rows == 50
    table = report.table()
    assert table["place"].to_list() == [layer.place for layer in report.layers]
    assert table["variance"].to_list() == [layer.variance for layer in report.layers]
    assert {"gain", "dead", "activation_cosine", "gradient_theory"} <= set(table.columns)
    lines = str(report).splitlines()
    assert "seed 5, 50 rows, loss cross entropy" in lines[0]
    assert max(map(len, lines[: len(report.layers) + 2])) < 140
    assert "batch" in lines[4].lower()


def test_settings_are_checked():
    net, data = ds.mlp([8], outputs=3), ds.load("iris")
    with pytest.raises(ds.SettingError, match="`rows` must be"):
        initialization_report(net, data, rows=0)
    with pytest.raises(ds.ShapeError, match="`start` must hold"):
        initialization_report(net, data, start=ds.mlp([9], outputs=3).init(0, (4,)))
    with pytest.raises(ds.UnknownNameError, match="loss"):
        initialization_report(net, data, loss="cros_entropy")


@pytest.mark.slow
def test_findings_are_sorted_by_severity():
    findings = [Finding(str(i), severity, "s", "e", "f") for i, severity in enumerate(["note", "severe", "warning"])]
    assert [finding.code for finding in by_severity(findings)] == ["1", "2", "0"]
    with pytest.raises(ds.UnknownNameError, match="severity"):
        Finding("code", "bad", "s", "e", "f")
