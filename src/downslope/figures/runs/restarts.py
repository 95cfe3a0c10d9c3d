"""Restarts: how the same network came down from many starts, and how far apart they ended."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from downslope.core import Advice, DataError
from downslope.figures.style import (
    BLACK,
    BLUE,
    VERMILLION,
    cross_handle,
    cross_out,
    decade_ticks,
    drawn,
    epoch_axis,
    fit_losses,
    highest_shown,
    loss_label,
    plain,
    spans_decades,
)
from downslope.training import Restarts, Run

FEWEST_FOR_BARS = 20
"""Fewer losses than this are points of their own rather than bars."""

MEDIAN_DASHES = (0, (4, 2))


class Ended(NamedTuple):
    """Starts, their curves, and what the axes are called.

    Attributes:
        starts: how all ended.
        curves: the losses that are drawn, `(epochs, starts)`.
        lost: which diverged, `(starts,)`.
        label: of the axis of curves.
        compared: of the axis of final losses.
    """

    starts: Restarts
    curves: np.ndarray
    lost: np.ndarray
    label: str
    compared: str


def restarts(found: Run | Restarts) -> Figure:
    """Return a figure of the losses from all starts against the epoch, the best emphasized, and of how they ended.

    Curves are of the validation loss where there is one, else of the training loss. Beside them are the losses that
    starts are compared by, as bars where there are 20 or more, with their median and the best. Starts that diverged
    are crossed at the top edge, and counted.

    Args:
        found: a run with several starts, or its `restarts`.

    Raises:
        DataError: the run had one start, or none ended an epoch.

    Example:
        >>> import downslope as ds
        >>> run = ds.train(ds.mlp([8], outputs=3), ds.load("iris"), restarts=3, epochs=3, progress=False)
        >>> [axes.get_xlabel() for axes in restarts(run).axes]
        ['epoch', 'last training loss: cross entropy (nats)']
    """
    ended = _ended(found)
    return drawn(lambda figure: _draw(figure, ended), (11.4, 4.4))


def _ended(found: Run | Restarts) -> Ended:
    """Return the starts of a run, and the words of its axes."""
    starts = found.restarts if isinstance(found, Run) else found
    if starts is None:
        raise DataError(
            "The figure of restarts needs a run with several, got one start.", Advice("train with {}", restarts=8)
        )
    if not starts.histories:
        raise DataError("The figure of restarts needs one ended epoch at least, got starts of which none ended any.")
    validated = "validation_loss" in starts.histories
    compared = "lowest validation loss" if validated else "last training loss"
    label = "validation loss" if validated else "training loss"
    if isinstance(found, Run):
        label, compared = (loss_label(found, name) for name in (label, compared))
    curves = starts.histories["validation_loss" if validated else "train_loss"]
    lost = np.array([reason == "diverged" for reason in starts.stop_reasons]) | ~np.isfinite(starts.losses)
    return Ended(starts, curves, lost, label, compared)


def _draw(figure: Figure, ended: Ended) -> str:
    """Draw both panels and return what they show."""
    curves, losses = figure.subplots(1, 2, width_ratios=[1.25, 1])
    _curve_panel(curves, ended)
    kept = ended.starts.losses[~ended.lost]
    if len(kept):
        (_bars if len(kept) >= FEWEST_FOR_BARS else _points)(losses, kept)
        losses.yaxis.set_major_locator(MaxNLocator(integer=True))
        if spans_decades([kept]):
            losses.set_xscale("log")
            decade_ticks(losses.xaxis)
        losses.axvline(float(ended.starts.losses[ended.starts.best]), color=VERMILLION, lw=2.4, zorder=2.5)
        losses.axvline(float(np.median(kept)), color=BLACK, lw=1.8, ls=MEDIAN_DASHES, zorder=2.5)
    else:
        losses.set_xticks([])
        losses.set_yticks([])
    losses.set_xlabel(ended.compared)
    handles = _handles(ended, kept)
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))
    compared = ended.compared.replace("\n", " ").replace(": ", " by ")
    said = "; ".join(str(handle.get_label()) for handle in handles[1:])
    return f"Loss against the epoch from {len(ended.starts)} starts. {compared[0].upper()}{compared[1:]}: {said}."


def _handles(ended: Ended, kept: np.ndarray) -> list[Line2D]:
    """Return the legend of both panels."""
    best, handles = ended.starts.best, [Line2D([], [], color=BLUE, lw=1.2, label=f"{len(ended.starts)} starts")]
    if len(kept):
        name = f"best: {plain(float(ended.starts.losses[best]), digits=4)}, start {best}"
        handles.append(Line2D([], [], color=VERMILLION, lw=2.4, label=name))
        median = f"median: {plain(float(np.median(kept)), digits=4)}"
        handles.append(Line2D([], [], color=BLACK, lw=1.8, ls=MEDIAN_DASHES, label=median))
    if ended.lost.any():
        handles.append(cross_handle(f"diverged: {ended.lost.sum()}"))
    return handles


def _curve_panel(axes: Axes, ended: Ended) -> None:
    """Draw all curves, the best in front."""
    epochs = np.arange(1, len(ended.curves) + 1)
    marker = "o" if len(epochs) == 1 else None
    faint = float(np.clip(6 / len(ended.starts), 0.25, 0.7))
    for start, values in enumerate(ended.curves.T):
        looks = {"color": BLUE, "lw": 1.0, "alpha": faint}
        if start == ended.starts.best:
            looks = {"color": VERMILLION, "lw": 2.4, "zorder": 5}
        axes.plot(epochs, values, marker=marker, **looks)
    highest = highest_shown(ended.starts.histories["train_loss"][0])
    fit_losses(axes, list(ended.curves.T[~ended.lost]), list(ended.curves.T[ended.lost]), highest=highest)
    for epoch in np.unique(ended.starts.epochs[ended.lost]):
        cross_out(axes, float(epoch + 1), BLACK)
    epoch_axis(axes, len(epochs))
    axes.set_ylabel(ended.label)


def _bars(axes: Axes, kept: np.ndarray) -> None:
    """Draw how often losses were reached, and a stroke at each."""
    logarithmic = spans_decades([kept])
    edges = np.histogram_bin_edges(np.log10(kept) if logarithmic else kept, "auto")
    axes.hist(kept, bins=list(10**edges if logarithmic else edges), color=BLUE, alpha=0.45, edgecolor="white", zorder=2)
    axes.plot(kept, np.zeros(len(kept)), "|", color=BLUE, ms=12, mew=1.0, clip_on=False, zorder=3)
    axes.set_ylabel("starts")


def _points(axes: Axes, kept: np.ndarray) -> None:
    """Draw each loss as a point, from the lowest up."""
    axes.plot(np.sort(kept), np.arange(1, len(kept) + 1), "o", color=BLUE, ms=6, alpha=0.8, zorder=3)
    axes.set_ylim(0.4, len(kept) + 0.6)
    axes.set_ylabel("rank")
