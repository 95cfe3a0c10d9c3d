"""Finding a batch size: noise of gradients and of `H g`, costs, the trade-off, trainings, `"auto"`."""

from dataclasses import replace

import numpy as np
import pytest

import downslope as ds
from downslope.core import SettingError
from downslope.curvature import NoiseScale
from downslope.data import ORDERS
from downslope.efficiency import StepTime, Timing
from downslope.training import BatchCosts, FoundBatchSize, find_batch_size
from downslope.training.finders.batch_size.outlook import batch_outlooks, fastest_outlook
from downslope.training.finders.batch_size.result import usable_noise_scale

QUICK = {"steps": 20, "seconds": 1e-3, "progress": False}


def noise(value, interval):
    return NoiseScale(value, None if value is None else 1.0, interval, 1.0, 0.1, 1.0, 0.1, 128, 4, {})


def costs(seconds, *, update=0.0, drawing=0.0, spread=0.0, rounds=9, complete=True):
    def timing(each):
        return Timing(each, spread * each, rounds)

    steps = tuple(StepTime(4 * 2**place, timing(each), 1000) for place, each in enumerate(seconds))
    orders = dict.fromkeys(("shuffle", "sequential"), timing(drawing))
    return BatchCosts(steps, timing(update), orders, "shuffle", complete, ())


def found_with(spent, scale):
    value = scale.interval[0] if scale.value is None else scale.value
    return FoundBatchSize(batch_outlooks(spent, value), scale, None, 100, None, spent, (), 32, 1000, 1.0, ())


@pytest.fixture
def found():
    return found_with(costs([1e-3, 1e-3, 1.1e-3, 2e-3, 4e-3]), noise(32.0, (16.0, 64.0)))


def test_steps_and_examples_trade_off_around_the_noise_scale():
    one = next(one for one in batch_outlooks(costs([1.0] * 5), 32.0) if one.batch_size == 32)
    assert (one.steps, one.examples) == (2.0, 2.0)
    for one in batch_outlooks(costs([1.0] * 5), 32.0):
        np.testing.assert_allclose((one.steps - 1) * (one.examples - 1), 1)


def test_time_is_steps_times_seconds_and_the_smallest_near_the_fastest_is_taken():
    found = batch_outlooks(costs([1.0, 1.0, 1.05, 1.9, 3.7]), 1e9)  # far below the noise scale only throughput counts
    seconds = np.array([1.0, 1.0, 1.05, 1.9, 3.7]) / np.array([4, 8, 16, 32, 64])
    np.testing.assert_allclose([one.time for one in found], seconds / seconds.min(), rtol=1e-6)
    assert fastest_outlook(found).batch_size == 32
    assert fastest_outlook(batch_outlooks(costs([1.0, 1.0, 1.0, 2.0, 4.0]), 1e-6)).batch_size == 4


def test_no_step_counts_as_slower_than_one_on_a_larger_batch():
    spent = costs([3.0, 9.0, 2.0, 4.0], update=0.5, drawing=0.01)
    np.testing.assert_allclose([spent.timing(size).seconds for size in (4, 8, 16, 32)], [2.54, 2.58, 2.66, 4.82])


def test_a_noise_scale_that_is_not_resolved_is_at_least_that_at_the_start():
    assert usable_noise_scale(noise(40.0, (20.0, 90.0)), None) == 40.0
    assert usable_noise_scale(noise(None, (5.0, np.inf)), noise(12.0, (8.0, 20.0))) == 12.0
    assert usable_noise_scale(noise(None, (50.0, np.inf)), noise(None, (8.0, np.inf))) == 50.0


def test_the_result_says_why(found):
    assert found.suggestion == 16
    assert found.growth_stops_at == 16
    assert found.between == (16, 16)
    assert "3 times the fewest steps and 1.5 times the fewest examples" in found.reason
    lost = replace(found, noise=noise(None, (16.0, np.inf)))
    assert "lost in noise" in lost.reason
    assert not lost.resolved
    text = str(found)
    assert "Batch size 16." in text
    assert "Multiply the learning rate of batches of 32 by 0.67 (0.6 to 0.75)." in text
    assert found.table()["batch_size"].to_list() == [4, 8, 16, 32, 64]


def test_the_rate_goes_with_the_size_below_the_noise_scale(found):
    assert found.rate_factor(32) == 1
    np.testing.assert_allclose(found.rate_factor(16), 2 / 3)
    np.testing.assert_allclose(replace(found, rate_power=0.5).rate_factor(16), np.sqrt(2 / 3))
    np.testing.assert_allclose(found.rate_factor(10**9), 2, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.optimized
def test_finding_touches_nothing():
    net, data = ds.mlp([], outputs=3), ds.load("iris")
    given = {"optimizer": ds.sgd(0.1), "normalize": "standard", "batch_size": 16}
    first = ds.train(net, data, epochs=2, progress=False, **given)
    said = []
    found = find_batch_size(net, data, tell=said.append, trainings=2, epochs=2, **QUICK, **given)
    again = ds.train(net, data, epochs=2, progress=False, **given)
    assert all(np.array_equal(first.history[name], again.history[name]) for name in first.history)
    assert found.suggestion == 32  # the usual, for there was no time for rounds enough
    assert not found.resolved
    assert "time was up" in found.costs.notes[0]
    assert set(found.costs.drawing) == set(ORDERS)
    assert all(timing.seconds > 0 for timing in found.costs.drawing.values())
    assert found.noise_at_start.interval[0] > 0
    assert found.curvature.batch_sizes.tolist() == [16, 64]
    small, trained = found.trainings
    assert (small.batch_size, trained.batch_size) == (8, 32)
    np.testing.assert_allclose(trained.gap, trained.validation_loss - trained.train_loss)
    assert trained.gap.shape == (2,)
    assert np.all(trained.sharpness > 0)
    assert trained.learning_rate == pytest.approx(0.1 * found.rate_factor(32))
    assert "32" in str(found)
    assert said[0] == "a short training"


@pytest.mark.slow
def test_batch_norm_is_measured_in_training_mode():
    net = ds.Sequential([ds.BatchNorm(), ds.Dense(3)])
    found = find_batch_size(net, ds.load("iris"), batch_size=12, **QUICK)
    assert found.curvature is None
    assert found.noise.batch_size == 12
    assert "training mode" in found.notes[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings, message",
    [({"memory_limit": 10}, "`memory_limit` must hold"), ({"optimizer": ds.sgd("auto")}, "'auto' is for `train`")],
)
def test_what_cannot_be_is_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        find_batch_size(ds.mlp([], outputs=3), ds.load("iris"), **QUICK, **settings)


@pytest.mark.slow
@pytest.mark.optimized
def test_auto_trains_with_the_size_that_it_found():
    net, data = ds.mlp([], outputs=3), ds.load("iris")
    settings = {"epochs": 2, "normalize": "standard", "optimizer": ds.sgd(0.1), "progress": False}
    run = ds.train(net, data, batch_size="auto", **settings)
    size = run.recipe.settings["batch_size"]
    same = ds.train(net, data, batch_size=size, **settings)
    assert all(np.array_equal(run.history[name], same.history[name]) for name in run.history)
    assert f"Batch size {size}, " in run.notes[-1]
    with pytest.raises(SettingError, match="or 'auto', got 'all'"):
        ds.train(net, data, batch_size="all", **settings)
