"""Curvature and noise during a run: the edge of stability, loss ratios of a step, and the two phases of descent."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from downslope.core import Advice, DataError
from downslope.figures.style import (
    BLUE,
    GRAY,
    GREEN,
    ORANGE,
    VERMILLION,
    decade_ticks,
    drawable,
    fit_axis,
    loss_label,
    styled_figure,
)
from downslope.training import Run, Tracking

FEW_STEPS = 40
"""The largest number of steps drawn as points on their lines."""

SHADE = "#FBEBD0"
"""The background of steps at which noise dominates."""

DASHED = (0, (4, 2))


def tracking(source: Run | Tracking) -> Figure:
    """Return a figure of the quantities tracked while training, against the epoch.

    The panels: loss; sharpness beside the one at which the rate is at its edge of stability; the loss after a step over
    the loss before, predicted and observed for a step down the gradient and for the step that training made; norm of
    the gradient; noise scale with its 95 % interval beside the batch; agreement of batches. Behind the steps at which
    the noise of a batch dominates the panels are shaded. What is not defined leaves a gap; a bound of the noise scale
    that is infinite leaves through the top.

    Args:
        source: a run that was tracked, or its `tracking`. A run also shows its training and validation loss.

    Raises:
        DataError: nothing was tracked.

    Example:
        >>> import downslope as ds
        >>> settings = {"optimizer": ds.sgd(0.1), "epochs": 4, "progress": False}
        >>> often = ds.Track(curvature_every=4, budget=None)
        >>> run = ds.train(ds.mlp([8], outputs=3), ds.load("iris"), track=often, **settings)
        >>> [axes.get_ylabel() for axes in tracking(run).axes][1:3]
        ['sharpness', 'loss after a step / before']
    """
    tracked = source.tracking if isinstance(source, Run) else source
    if tracked is None or not len(tracked):
        raise DataError(
            "The figure of tracking needs a run that was tracked, got one that was not.",
            Advice("train with {}", code="`track=ds.Track(curvature_every=100)`"),
        )
    run = source if isinstance(source, Run) else None
    return styled_figure(lambda figure: _draw(figure, tracked, run), (12.6, 6.6))


def _draw(figure: Figure, tracked: Tracking, run: Run | None) -> str:
    """Draw all panels and return the alternative text."""
    grid = figure.subplots(2, 3, sharex=True)
    _loss(grid[0, 0], tracked, run)
    for axes, draw in zip(grid.flat[1:], (_sharpness, _ratios, _gradient, _noise, _agreement), strict=True):
        draw(axes, tracked)
    last = max(float(tracked.epochs[-1]), float(run.epochs if run is not None else 0))
    for axes in grid.flat:
        _shade(axes, tracked, last)
        axes.set_xlim(-0.03 * (last or 1), 1.03 * (last or 1))
        axes.xaxis.set_major_locator(MaxNLocator(integer=last >= 4, nbins=7, steps=[1, 2, 5, 10]))
        axes.set_xlabel("epoch")
        axes.tick_params(labelbottom=True)
    return _describe(tracked)


def _loss(axes: Axes, tracked: Tracking, run: Run | None) -> None:
    """Draw the loss: that of a run's epochs, and that at the tracked steps."""
    lines = [(tracked.epochs, tracked.loss, "tracked rows", GRAY, "o" if len(tracked) <= FEW_STEPS else "")]
    if run is not None:
        ends = np.arange(1, run.epochs + 1)
        curves = {"train_loss": ("training", BLUE), "validation_loss": ("validation", VERMILLION)}
        lines += [(ends, run.history[name], *look, "") for name, look in curves.items() if name in run.history]
    for x, values, name, color, marker in lines:
        style = "-" if color != GRAY or run is None else ":"
        axes.plot(x, drawable(values), style, color=color, lw=1.8, marker=marker or None, ms=3.0, label=name)
    _scale(axes, [values for _, values, *_ in lines])
    axes.set_ylabel("loss" if run is None else loss_label(run))
    axes.legend(fontsize=8.5)


def _sharpness(axes: Axes, tracked: Tracking) -> None:
    """Draw the sharpness that the optimizer sees, with its residual, and its limit."""
    adaptive = bool(np.isfinite(tracked.preconditioned_sharpness).any())
    sharpness = tracked.preconditioned_sharpness if adaptive else tracked.sharpness
    residual = tracked.preconditioned_residual if adaptive else tracked.sharpness_residual
    sharpness, residual = drawable(sharpness), drawable(residual)
    axes.fill_between(tracked.epochs, sharpness - residual, sharpness + residual, color=BLUE, alpha=0.2, lw=0)
    _line(axes, tracked, sharpness, BLUE, "measured")
    doubtful = ~tracked.converged
    if doubtful.any():
        axes.plot(
            tracked.epochs[doubtful], sharpness[doubtful], "o", mfc="white", mec=BLUE, ms=5, label="not converged"
        )
    if np.isfinite(tracked.limit).any():
        axes.plot(
            tracked.epochs, drawable(tracked.limit), color=VERMILLION, lw=1.6, ls=DASHED, label="edge of stability"
        )
    _scale(axes, [sharpness, tracked.limit])
    if adaptive and len(tracked) > 1:
        # at first the moments are those of one batch: their preconditioner may be almost 0
        rest = np.concatenate([sharpness[1:], tracked.limit])
        axes.set_ylim(top=2 * float(np.nanmax(drawable(rest), initial=0.0)) or None)
    axes.set_ylabel("preconditioned sharpness" if adaptive else "sharpness")
    axes.legend(fontsize=8.5)


def _ratios(axes: Axes, tracked: Tracking) -> None:
    """Draw the ratios of the losses after and before a step."""
    axes.axhline(1, color=GRAY, lw=1.0, zorder=1)
    _line(axes, tracked, tracked.made_ratio, ORANGE, "step made, from one batch")
    _line(axes, tracked, tracked.observed_ratio, BLUE, "step down the gradient")
    axes.plot(
        tracked.epochs,
        drawable(tracked.predicted_ratio),
        color="black",
        lw=1.2,
        ls=DASHED,
        label="predicted, to order 2",
    )
    _scale(axes, [tracked.made_ratio, tracked.observed_ratio])
    axes.set_ylabel("loss after a step / before")
    axes.legend(fontsize=8.5)


def _gradient(axes: Axes, tracked: Tracking) -> None:
    """Draw the norm of the gradient."""
    _line(axes, tracked, tracked.gradient_norm, GREEN, "")
    _scale(axes, [tracked.gradient_norm])
    axes.set_ylabel("norm of the gradient")


def _noise(axes: Axes, tracked: Tracking) -> None:
    """Draw the noise scale with its interval, and the batch."""
    positive = np.concatenate([tracked.noise_scale, tracked.noise_scale_low, tracked.batch_size.astype(float)])
    positive = positive[np.isfinite(drawable(positive)) & (drawable(positive) > 0)]
    low, high = positive.min() / 1.6, positive.max() * 1.6
    interval = [np.nan_to_num(bound, nan=np.nan, posinf=high) for bound in _bounds(tracked)]
    axes.fill_between(tracked.epochs, *np.clip(interval, low, high), color=BLUE, alpha=0.2, lw=0, label="95 % interval")
    noise = drawable(tracked.noise_scale)
    _line(axes, tracked, np.where(noise > 0, noise, np.nan), BLUE, "noise scale")
    axes.step(tracked.epochs, tracked.batch_size, where="post", color=VERMILLION, lw=1.6, ls=DASHED, label="batch")
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    decade_ticks(axes.yaxis)
    axes.set_ylabel("noise scale (rows)")
    axes.legend(fontsize=8.5)


def _bounds(tracked: Tracking) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of the noise scale's interval."""
    return tracked.noise_scale_low, tracked.noise_scale_high


def _agreement(axes: Axes, tracked: Tracking) -> None:
    """Draw the agreement of batches, and where signal and noise are equal."""
    axes.axhline(0.5, color=GRAY, lw=1.2, ls=DASHED, zorder=1, label="signal equals noise")
    _line(axes, tracked, tracked.agreement, BLUE, "")
    finite = drawable(tracked.agreement)
    finite = finite[np.isfinite(finite)]
    axes.set_ylim(min(-0.05, 1.1 * float(np.min(finite, initial=0.0))), 1.05)
    axes.set_ylabel("agreement of batches (cosine)")
    if not len(finite):
        axes.text(0.5, 0.5, "not defined", transform=axes.transAxes, ha="center", va="bottom", color="#404040")
    shade = [Patch(facecolor=SHADE, edgecolor=ORANGE, label="noise dominates")] if "diffusion" in tracked.phase else []
    axes.legend(handles=[*axes.get_legend_handles_labels()[0], *shade], fontsize=8.5)


def _line(axes: Axes, tracked: Tracking, values: np.ndarray, color: str, label: str) -> None:
    """Draw one quantity."""
    marker = "o" if len(tracked) <= FEW_STEPS else None
    axes.plot(tracked.epochs, drawable(values), color=color, lw=1.6, marker=marker, ms=3.0, label=label or None)


def _scale(axes: Axes, values: list[np.ndarray]) -> None:
    """Make the axis logarithmic where values span decades."""
    fit_axis(axes, values)


def _shade(axes: Axes, tracked: Tracking, last: float) -> None:
    """Shade the steps at which noise dominates."""
    ends = [*tracked.epochs, last]
    for phase, indices in groupby(range(len(tracked)), key=tracked.phase.__getitem__):
        span = list(indices)
        if phase == "diffusion":
            axes.axvspan(ends[span[0]], ends[span[-1] + 1], color=SHADE, lw=0, zorder=0)


def _describe(tracked: Tracking) -> str:
    """Return the alternative text of the figure."""
    return f"Curvature and noise against the epoch. {str(tracked).replace(chr(10), ' ')}"
