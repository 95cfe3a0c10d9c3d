"""The time of training a network by layer, and the throughput by batch size."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from downslope.core import DataError, Setting
from downslope.efficiency import NO_TIME, LayerProfile, Profile, together
from downslope.figures.style import BLUE, GRAY, ORANGE, VERMILLION, CountFormatter, percent, styled_figure

MOST_LAYERS = 24
"""The largest number of bars: of more layers, the slowest are drawn, and the others as one bar."""


def profile(result: Profile) -> Figure:
    """Return a figure of the time of each layer, forward and backward, and of the throughput by batch size.

    Bars and points are those of the fastest round; whiskers and the shaded band are the spread of the times. The batch
    size from which throughput stops growing is marked, or the range in which it does, where the spread of the times
    leaves it open. There is one panel only where the profile holds no throughput.

    Args:
        result: the result of `ds.profile`.

    Raises:
        DataError: no layer takes any time, or none was measured.

    Example:
        >>> import downslope as ds
        >>> from downslope.efficiency import profile as measure
        >>> found = measure(ds.mlp([], outputs=2), (8,), batch_sizes=[32], seconds=60)
        >>> [axes.get_xlabel() for axes in profile(found).axes]
        ['time for a batch of 32 (µs)', 'batch size (examples)']
    """
    if result.largest is None:
        raise DataError(
            "A figure of a profile needs a layer that was timed, got none. Give it more", Setting("seconds"), "."
        )
    bars = _bars(result)
    height = max(4.2, 1.4 + 0.26 * len(bars))
    return styled_figure(lambda figure: _draw(figure, result, bars), (6.4 + 4.6 * bool(result.throughput), height))


def _draw(figure: Figure, result: Profile, bars: list[LayerProfile]) -> str:
    """Draw the panels and return the alternative text."""
    panels = figure.subplots(1, 1 + bool(result.throughput), squeeze=False)[0]
    _layer_panel(panels[0], result, bars)
    if result.throughput:
        _throughput_panel(panels[1], result)
    sentences = [f"Time of {len(result.rows)} layers.", result.bottleneck_sentence(), result.growth_sentence()]
    return " ".join(sentence for sentence in sentences if sentence)


def _bars(result: Profile) -> list[LayerProfile]:
    """Return the layers to draw, in the order of the network; the smallest together, where there are many."""
    timed = [row for row in result.rows if row.seconds]
    if len(timed) <= MOST_LAYERS:
        return timed
    largest = sorted(timed, key=lambda row: -(row.seconds or 0.0))[: MOST_LAYERS - 1]
    largest_places = {row.place for row in largest}
    others = [row for row in timed if row.place not in largest_places]
    rest = LayerProfile(
        place="",
        layer=f"{len(others)} others",
        output_shape=(),
        parameters=0,
        connections=None,
        flops=None,
        forward=together(row.forward for row in others if row.forward is not None),
        backward=together(row.backward for row in others if row.backward is not None),
        share=sum(row.share or 0.0 for row in others),
        share_between=None,
    )
    return [*(row for row in timed if row.place in largest_places), rest]


def _layer_panel(axes: Axes, result: Profile, bars: list[LayerProfile]) -> None:
    """Draw a bar a layer, forward then backward, with its share of the time at the end."""
    times = [row.timing or NO_TIME for row in bars]
    longest = max(timing.most for timing in times)
    factor, unit = next(((f, u) for f, u in ((1.0, "s"), (1e3, "ms")) if longest * f >= 1), (1e6, "µs"))
    positions = np.arange(len(bars))
    forward = np.array([row.forward_seconds or 0.0 for row in bars]) * factor
    backward = np.array([row.backward_seconds or 0.0 for row in bars]) * factor
    axes.barh(positions, forward, color=BLUE, height=0.72, label="forward")
    axes.barh(positions, backward, left=forward, color=ORANGE, height=0.72, label="backward")
    spread = np.array([timing.spread for timing in times]) * factor
    less = np.array([timing.seconds - timing.least for timing in times]) * factor
    axes.errorbar(
        forward + backward, positions, xerr=[less, spread], fmt="none", ecolor="#404040", elinewidth=1.1, capsize=2.5,
        label="spread",
    )  # fmt: skip
    for position, row, end in zip(positions, bars, forward + backward + spread, strict=True):
        heavy = result.bottleneck is not None and row.place == result.bottleneck.place
        axes.annotate(
            _share(row),
            (end, position),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=VERMILLION if heavy else "#404040",
            weight="bold" if heavy else "normal",
        )
    axes.set_yticks(positions, [_label(row) for row in bars], fontsize=9)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 1.14 * longest * factor)
    axes.set_xlabel(f"time for a batch of {result.step.batch_size} ({unit})")
    axes.set_ylabel("layer")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def _throughput_panel(axes: Axes, result: Profile) -> None:
    """Draw throughput against batch size, the size from which it stops growing marked."""
    sizes = [step.batch_size for step in result.throughput]
    rates = [step.examples_per_second for step in result.throughput]
    axes.plot(sizes, rates, "-o", color=BLUE, lw=2.0, ms=4.5)
    least = [step.least_examples_per_second for step in result.throughput]
    most = [step.most_examples_per_second for step in result.throughput]
    axes.fill_between(sizes, least, most, color=BLUE, alpha=0.2, lw=0)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:g}"))
    axes.set_ylim(0, 1.1 * max(most))
    axes.yaxis.set_major_formatter(CountFormatter())
    axes.set_xlabel("batch size (examples)")
    axes.set_ylabel("throughput (examples/s)")
    _mark(axes, result)


def _mark(axes: Axes, result: Profile) -> None:
    """Mark the batch size from which throughput stops growing, or the range, if several were measured."""
    between = result.growth_between
    if between is None:
        return
    low, high = between
    largest = max(step.batch_size for step in result.throughput)
    if low == high:
        (step,) = (step for step in result.throughput if step.batch_size == low)
        axes.axvline(low, color="#404040", lw=1.0, ls=(0, (2, 2)), zorder=1)
        axes.plot([low], [step.examples_per_second], "o", ms=8, mfc="white", mec=VERMILLION, mew=2.0, zorder=5)
        words = f"still growing at {low}" if low == largest else f"stops growing at {low}"
    else:
        axes.axvspan(low, high, color=GRAY, alpha=0.12, lw=0, zorder=0)
        words = f"stops growing from {low} to {high}, too noisy to say where"
    at_the_end = high == largest
    axes.annotate(
        words,
        (high if at_the_end else (low * high) ** 0.5, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right" if at_the_end else "center",
        va="bottom",
        color="#404040",
        fontsize=9,
    )


def _share(row: LayerProfile) -> str:
    """Return a layer's share of the time in percent."""
    share = row.share or 0.0
    return percent(share) if share >= 0.01 else "<1 %"


def _label(row: LayerProfile) -> str:
    """Return a layer's position and name, shortened to fit beside a bar."""
    name = f"{row.place}  {row.layer}".strip()
    return name if len(name) <= 30 else f"{name[:29]}…"
