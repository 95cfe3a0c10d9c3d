"""Figures of losses over the whole range of values: drawn soon, without a warning, their ticks readable."""

import logging
import time

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import downslope as ds
from downslope import figures
from downslope.figures.style import plain_texts
from downslope.landscape import Curve, Envelope, Interpolation, Projection, Slice
from downslope.training import (
    CurvatureLine,
    FoundLearningRate,
    RangeTest,
    RateTrials,
    Restarts,
    Statistics,
)
from downslope.training.finders.learning_rate.find import _suggestions

SECONDS = 20.0
"""No figure takes longer, on a machine under load; an axis that runs away takes a minute and gigabytes."""

MOST_TICKS = 60

VALUES = {
    "zeros": [0.0],
    "one value": [3.7],
    "ones": [1.0, 1.0, 1.0],
    "subnormal": [5e-324, 1e-310, 3e-320],
    "1e-300": [1e-300, 2e-300, 1e-299],
    "1e-22": [1e-22, 3e-22, 1e-21],
    "1e22": [1e22, 3e22, 1e23],
    "1e300": [1e300, 1.5e300, 1e299],
    "from zero": [0.0, 5e-324, 1.0],
    "whole range": [5e-324, 1e-300, 1e-22, 1.0, 1e22, 1e300],
    "whole range, both signs": [-1e300, -1.0, 0.0, 1e-300, 1e300],
    "near the largest": [1e308, 1.7e308, -1.7e308],
    "negative": [-5.0, -5.00001, -4.9],
    "negative, tiny": [-1e-300, -1e-22, -5e-324],
    "offset": [1e6, 1e6 + 0.25, 1e6 + 0.5],
    "offset beyond six digits": [123456789.0, 123456789.125, 123456789.25],
    "NaN": [np.nan],
    "infinite": [np.inf, np.inf],
    "minus infinite": [-np.inf, 1.0],
    "of all kinds": [np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-300, 1e300],
}

AXIS = np.linspace(-1, 1, 7)
EPOCHS = 6


def filled(values, count):
    """Return so many numbers, the values in turn."""
    return np.resize(np.array(values, float), count)


def plane(values):
    axes, losses = (AXIS, AXIS), filled(values, 49).reshape(7, 7)
    return Slice(axes, losses, np.ones((7, 7), bool), np.zeros(2), (np.eye(2)[0], np.eye(2)[1]), "given", ("a", "b"))


def line(values):
    return Slice((AXIS,), filled(values, 7), np.ones(7, bool), np.zeros(2), (np.eye(2)[0],), "given", ("a",))


def path(values, points=None):
    steps = np.arange(8) if points is None else points
    coordinates = np.linspace(-1, 1, 2 * len(steps)).reshape(-1, 2)
    losses = filled(values, len(steps))
    return Projection(steps, coordinates, losses, losses[::-1].copy(), np.abs(losses), 0.5)


def learning_rate(values):
    rates = np.geomspace(1e-5, 1, 40)
    test = RangeTest(rates, filled([*values, 1.0], 40), filled([*values, 1.0], 40), 1.0)  # a range test has finite ones
    losses = filled([*values, 1.0], 4)[None, :]
    trials = RateTrials(np.array([0.01, 0.02, 0.05, 0.1]), losses, filled(values, 1), 2.5, 2, 50, "training loss")
    curve = CurvatureLine(10.0, 0.1, True, 2.0, 0.2, False, 100)
    good = RateTrials(trials.rates, np.array([[2.0, 1.0, 1.5, np.inf]]), np.array([3.0]), 2.5, 2, 50, "training loss")
    calm = RangeTest(rates, 2 - rates, 2 - rates, 1.0)
    chosen = _suggestions(calm, good, curve, high=1.0)
    return figures.learning_rate(FoundLearningRate(chosen, test, trials, curve, ds.sgd(0.02), 32, ()))


def statistics(values):
    columns = [filled(values, 12).reshape(4, 3)] * 7
    return figures.layer_statistics(Statistics(np.arange(4), ("0 Tanh", "1 Tanh", "2 Tanh"), *columns))


def restarts(values):
    losses = filled(values, 9)
    lost = ~np.isfinite(losses)
    curves = np.where(lost[None, :], np.nan, np.linspace(1, 0.5, 5)[:, None] * np.where(lost, 0, losses)[None, :])
    best = 0 if lost.all() else int(np.nanargmin(np.where(lost, np.nan, losses)))
    reasons = tuple("diverged" if gone else "completed" for gone in lost)
    return figures.restarts(Restarts(losses, best, np.where(lost, 0, 5), reasons, {"train_loss": curves}))


def interpolation(values):
    t = np.linspace(-0.25, 1.25, 7)
    losses = filled(values, 7)
    return figures.interpolation(Interpolation(t, losses, float(np.nanmax([0.0, losses[3]])), 0.5, 2.0))


def low_curve(values):
    t, losses = np.linspace(0, 1, 5), filled(values, 5)
    ends = (np.zeros(2), np.ones(2))
    curved = Curve(t, losses, losses, 0.1, 0.2, 2.5, 2.0, 0.3, np.ones(2), ends)
    return figures.interpolation(Interpolation(t, losses, 0.2, 0.5, 2.0), curved)


FIGURES = {
    "contour": lambda values: figures.surface_contour(plane(values), path(values)),
    "contour, logarithmic": lambda values: figures.surface_contour(plane(values), log=True),
    "3d": lambda values: figures.surface_3d(plane(values), path(values)),
    "strip": lambda values: figures.surface_strip({"one": plane(values), "two": plane([1.0, 2.0])}),
    "lines": lambda values: figures.slice_lines({"one": line(values), "two": line([1.0, 2.0])}),
    "path losses": lambda values: figures.path_losses(path(values)),
    "envelope": lambda values: figures.envelope(Envelope(AXIS[3:], filled(values, 24).reshape(6, 4))),
    "interpolation": interpolation,
    "low curve": low_curve,
    "learning rate": learning_rate,
    "layer statistics": statistics,
    "restarts": restarts,
}


def check_drawn(figure):
    """Draw a figure for real, and check its axes: few ticks, and labels that differ where ticks do."""
    figure.draw(FigureCanvasAgg(figure).get_renderer())
    for axes in figure.axes:
        for axis in [axes.xaxis, axes.yaxis, *([axes.zaxis] if hasattr(axes, "zaxis") else [])]:
            low, high = sorted(axis.get_view_interval())
            ticks = [float(tick) for tick in axis.get_majorticklocs() if low <= tick <= high]
            assert len(ticks) + len(axis.get_minorticklocs()) <= MOST_TICKS
            texts = [text for text in axis.get_major_formatter().format_ticks(ticks) if text]
            assert len(texts) == len(set(texts)), (axes.get_title(), axes.get_ylabel(), texts)


@pytest.mark.product(share=1 / 24)
@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("name", FIGURES)
def test_e4_a_figure_of_any_values_is_drawn_soon_without_a_warning(name, values, caplog):
    start = time.perf_counter()
    with caplog.at_level(logging.WARNING, logger="matplotlib"):
        try:
            figure = FIGURES[name](VALUES[values])
        except (ds.DataError, ds.SettingError):  # in a sentence: there is nothing to draw
            return
        if figure is not None:
            check_drawn(figure)
    assert not caplog.records
    assert time.perf_counter() - start < SECONDS


@pytest.mark.parametrize("values", VALUES)
def test_e4_texts_of_ticks_differ_where_ticks_do(values):
    numbers = np.unique(filled(VALUES[values], 9))
    texts = plain_texts(numbers.tolist())
    assert len(texts) == len(numbers)
    spread = float(np.ptp(numbers / 1e10)) if np.isfinite(numbers).all() else 1.0
    if spread < 1e5:
        assert len(set(texts)) == len(numbers)
