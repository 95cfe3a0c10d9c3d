"""The figure of a start: what it draws, and what it says."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import downslope as ds
from downslope import figures
from downslope.diagnosis import initialization_report


@pytest.fixture(scope="module")
def reports():
    data = ds.load("iris")
    return {
        name: initialization_report(ds.mlp([16] * 4, outputs=3, initializer=name), data, normalize="standard")
        for name in ("he_normal", "zeros")
    }


def test_it_draws_what_the_report_holds(reports):
    report = reports["he_normal"]
    figure = figures.initialization(report)
    sizes, gradients = figure.axes
    layers = [report.layers[0], *(stage.last for stage in report.stages)]
    measured, theory = (line.get_ydata() for line in sizes.get_lines())
    assert np.allclose(np.square(measured), [layer.variance for layer in layers])
    assert np.allclose(np.square(theory[1:]), [layer.variance_theory for layer in layers[1:]])
    assert np.allclose(gradients.get_lines()[0].get_ydata(), [layer.gradient for layer in layers])
    assert {axes.get_yscale() for axes in figure.axes} == {"log"}
    assert figures.alt_text(figure).startswith("Standard deviation of activations")


def test_reports_are_compared_and_zeros_leave_gaps(reports):
    figure = figures.initialization(reports)
    assert [text.get_text() for text in figure.legends[0].texts] == ["he_normal", "zeros", "measured", "theory"]
    assert np.isnan(figure.axes[0].get_lines()[2].get_ydata()[1:]).all()
    figure.draw(FigureCanvasAgg(figure).get_renderer())
    assert "zeros: over 5 layers" in figures.alt_text(figure)


def test_too_many_reports_are_refused(reports):
    with pytest.raises(ds.DataError, match="1 to 5 reports, got 6"):
        figures.initialization({str(i): reports["zeros"] for i in range(6)})
