"""Answers that were wrong once, each with a small input and the right value, and siblings of its kind."""

import numpy as np
import pytest

import downslope as ds
from downslope.training import find_learning_rate

QUIET = {"progress": False}


@pytest.fixture(scope="module")
def normal():
    """Return 2,000 rows of ten independent normal features, and noise."""
    random = np.random.default_rng(0)
    return random.normal(size=(2000, 10)).astype(np.float32), random


def found(net, x, y, **settings):
    return find_learning_rate(net, ds.Dataset(x, y), curvature=False, **QUIET, **settings)


@pytest.mark.optimized
def test_a3_a_logistic_regression_with_little_to_learn_is_found_a_rate_that_learns_it(normal):
    x, random = normal
    y = (random.random(len(x)) < 1 / (1 + np.exp(-0.45 * x[:, 0]))).astype(int)
    net = ds.Sequential([ds.Dense(2, initializer="zeros")])
    rate = found(net, x, y, optimizer=ds.sgd("auto"))
    assert 0.01 <= rate.suggestion <= 0.1, str(rate)
    assert rate.trials.losses.min() < 0.675


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
