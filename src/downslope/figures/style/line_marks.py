"""Figures of losses along lines: the axis of losses, and marks at its top for losses that are not finite."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import offset_copy

from downslope.figures.style.loss_axis import LARGEST, drawable, spans_decades
from downslope.figures.style.theme import GRAY
from downslope.figures.style.ticks import DistinctFormatter, decade_ticks

MARKS = {"infinite": "^", "beyond 1e280": "^", "not a number": "x"}
"""The marks of losses that are not finite, at the top edge."""

BELOW = 8
"""The distance between the marks of one line and those of the next below, in points."""


def finite(values: np.ndarray) -> np.ndarray:
    """Return values with gaps where they are not finite, or too large to be drawn."""
    return drawable(values)


def _beyond(values: np.ndarray) -> np.ndarray:
    """Return a mask of the finite values that are too large to be drawn."""
    return np.isfinite(values) & (np.abs(values) > LARGEST)


KINDS = {"infinite": np.isinf, "beyond 1e280": _beyond, "not a number": np.isnan}
"""What tells values that are not drawn, by kind."""


def fit_axis(axes: Axes, losses: Sequence[np.ndarray], *, log: bool | str = "auto") -> None:
    """Make the axis of losses logarithmic where they span decades, or as `log` says."""
    losses = [drawable(values) for values in losses]
    positive = not any(np.any(values <= 0) for values in losses)
    if log is True or (log == "auto" and positive and spans_decades(losses)):
        axes.set_yscale("log")
        decade_ticks(axes.yaxis)
    else:
        axes.yaxis.set_major_formatter(DistinctFormatter())


def mark_holes(axes: Axes, x: np.ndarray, losses: np.ndarray, computed: np.ndarray, color: str, *, rank: int) -> None:
    """Mark infinite losses, and those that are not a number, at the top edge."""
    transform = offset_copy(axes.get_xaxis_transform(), axes.get_figure(root=True), y=-5 - BELOW * rank, units="points")
    if not np.isfinite(finite(losses)).all():  # the line itself may not reach as far as its marks
        axes.update_datalim(np.column_stack([x, np.ones(len(x))]), updatey=False)
        axes.autoscale_view(scaley=False)
    for name, test in KINDS.items():
        marker, mask = MARKS[name], test(losses) & computed
        if mask.any():
            axes.plot(
                x[mask],
                np.ones(int(mask.sum())),
                marker,
                color=color,
                ms=5,
                transform=transform,
                clip_on=False,
                zorder=6,
            )


def hole_marks(losses: Sequence[np.ndarray], computed: Sequence[np.ndarray]) -> list[Line2D]:
    """Return the entries of a legend for the marks of losses that are not finite."""
    names = [
        name for name, test in KINDS.items() if any(np.any(test(a) & b) for a, b in zip(losses, computed, strict=True))
    ]
    return [Line2D([], [], ls="none", marker=MARKS[name], color=GRAY, ms=6, label=name) for name in names]
