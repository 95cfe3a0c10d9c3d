"""A race: the losses of several optimizers from one start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from downslope.core import DataError
from downslope.figures.search.sweep_layout import value_text
from downslope.figures.style import (
    COLORS,
    GRAY,
    STAR,
    compared_by,
    cross_handle,
    cross_out,
    drawable,
    epoch_axis,
    fit_losses,
    loss_label,
    off_scale_limit,
    plain,
    star_handle,
    styled_figure,
)
from downslope.training import Race, Run

MOST_RACERS = len(COLORS)
LONGEST_LINE = 34
PARTS = {"train_loss": "-", "validation_loss": "--"}


def race(result: Race) -> Figure:
    """Return a figure of the losses against the epoch, one color an optimizer, and of where each got to.

    Training loss is solid, validation loss dashed. The legend lists the optimizers from the lowest loss to the highest,
    by the loss that the race compares them by; the winner's is marked. What diverged is crossed at the top edge in the
    epoch that it did not end.

    Args:
        result: the result of `ds.race`.

    Raises:
        DataError: there is no optimizer, or there are more than colors.

    Example:
        >>> import downslope as ds
        >>> racers = {"sgd": ds.sgd(0.01), "adam": ds.adam(0.01)}
        >>> found = ds.race(ds.mlp([8], outputs=3), ds.load("iris"), optimizers=racers, epochs=3, progress=False)
        >>> [axes.get_ylabel() for axes in race(found).axes]
        ['loss: cross entropy (nats)']
    """
    if not 1 <= len(result) <= MOST_RACERS:
        raise DataError(f"The figure of a race shows 1 to {MOST_RACERS} optimizers, got {len(result)}. Leave some out.")
    return styled_figure(lambda figure: _draw(figure, result), (9.2, 4.4))


def _draw(figure: Figure, result: Race) -> str:
    """Draw the race and return the alternative text."""
    axes = figure.subplots()
    colors = _colors(result)
    for name, run in result.runs.items():
        _draw_run(axes, run, colors[name], winner=name == result.winner)
    diverged = {name: run for name, run in result.runs.items() if run.stop_reason == "diverged"}
    converged = [run for name, run in result.runs.items() if name not in diverged]
    highest = off_scale_limit(run.history["train_loss"][0] for run in result.runs.values() if run.epochs)
    highest = max(highest, float(np.nan_to_num(drawable(np.array(result.losses[result.winner])))))
    fit_losses(axes, _all_curves(converged), _all_curves(diverged.values()), highest=highest)
    crossed: Counter[int] = Counter()
    for name, run in diverged.items():
        cross_out(axes, float(run.epochs + 1), colors[name], rank=crossed[run.epochs])
        crossed[run.epochs] += 1
    _mark_winner(axes, result)
    epoch_axis(axes, max(1, *(run.epochs + (name in diverged) for name, run in result.runs.items())))
    axes.set_ylabel(loss_label(next(iter(result.runs.values()))))
    _legends(figure, result, colors, any_diverged=bool(diverged))
    return _describe(result)


def _curves(run: Run) -> dict[str, np.ndarray]:
    """Return the curves of a run that are drawn."""
    return {name: run.history[name] for name in PARTS if name in run.history}


def _all_curves(runs: Iterable[Run]) -> list[np.ndarray]:
    """Return all curves of some runs."""
    return [values for run in runs for values in _curves(run).values()]


def _colors(result: Race) -> dict[str, str]:
    """Return each optimizer's color."""
    return dict(zip(result.runs, COLORS, strict=False))


def _draw_run(axes: Axes, run: Run, color: str, *, winner: bool) -> None:
    """Draw the losses of one run, the winner's in front and wider."""
    epochs = np.arange(1, run.epochs + 1)
    for name, values in _curves(run).items():
        marker = "o" if run.epochs == 1 else None
        width = 2.6 if winner else 1.6
        axes.plot(epochs, drawable(values), PARTS[name], color=color, lw=width, marker=marker, zorder=3 + winner)


def _mark_winner(axes: Axes, result: Race) -> None:
    """Mark the winner's loss at its epoch."""
    run = result.runs[result.winner]
    if np.isfinite(result.losses[result.winner]):
        values = run.history.get("validation_loss", run.history["train_loss"][-1:])
        epoch = int(np.nanargmin(values)) + 1 if "validation_loss" in run.history else run.epochs
        won = drawable(np.array([result.losses[result.winner]]))
        axes.plot([epoch], won, mfc=_colors(result)[result.winner], clip_on=False, **STAR)


def _legends(figure: Figure, result: Race, colors: dict[str, str], *, any_diverged: bool) -> None:
    """Draw the legend of marks and lines above, and that of optimizers with their losses beside the axes."""
    compared = compared_by(result.runs.values())
    order = sorted(result.runs, key=lambda name: (name != result.winner, _last(result.losses[name])))
    racers = [
        Line2D([], [], color=colors[name], lw=3, label=fill(f"{name}: {_ending(result, name)}", LONGEST_LINE))
        for name in order
    ]
    legend = figure.legend(handles=racers, title=compared, loc="outside right center", alignment="left")
    if np.isfinite(result.losses[result.winner]):
        legend.get_texts()[0].set_fontweight("bold")
    marks = []
    if np.isfinite(result.losses[result.winner]):
        marks.append(star_handle(f"the winner: {value_text(result.winner)}"))
    if any("validation_loss" in run.history for run in result.runs.values()):
        marks += [
            Line2D([], [], color=GRAY, ls=style, lw=1.8, label=name.removesuffix("_loss").replace("train", "training"))
            for name, style in PARTS.items()
        ]
    if any_diverged:
        marks.append(cross_handle("diverged"))
    if marks:
        figure.legend(handles=marks, loc="outside upper left", ncols=len(marks))


def _last(loss: float) -> float:
    """Return a sort key: the loss, or infinity where there is none."""
    return loss if np.isfinite(loss) else np.inf


def _ending(result: Race, name: str) -> str:
    """Describe the final loss of an optimizer."""
    loss = result.losses[name]
    reached = plain(loss, digits=4) if np.isfinite(loss) else ""
    if result.runs[name].stop_reason != "diverged":
        return reached or "none"
    return ", ".join(part for part in (reached, f"diverged in epoch {result.runs[name].epochs + 1}") if part)


def _describe(result: Race) -> str:
    """Return the alternative text of the figure."""
    compared = compared_by(result.runs.values())
    endings = "; ".join(f"{name} {_ending(result, name)}" for name in result.runs)
    won = f" {result.winner} wins." if np.isfinite(result.losses[result.winner]) else " None has a finite loss."
    won += "".join(f" {unfit.settings['optimizer']} cannot be trained." for unfit in result.unfit)
    return (
        f"Loss against the epoch of {len(result)} optimizers from one start. {compared.capitalize()}: {endings}.{won}"
    )
