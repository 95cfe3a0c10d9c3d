"""Statistics of every layer during a run: activations, gradients, updates, dead and saturated units."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from downslope.core import Advice, DataError
from downslope.figures.style import GRAY, decade_ticks, drawable, percent, shortened, styled_figure
from downslope.training import Run, Statistics

SIZES = {
    "deviation": "standard deviation of activations",
    "activation_gradient": "gradient by activations (RMS)",
    "update_ratio": "update / weights (norms)",
}
SHARES = {"dead": "dead units", "saturated": "saturated activations"}

MOST_NAMES = 16
"""The largest number of named layers: of more, every second, third … is named; all are drawn."""

LONGEST_NAME = 30

FEW_STEPS = 30
"""The largest number of steps drawn as points on their lines."""

USUAL_RATIO = 1e-3

LEAST_TOP = 0.1
"""The least upper limit of axes of shares."""


def layer_statistics(source: Run | Statistics) -> Figure:
    """Return a figure of every layer's statistics against the step, dark for early layers, bright for late ones.

    The panels: standard deviation of activations, root mean square of the gradient of the loss by activations, and
    norm of the update over norm of the weights, all on logarithmic axes; the shares of dead and of saturated units,
    of those layers that ever have some. What is 0 or not finite cannot be shown on logarithmic axes and leaves a gap.

    Args:
        source: a run that recorded statistics, or its `statistics`.

    Raises:
        DataError: no statistics were recorded.

    Example:
        >>> import downslope as ds
        >>> every = ds.Record(statistics_every=4)
        >>> run = ds.train(ds.mlp([8], outputs=3), ds.load("iris"), epochs=4, record=every, progress=False)
        >>> [axes.get_ylabel() for axes in layer_statistics(run).axes][:2]
        ['standard deviation of activations', 'gradient by activations (RMS)']
    """
    statistics = source.statistics if isinstance(source, Run) else source
    if statistics is None or not len(statistics):
        raise DataError(
            "The figure of layer statistics needs some that were recorded, got none.",
            Advice("train with {}", code="`record=ds.Record(statistics_every=10)`"),
        )
    return styled_figure(lambda figure: _draw(figure, statistics), (11.4, 6.6))


def _draw(figure: Figure, statistics: Statistics) -> str:
    """Draw all panels and return the alternative text."""
    grid = figure.subplots(2, 3).flat
    colors = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(statistics.layers)))
    for axes, (name, label) in zip(grid, {**SIZES, **SHARES}.items(), strict=False):
        (_sizes if name in SIZES else _shares)(axes, statistics, name, colors)
        axes.set_xlim(*_limits(statistics.steps))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.set_xlabel("step")
        axes.set_ylabel(label)
    _legend(grid[len(SIZES) + len(SHARES)], statistics.layers, colors)
    return _describe(statistics)


def _sizes(axes: Axes, statistics: Statistics, name: str, colors: np.ndarray) -> None:
    """Draw the sizes of all layers that have any, on a logarithmic axis."""
    values = statistics.values[name]
    sizes = drawable(values)
    positive = np.where(sizes > 0, sizes, np.nan)
    for layer in np.flatnonzero(np.isfinite(positive).any(axis=0)):
        _line(axes, statistics.steps, positive[:, layer], colors[layer])
    if name == "update_ratio":
        axes.axhline(USUAL_RATIO, color=GRAY, lw=1.2, ls=(0, (2, 2)), zorder=1)
    axes.set_yscale("log")
    decade_ticks(axes.yaxis)


def _shares(axes: Axes, statistics: Statistics, name: str, colors: np.ndarray) -> None:
    """Draw the shares of all layers that ever have one above 0, or a note where there are none."""
    values = statistics.values[name]
    layers = np.flatnonzero((values > 0).any(axis=0))
    for layer in layers:
        _line(axes, statistics.steps, values[:, layer], colors[layer])
    if not len(layers):
        axes.text(0.5, 0.5, "none in any layer", transform=axes.transAxes, ha="center", va="center", color="#404040")
    highest = min(1.0, max(LEAST_TOP, 1.1 * _highest(values)))
    axes.set_ylim(-0.03 * highest, 1.03 * highest)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: percent(float(share))))


def _highest(shares: np.ndarray) -> float:
    """Return the highest share; 0 where none is a number."""
    return float(np.max(shares, initial=0.0, where=np.isfinite(shares)))


def _line(axes: Axes, steps: np.ndarray, values: np.ndarray, color: np.ndarray) -> None:
    """Draw one layer."""
    axes.plot(steps, values, color=color, lw=1.6, marker="o" if len(steps) <= FEW_STEPS else None, ms=3.0)


def _limits(steps: np.ndarray) -> tuple[float, float]:
    """Return the limits of the axis of steps."""
    room = 0.03 * (steps[-1] - steps[0]) or 1.0
    return float(steps[0] - room), float(steps[-1] + room)


def _legend(axes: Axes, layers: tuple[str, ...], colors: np.ndarray) -> None:
    """Name the layers by color, from the input to the output."""
    axes.axis("off")
    stride = -(-len(layers) // MOST_NAMES)
    handles = [
        Line2D([], [], color=color, lw=2.5, label=shortened(layer, LONGEST_NAME))
        for index, (layer, color) in enumerate(zip(layers, colors, strict=True))
        if index % stride == 0 or index == len(layers) - 1
    ]
    title = "layers, input first" + (f" (1 in {stride} named)" if stride > 1 else "")
    handles.append(Line2D([], [], color=GRAY, lw=1.2, ls=(0, (2, 2)), label="1e-3, usual with Adam"))
    axes.legend(handles=handles, title=title, loc="center left", ncols=1 + (len(handles) > 9), alignment="left")


def _describe(statistics: Statistics) -> str:
    """Return the alternative text of the figure."""
    last = len(statistics.layers) - 1
    first, end = statistics.layers[0], statistics.layers[last]
    sizes = "; ".join(
        f"{label}: {values[0]:.3g} in {first} and {values[last]:.3g} in {end}"
        for name, label in (("deviation", SIZES["deviation"]), ("activation_gradient", SIZES["activation_gradient"]))
        for values in [statistics.values[name][-1]]
    )
    shares = ", ".join(f"{percent(_highest(statistics.values[name][-1]))} {label}" for name, label in SHARES.items())
    return (
        f"Statistics of {last + 1} layers at {len(statistics)} steps. At step {statistics.steps[-1]}, {sizes}; "
        f"at most {shares}."
    )
