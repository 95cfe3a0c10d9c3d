"""A race: how several optimizers came down from one start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from downslope.core import DataError
from downslope.figures.search.sweep_layout import shown_value
from downslope.figures.style import (
    COLORS,
    GRAY,
    STAR,
    compared_by,
    cross_handle,
    cross_out,
    drawn,
    epoch_axis,
    fit_losses,
    highest_shown,
    loss_label,
    plain,
    star_handle,
)
from downslope.training import Race, Run

MOST_RACERS = len(COLORS)
LONGEST_LINE = 34
PARTS = {"train_loss": "-", "validation_loss": "--"}


def race(found: Race) -> Figure:
    """Return a figure of the losses against the epoch, one color an optimizer, and of where each got to.

    Training loss is solid, validation loss dashed. The legend lists the optimizers from the lowest loss to the highest,
    by the loss that the race compares them by; the winner's is marked. What diverged is crossed at the top edge in the
    epoch that it did not end.

    Args:
        found: what `ds.race` returned.

    Raises:
        DataError: there is no optimizer, or there are too many to tell apart.

    Example:
        >>> import downslope as ds
        >>> racers = {"sgd": ds.sgd(0.01), "adam": ds.adam(0.01)}
        >>> found = ds.race(ds.mlp([8], outputs=3), ds.load("iris"), optimizers=racers, epochs=3, progress=False)
        >>> [axes.get_ylabel() for axes in race(found).axes]
        ['loss: cross entropy (nats)']
    """
    if not 1 <= len(found) <= MOST_RACERS:
        raise DataError(f"The figure of a race shows 1 to {MOST_RACERS} optimizers, got {len(found)}. Leave some out.")
    return drawn(lambda figure: _draw(figure, found), (9.2, 4.4))


def _draw(figure: Figure, found: Race) -> str:
    """Draw the race and return what it shows."""
    axes = figure.subplots()
    colors = _colors(found)
    for name, run in found.runs.items():
        _draw_run(axes, run, colors[name], winner=name == found.winner)
    lost = {name: run for name, run in found.runs.items() if run.stop_reason == "diverged"}
    kept = [run for name, run in found.runs.items() if name not in lost]
    highest = highest_shown(run.history["train_loss"][0] for run in found.runs.values() if run.epochs)
    fit_losses(axes, _all_curves(kept), _all_curves(lost.values()), highest=highest)
    crossed: Counter[int] = Counter()
    for name, run in lost.items():
        cross_out(axes, float(run.epochs + 1), colors[name], rank=crossed[run.epochs])
        crossed[run.epochs] += 1
    _mark_winner(axes, found)
    epoch_axis(axes, max(1, *(run.epochs + (name in lost) for name, run in found.runs.items())))
    axes.set_ylabel(loss_label(next(iter(found.runs.values()))))
    _legends(figure, found, colors, any_lost=bool(lost))
    return _described(found)


def _curves(run: Run) -> dict[str, np.ndarray]:
    """Return the curves of a run that are drawn."""
    return {name: run.history[name] for name in PARTS if name in run.history}


def _all_curves(runs: Iterable[Run]) -> list[np.ndarray]:
    """Return all curves of some runs."""
    return [values for run in runs for values in _curves(run).values()]


def _colors(found: Race) -> dict[str, str]:
    """Return each optimizer's color."""
    return dict(zip(found.runs, COLORS, strict=False))


def _draw_run(axes: Axes, run: Run, color: str, *, winner: bool) -> None:
    """Draw the losses of one run, in front and wider where it won."""
    epochs = np.arange(1, run.epochs + 1)
    for name, values in _curves(run).items():
        marker = "o" if run.epochs == 1 else None
        axes.plot(epochs, values, PARTS[name], color=color, lw=2.6 if winner else 1.6, marker=marker, zorder=3 + winner)


def _mark_winner(axes: Axes, found: Race) -> None:
    """Mark where the winner's loss was reached."""
    run = found.runs[found.winner]
    if np.isfinite(found.losses[found.winner]):
        values = run.history.get("validation_loss", run.history["train_loss"][-1:])
        epoch = int(np.nanargmin(values)) + 1 if "validation_loss" in run.history else run.epochs
        axes.plot([epoch], [found.losses[found.winner]], mfc=_colors(found)[found.winner], clip_on=False, **STAR)


def _legends(figure: Figure, found: Race, colors: dict[str, str], *, any_lost: bool) -> None:
    """Say above what marks and lines are, and beside it who is who and got where."""
    compared = compared_by(found.runs.values())
    order = sorted(found.runs, key=lambda name: (name != found.winner, _last(found.losses[name])))
    racers = [
        Line2D([], [], color=colors[name], lw=3, label=fill(f"{name}: {_ending(found, name)}", LONGEST_LINE))
        for name in order
    ]
    legend = figure.legend(handles=racers, title=compared, loc="outside right center", alignment="left")
    if np.isfinite(found.losses[found.winner]):
        legend.get_texts()[0].set_fontweight("bold")
    marks = []
    if np.isfinite(found.losses[found.winner]):
        marks.append(star_handle(f"the winner: {shown_value(found.winner)}"))
    if any("validation_loss" in run.history for run in found.runs.values()):
        marks += [
            Line2D([], [], color=GRAY, ls=style, lw=1.8, label=name.removesuffix("_loss").replace("train", "training"))
            for name, style in PARTS.items()
        ]
    if any_lost:
        marks.append(cross_handle("diverged"))
    if marks:
        figure.legend(handles=marks, loc="outside upper left", ncols=len(marks))


def _last(loss: float) -> float:
    """Return a loss by which those without one come last."""
    return loss if np.isfinite(loss) else np.inf


def _ending(found: Race, name: str) -> str:
    """Return where an optimizer got to, in words."""
    loss = found.losses[name]
    reached = plain(loss, digits=4) if np.isfinite(loss) else ""
    if found.runs[name].stop_reason != "diverged":
        return reached or "none"
    return ", ".join(part for part in (reached, f"diverged in epoch {found.runs[name].epochs + 1}") if part)


def _described(found: Race) -> str:
    """Return the figure in words."""
    compared = compared_by(found.runs.values())
    ways = "; ".join(f"{name} {_ending(found, name)}" for name in found.runs)
    won = f" {found.winner} wins." if np.isfinite(found.losses[found.winner]) else " None has a finite loss."
    return f"Loss against the epoch of {len(found)} optimizers from one start. {compared.capitalize()}: {ways}.{won}"
