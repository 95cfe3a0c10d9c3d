"""Answers that were wrong once, each with a small input and the right value, and siblings of its kind."""

import jax.numpy as jnp
import numpy as np
import pytest

import downslope as ds
from cases import refused
from downslope.core import FunctionSurface, SettingError
from downslope.diagnosis import Descent, case_of, report_of
from downslope.diagnosis.verdict import verdict_of
from downslope.training import find_learning_rate

QUIET = {"progress": False}


@pytest.fixture(scope="module")
def normal():
    """Return 2,000 rows of ten independent normal features, and noise."""
    random = np.random.default_rng(0)
    return random.normal(size=(2000, 10)).astype(np.float32), random


def found(net, x, y, **settings):
    return find_learning_rate(net, ds.Dataset(x, y), curvature=False, **QUIET, **settings)


@pytest.mark.slow
@pytest.mark.optimized
def test_a3_a_logistic_regression_with_little_to_learn_is_found_a_rate_that_learns_it(normal):
    x, random = normal
    y = (random.random(len(x)) < 1 / (1 + np.exp(-0.45 * x[:, 0]))).astype(int)
    net = ds.Sequential([ds.Dense(2, initializer="zeros")])
    rate = found(net, x, y, optimizer=ds.sgd("auto"))
    assert 0.01 <= rate.suggestion <= 0.1, str(rate)
    assert rate.trials.losses.min() < 0.675


@pytest.mark.slow
@pytest.mark.optimized
def test_a3_a_linear_regression_with_little_to_learn_is_found_a_rate_that_learns_it(normal):
    x, random = normal
    y = 0.2 * x[:, 0] + random.normal(size=len(x))
    rate = found(ds.mlp([], outputs=1), x, y.astype(np.float32), optimizer=ds.sgd("auto"))
    assert 0.002 <= rate.suggestion <= 0.05, str(rate)


@pytest.mark.slow
@pytest.mark.parametrize("ends", [(1e-8, 1e-6), (1e2, 1e4)])
def test_a3_a_range_that_lies_off_is_left(ends):
    rate = find_learning_rate(
        ds.mlp([8], outputs=3), ds.load("iris"), optimizer=ds.adam("auto"), normalize="standard", low=ends[0],
        high=ends[1], curvature=False, **QUIET,
    )  # fmt: skip
    assert 1e-3 <= rate.suggestion <= 0.3, str(rate)
    assert ("Up to 1e-06 hardly anything is learned" in rate.reason) == (ends[1] == 1e-6)


@pytest.mark.slow
def test_a3_where_nothing_falls_that_is_said():
    x, y = np.zeros((40, 2), np.float32), np.arange(40) % 2
    rate = found(ds.Sequential([ds.Dense(2, initializer="zeros")]), x, y, optimizer=ds.sgd("auto"), steps=20)
    assert "Nothing speaks for it" in rate.reason


@pytest.mark.parametrize("best", [-5.0, -1e-3])
def test_a3_a_plateau_of_negative_losses_is_one(best):
    schedule = ds.schedules.reduce_on_plateau(1.0, factor=0.5, patience=2)
    for number in range(40):
        schedule = schedule.observe(best + 1e-5 * number)
    assert float(schedule.best) == best
    assert float(schedule(0)) == pytest.approx(0.5**13)


# ---- A1: a local minimum is told by other starts


def tanh_run(seed, **settings):
    data = ds.load("quadrants")
    given = {"optimizer": ds.sgd(0.5), "batch_size": len(data), "epochs": 1500, "seed": seed} | settings
    return ds.train(ds.mlp([3], outputs=2, activation="tanh"), data, **given, **QUIET)


@pytest.mark.slow
@pytest.mark.optimized
def test_a1_a_ball_that_rests_is_told_the_same_as_a_run():
    rows = ds.load("quadrants").take(np.arange(250))
    run = ds.train(
        ds.mlp([3], outputs=2, activation="tanh"), rows, optimizer=ds.sgd(0.5), batch_size=250, epochs=600, seed=1,
        **QUIET,
    )  # fmt: skip
    ball = Descent(run.history["train_loss"], 0.5, 0.0, lambda curvature: 2 / curvature, run.recipe, run.epochs)
    verdict, told = (
        verdict_of(case) for case in (case_of(run), case_of(run.surface(), params=run.last.params, descent=ball))
    )
    assert verdict.name == told.name == "local_minimum"
    assert verdict.others.statement == told.others.statement
    assert verdict.others.lower == 8
    assert 0.5 < verdict.others.missed < 0.6


@pytest.mark.long
@pytest.mark.optimized
def test_a1_a_local_minimum_is_told_by_other_starts():
    run = tanh_run(1)
    assert run.history["train_loss"][-1] == pytest.approx(0.518, abs=0.002)
    report = ds.diagnose(run, **QUIET)
    verdict, others = report.verdict, report.verdict.others
    assert verdict.name == "local_minimum"
    assert verdict.stuck
    assert len(others) == 8
    assert others.lower >= 7
    assert others.best < 0.26
    assert 0.5 < others.missed < 0.7
    assert "Are we stuck? Yes: this is a local minimum: of 8 other starts" in report.stuck
    assert report.findings[0].code == "local_minimum"
    assert report.findings[0].fix.startswith("Train from several starts and keep the best: restarts=8")
    assert report.findings[0].alternatives[0] == {"restarts": 8, "start": None}
    assert len(report.findings[0].alternatives) >= 4


@pytest.mark.long
@pytest.mark.optimized
def test_a1_a_minimum_as_good_as_others_find_is_none():
    report = ds.diagnose(tanh_run(0), **QUIET)
    assert not report.verdict.stuck, report.stuck
    assert "local_minimum" not in [finding.code for finding in report.findings]


@pytest.mark.slow
def test_a1_the_runs_own_restarts_count_first():
    run = tanh_run(1, epochs=20, restarts=9)
    others = case_of(run).other_starts
    kept = run.restarts.best
    ends = np.delete(run.restarts.histories["train_loss"][-1], kept)
    np.testing.assert_array_equal(others.losses, ends)


@pytest.mark.slow
def test_a1_what_is_too_much_work_is_not_trained_and_said_so(monkeypatch):
    run = tanh_run(1, epochs=3)
    monkeypatch.setattr("downslope.diagnosis.measurements.other_starts.WORK", 10.0)
    told = case_of(run).other_starts
    assert "were not trained" in told
    assert "starts=8" in told
    assert "as was asked" in case_of(run, starts=0).other_starts
    assert len(case_of(run, starts=2).other_starts) == 2


def dip(p):
    return 0.02 * (p[0] - 4) ** 2 - 0.3 * jnp.exp(-((p[0] + 1) ** 2) / 0.3) + 0.1 * p[1] ** 2


@pytest.mark.slow
@pytest.mark.parametrize("offset", [0.0, -3.0, 100.0])
@pytest.mark.parametrize("region", [None, ((-4.0, -2.0), (6.0, 2.0))])
def test_a1_a_dip_beside_a_valley_is_a_local_minimum(region, offset):
    surface = FunctionSurface(lambda p: dip(p) + offset, np.zeros(2))
    bottom = np.array([-1.0, 0.0])
    for _ in range(100):
        bottom = bottom - 0.3 * np.asarray(surface.gradient(bottom))
    stuck = ds.diagnose(surface, params=bottom, region=region, **QUIET)
    assert stuck.verdict.name == "local_minimum", stuck.stuck
    assert stuck.verdict.others.best == pytest.approx(offset, abs=1e-5)
    free = ds.diagnose(surface, params=np.array([4.0, 0.0]), region=region, **QUIET)
    assert free.verdict.name == "minimum", free.stuck


@pytest.mark.slow
def test_a1_what_was_not_compared_with_other_starts_is_not_decided():
    weights = np.arange(1.0, 13.0)
    surface = FunctionSurface(lambda p: 1 + jnp.sum(weights * p**2), np.zeros(12))
    alone = ds.diagnose(surface, params=np.zeros(12), **QUIET)
    assert alone.verdict.name == "minimum"
    assert not alone.verdict.stuck
    assert alone.stuck.startswith("Are we stuck? Not decided: this is a minimum as far as one can tell from here.")
    assert "12 parameters are too many" in alone.stuck
    compared = ds.diagnose(surface, params=np.zeros(12), region=(-1.0, 1.0), **QUIET)
    assert compared.stuck.startswith("Are we stuck? No: this is a minimum, as good as other starts find: of 64 other")


def test_a1_a_descent_that_bounces_is_compared_by_where_it_stands():
    surface = FunctionSurface(lambda p: 0.5 * (p[0] ** 2 + 50 * p[1] ** 2), np.zeros(2))
    path = [np.array([-2.0, 0.5])]
    for _ in range(120):
        path.append(path[-1] - 0.041 * np.asarray(surface.gradient(path[-1])))
    losses = np.array([float(surface.value(p)) for p in path])
    ball = Descent(losses, 0.041, 0.0, lambda curvature: 2 / curvature)
    verdict = report_of(case_of(surface, params=path[-1], descent=ball)).verdict
    assert verdict.name == "bouncing"
    assert verdict.others.own == pytest.approx(losses[-1])
    assert verdict.others.lower == len(verdict.others) == 64
    assert verdict.others.missed > 0.1


@pytest.mark.parametrize("region", [3.0, (1.0, 0.0), ((0.0, 0.0, 0.0), 1.0)])
def test_a1_a_region_that_is_none_is_refused(region):
    with refused(SettingError, "low below high"):
        ds.diagnose(FunctionSurface(dip, np.zeros(2)), params=np.zeros(2), region=region, **QUIET)


# ---- A2: one voice


@pytest.mark.slow
@pytest.mark.optimized
def test_a2_the_answers_repeat_what_the_findings_propose():
    data = ds.load("iris")
    run = ds.train(
        ds.mlp([16], outputs=3), data, optimizer=ds.adam(1e-3), epochs=30, normalize="standard", **QUIET
    )  # fmt: skip
    report = ds.diagnose(run, starts=0, **QUIET)
    finding = next(one for one in report.findings if one.code == "rate_too_small")
    assert finding.severity != "note"
    assert finding.fix in report.speed
    assert "nothing" not in report.speed
    assert report.answers == (report.stuck, report.speed, report.start)


# ---- A3: margins are shares of what can be gained


@pytest.mark.slow
@pytest.mark.optimized
@pytest.mark.parametrize("mean", [1.0, 4.0])
def test_a3_a_sound_fit_of_counts_is_not_called_overfit(mean):
    random = np.random.default_rng(2)
    x = random.normal(size=(600, 3)).astype(np.float32)
    counts = random.poisson(mean * np.exp(0.3 * x[:, 0] - 0.2 * x[:, 1]))
    run = ds.train(
        ds.mlp([8], outputs=1), ds.Dataset(x, counts, task="regression"), loss="poisson", optimizer=ds.adam(3e-3),
        epochs=60, validation=0.25, **QUIET,
    )  # fmt: skip
    report = ds.diagnose(run, starts=0, **QUIET)
    assert not [one.code for one in report.findings if one.severity == "severe"], str(report)
    assert "overfit" not in [one.code for one in report.findings if one.severity != "note"]


# ---- A6 to A8


@pytest.mark.slow
@pytest.mark.optimized
def test_a6_a_network_wider_than_needed_is_noticed():
    data = ds.load("wine").take(np.arange(0, 178, 2)[:87])
    run = ds.train(
        ds.mlp([512, 512], outputs=3), data, optimizer=ds.adam(1e-3), epochs=30, normalize="standard", **QUIET
    )
    finding = next(one for one in ds.diagnose(run, starts=0, **QUIET).findings if one.code == "wider_than_needed")
    assert finding.severity == "note"
    assert "512, 512" in finding.evidence


@pytest.mark.slow
def test_a7_a_ball_whose_rate_is_above_the_limit_is_told_so():
    surface = FunctionSurface(lambda p: 0.5 * (p[0] ** 2 + 50 * p[1] ** 2), np.zeros(2))
    rate, path = 0.0408, [np.array([3.0, 0.2])]
    for _ in range(60):
        path.append(path[-1] - rate * np.asarray(surface.gradient(path[-1])))
    losses = np.array([float(surface.value(p)) for p in path])
    descent = Descent(losses, rate, 0.0, lambda curvature: 2 / curvature)
    report = report_of(case_of(surface, params=path[-1], descent=descent))
    assert report.verdict.name == "bouncing", report.stuck
    assert "102 %" in report.stuck


@pytest.mark.slow
def test_a8_no_warning_of_scipy_reaches_the_terminal(recwarn):
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 2)).astype(np.float32)
    run = ds.train(
        ds.mlp([], outputs=1), ds.Dataset(x, random.poisson(1e4 * np.exp(x[:, 0]))), loss="poisson", epochs=2, **QUIET
    )
    scale = case_of(run).scale
    counts = run.training_rows.t
    assert scale.constant == pytest.approx(float(np.mean(counts) - np.mean(counts) * np.log(np.mean(counts))), rel=1e-5)
    assert scale.floor < scale.linear < scale.constant
    assert [str(one.message) for one in recwarn] == []
