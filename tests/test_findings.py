"""Findings of a diagnosis: each fault that is planted is named first, and its sound twin raises nothing severe."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import downslope as ds
from downslope.core import Message, Variables, generator
from downslope.diagnosis import Finding, case_of
from downslope.diagnosis.findings.ordering import findings_of_case, ordered
from downslope.diagnosis.kinds import Kind
from downslope.diagnosis.measurements.input_moments import input_moments
from downslope.diagnosis.measurements.label_noise import label_noise
from downslope.diagnosis.measurements.recall import recalls_on
from downslope.diagnosis.measurements.row_order import drift
from downslope.diagnosis.remedies import Learned, verify_fixes
from downslope.diagnosis.remedies.variants import advice_on_widths, even, hidden_widths, wider
from downslope.diagnosis.verdict import verdict_of

CLASSES, FEATURES = 3, 6
SOUND = {"optimizer": ds.adam(1e-2), "epochs": 20, "validation": 0.25, "normalize": "standard"}


def clouds(rows=240, seed=0, apart=1.8):
    """Two clouds for each of three classes, so that a linear model separates some of them only."""
    draws = generator(seed, "clouds")
    centers = apart * draws.standard_normal((CLASSES, 2, FEATURES))
    y = np.arange(rows) % CLASSES
    return draws.standard_normal((rows, FEATURES)) + centers[y, draws.integers(2, size=rows)], y


X, Y = clouds()
SCALES = np.geomspace(0.03, 1000, FEATURES)
SORTED = np.argsort(Y, kind="stable")
RARE = np.flatnonzero((Y != 0) | (np.cumsum(Y == 0) <= 6))
DRAWS = generator(1, "flips")
FLIPPED = np.where(DRAWS.random(len(Y)) < 0.3, (Y + DRAWS.integers(1, CLASSES, size=len(Y))) % CLASSES, Y)


def data(x=X, y=Y):
    return ds.Dataset(x, y, task="classification")


def net(*hidden, **settings):
    return ds.mlp(hidden or (16,), outputs=CLASSES, **settings)


def with_biases(network, value):
    """Return a start whose first layer has these biases."""
    start = network.init(0, (FEATURES,))
    first = {**start.params[0], "bias": np.full_like(start.params[0]["bias"], value)}
    return Variables((first, *start.params[1:]), start.state)


def diagnosed(network, rows, **changes):
    run = ds.train(network, rows, progress=False, **(SOUND | changes))
    case = case_of(run)
    return run, findings_of_case(case, verdict_of(case))


@cache
def planted(name):
    """Return the run and the findings of a planted fault, made once."""
    _, network, rows, changes = PLANTED[name]
    return diagnosed(network, rows, **changes)


def targets(scale, shift):
    return ds.Dataset(X, shift + scale * (X @ np.ones(FEATURES) + X[:, 0] ** 2), task="regression")


def sigmoid_net(depth):
    return net(*[16] * depth, activation="sigmoid")


PLANTED = {
    "wide_range": ("inputs_not_normalized", net(), data(X * SCALES), {"normalize": None}),
    "shifted": ("inputs_not_centered", net(), data(X + 40), {"normalize": None, "optimizer": ds.sgd(0.1)}),
    "rate_large": ("rate_too_large", net(), data(), {"optimizer": ds.adam(3.0)}),
    "rate_small": ("rate_too_small", net(), data(), {"optimizer": ds.adam(1e-5)}),
    "zeros": ("zero_weights", net(initializer="zeros"), data(), {}),
    "constant": ("identical_units", net(initializer=ds.initializers.constant(0.1)), data(), {}),
    "weights_large": ("weights_too_large", net(initializer=ds.initializers.normal(30.0)), data(), {}),
    "weights_small": ("weights_too_small", net(16, 16, initializer=ds.initializers.normal(1e-3)), data(), {}),
    "deep_sigmoid": ("vanishing_gradients", sigmoid_net(6), data(), {"optimizer": ds.sgd(0.1)}),
    "dead": ("dead_units", net(), data(), {"start": with_biases(net(), -30.0)}),
    "sorted": ("data_order_correlated", net(), data(X[SORTED], Y[SORTED]), {"order": "sequential"}),
    "rare": ("classes_unbalanced", net(), data(X[RARE], Y[RARE]), {}),
    "flipped": ("label_noise", net(), data(y=FLIPPED), {}),
    "overfit": ("overfit", net(64), data(X[:60], FLIPPED[:60]), {"epochs": 100}),
    "too_small": ("underfit", net(1), data(), {}),
    "batch_of_one": ("batch_too_small", net(), data(), {"batch_size": 1, "optimizer": ds.sgd(0.5)}),
    "full_batch": ("batch_too_large", net(), data(), {"batch_size": 240, "optimizer": ds.adam(1e-3)}),
    "bottleneck": ("widths_unequal", net(32, 1, 32), data(), {}),
    "raw_targets": (
        "targets_not_normalized",
        ds.mlp([16], outputs=1),
        targets(100, 2000),
        {"optimizer": ds.adam(1e-3)},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANTED)
def test_the_planted_fault_is_named_first(name):
    code, *_ = PLANTED[name]
    _, found = planted(name)
    assert found, "nothing was found"
    assert found[0].code == code, "\n".join(map(str, found))
    assert found[0].severity in ("severe", "warning")
    assert any(character.isdigit() for character in found[0].evidence)


SOUND_TWINS = {
    "classes": (net(), data(), {}),
    "deep": (net(16, 16), data(), {}),
    "descent": (net(activation="tanh"), data(), {"optimizer": ds.sgd(0.5), "batch_size": 240, "epochs": 100}),
    "targets": (ds.mlp([16], outputs=1), targets(1, 0), {"normalize_targets": "standard"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SOUND_TWINS)
def test_a_sound_training_has_nothing_severe(name):
    network, rows, changes = SOUND_TWINS[name]
    _, found = diagnosed(network, rows, **changes)
    assert not [one.code for one in found if one.severity == "severe"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wide_range", "rate_small", "dead", "too_small"])
def test_the_change_can_be_applied_and_helps(name):
    run, found = planted(name)
    settings = dict(run.recipe.settings) | dict(found[0].change)
    again = ds.train(settings.pop("net", run.recipe.net), run.recipe.data, **settings, progress=False)
    assert again.history["validation_loss"].min() < 0.7 * run.history["validation_loss"].min()


@pytest.mark.slow
def test_weights_of_classes_are_judged_by_what_is_recognized():
    run, _ = planted("rare")
    report = ds.diagnose(run, verify=1)
    trial = report.trial("classes_unbalanced")
    assert trial.measured == "share of a class missed in test"
    assert trial.seeds == (1,)  # not the run's own, by which the fix was chosen
    parts = run.recipe.data.split(test=0.2, seed=1)
    for runs, weights in ((trial.without, None), (trial.with_fix, "balanced")):
        changed = {"class_weight": weights, "seed": 1, "early_stopping": None}
        again = ds.train(run.recipe.net, parts.train, **dict(run.recipe.settings) | changed)
        assert runs[0] == pytest.approx(1 - recalls_on(again, parts.test, "").balanced)


@pytest.mark.slow
@pytest.mark.parametrize("restarts", [1, 3])
def test_other_starts_are_tried_as_a_fix_against_as_many_as_the_run_had(restarts):
    settings = {"optimizer": ds.sgd(0.5), "batch_size": 60, "epochs": 8, "normalize": "standard", "progress": False}
    network, rows = ds.mlp([2], outputs=CLASSES), data(X[:60], Y[:60])
    case = case_of(ds.train(network, rows, restarts=restarts, **settings))
    of_starts = Kind.LOCAL_MINIMUM.finding("warning", "", "", "", None, ({"restarts": 4, "start": None},))
    (trial,) = verify_fixes(case, [of_starts], seeds=2)
    assert "restarts=4" in str(trial)
    for losses, starts in ((trial.without, restarts), (trial.with_fix, 4)):
        again = [ds.train(network, rows, restarts=starts, seed=seed, **settings) for seed in trial.seeds]
        np.testing.assert_allclose(losses, [run.history["train_loss"][-1] for run in again], rtol=1e-5)
    assert (trial.with_fix <= trial.without + 1e-6).all()


@pytest.mark.slow
def test_symptoms_are_notes_that_name_their_cause():
    _, found = planted("dead")
    symptom = next(one for one in found if one.code == "underfit")
    assert symptom.severity == "note"
    assert "follows from dead units" in symptom.evidence


def test_explanations_go_one_way():
    facts = {kind.code: kind.facts for kind in Kind}
    order = list(facts)
    late = {"rate_too_large", "dead_units", "saturated_units"}  # units die at the start, or of the rate
    for cause, of_cause in facts.items():
        assert set(of_cause.surely) <= set(of_cause.explains), cause
        for symptom in of_cause.explains:
            assert symptom in facts, symptom
            assert order.index(cause) < order.index(symptom) or {cause, symptom} & late, (cause, symptom)
            assert cause not in facts[symptom].explains, (cause, symptom)


def test_a_kind_is_found_by_its_code():
    assert len({kind.code for kind in Kind}) == len(Kind)
    for kind in Kind:
        assert kind.name.lower() == kind.code
        assert kind.finding("note", "s", "e", "f") == Finding(kind.code, "note", "s", "e", "f")


def test_a_finding_of_no_kind_is_the_last_among_equals():
    unlisted, listed = Finding("unheard_of", "note", "s", "e", "f"), Kind.BOUNCING.finding("note", "s", "e", "f")
    severe = replace(unlisted, severity="severe")
    run = ds.train(net(), data(), progress=False, **(SOUND | {"epochs": 1}))
    assert ordered([unlisted, listed, severe], Learned(case_of(run))) == (severe, listed, unlisted)


def test_a_finding_is_equal_whatever_it_changes():
    finding = Finding("dead_units", "note", "Units are dead.", "12 %", "Center.")
    changed = replace(finding, change={"normalize": "standard"})
    assert changed == finding
    assert hash(changed) == hash(finding)
    assert str(changed) == str(finding)


def test_second_moments_say_what_normalizing_gains():
    draws = generator(0, "moments")
    x = draws.standard_normal((1000, 3))
    found = input_moments(x * [1, 10, 100] + 50)
    assert found.kappa_normalized == pytest.approx(1, abs=0.2)
    assert found.kappa_centered == pytest.approx(1e4, rel=0.2)
    assert found.curvature == pytest.approx(np.linalg.eigvalsh(_moment(x * [1, 10, 100] + 50))[-1])
    only_shifted = input_moments(x + 10)
    assert only_shifted.kappa > 100 > 2 > only_shifted.kappa_centered


def _moment(x):
    bordered = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    return bordered.T @ bordered / len(x)


def test_the_linear_hessian_is_covariance_plus_mean_outer_mean():
    x = generator(0, "hessian").standard_normal((50, 3)) * [1, 2, 3] + [4, 0, -1]
    linear = ds.mlp([], outputs=1)
    surface = ds.surface_of(linear, "mean_squared_error", ds.Dataset(x, x[:, 0] + 0.5), linear.init(0, (3,)))
    largest = ds.curvature.eigenvalues(surface, linear.init(0, (3,)).params, tol=1e-9).values[0]
    assert largest / 2 == pytest.approx(input_moments(x).curvature, rel=1e-6)


def test_doubted_labels_are_among_those_flipped():
    x, y = clouds(apart=5)
    found = label_noise(x, FLIPPED, seed=0)
    wrong = np.flatnonzero(y != FLIPPED)
    assert 0.1 < found.share < 0.3
    assert np.isin(found.doubted, wrong).mean() > 0.9
    assert label_noise(x, y, seed=0).share == 0
    assert label_noise(X, Y, seed=0).share < 0.01  # clouds that overlap
    twice = np.concatenate([X, X[:30]]), np.concatenate([Y, (Y[:30] + 1) % CLASSES])
    assert label_noise(*twice, seed=0).conflicting == pytest.approx(60 / 270)


def test_drift_of_shuffled_rows_is_nothing_but_chance():
    errors = [drift(*clouds(seed=seed), 32, task="classification").errors for seed in range(5)]
    assert max(errors) < 5
    sorted_rows = drift(X[SORTED], Y[SORTED], 32, task="classification")
    assert sorted_rows.share > 0.5
    assert sorted_rows.errors > 20


def test_variants_change_widths_only():
    network = net(64, 2, 64)
    assert hidden_widths(wider(network)) == [128, 64, 128]
    leveled = even(network, (FEATURES,))
    assert len(set(hidden_widths(leveled))) == 1
    parameters = [
        sum(np.size(a) for p in one.init(0, (FEATURES,)).params for a in p.values()) for one in (network, leveled)
    ]
    assert parameters[1] == pytest.approx(parameters[0], rel=0.05)


@pytest.mark.parametrize(
    "net, words",
    [
        (ds.mlp([8, 4], outputs=2), "Use these: ds.mlp([8, 4], …)."),
        (ds.cnn([8], dense=[4], outputs=2), "Use these, such as 4."),
    ],
    ids=["dense", "convolutions"],
)
def test_widths_are_advised_as_a_network_only_where_they_are_all_of_it(net, words):
    assert Message(advice_on_widths("use these", net)) == words
