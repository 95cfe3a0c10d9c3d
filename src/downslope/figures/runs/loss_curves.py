"""Losses and metrics of a run against the epoch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from downslope.core import DataError
from downslope.figures.style import BLUE, GRAY, VERMILLION, drawable, fit_axis, loss_label, plain, styled_figure
from downslope.training import Run

GAP = 0.062
"""The least distance of two labels, as a share of the axis."""

HIGHEST = 0.97
"""The highest position of a label, below the text above the axes."""


class Curve(NamedTuple):
    """One line of a panel: its values by epoch, its name and its style."""

    values: np.ndarray
    name: str
    color: str
    style: str
    width: float


def loss_curves(run: Run) -> Figure:
    """Return a figure of the losses against the epoch, and of the metrics in a second panel where there are any.

    Training loss is measured at fixed parameters at the end of each epoch; the loss in batches is the mean over an
    epoch while weights move, so it lags behind. The epoch whose parameters the run keeps is marked.

    Args:
        run: a run with at least one epoch.

    Raises:
        DataError: no epoch ended, so there is nothing to draw.

    Example:
        >>> import downslope as ds
        >>> run = ds.train(ds.mlp([8], outputs=3), ds.load("iris"), epochs=3, validation=0.2, progress=False)
        >>> [axes.get_ylabel() for axes in loss_curves(run).axes]
        ['loss: cross entropy (nats)']
    """
    if run.epochs == 0:
        raise DataError("Loss curves need a run of at least one epoch, got one in which none ended.")
    metrics = _metric_names(run)
    width = 7.2 + 4.6 * bool(metrics)
    return styled_figure(lambda figure: _draw(figure, run, metrics), (width, 4.2))


def _draw(figure: Figure, run: Run, metrics: list[str]) -> str:
    """Draw all panels and return the alternative text."""
    panels = figure.subplots(1, 1 + bool(metrics), squeeze=False)[0]
    losses = [
        Curve(run.history[key], name, color, style, width)
        for key, name, color, style, width in (
            ("batch_loss", "in batches", GRAY, ":", 1.4),
            ("train_loss", "training", BLUE, "-", 2.0),
            ("validation_loss", "validation", VERMILLION, "--", 2.0),
        )
        if key in run.history
    ]
    best_epoch = run.best_epoch if "validation_loss" in run.history else None
    _panel(panels[0], losses, loss_label(run), best_epoch, log="auto")
    if metrics:
        name = metrics[0]
        scores = [
            Curve(run.history[f"{part}_{name}"], long, color, style, 2.0)
            for part, long, color, style in (
                ("train", "training", BLUE, "-"),
                ("validation", "validation", VERMILLION, "--"),
            )
            if f"{part}_{name}" in run.history
        ]
        _panel(panels[1], scores, {"r2": "R²", "rmse": "RMSE"}.get(name, name), best_epoch, log=False)
    return _describe(run, losses, best_epoch)


def _panel(axes: Axes, curves: list[Curve], label: str, best_epoch: int | None, *, log: bool | str) -> None:
    """Draw curves against the epoch, each labeled at its end."""
    epochs = np.arange(1, len(curves[0].values) + 1)
    single = len(epochs) == 1
    for curve in curves:
        axes.plot(
            epochs,
            drawable(curve.values),
            curve.style,
            color=curve.color,
            lw=curve.width,
            marker="o" if single else None,
        )
    fit_axis(axes, [curve.values for curve in curves], log=log)
    axes.set_xlim(1 - 0.02 * len(epochs), len(epochs) + 0.02 * len(epochs) + single)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, steps=[1, 2, 5, 10]))
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    if best_epoch:
        _mark_best_epoch(axes, curves, best_epoch)
    _label_ends(axes, curves)


def _mark_best_epoch(axes: Axes, curves: list[Curve], best_epoch: int) -> None:
    """Mark the best epoch, whose parameters the run keeps."""
    axes.axvline(best_epoch, color="#404040", lw=1.0, ls=(0, (2, 2)), zorder=1)
    for curve in curves:
        if curve.name == "validation":
            axes.plot(
                [best_epoch],
                drawable(curve.values[best_epoch - 1 : best_epoch]),
                "o",
                ms=7,
                mfc="white",
                mec=curve.color,
                mew=2.0,
                zorder=5,
            )
    axes.annotate(
        f"kept: epoch {best_epoch}",
        (best_epoch, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
        color="#404040",
        fontsize=9,
    )


def _label_ends(axes: Axes, curves: list[Curve]) -> None:
    """Name each curve at its right end, moved apart where the ends are close."""
    axes.autoscale_view()
    ends = drawable(np.array([curve.values[-1] for curve in curves]))
    to_axes = axes.transData + axes.transAxes.inverted()
    heights = np.array([to_axes.transform((1.0, end))[1] if np.isfinite(end) else 0.0 for end in ends])
    for curve, height in zip(curves, spread(heights, GAP), strict=True):
        axes.annotate(
            curve.name,
            (1.0, height),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=curve.color,
            annotation_clip=False,
        )


def spread(heights: np.ndarray, gap: float) -> np.ndarray:
    """Return heights moved apart to at least `gap`, in the same order, none above `HIGHEST`.

    Example:
        >>> spread(np.array([0.5, 0.5]), 0.1).tolist()
        [0.5, 0.6]
    """
    order = np.argsort(heights, kind="stable")
    moved = np.array(heights, np.float64)[order]
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap)
    moved -= max(0.0, moved[-1] - HIGHEST)
    result = np.empty_like(moved)
    result[order] = moved
    return result


def _metric_names(run: Run) -> list[str]:
    """Return the metrics in the history."""
    names = [name.removeprefix("train_") for name in run.history if name.startswith("train_")]
    return [name for name in names if name != "loss"]


def _describe(run: Run, losses: list[Curve], best_epoch: int | None) -> str:
    """Return the alternative text of the figure."""
    changes = "; ".join(
        f"{curve.name} from {plain(curve.values[0], digits=3)} to {plain(curve.values[-1], digits=3)}"
        for curve in losses
    )
    end = f" The parameters of epoch {best_epoch} are kept." if best_epoch else ""
    return f"Loss against the epoch over {run.epochs} epochs: {changes}.{end}"
