"""Verdicts on surfaces whose shape is known, and on trainings whose end is known."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

import cases
import downslope as ds
from downslope.core import FunctionSurface, SettingError
from downslope.diagnosis import VERDICTS, case_of, diagnose
from downslope.diagnosis.answers import speed_answer, start_answer, stuck_answer
from downslope.diagnosis.measurements.trend import trend_of
from downslope.diagnosis.measurements.way_out import certified_negative
from downslope.diagnosis.verdict import verdict_of


def surface_of(function, size=2):
    return FunctionSurface(function, np.zeros(size))


def bowl(p):
    return 3 + jnp.sum(jnp.array([1.0, 100.0]) * (p - 1) ** 2)


def two_minima(p):
    return 0.5 * (1 - p[0] * p[1]) ** 2 + 0.05 * jnp.sum(p**2)


def hole(p):
    return 1 - jnp.exp(-0.5 * jnp.sum(p**2))


SURFACES = [
    ("minimum", bowl, [1.0, 1.0]),
    ("minimum", lambda p: jnp.sum(p**2), [0.0, 0.0]),
    ("minimum", lambda p: 1 + p[0] ** 2 + 0 * p[1], [0.0, 5.0]),
    ("descending", bowl, [2.0, 1.1]),
    ("descending", bowl, [40.0, -3.0]),
    ("descending", lambda p: 1 + 0.5 * (p[0] ** 2 + 1e6 * p[1] ** 2), [20.0, 0.0]),
    ("descending", lambda p: 5 + p[0] ** 2 - 0.01 * p[1] ** 2, [3.0, 0.0]),
    ("saddle", lambda p: p[0] ** 2 - p[1] ** 2, [0.0, 0.0]),
    ("saddle", two_minima, [0.0, 0.0]),
    ("plateau", hole, [6.0, 0.0]),
    ("plateau", lambda p: p[0] ** 3 - 3 * p[0] * p[1] ** 2, [0.0, 0.0]),
    ("plateau", lambda p: 1 + 0 * jnp.sum(p), [1.0, 2.0]),
    ("diverged", lambda p: jnp.log(p[0]) + p[1], [0.0, 1.0]),
]


@pytest.mark.product
@pytest.mark.parametrize("name, function, at", SURFACES)
def test_a_known_surface_gets_its_verdict(name, function, at):
    report = diagnose(surface_of(function), params=np.array(at))
    assert report.verdict.name == name, str(report.verdict)
    assert name in VERDICTS
    assert (report.verdict.way_out is not None) == (name == "saddle")
    assert report.findings == ()
    json.dumps(report.as_json(), allow_nan=False)
    for asked in ("Are we stuck?", "How fast does this converge, and can it be faster?", "Which start is best?"):
        assert asked in str(report)


def test_the_way_out_gains_what_the_curvature_predicts():
    surface, saddle = surface_of(lambda p: 7 + p[0] ** 2 - 3 * p[1] ** 2), np.zeros(2)
    out = diagnose(surface, params=saddle).verdict.way_out
    assert out.gained == pytest.approx(3 * out.step**2)
    assert out.predicted_loss == pytest.approx(out.lowest_loss)
    assert surface.value(out.applied_to(saddle)) == pytest.approx(out.lowest_loss)
    assert np.abs(out.direction).tolist() == pytest.approx([0, 1])


def test_curvature_that_is_not_certified_is_no_saddle():
    pairs = ds.eigenvalues(surface_of(lambda p: 1 + p[0] ** 2 - 1e-20 * p[1] ** 2), np.zeros(2), which="both")
    assert certified_negative(pairs) is None
    assert certified_negative(ds.eigenvalues(surface_of(lambda p: p[0] ** 2 - p[1] ** 2), np.zeros(2))) is None
    both = ds.eigenvalues(surface_of(lambda p: p[0] ** 2 - p[1] ** 2), np.zeros(2), which="both")
    assert certified_negative(both) == 1


@pytest.mark.slow
def test_nothing_is_moved_and_the_same_gives_the_same():
    at = np.zeros(2)
    first, again = (diagnose(surface_of(two_minima), params=at, seed=3) for _ in range(2))
    assert str(first) == str(again)
    assert at.tolist() == [0, 0]


@pytest.mark.parametrize(
    "arguments, told",
    [
        ((3,), "a run or a loss surface"),
        ((surface_of(bowl),), "Pass `params`"),
    ],
)
def test_what_cannot_be_diagnosed_is_refused(arguments, told):
    with cases.refused(SettingError, told):
        diagnose(*arguments)


def test_a_trend_is_told_from_jumps():
    rng = np.random.default_rng(0)
    falls = trend_of(10 - 0.1 * np.arange(40) + 0.01 * rng.standard_normal(40))
    assert falls.epochs == 10
    assert falls.fall == pytest.approx(0.9, rel=0.05)
    assert falls.resolved
    assert not trend_of(10 + rng.standard_normal(40)).resolved
    assert trend_of(np.array([1.0])) is None
    assert trend_of(np.array([1.0, np.nan])) is None


def test_a_single_spike_hides_no_fall_and_fills_no_flat():
    falls = 1 - 0.02 * np.arange(40) + 0.003 * np.random.default_rng(1).standard_normal(40)
    for place in (31, 35, 39):
        spiked = falls.copy()
        spiked[place] += 0.3
        trend = trend_of(spiked)
        assert trend.resolved
        assert trend.fall == pytest.approx(0.18, rel=0.1)
        flat = np.full(40, 0.5)
        flat[place] += 0.3
        assert not trend_of(flat).resolved


# ---- trainings


def trained(net, data, **settings):
    return ds.train(net, data, **({"normalize": "standard", "progress": False} | settings))


def faithful(**settings):
    both = {"normalize": "standard", "normalize_targets": "standard"}
    return trained(ds.mlp([], outputs=1), ds.load("old_faithful"), **(both | settings))


@pytest.mark.slow
def test_identical_units_end_at_a_saddle_with_the_way_out_of_the_symmetric_subspace():
    alike = ds.initializers.constant(0.5)
    net = ds.Sequential([ds.Dense(3, initializer=alike), ds.Tanh(), ds.Dense(1, initializer=alike)])
    x = np.random.default_rng(0).standard_normal((64, 2))
    data = ds.Dataset(x, np.tanh(3 * x).sum(axis=1), task="regression")  # two directions, one unit for both
    run = trained(net, data, normalize=None, optimizer=ds.sgd(0.1, momentum=0.9), batch_size=64, epochs=250)
    case = case_of(run)
    verdict = verdict_of(case)
    assert verdict.name == "saddle", str(verdict)
    assert verdict.stuck
    weight = np.asarray(verdict.way_out.direction[0]["weight"])
    assert np.abs(weight.sum(axis=1)).max() < 1e-3 * np.abs(weight).max()  # orthogonal to moving all units alike
    assert verdict.evidence["smallest_eigenvalue"] + verdict.evidence["smallest_residual"] < 0
    assert "identical" in start_answer(case, verdict_of(case))
    out = ds.Variables(verdict.way_out.applied_to(run.last.params), run.last.state)
    further = ds.train(net, data, **dict(run.recipe.settings | {"start": out, "epochs": 50}), progress=False)
    assert further.history["train_loss"][-1] < 0.5 * run.history["train_loss"][-1]


@pytest.mark.slow
def test_all_zero_weights_end_at_a_saddle():
    net = ds.mlp([8], outputs=3, activation="tanh", initializer="zeros")
    verdict = verdict_of(case_of(trained(net, ds.load("iris"), optimizer=ds.sgd(0.5), batch_size=150, epochs=60)))
    assert verdict.name == "saddle"
    assert verdict.stuck


@pytest.mark.slow
def test_the_edge_of_stability_is_healthy():
    # a Chebyshev polynomial, as in appendix of Cohen et al. (2021)
    x = np.linspace(-1, 1, 20)[:, None]
    data = ds.Dataset(x, 8 * x[:, 0] ** 4 - 8 * x[:, 0] ** 2 + 1, task="regression")
    net = ds.mlp([24, 24], outputs=1, activation="tanh")
    run = trained(net, data, normalize=None, optimizer=ds.sgd(0.2), batch_size=20, epochs=600)
    case = case_of(run)
    assert case.stability.share > 0.9
    verdict = verdict_of(case)
    assert verdict.name == "edge_of_stability", str(verdict)
    assert not verdict.stuck
    assert "healthy" in stuck_answer(verdict)
    assert "larger rate" not in speed_answer(case, verdict_of(case), ())


@pytest.mark.slow
def test_sgd_ends_at_its_noise_floor():
    case = case_of(faithful(optimizer=ds.sgd(0.2), batch_size=4, epochs=40))
    verdict = verdict_of(case)
    assert verdict.name == "noise_floor", str(verdict)
    assert verdict.evidence["noise_to_gradient"] > 1  # on average it is 2/(ηλ) − 1 = 4 here


@pytest.mark.slow
def test_the_same_without_noise_ends_at_the_minimum():
    verdict = verdict_of(case_of(faithful(optimizer=ds.sgd(0.2), batch_size=272, epochs=40)))
    assert verdict.name == "minimum", str(verdict)
    assert not verdict.stuck


def test_a_rate_above_the_limit_bounces():
    case = case_of(faithful(optimizer=ds.sgd(1.002), batch_size=272, epochs=30))
    verdict = verdict_of(case)
    assert verdict.name == "bouncing", str(verdict)
    assert case.stability.share == pytest.approx(1.002, rel=1e-3)


def test_a_tiny_rate_creeps():
    verdict = verdict_of(case_of(faithful(optimizer=ds.sgd(1e-5), batch_size=272, epochs=20)))
    assert verdict.name == "descending", str(verdict)
    assert "creeps" in verdict.statement


@pytest.mark.slow
def test_a_short_training_descends():
    case = case_of(trained(ds.mlp([8], outputs=3), ds.load("iris"), optimizer=ds.adam(1e-2), epochs=8))
    verdict = verdict_of(case)
    assert verdict.name == "descending"
    assert "Observed" in speed_answer(case, verdict_of(case), ())


@pytest.mark.slow
def test_units_that_are_all_dead_are_a_plateau():
    net = ds.mlp([8], outputs=3)
    start = net.init(0, (4,))
    start.params[0]["bias"] = np.full(8, -100.0)
    verdict = verdict_of(case_of(trained(net, ds.load("iris"), start=start, epochs=40, optimizer=ds.adam(1e-2))))
    assert verdict.name == "plateau", str(verdict)
    assert "dead" in verdict.statement


@pytest.mark.slow
def test_gradients_that_vanish_are_a_plateau():
    net = ds.mlp([8] * 6, outputs=3, activation="sigmoid")
    verdict = verdict_of(case_of(trained(net, ds.load("iris"), epochs=30, optimizer=ds.sgd(0.1))))
    assert verdict.name == "plateau", str(verdict)
    assert "average answer" in verdict.statement


@pytest.mark.slow
def test_a_rate_that_has_decayed_is_not_blamed_for_its_old_jumps():
    cosine = ds.schedules.cosine_decay(0.2, 400)
    case = case_of(faithful(optimizer=ds.sgd(cosine), batch_size=27, epochs=40))
    assert case.rate_decayed
    assert verdict_of(case).name in ("minimum", "descending")


def test_a_run_that_diverged_says_so():
    case = case_of(faithful(optimizer=ds.sgd(1e3), batch_size=16, epochs=40))
    verdict = verdict_of(case)
    assert verdict.name == "diverged"
    assert verdict.stuck
    assert "learning rate 1000" in stuck_answer(verdict)
    assert "does not converge" in speed_answer(case, verdict_of(case), ())
    assert [one.place for one in case.signals_end.layers] == ["input", "0"]


def test_a_run_opened_from_its_folder_gives_the_same_case(tmp_path):
    run = faithful(optimizer=ds.sgd(0.1), epochs=3, store=tmp_path / "run")
    opened = case_of(ds.open_run(tmp_path / "run"))
    assert opened.loss == case_of(run).loss
    assert opened.batch_size == 32


@pytest.mark.slow
def test_a_case_measures_what_a_run_has():
    split = {"epochs": 5, "validation": 0.2, "batch_size": 10}
    run = trained(ds.mlp([6], outputs=3), ds.load("iris"), optimizer=ds.sgd(0.1, momentum=0.8), **split)
    announced = []
    case = case_of(run, progress=announced.append)
    assert case.loss == pytest.approx(run.history["train_loss"][-1])
    assert case.start_loss > case.loss
    assert case.momentum == pytest.approx(0.8)
    assert (case.steps, len(case.training_data), len(case.validation_data)) == (60, 120, 30)
    assert case.stability.limit == pytest.approx(3.6 / case.sharpness)
    assert case.train_score["loss"] < 1.1
    assert set(case.validation_score) == {"loss", "accuracy"}
    assert case.scale.constant == pytest.approx(np.log(3), rel=1e-6)
    assert case.eigenvalues is case.eigenvalues
    assert case.noise_to_gradient > 0
    assert announced.count("eigenvalues of the Hessian") == 1
    with pytest.raises(SettingError, match="run is needed"):
        _ = case_of(surface_of(bowl), params=np.ones(2)).problem
