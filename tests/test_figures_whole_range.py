"""Figures of losses over the whole range of values: drawn soon, without a warning, their ticks readable."""

import logging
import time

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import downslope as ds
from downslope.figures.style import plain_texts
from figure_cases import FIGURES, filled

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


@pytest.mark.product(share=1 / 48)
@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("name", FIGURES)
def test_e4_a_figure_of_any_values_is_drawn_soon_without_a_warning(name, values, caplog):
    start = time.perf_counter()
    with caplog.at_level(logging.WARNING, logger="matplotlib"):
        try:
            figure = FIGURES[name](VALUES[values], "a")
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
