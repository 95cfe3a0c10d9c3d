"""The figures of finders: what they hold and how it is labeled."""

from dataclasses import replace

import numpy as np
import pytest

import downslope as ds
from downslope import figures
from downslope.curvature import NoiseScale
from downslope.efficiency import NO_TIME, StepTime, Timing
from downslope.training import BatchCosts, CurvatureLine, FoundBatchSize, FoundLearningRate, RangeTest, RateTrials
from downslope.training.finders.batch_size.outlook import batch_outlooks
from downslope.training.finders.learning_rate.find import _suggestions


@pytest.fixture
def rate():
    rates = np.geomspace(1e-5, 1, 100)
    losses = 2 - np.tanh((np.arange(100) - 60) / 8) + np.where(np.arange(100) > 90, 50.0, 0)
    test = RangeTest(rates, losses, losses, 1.0)
    losses, before = np.array([[2.0, 1.0, 1.5, np.inf]]), np.array([3.0])
    trials = RateTrials(np.array([0.01, 0.02, 0.05, 0.1]), losses, before, 2.5, 2, 50, "training loss")
    line = CurvatureLine(10.0, 0.1, True, 2.0, 0.2, False, 100)
    return FoundLearningRate(_suggestions(test, trials, line, high=1.0), test, trials, line, ds.sgd(0.02), 32, ())


@pytest.fixture
def size():
    steps = tuple(StepTime(4 * 2**place, Timing(1e-3 * (1 + place), 1e-5, 9), 1000) for place in range(6))
    costs = BatchCosts(steps, NO_TIME, {"shuffle": NO_TIME}, "shuffle", True, ())
    noise = NoiseScale(40.0, 5.0, (30.0, 60.0), 1.0, 0.1, 1.0, 0.1, 128, 4, {})
    return FoundBatchSize(batch_outlooks(costs, 40.0), noise, None, 100, None, costs, (), 32, 1000, 1.0, ())


def texts(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_the_range_test_stands_above_the_trainings_on_one_axis(rate):
    figure = figures.learning_rate(rate)
    above, below = figure.axes
    np.testing.assert_array_equal(above.lines[0].get_xdata(), rate.range_test.rates)
    assert {"batches", "their average"} < set(texts(figure))
    np.testing.assert_array_equal(below.lines[0].get_ydata(), [2.0, 1.0, 1.5])
    assert above.get_xlim() == below.get_xlim()
    assert below.get_xscale() == "log"
    assert above.get_ylim()[1] < 10  # what blew up leaves the panel
    assert below.get_ylabel() == "training loss\nafter 50 steps"
    said = texts(figure)
    assert said[2] == "suggested 0.02"
    assert {"unstable by curvature, from 0.2", "range test blew up at 1"} < set(said)
    assert "Suggested: 0.02. Curvature makes steps unstable from 0.2 on." in figures.alt_text(figure)


def test_without_a_limit_or_a_blow_up_neither_is_marked(rate):
    calm = replace(rate, curvature=None, range_test=replace(rate.range_test, blow_up=None))
    figure = figures.learning_rate(calm)
    assert len(texts(figure)) == 5
    assert "never blows up" in figures.alt_text(figure)


def test_steps_examples_throughput_and_time(size):
    figure = figures.batch_size(size)
    trade_off, throughput, time = figure.axes
    np.testing.assert_allclose(trade_off.lines[0].get_ydata(), [one.steps for one in size.outlook])
    np.testing.assert_allclose(trade_off.lines[1].get_ydata(), [one.examples for one in size.outlook])
    np.testing.assert_allclose(trade_off.lines[2].get_data(), [[40.0], [2.0]])
    np.testing.assert_allclose(throughput.lines[0].get_ydata(), [one.examples_per_second for one in size.outlook])
    assert time.texts[0].get_text() == str(size.suggestion)
    assert [text.get_text() for text in trade_off.get_legend().get_texts()] == ["steps", "examples", "noise scale 40"]
    assert size.reason in figures.alt_text(figure)


def test_a_noise_scale_beyond_the_sizes_is_named_but_not_drawn(size):
    lost = replace(size, noise=replace(size.noise, value=None, interval=(5000.0, np.inf)))
    trade_off = figures.batch_size(lost).axes[0]
    assert len(trade_off.lines[2].get_xdata()) == 0
    assert trade_off.get_legend().get_texts()[2].get_text() == "noise scale ≥ 5,000"


def test_a_size_that_the_evidence_is_not_for_is_drawn_so(size):
    lost = replace(size, noise=replace(size.noise, value=None, interval=(50.0, np.inf)))
    assert [text.get_text() for text in figures.batch_size(size).axes[2].texts] == [str(size.suggestion)]
    figure = figures.batch_size(lost)
    assert [text.get_text() for text in figure.axes[2].texts] == ["32, merely usual"]
    assert "No batch size can be recommended" in figures.alt_text(figure)
