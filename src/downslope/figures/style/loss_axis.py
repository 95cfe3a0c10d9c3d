"""What figures that compare runs by their loss share: the axis of losses, the looks of lines, the mark of the lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import offset_copy

from downslope.figures.style.theme import BLACK, BLUE, GREEN, ORANGE, VERMILLION
from downslope.figures.style.ticks import decade_ticks, plain
from downslope.training import Run

DECADES = 1.0
"""Losses that span so many powers of ten are drawn on a logarithmic axis."""

UNITS = {"cross_entropy": "nats", "binary_cross_entropy": "nats"}

COLORS = (BLUE, VERMILLION, GREEN, ORANGE, BLACK, "#56B4E9", "#CC79A7")
MARKERS = ("o", "s", "^", "D", "v", "P", "h")

STAR: dict[str, Any] = {"ls": "none", "marker": "*", "ms": 15, "mec": BLACK, "mew": 1.2, "zorder": 7}
"""How the best is marked."""

CROSS: dict[str, Any] = {"ls": "none", "marker": "x", "ms": 8, "mew": 2.2, "zorder": 6}
"""How what diverged is marked."""

LONGEST_LABEL = 44
OFF_SCALE = 1e6

MARK_HEIGHT = 12
"""How far below another a mark at the top edge is drawn, in points."""


def look(place: int) -> tuple[str, str]:
    """Return the color and the marker of a line; after the last color, the first comes again with another marker."""
    count = len(COLORS)
    return COLORS[place % count], MARKERS[(place + place // count) % count]


def compared_by(runs: Iterable[Run]) -> str:
    """Return the name of the loss that `Sweep`, `Race` and `Restarts` compare runs by."""
    validated = any("validation_loss" in run.history for run in runs)
    return "lowest validation loss" if validated else "last training loss"


def loss_label(run: Run, name: str = "loss") -> str:
    """Return the label of an axis of losses: what it is, the loss, its unit; on two lines where it is long."""
    scaled = ", standardized targets" if run.preprocessing.target_scaling is not None else ""
    unit = UNITS.get(run.loss.name, "")
    loss = f"{run.loss.name.replace('_', ' ')}{scaled}" + (f" ({unit})" if unit else "")
    return f"{name}:\n{loss}" if len(name) + len(loss) > LONGEST_LABEL else f"{name}: {loss}"


def highest_shown(first_losses: Iterable[float]) -> float:
    """Return the loss above which a run is off the scale: a million times the lowest after a first epoch."""
    found = [float(loss) for loss in first_losses if np.isfinite(loss)]
    lowest = min(found, default=0.0)
    return OFF_SCALE * lowest if lowest > 0 else float("inf")


def spans_decades(values: Iterable[np.ndarray]) -> bool:
    """Return whether a logarithmic axis suits these losses.

    Example:
        >>> spans_decades([np.array([1e-3, 1.0, np.nan])]), spans_decades([np.array([0.5, 1.0])])
        (True, False)
    """
    together = np.concatenate([np.ravel(each) for each in values] or [np.zeros(0)])
    found = together[np.isfinite(together)]
    return len(found) > 0 and bool(found.min() > 0) and bool(np.log10(found.max() / found.min()) > DECADES)


def fit_losses(
    axes: Axes, kept: Sequence[np.ndarray], lost: Sequence[np.ndarray] = (), *, highest: float = float("inf")
) -> None:
    """Set the scale and limits of an axis of losses: what did not diverge, and the rest as far as it came down.

    What is on its way to infinity would otherwise flatten all else.

    Args:
        axes: with everything drawn.
        kept: the losses of runs that did not diverge.
        lost: the losses of runs that did.
        highest: what is above leaves through the top edge; see `highest_shown`.
    """
    together = np.concatenate(
        [*(np.ravel(values) for values in kept), *(values[values <= values[:1]] for values in lost), np.zeros(0)]
    )
    found = together[np.isfinite(together)]
    found = found[found <= highest] if np.any(found <= highest) else found
    if not len(found):
        axes.set_yticks([])
        axes.text(0.5, 0.5, "all diverged", transform=axes.transAxes, ha="center", va="center", color="#404040")
        return
    low, high = float(found.min()), float(found.max())
    if spans_decades([found]):
        room = (high / low) ** 0.06
        axes.set_yscale("log")
        axes.set_ylim(low / room, high * room)
        decade_ticks(axes.yaxis)
    else:
        room = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
        axes.set_ylim(low - room, high + room)


def cross_out(axes: Axes, x: float, color: str, *, rank: int = 0, beside: str = "") -> None:
    """Mark at the top edge that something diverged, below `rank` other such marks, with a word beside it."""
    figure = axes.get_figure(root=True)
    place = offset_copy(axes.get_xaxis_transform(), figure, y=-MARK_HEIGHT * rank, units="points")
    axes.plot([x], [1.0], color=color, transform=place, clip_on=False, **CROSS)
    if beside:
        _write_at_top(axes, x, beside, color, ha="left", offset=(7, -MARK_HEIGHT * rank))


def point_up(axes: Axes, x: float, loss: float, color: str, *, rank: int = 0) -> None:
    """Write at the top edge a loss that is off the scale, below `rank` other marks."""
    _write_at_top(axes, x, f"↑ {plain(loss, digits=2)}", color, ha="center", offset=(0, -MARK_HEIGHT * rank))


def _write_at_top(axes: Axes, x: float, text: str, color: str, *, ha: str, offset: tuple[int, int]) -> None:
    """Write at or beside a place of the top edge, moved by an offset in points."""
    axes.annotate(
        text,
        (x, 1.0),
        xycoords=axes.get_xaxis_transform(),
        xytext=offset,
        textcoords="offset points",
        ha=ha,
        va="center",
        fontsize=8,
        color=color,
        annotation_clip=False,
    )


def cross_handle(label: str) -> Line2D:
    """Return the entry of a legend for the marks of what diverged."""
    return Line2D([], [], color=BLACK, label=label, **{**CROSS, "ms": 7})


def star_handle(label: str) -> Line2D:
    """Return the entry of a legend for the mark of the best."""
    return Line2D([], [], label=label, mfc="white", **{**STAR, "ms": 12})
