"""The choice of a learning rate: the range test, the losses of short trainings, and the limit of stability."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from downslope.figures.style import (
    BLACK,
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    STAR,
    VERMILLION,
    ArtistOptions,
    DistinctFormatter,
    cross_handle,
    cross_out,
    decade_ticks,
    drawable,
    plain,
    spans_decades,
    styled_figure,
)
from downslope.training import FoundLearningRate

MARKS = {"steepest": (GREEN, "^", "steepest fall"), "tenth": (ORANGE, "s", "a tenth of the lowest")}
"""The marks of the range test's own suggestions."""

BATCHES: ArtistOptions = {"color": GRAY, "marker": ".", "ls": "none", "ms": 3.5, "alpha": 0.55}
"""The marks of the losses of single batches."""

OUTER = (0.02, 0.98)
"""Losses of single batches beyond these quantiles, before the lowest average, may leave the panel."""


def learning_rate(result: FoundLearningRate) -> Figure:
    r"""Return a figure of the range test and of the short trainings, over one axis of rates.

    Above, the loss of each batch while the rate grew, and its average; below, the loss of a short training at each
    rate, those that diverged as crosses at the top. The rate suggested is a star and a line through both; the rates
    that steps are unstable at, going by the curvature at the start, are shaded.

    Args:
        result: the result of `ds.find_learning_rate`.

    Example:
        >>> import downslope as ds
        >>> from downslope.training import find_learning_rate
        >>> found = find_learning_rate(ds.mlp([], outputs=3), ds.load("iris"), steps=40, progress=False)
        >>> [axes.get_ylabel() for axes in learning_rate(found).axes]
        ['loss of the batch', 'training loss\nafter 40 steps']
    """
    return styled_figure(lambda figure: _draw(figure, result), (7.6, 6.4))


def _draw(figure: Figure, result: FoundLearningRate) -> str:
    """Draw both panels and return the alternative text."""
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.15, 1))
    low = min(float(result.range_test.rates[0]), float(result.trials.rates[0]))
    high = max(float(result.range_test.rates[-1]), float(result.trials.rates[-1]))
    below.set_xscale("log")
    below.set_xlim(low / 1.5, high * 2)
    decade_ticks(below.xaxis)
    below.set_xlabel("learning rate")
    _range_panel(above, result)
    _trials_panel(below, result)
    for axes in (above, below):
        axes.axvline(result.suggestion, color=BLUE, lw=1.4, zorder=1)
        if result.limit is not None:
            axes.axvspan(result.limit, 10 * high, color=VERMILLION, alpha=0.09, lw=0, zorder=0)
    _legend(figure, result)
    return _describe(result)


def _range_panel(axes: Axes, result: FoundLearningRate) -> None:
    """Draw the losses of the range test, their average, its suggestions, and the rate at which it blew up."""
    test = result.range_test
    axes.plot(test.rates, drawable(test.losses), **BATCHES)
    axes.plot(test.rates, drawable(test.smoothed), color=BLACK, lw=1.8)
    for name, (color, marker, _) in MARKS.items():
        rate = result.suggestions[name].rate
        index = int(np.argmin(np.abs(np.log(test.rates / rate))))
        axes.plot([rate], [test.smoothed[index]], marker, color=color, mec=BLACK, mew=0.8, ms=8, zorder=5)
    calm = drawable(test.losses[: int(np.argmax(test.rates == test.lowest)) + 1])
    calm = calm[np.isfinite(calm)]
    low, high = np.quantile(calm, OUTER) if len(calm) else (0.0, 0.0)
    first = float(drawable(test.smoothed[:1])[0])
    _fit(axes, calm[(calm >= low) & (calm <= high)], top=float(max(high, first) if np.isfinite(first) else high))
    if test.blow_up is not None:
        cross_out(axes, test.blow_up, BLACK)
    axes.set_ylabel("loss of the batch")


def _trials_panel(axes: Axes, result: FoundLearningRate) -> None:
    """Draw the losses of the short trainings; those that diverged as crosses at the top."""
    trials = result.trials
    losses = drawable(trials.losses)
    finite = np.isfinite(losses)
    axes.plot(trials.rates[finite], losses[finite], "o-", color=BLUE, lw=1.6, ms=5)
    index = int(np.argmin(np.abs(np.log(trials.rates / result.suggestion))))
    axes.plot([result.suggestion], [losses[index]], mfc=BLUE, **STAR)
    _fit(axes, losses[finite], top=float(np.max(losses[finite], initial=-np.inf)))
    for rate in trials.rates[~finite]:
        cross_out(axes, float(rate), BLUE)
    axes.set_ylabel(f"{trials.measured}\nafter {trials.steps} steps")


def _fit(axes: Axes, losses: np.ndarray, *, top: float) -> None:
    """Set the scale and the limits of an axis of losses, without those above `top`."""
    visible = losses[losses <= top]
    if not len(visible):
        axes.set_yticks([])
        return
    low = float(visible.min())
    if spans_decades([visible]):
        axes.set_yscale("log")
        decades = np.log10(top) - np.log10(low)
        axes.set_ylim(low / 10 ** (0.06 * decades), top * 10 ** (0.08 * decades))
        decade_ticks(axes.yaxis)
    else:
        room = (top - low) or abs(top) or 1.0
        axes.set_ylim(low - 0.06 * room, top + 0.08 * room)
        axes.yaxis.set_major_formatter(DistinctFormatter())


def _legend(figure: Figure, result: FoundLearningRate) -> None:
    """Draw the legend above the panels."""
    marks = [
        Line2D([], [], color=color, marker=marker, ls="none", mec=BLACK, mew=0.8, ms=8, label=_rate_text(text, rate))
        for (name, (color, marker, text)) in MARKS.items()
        for rate in [result.suggestions[name].rate]
    ]
    handles: list[Line2D | Rectangle] = [
        Line2D([], [], **BATCHES, label="batches"),
        Line2D([], [], color=BLACK, lw=1.8, label="their average"),
        Line2D([], [], color=BLUE, **{**STAR, "ls": "-", "ms": 12}, label=_rate_text("suggested", result.suggestion)),
        *marks,
    ]
    if result.limit is not None:
        shade = _rate_text("unstable by curvature, from", result.limit)
        handles.append(Rectangle((0, 0), 1, 1, fc=VERMILLION, alpha=0.18, lw=0, label=shade))
    if result.range_test.blow_up is not None:
        handles.append(cross_handle(_rate_text("range test blew up at", result.range_test.blow_up)))
    figure.legend(handles=handles, loc="outside upper left", ncols=3, columnspacing=1.4, handletextpad=0.6)


def _rate_text(text: str, rate: float) -> str:
    """Return a rate with its name."""
    return f"{text} {plain(rate, digits=2)}"


def _describe(result: FoundLearningRate) -> str:
    """Return the alternative text of the figure."""
    test = result.range_test
    end = "never blows up" if test.blow_up is None else f"blows up at {plain(test.blow_up, digits=2)}"
    limit = "" if result.limit is None else f" Curvature makes steps unstable from {plain(result.limit, digits=2)} on."
    return (
        f"Loss while the learning rate grows from {plain(test.rates[0], digits=2)}: it {end}. Below, the "
        f"{result.trials.measured} after {result.trials.steps} steps at {len(result.trials.rates)} rates. "
        f"Suggested: {plain(result.suggestion, digits=2)}.{limit}"
    )
