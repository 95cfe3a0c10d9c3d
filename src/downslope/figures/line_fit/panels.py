"""Panels of a line fitted to data: the data with lines, and loss and parameters against the time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.typing import LineStyleType

from downslope.figures.line_fit.descent import LineDescent
from downslope.figures.style import BLACK, BLUE, GRAY, GREEN, VERMILLION, finite, fit_axis

PARAMETERS: dict[str, tuple[str, LineStyleType, int]] = {
    "intercept": (GREEN, (0, (5, 1.6)), 0),
    "slope": (VERMILLION, "-", 1),
}
"""Color, dashes and column of each parameter."""

FAINT, CLEAR = 0.18, 0.65
"""The opacities of the lines of the first and of the last epochs."""

ROOM = 0.06
"""The margin around the data, as a share of their range."""


def draw_data(axes: Axes, descent: LineDescent) -> None:
    """Draw the data, and set the limits of the axes by them."""
    axes.plot(descent.x, descent.t, "o", color=GRAY, ms=3.2, alpha=0.55, mew=0, label="data", zorder=2)
    axes.set_xlim(*_limits(descent.x))
    axes.set_ylim(*_limits(descent.t, 3 * ROOM))
    axes.set_xlabel(descent.x_label)
    axes.set_ylabel(descent.t_label)


def line_at(axes: Axes, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of the line with an intercept and a slope, from edge to edge of the axes."""
    x = np.array(axes.get_xlim())
    return x, point[0] + point[1] * x


def draw_lines(axes: Axes, descent: LineDescent, beads: np.ndarray) -> None:
    """Draw the lines of some points of the path, the later the more opaque, the first and the last emphasized."""
    first, *between, last = beads.tolist() if len(beads) > 1 else [int(beads[0])] * 2
    for rank, index in enumerate(between):
        opacity = FAINT + (CLEAR - FAINT) * (rank + 1) / (len(between) + 1)
        axes.plot(*line_at(axes, descent.path.coordinates[index]), color=BLUE, lw=0.9, alpha=opacity, zorder=3)
    axes.plot(
        *line_at(axes, descent.path.coordinates[first]),
        color=BLACK,
        ls=":",
        lw=1.6,
        label=_time_text(descent, first),
        zorder=4,
    )
    axes.plot(
        *line_at(axes, descent.path.coordinates[last]), color=BLUE, lw=2.4, label=_time_text(descent, last), zorder=5
    )


def draw_loss(axes: Axes, descent: LineDescent) -> Line2D:
    """Draw the loss against the time, set the axes up, and return the curve."""
    (curve,) = axes.plot(descent.times, finite(descent.path.losses), color=BLUE, lw=2.0, label="loss")
    fit_axis(axes, [descent.path.losses])
    axes.set_ylabel("loss")
    axes.tick_params(labelbottom=False)
    return curve


def draw_parameters(axes: Axes, descent: LineDescent) -> list[Line2D]:
    """Draw both parameters against the time, set the axes up, and return the curves."""
    curves = []
    for name, (color, style, column) in PARAMETERS.items():
        curves += axes.plot(
            descent.times, finite(descent.path.coordinates[:, column]), ls=style, color=color, lw=1.8, label=name
        )
    axes.set_ylabel("parameter")
    axes.set_xlabel(descent.time)
    return curves


def _time_text(descent: LineDescent, index: int) -> str:
    return f"{descent.time} {descent.times[index]:g}"


def _limits(values: np.ndarray, room: float = ROOM) -> tuple[float, float]:
    """Return the range of values with a margin."""
    low, high = float(values.min()), float(values.max())
    more = room * (high - low) or 1.0
    return low - more, high + more
