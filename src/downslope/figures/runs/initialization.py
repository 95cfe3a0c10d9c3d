"""A network at the start: how far signals and gradients keep their size with depth, measured and by theory."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from downslope.core import DataError
from downslope.diagnosis import InitializationReport, LayerStart
from downslope.figures.style import BLACK, BLUE, GRAY, GREEN, ORANGE, VERMILLION, drawn

COLORS = (BLUE, VERMILLION, GREEN, ORANGE, BLACK)
"""One a report."""


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
    named = {"": reports} if isinstance(reports, InitializationReport) else dict(reports)
    if not 1 <= len(named) <= len(COLORS):
        raise DataError(f"The figure compares 1 to {len(COLORS)} reports, got {len(named)}. Leave some out.")
    return drawn(lambda figure: _draw(figure, named), (9.6, 4.2))


def _draw(figure: Figure, reports: Mapping[str, InitializationReport]) -> str:
    """Draw both panels and return what they show."""
    sizes, gradients = figure.subplots(1, 2)
    said = []
    for (name, report), color in zip(reports.items(), COLORS, strict=False):
        lines = [report.layers[0], *(stage.last for stage in report.stages)]
        size = _shown([layer.variance for layer in lines]) ** 0.5
        gradient = _shown([layer.gradient for layer in lines])
        _curves(sizes, size, _shown([layer.variance_theory for layer in lines]) ** 0.5, color)
        _curves(gradients, gradient, _shown([layer.gradient_theory for layer in lines]), color)
        said.append(_described(name, lines, size, gradient))
    for axes, label in (
        (sizes, "standard deviation of activations"),
        (gradients, "gradient of the loss by activations (RMS)"),
    ):
        axes.set_yscale("log")
        axes.set_ylabel(label)
        axes.set_xlabel("depth (layers with weights)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
    _legend(figure, list(reports))
    return "Standard deviation of activations and size of gradients against depth at the start. " + " ".join(said)


def _curves(axes: Axes, measured: np.ndarray, theory: np.ndarray, color: str) -> None:
    """Draw what was measured as points on a line, and theory as a dashed line over it."""
    depth = np.arange(len(measured))
    axes.plot(depth, measured, "o-", color=color, lw=1.2, ms=3.5, alpha=0.8)
    axes.plot(depth, theory, "--", color=color, lw=2.0)


def _legend(figure: Figure, names: list[str]) -> None:
    """Say above the panels which color is which report, and which line is theory."""
    reports = [
        Line2D([], [], color=color, lw=4, label=name) for name, color in zip(names, COLORS, strict=False) if name
    ]
    lines = [
        Line2D([], [], color=GRAY, marker="o", ms=3.5, lw=1.2, label="measured"),
        Line2D([], [], color=GRAY, ls="--", lw=2.0, label="theory"),
    ]
    figure.legend(handles=[*reports, *lines], loc="outside upper left", ncols=len(reports) + 2)


def _shown(values: list[float | None]) -> np.ndarray:
    """Return numbers that a logarithmic axis can show, and NaN for the others."""
    numbers = np.array([np.nan if value is None else value for value in values], np.float64)
    return np.where(np.isfinite(numbers) & (numbers > 0), numbers, np.nan)


def _described(name: str, lines: list[LayerStart], size: np.ndarray, gradient: np.ndarray) -> str:
    """Return one report's curves in words."""
    said = (
        f"over {len(lines) - 1} layers, the deviation goes from {size[0]:.3g} to {size[-1]:.3g}, the gradient from "
        f"{gradient[-1]:.3g} at the output back to {gradient[0]:.3g} at the input."
    )
    return f"{name}: {said}" if name else f"{said[0].upper()}{said[1:]}"
