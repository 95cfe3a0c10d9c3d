"""Figures that compare runs by their losses: the axis of losses, colors and markers, and the marks of diverged runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import offset_copy

from downslope.figures.style.theme import BLACK, BLUE, GREEN, ORANGE, VERMILLION, ArtistOptions
from downslope.figures.style.ticks import DistinctFormatter, decade_ticks, plain
from downslope.training import Run

DECADES = 1.0
"""Losses that span more powers of ten than this are drawn on a logarithmic axis."""

UNITS = {"cross_entropy": "nats", "binary_cross_entropy": "nats"}

COLORS = (BLUE, VERMILLION, GREEN, ORANGE, BLACK, "#56B4E9", "#CC79A7")
MARKERS = ("o", "s", "^", "D", "v", "P", "h")

STAR: ArtistOptions = {"ls": "none", "marker": "*", "ms": 15, "mec": BLACK, "mew": 1.2, "zorder": 7}
"""The mark of the best."""

CROSS: ArtistOptions = {"ls": "none", "marker": "x", "ms": 8, "mew": 2.2, "zorder": 6}
"""The mark of diverged runs."""

LARGEST, LEAST = 1e280, 1e-280
"""Numbers of larger magnitude are not drawn, smaller ones are drawn as 0: axes compute with squares and ratios of what
they show."""

LONGEST_LABEL = 44
OFF_SCALE = 1e6

MARK_HEIGHT = 12
"""The distance between marks at the top edge, in points."""


def color_and_marker(index: int) -> tuple[str, str]:
    """Return the color and the marker of a line; colors repeat with other markers."""
    count = len(COLORS)
    return COLORS[index % count], MARKERS[(index + index // count) % count]


def compared_by(runs: Iterable[Run]) -> str:
    """Return the name of the loss that `Sweep`, `Race` and `Restarts` compare runs by."""
    validated = any("validation_loss" in run.history for run in runs)
    return "lowest validation loss" if validated else "last training loss"


def loss_label(run: Run, name: str = "loss") -> str:
    """Return the label of an axis of losses: its name, the loss and the unit; on two lines where it is long."""
    scaled = ", standardized targets" if run.preprocessing.target_scaling is not None else ""
    unit = UNITS.get(run.loss.name, "")
    loss = f"{run.loss.name.replace('_', ' ')}{scaled}" + (f" ({unit})" if unit else "")
    return f"{name}:\n{loss}" if len(name) + len(loss) > LONGEST_LABEL else f"{name}: {loss}"


def off_scale_limit(first_losses: Iterable[float]) -> float:
    """Return the loss above which a run is off the scale: a million times the lowest after a first epoch."""
    finite = [float(loss) for loss in first_losses if np.isfinite(loss)]
    lowest = min(finite, default=0.0)
    return OFF_SCALE * lowest if 0 < lowest < LARGEST else float("inf")


def drawable(values: np.ndarray) -> np.ndarray:
    """Return values as they can be drawn: gaps where they are not finite or beyond 1e280, 0 below 1e-280.

    Example:
        >>> drawable(np.array([1.0, np.inf, 1e300, 5e-324]))
        array([ 1., nan, nan,  0.])
    """
    values = np.asarray(values, np.float64)
    sizes = np.abs(values)
    return np.where(sizes < LEAST, 0.0, np.where(sizes <= LARGEST, values, np.nan))


def spans_decades(values: Iterable[np.ndarray]) -> bool:
    """Return whether a logarithmic axis suits these losses.

    Example:
        >>> spans_decades([np.array([1e-3, 1.0, np.nan])]), spans_decades([np.array([0.5, 1.0])])
        (True, False)
    """
    pooled = np.concatenate([np.ravel(array) for array in values] or [np.zeros(0)])
    finite = pooled[np.isfinite(pooled)]
    if not len(finite) or finite.min() <= 0:
        return False
    return bool(np.log10(finite.max()) - np.log10(finite.min()) > DECADES)


def fit_losses(
    axes: Axes, converged: Sequence[np.ndarray], diverged: Sequence[np.ndarray] = (), *, highest: float = float("inf")
) -> None:
    """Set the scale and limits of an axis of losses: converged runs, and the descending part of diverged ones.

    Diverging losses would otherwise flatten all others.

    Args:
        axes: with all curves drawn.
        converged: the losses of runs that did not diverge.
        diverged: the losses of runs that did.
        highest: losses above leave through the top edge; see `off_scale_limit`.
    """
    pooled = np.concatenate(
        [
            *(np.ravel(values) for values in converged),
            *(values[values <= values[:1]] for values in diverged),
            np.zeros(0),
        ]
    )
    finite = drawable(pooled)[np.isfinite(drawable(pooled))]
    finite = finite[finite <= highest] if np.any(finite <= highest) else finite
    if not len(finite):
        axes.set_yticks([])
        axes.text(0.5, 0.5, "all diverged", transform=axes.transAxes, ha="center", va="center", color="#404040")
        return
    low, high = float(finite.min()), float(finite.max())
    if spans_decades([finite]):
        room = (high / low) ** 0.06
        axes.set_yscale("log")
        axes.set_ylim(low / room, high * room)
        decade_ticks(axes.yaxis)
    else:
        room = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
        axes.set_ylim(low - room, high + room)
        axes.yaxis.set_major_formatter(DistinctFormatter())


def cross_out(axes: Axes, x: float, color: str, *, rank: int = 0, beside: str = "") -> None:
    """Mark a divergence at the top edge, below `rank` other marks, with a text beside it."""
    figure = axes.get_figure(root=True)
    transform = offset_copy(axes.get_xaxis_transform(), figure, y=-MARK_HEIGHT * rank, units="points")
    axes.plot([x], [1.0], color=color, transform=transform, clip_on=False, **CROSS)
    if beside:
        _write_at_top(axes, x, beside, color, ha="left", offset=(7, -MARK_HEIGHT * rank))


def point_up(axes: Axes, x: float, loss: float, color: str, *, rank: int = 0) -> None:
    """Write at the top edge a loss that is off the scale, below `rank` other marks."""
    _write_at_top(axes, x, f"↑ {plain(loss, digits=2)}", color, ha="center", offset=(0, -MARK_HEIGHT * rank))


def _write_at_top(axes: Axes, x: float, text: str, color: str, *, ha: str, offset: tuple[int, int]) -> None:
    """Write at a position of the top edge, moved by an offset in points."""
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
    """Return the entry of a legend for the marks of diverged runs."""
    return Line2D([], [], color=BLACK, label=label, **{**CROSS, "ms": 7})


def star_handle(label: str) -> Line2D:
    """Return the entry of a legend for the mark of the best."""
    return Line2D([], [], label=label, mfc="white", **{**STAR, "ms": 12})
