"""The choice of a batch size: steps against examples, throughput, and the time to the same loss."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from downslope.figures.style import (
    BLUE,
    GRAY,
    ORANGE,
    STAR,
    VERMILLION,
    CountFormatter,
    decade_ticks,
    drawable,
    styled_figure,
)
from downslope.training import FoundBatchSize


def batch_size(result: FoundBatchSize) -> Figure:
    """Return a figure of the grounds for a batch size: the trade-off, the throughput, and both together.

    Left, the steps and the examples that each size needs to the same loss, as multiples of the fewest, with the noise
    scale, where both are 2, and its 95 % interval shaded. Middle, examples a second, with the spread of the times.
    Right, the time to the same loss as a multiple of the fastest, for the noise scale, and shaded for its interval and
    the spread. The suggested size is a star; an empty one where the evidence is for none, and it is merely the usual.

    Args:
        result: the result of `ds.find_batch_size`.

    Example:
        >>> import downslope as ds
        >>> from downslope.training import find_batch_size
        >>> net, data = ds.mlp([], outputs=3), ds.load("iris")
        >>> found = find_batch_size(net, data, seconds=0.5, steps=20, progress=False)
        >>> [axes.get_ylabel() for axes in batch_size(found).axes]
        ['multiple of the fewest', 'throughput (examples/s)', 'time to the same loss (× fastest)']
    """
    return styled_figure(lambda figure: _draw(figure, result), (11.6, 4.1))


def _draw(figure: Figure, result: FoundBatchSize) -> str:
    """Draw the three panels and return the alternative text."""
    trade_off, throughput, time = figure.subplots(1, 3)
    sizes = np.array([candidate.batch_size for candidate in result.outlook], float)
    _trade_off_panel(trade_off, result, sizes)
    rates = [candidate.examples_per_second for candidate in result.outlook]
    throughput.plot(sizes, rates, "o-", color=BLUE, lw=1.8, ms=4.5)
    least = [candidate.least_examples_per_second for candidate in result.outlook]
    most = [candidate.most_examples_per_second for candidate in result.outlook]
    throughput.fill_between(sizes, least, most, color=BLUE, alpha=0.2, lw=0)
    throughput.set_ylim(0, 1.05 * max(most))
    throughput.yaxis.set_major_formatter(CountFormatter())
    throughput.set_ylabel("throughput (examples/s)")
    _time_panel(time, result, sizes)
    for axes in (trade_off, throughput, time):
        axes.set_xscale("log", base=2)
        axes.set_xlim(sizes[0] / 1.3, sizes[-1] * 1.3)
        axes.set_xticks(sizes[:: 1 + len(sizes) // 8], [f"{size:g}" for size in sizes[:: 1 + len(sizes) // 8]])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("batch size (rows)")
        axes.axvline(result.suggestion, color=VERMILLION, lw=1.2, ls=(0, (2, 2)), zorder=1)
    trade_off.set_title("Statistics: steps or examples")
    throughput.set_title("Machine: throughput")
    time.set_title("Both: time")
    return _describe(result)


def _trade_off_panel(axes: Axes, result: FoundBatchSize, sizes: np.ndarray) -> None:
    """Draw steps and examples by batch size, and the noise scale where they cross."""
    steps = drawable(np.array([candidate.steps for candidate in result.outlook]))
    examples = drawable(np.array([candidate.examples for candidate in result.outlook]))
    axes.plot(sizes, steps, "o-", color=BLUE, lw=1.8, ms=4, label="steps")
    axes.plot(sizes, examples, "s-", color=ORANGE, lw=1.8, ms=4, label="examples")
    axes.set_yscale("log")
    decade_ticks(axes.yaxis)
    axes.set_ylabel("multiple of the fewest")
    low, high = result.noise.interval
    _shade(axes, low, high, sizes)
    known = result.noise.value is not None
    name = f"noise scale {'' if known else '≥ '}{float(f'{result.noise_scale:.2g}'):,g}"
    visible = sizes[0] / 1.3 < result.noise_scale < sizes[-1] * 1.3
    axes.plot(
        [result.noise_scale] if visible else [], [2.0] if visible else [], "D", color="white", mec=GRAY, mew=1.8, ms=7
    )
    axes.lines[-1].set_label(name)
    axes.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="none")


def _shade(axes: Axes, low: float, high: float, sizes: np.ndarray) -> None:
    """Shade the interval of the noise scale, as far as it lies in the panel."""
    left, right = max(low, sizes[0] / 1.3), min(high, sizes[-1] * 1.3)
    if right > left:
        axes.axvspan(left, right, color=GRAY, alpha=0.12, lw=0, zorder=0)


def _time_panel(axes: Axes, result: FoundBatchSize, sizes: np.ndarray) -> None:
    """Draw the time to the same loss, its range over the interval of the noise scale, and the suggestion."""
    low, high = result.times_between
    axes.fill_between(sizes, low, high, color=GRAY, alpha=0.18, lw=0)
    times = [candidate.time for candidate in result.outlook]
    axes.plot(sizes, times, "o-", color=BLUE, lw=1.8, ms=4.5)
    chosen = next(candidate for candidate in result.outlook if candidate.batch_size == result.suggestion)
    axes.plot([result.suggestion], [chosen.time], mfc=BLUE if result.resolved else "white", **STAR)
    merely = "" if result.resolved else ", merely usual"
    axes.annotate(
        f"{result.suggestion}{merely}", (result.suggestion, chosen.time), xytext=(0, 12), textcoords="offset points",
        ha="center", weight="bold", bbox={"fc": "white", "alpha": 0.8, "lw": 0, "pad": 1},
    )  # fmt: skip
    if max(times) > 12:
        axes.set_yscale("log")
        decade_ticks(axes.yaxis)
    else:
        axes.set_ylim(0, None)
    axes.set_ylabel("time to the same loss (× fastest)")


def _describe(result: FoundBatchSize) -> str:
    """Return the alternative text of the figure."""
    return (
        f"Steps, examples, throughput and time to the same loss for batches of {result.outlook[0].batch_size} to "
        f"{result.outlook[-1].batch_size}. {result.reason} {result.growth_sentence()}"
    )
