"""The panels of a line through data: the data with lines, and parameters and loss against the time."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from downslope.figures.line_fit.descent import LineDescent
from downslope.figures.style import BLACK, BLUE, GRAY, GREEN, VERMILLION, fit_axis

PARAMETERS: dict[str, tuple[str, Any, int]] = {
    "intercept": (GREEN, (0, (5, 1.6)), 0),
    "slope": (VERMILLION, "-", 1),
}
"""Color and line of each parameter, and its column."""

FAINT, CLEAR = 0.18, 0.65
"""How opaque the lines of the first and the last epochs are."""

ROOM = 0.06
"""What is left free around the data, as a share of their range."""


def draw_data(axes: Axes, found: LineDescent) -> None:
    """Draw the data, and set the limits of the axes by them."""
    axes.plot(found.x, found.t, "o", color=GRAY, ms=3.2, alpha=0.55, mew=0, label="data", zorder=2)
    axes.set_xlim(*_limits(found.x))
    axes.set_ylim(*_limits(found.t, 3 * ROOM))
    axes.set_xlabel(found.x_label)
    axes.set_ylabel(found.t_label)


def line_at(axes: Axes, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of the line that a point of the ground is, from edge to edge of the axes."""
    x = np.array(axes.get_xlim())
    return x, point[0] + point[1] * x


def draw_lines(axes: Axes, found: LineDescent, beads: np.ndarray) -> None:
    """Draw the lines of some points of the path, the later the clearer; those of the first and the last stand out."""
    first, *between, last = beads.tolist() if len(beads) > 1 else [int(beads[0])] * 2
    for place, at in enumerate(between):
        opacity = FAINT + (CLEAR - FAINT) * (place + 1) / (len(between) + 1)
        axes.plot(*line_at(axes, found.path.coordinates[at]), color=BLUE, lw=0.9, alpha=opacity, zorder=3)
    axes.plot(
        *line_at(axes, found.path.coordinates[first]), color=BLACK, ls=":", lw=1.6, label=_when(found, first), zorder=4
    )
    axes.plot(*line_at(axes, found.path.coordinates[last]), color=BLUE, lw=2.4, label=_when(found, last), zorder=5)


def draw_loss(axes: Axes, found: LineDescent) -> Line2D:
    """Draw the loss against the time, set the axes up, and return the curve."""
    (curve,) = axes.plot(found.times, _finite(found.path.losses), color=BLUE, lw=2.0, label="loss")
    fit_axis(axes, [found.path.losses])
    axes.set_ylabel("loss")
    axes.tick_params(labelbottom=False)
    return curve


def draw_parameters(axes: Axes, found: LineDescent) -> list[Line2D]:
    """Draw both parameters against the time, set the axes up, and return the curves."""
    curves = []
    for name, (color, style, column) in PARAMETERS.items():
        curves += axes.plot(
            found.times, _finite(found.path.coordinates[:, column]), ls=style, color=color, lw=1.8, label=name
        )
    axes.set_ylabel("parameter")
    axes.set_xlabel(found.time)
    return curves


def _when(found: LineDescent, at: int) -> str:
    return f"{found.time} {found.times[at]:g}"


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)


def _limits(values: np.ndarray, room: float = ROOM) -> tuple[float, float]:
    """Return the range of values and some room."""
    low, high = float(values.min()), float(values.max())
    more = room * (high - low) or 1.0
    return low - more, high + more
