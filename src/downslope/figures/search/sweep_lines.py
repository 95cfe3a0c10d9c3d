"""The losses of a sweep against one setting, a line for each value of another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from downslope.figures.search.sweep_layout import Layout, Outcome, SweptSetting, middle, value_texts
from downslope.figures.style import GRAY, STAR, color_and_marker, cross_out, drawable, point_up
from downslope.training import Sweep

TICK_GAP = 0.075
"""The least distance between two values written on the axis, as a share of it."""

MEDIAN_DASHES = (0, (4, 2))

DODGE = 0.3
"""The width over which lines are set apart, as a share of the distance between categories."""


def draw_lines(axes: Axes, result: Sweep, layout: Layout, panel: Mapping[str, object], *, highest: float) -> None:
    """Draw one panel: medians over seeds with their range, and marks of the best and of diverged runs."""
    _scale_x(axes, layout.x)
    marked: Counter[float] = Counter()
    for line, (value, (color, marker)) in enumerate(zip(layout.lines.values, line_styles(layout.lines), strict=True)):
        outcomes = layout.outcomes(result, panel, value)
        positions = layout.x.positions + _dodge(layout, line)
        medians = drawable(np.array([outcome.median for outcome in outcomes]))
        axes.plot(
            positions, medians, ls="-" if layout.x.numeric else "none", marker=marker, color=color, lw=1.8, zorder=4
        )
        if layout.x.name == "seed" and np.isfinite(medians).any():
            axes.axhline(middle(medians[np.isfinite(medians)]), color=GRAY, lw=1.6, ls=MEDIAN_DASHES, zorder=2)
        for x, outcome in zip(positions, outcomes, strict=True):
            drawn = drawable(outcome.losses)[np.isfinite(drawable(outcome.losses))]
            if len(drawn) > 1:
                axes.vlines(x, drawn.min(), drawn.max(), color=color, lw=1.6, zorder=3)
            if outcome.best:
                axes.plot([x], drawable(result.losses[[result.best_index]]), mfc=color, **STAR)
            marked[x] += _mark_top(axes, x, outcome, color, highest=highest, rank=marked[x])


def _mark_top(axes: Axes, x: float, outcome: Outcome, color: str, *, highest: float, rank: int) -> int:
    """Mark diverged runs and a median off the scale at the top edge; return the number of marks."""
    off_scale = outcome.median > highest
    if off_scale:
        point_up(axes, x, outcome.median, color, rank=rank)
    if outcome.diverged:
        some = f"{outcome.diverged} of {outcome.runs}" if len(outcome.losses) else ""
        cross_out(axes, x, color, rank=rank + off_scale, beside=some)
    return off_scale + bool(outcome.diverged)


def line_styles(lines: SweptSetting) -> list[tuple[str, str]]:
    """Return a color and a marker for each line: dark to light where its setting is a number."""
    count = len(lines.values)
    if lines.numeric and count > 2:
        colors = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, count))
        return [(to_hex(color), color_and_marker(index)[1]) for index, color in enumerate(colors)]
    return [color_and_marker(index) for index in range(count)]


def line_handles(lines: SweptSetting) -> list[Line2D]:
    """Return the legend of the lines."""
    return [
        Line2D([], [], color=color, marker=marker, lw=1.8, ms=6, label=text)
        for text, (color, marker) in zip(value_texts(lines.values), line_styles(lines), strict=True)
    ]


def _dodge(layout: Layout, line: int) -> float:
    """Return the offset of a line along an axis of categories, so that ranges do not overlap."""
    count = len(layout.lines.values)
    return 0.0 if layout.x.numeric or count == 1 else DODGE * (line / (count - 1) - 0.5)


def _scale_x(axes: Axes, x: SweptSetting) -> None:
    """Set the scale of the axis of settings, and write the swept values on it."""
    axes.set_xlabel(x.label)
    positions = x.positions
    if not x.numeric:
        texts = value_texts(x.values)
        crowded = max(map(len, texts)) * len(positions) > 70
        turned = {"rotation": 20, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
        axes.set_xticks(positions, texts, **turned)
        axes.set_xlim(-0.5, len(positions) - 0.5)
        return
    positive = positions[positions > 0]
    if (
        positions.min() >= 0
        and len(positive) > 1
        and (positive.max() >= 10 * positive.min() or x.name == "learning_rate")
    ):
        if positions.min() > 0:
            axes.set_xscale("log")
        else:
            axes.set_xscale("symlog", linthresh=positive.min(), linscale=0.6)
    axes.update_datalim(np.column_stack([positions, np.ones(len(positions))]), updatey=False)
    axes.autoscale_view(scaley=False)
    labeled = _apart(axes, positions)
    axes.set_xticks(labeled, value_texts(labeled))
    axes.xaxis.set_minor_locator(NullLocator())


def _apart(axes: Axes, positions: np.ndarray) -> list[float]:
    """Return the values that can be written on the axis without touching."""
    to_axes = axes.transData + axes.transAxes.inverted()
    labeled: list[float] = []
    for position in positions:
        current, last = (
            to_axes.transform((value, 1.0))[0] for value in (position, labeled[-1] if labeled else position)
        )
        if not labeled or current - last >= TICK_GAP:
            labeled.append(float(position))
    return labeled
