"""Signals and gradients against depth at initialization, measured and by theory."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from downslope.core import DataError
from downslope.diagnosis import InitializationReport, LayerStart
from downslope.figures.style import BLACK, BLUE, GRAY, GREEN, ORANGE, VERMILLION, decade_ticks, drawable, styled_figure

COLORS = (BLUE, VERMILLION, GREEN, ORANGE, BLACK)
"""The colors of reports."""


def initialization(reports: InitializationReport | Mapping[str, InitializationReport]) -> Figure:
    """Return a figure of the size of activations and of gradients against depth, measured and as theory predicts.

    Depth counts the layers with weights; a point is the output of the last layer before the next such. Depth 0 is the
    input. Theory is a dashed line, with gaps where there is none. What is 0 or not finite cannot be shown on the
    logarithmic axes.

    Args:
        reports: a report, or up to five by name, to compare.

    Raises:
        DataError: there is nothing to draw, or too much.

    Example:
        >>> import downslope as ds
        >>> from downslope.diagnosis import initialization_report
        >>> report = initialization_report(ds.mlp([16, 16], outputs=3), ds.load("iris"))
        >>> [axes.get_ylabel() for axes in initialization(report).axes]
        ['standard deviation of activations', 'gradient of the loss by activations (RMS)']
    """
    by_name = {"": reports} if isinstance(reports, InitializationReport) else dict(reports)
    if not 1 <= len(by_name) <= len(COLORS):
        raise DataError(f"The figure compares 1 to {len(COLORS)} reports, got {len(by_name)}. Leave some out.")
    return styled_figure(lambda figure: _draw(figure, by_name), (9.6, 4.2))


def _draw(figure: Figure, reports: Mapping[str, InitializationReport]) -> str:
    """Draw both panels and return the alternative text."""
    sizes, gradients = figure.subplots(1, 2)
    sentences = []
    for (name, report), color in zip(reports.items(), COLORS, strict=False):
        lines = [report.layers[0], *(stage.last for stage in report.stages)]
        size = _positive([layer.variance for layer in lines]) ** 0.5
        gradient = _positive([layer.gradient for layer in lines])
        _curves(sizes, size, _positive([layer.variance_theory for layer in lines]) ** 0.5, color)
        _curves(gradients, gradient, _positive([layer.gradient_theory for layer in lines]), color)
        sentences.append(_describe(name, lines, size, gradient))
    for axes, label in (
        (sizes, "standard deviation of activations"),
        (gradients, "gradient of the loss by activations (RMS)"),
    ):
        axes.set_yscale("log")
        decade_ticks(axes.yaxis)
        axes.set_ylabel(label)
        axes.set_xlabel("depth (layers with weights)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
    _legend(figure, list(reports))
    return "Standard deviation of activations and size of gradients against depth at the start. " + " ".join(sentences)


def _curves(axes: Axes, measured: np.ndarray, theory: np.ndarray, color: str) -> None:
    """Draw measurements as points on a line, and theory as a dashed line over it."""
    depth = np.arange(len(measured))
    axes.plot(depth, measured, "o-", color=color, lw=1.2, ms=3.5, alpha=0.8)
    axes.plot(depth, theory, "--", color=color, lw=2.0)


def _legend(figure: Figure, names: list[str]) -> None:
    """Draw the legend of reports and lines above the panels."""
    reports = [
        Line2D([], [], color=color, lw=4, label=name) for name, color in zip(names, COLORS, strict=False) if name
    ]
    lines = [
        Line2D([], [], color=GRAY, marker="o", ms=3.5, lw=1.2, label="measured"),
        Line2D([], [], color=GRAY, ls="--", lw=2.0, label="theory"),
    ]
    figure.legend(handles=[*reports, *lines], loc="outside upper left", ncols=len(reports) + 2)


def _positive(values: list[float | None]) -> np.ndarray:
    """Return positive numbers that can be drawn, and NaN for the others."""
    numbers = drawable(np.array([np.nan if value is None else value for value in values], np.float64))
    return np.where(numbers > 0, numbers, np.nan)


def _describe(name: str, lines: list[LayerStart], size: np.ndarray, gradient: np.ndarray) -> str:
    """Describe the curves of one report."""
    text = (
        f"over {len(lines) - 1} layers, the deviation goes from {size[0]:.3g} to {size[-1]:.3g}, the gradient from "
        f"{gradient[-1]:.3g} at the output back to {gradient[0]:.3g} at the input."
    )
    return f"{name}: {text}" if name else f"{text[0].upper()}{text[1:]}"
