"""Restarts: the losses of one network from many starts against the epoch, and their final losses."""

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
    drawable,
    epoch_axis,
    fit_losses,
    loss_label,
    off_scale_limit,
    plain,
    spans_decades,
    styled_figure,
)
from downslope.training import Restarts, Run

FEWEST_FOR_BARS = 20
"""The least number of losses drawn as a histogram rather than as points."""

MEDIAN_DASHES = (0, (4, 2))


class RestartData(NamedTuple):
    """Starts, their curves, and the labels of the axes.

    Attributes:
        starts: the outcomes of all starts.
        curves: the losses that are drawn, `(epochs, starts)`.
        diverged: a mask of those that diverged, `(starts,)`.
        label: of the axis of curves.
        compared: of the axis of final losses.
    """

    starts: Restarts
    curves: np.ndarray
    diverged: np.ndarray
    label: str
    compared: str


def restarts(source: Run | Restarts) -> Figure:
    """Return a figure of the losses from all starts against the epoch, the best emphasized, and of how they ended.

    Curves are of the validation loss where there is one, else of the training loss. Beside them are the losses that
    starts are compared by, as bars where there are 20 or more, with their median and the best. Starts that diverged
    are crossed at the top edge, and counted.

    Args:
        source: a run with several starts, or its `restarts`.

    Raises:
        DataError: the run had one start, or none ended an epoch.

    Example:
        >>> import downslope as ds
        >>> run = ds.train(ds.mlp([8], outputs=3), ds.load("iris"), restarts=3, epochs=3, progress=False)
        >>> [axes.get_xlabel() for axes in restarts(run).axes]
        ['epoch', 'last training loss: cross entropy (nats)']
    """
    data = _collect(source)
    return styled_figure(lambda figure: _draw(figure, data), (11.4, 4.4))


def _collect(source: Run | Restarts) -> RestartData:
    """Return the starts of a run with their curves and labels."""
    starts = source.restarts if isinstance(source, Run) else source
    if starts is None:
        raise DataError(
            "The figure of restarts needs a run with several, got one start.", Advice("train with {}", restarts=8)
        )
    if not starts.histories:
        raise DataError("The figure of restarts needs one ended epoch at least, got starts of which none ended any.")
    validated = "validation_loss" in starts.histories
    compared = "lowest validation loss" if validated else "last training loss"
    label = "validation loss" if validated else "training loss"
    if isinstance(source, Run):
        label, compared = (loss_label(source, name) for name in (label, compared))
    curves = starts.histories["validation_loss" if validated else "train_loss"]
    diverged = np.array([reason == "diverged" for reason in starts.stop_reasons]) | ~np.isfinite(starts.losses)
    return RestartData(starts, curves, diverged, label, compared)


def _draw(figure: Figure, data: RestartData) -> str:
    """Draw both panels and return the alternative text."""
    curves, losses = figure.subplots(1, 2, width_ratios=[1.25, 1])
    _curve_panel(curves, data)
    final_losses = drawable(data.starts.losses[~data.diverged])
    final_losses = final_losses[np.isfinite(final_losses)]
    if len(final_losses):
        (_bars if len(final_losses) >= FEWEST_FOR_BARS else _points)(losses, final_losses)
        losses.yaxis.set_major_locator(MaxNLocator(integer=True))
        if spans_decades([final_losses]):
            losses.set_xscale("log")
            decade_ticks(losses.xaxis)
        losses.axvline(float(final_losses.min()), color=VERMILLION, lw=2.4, zorder=2.5)
        losses.axvline(float(np.median(final_losses)), color=BLACK, lw=1.8, ls=MEDIAN_DASHES, zorder=2.5)
    else:
        losses.set_xticks([])
        losses.set_yticks([])
    losses.set_xlabel(data.compared)
    handles = _handles(data, final_losses)
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))
    compared = data.compared.replace("\n", " ").replace(": ", " by ")
    summary = "; ".join(str(handle.get_label()) for handle in handles[1:])
    return f"Loss against the epoch from {len(data.starts)} starts. {compared[0].upper()}{compared[1:]}: {summary}."


def _handles(data: RestartData, final_losses: np.ndarray) -> list[Line2D]:
    """Return the legend of both panels."""
    best, handles = data.starts.best, [Line2D([], [], color=BLUE, lw=1.2, label=f"{len(data.starts)} starts")]
    if len(final_losses):
        name = f"best: {plain(float(data.starts.losses[best]), digits=4)}, start {best}"
        handles.append(Line2D([], [], color=VERMILLION, lw=2.4, label=name))
        median = f"median: {plain(float(np.median(final_losses)), digits=4)}"
        handles.append(Line2D([], [], color=BLACK, lw=1.8, ls=MEDIAN_DASHES, label=median))
    if data.diverged.any():
        handles.append(cross_handle(f"diverged: {data.diverged.sum()}"))
    return handles


def _curve_panel(axes: Axes, data: RestartData) -> None:
    """Draw all curves, the best in front."""
    epochs = np.arange(1, len(data.curves) + 1)
    marker = "o" if len(epochs) == 1 else None
    faint = float(np.clip(6 / len(data.starts), 0.25, 0.7))
    for start, values in enumerate(data.curves.T):
        style = {"color": BLUE, "lw": 1.0, "alpha": faint}
        if start == data.starts.best:
            style = {"color": VERMILLION, "lw": 2.4, "zorder": 5}
        axes.plot(epochs, drawable(values), marker=marker, **style)
    highest = off_scale_limit(data.starts.histories["train_loss"][0])
    fit_losses(axes, list(data.curves.T[~data.diverged]), list(data.curves.T[data.diverged]), highest=highest)
    for epoch in np.unique(data.starts.epochs[data.diverged]):
        cross_out(axes, float(epoch + 1), BLACK)
    epoch_axis(axes, len(epochs))
    axes.set_ylabel(data.label)


def _bars(axes: Axes, final_losses: np.ndarray) -> None:
    """Draw a histogram of losses, and a stroke at each."""
    logarithmic = spans_decades([final_losses])
    edges = np.histogram_bin_edges(np.log10(final_losses) if logarithmic else final_losses, "auto")
    axes.hist(
        final_losses,
        bins=list(10**edges if logarithmic else edges),
        color=BLUE,
        alpha=0.45,
        edgecolor="white",
        zorder=2,
    )
    axes.plot(final_losses, np.zeros(len(final_losses)), "|", color=BLUE, ms=12, mew=1.0, clip_on=False, zorder=3)
    axes.set_ylabel("starts")


def _points(axes: Axes, final_losses: np.ndarray) -> None:
    """Draw each loss as a point, from the lowest up."""
    axes.plot(np.sort(final_losses), np.arange(1, len(final_losses) + 1), "o", color=BLUE, ms=6, alpha=0.8, zorder=3)
    axes.set_ylim(0.4, len(final_losses) + 0.6)
    axes.set_ylabel("rank")
