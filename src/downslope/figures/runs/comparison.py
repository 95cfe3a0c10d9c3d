"""Runs side by side: losses against the epoch, with the settings that differ."""

from __future__ import annotations

from dataclasses import replace
from inspect import signature
from pathlib import PurePath
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from downslope import optimizers
from downslope.core import DataError
from downslope.figures.style import (
    COLORS,
    GRAY,
    STAR,
    UNITS,
    drawable,
    epoch_axis,
    fit_losses,
    off_scale_limit,
    plain,
    shortened,
    star_handle,
    styled_figure,
)
from downslope.runs import Compared, Comparison, setting_text

LONGEST_LINE = 38
LONGEST_NAME = 70
MOST_RUNS = len(COLORS)
"""The number of distinguishable runs."""

MOST_LINES = 3
PARTS = {"train_loss": ("-", "training"), "validation_loss": ("--", "validation")}


def comparison(result: Comparison) -> Figure:
    """Return a figure of the losses of several runs against the epoch, one color a run.

    Training loss is solid, validation loss dashed. The legend lists the runs from the lowest loss to the highest, each
    with its values of the settings that differ, in one order; the epoch that the best run keeps is marked. Of more than
    seven runs the best seven are drawn, and the legend says so.

    Args:
        result: the result of `ds.compare`.

    Raises:
        DataError: no run has ended an epoch.

    Example:
        >>> from downslope.runs import Compared
        >>> history = {"train_loss": np.array([1.0, 0.5])}
        >>> runs = [Compared(name, {"rate": name}, history, 2, "completed", 1.0) for name in ("a", "b")]
        >>> [axes.get_xlabel() for axes in comparison(Comparison(tuple(runs), "cross_entropy", ())).axes]
        ['epoch']
    """
    if not any(run.epochs for run in result.runs):
        raise DataError("The figure needs a run in which an epoch ended, got none.")
    best_runs = replace(result, runs=result.runs[:MOST_RUNS])
    return styled_figure(lambda figure: _draw(figure, best_runs, len(result.runs)), (9.2, 4.4))


def _draw(figure: Figure, result: Comparison, count: int) -> str:
    """Draw these runs, the best of `count`, and return the alternative text."""
    axes = figure.subplots()
    for rank, run in enumerate(result.runs):
        _draw_run(axes, run, COLORS[rank], best=rank == 0)
    diverged = [run for run in result.runs if run.stop_reason == "diverged"]
    finished = [run for run in result.runs if run.stop_reason != "diverged"]
    first = [run.history["train_loss"][0] for run in result.runs if run.epochs]
    highest = max(off_scale_limit(first), float(np.nan_to_num(drawable(np.array(result.runs[0].loss)))))
    fit_losses(axes, _curves(finished), _curves(diverged), highest=highest)
    epoch_axis(axes, max(run.epochs for run in result.runs))
    axes.set_ylabel(_label(result))
    _legends(figure, result, count)
    losses = "; ".join(f"{_short(run)} ({_differences(run)}) {plain(run.loss, digits=4)}" for run in result.runs)
    number = f"the best {len(result.runs)} of {count}" if count > len(result.runs) else str(count)
    return f"Loss against the epoch of {number} runs, the lowest first: {losses}."


def _curves(runs: list[Compared]) -> list[np.ndarray]:
    """Return all losses of some runs."""
    return [run.history[part] for run in runs for part in PARTS if part in run.history]


def _draw_run(axes: Axes, run: Compared, color: str, *, best: bool) -> None:
    """Draw one run; the best in front, wider, with its best epoch marked."""
    epochs = np.arange(1, run.epochs + 1)
    for name, (style, _) in PARTS.items():
        if name in run.history:
            dot = "o" if run.epochs == 1 else None
            width = 2.6 if best else 1.6
            axes.plot(epochs, drawable(run.history[name]), style, color=color, lw=width, marker=dot, zorder=3 + best)
    if best and np.isfinite(run.loss):
        axes.plot([run.kept_epoch], drawable(np.array([run.loss])), mfc=color, clip_on=False, **STAR)


def _legends(figure: Figure, result: Comparison, count: int) -> None:
    """Draw the legend of lines above, and that of runs with their losses beside the axes."""
    lines = [
        Line2D([], [], color=color, lw=3, label=_entry(run)) for color, run in zip(COLORS, result.runs, strict=False)
    ]
    validated = any("validation_loss" in run.history for run in result.runs)
    title = "validation loss kept" if validated else "last training loss"
    if count > len(result.runs):
        title += f", the best {len(result.runs)} of {count}"
    figure.legend(handles=lines, title=title, loc="outside right center", alignment="left")
    marks = [star_handle("the epoch that the best run keeps")]
    if validated:
        marks += [Line2D([], [], color=GRAY, ls=style, lw=1.8, label=name) for style, name in PARTS.values()]
    figure.legend(handles=marks, loc="outside upper left", ncols=len(marks))


def _entry(run: Compared) -> str:
    """Return a run's line in the legend."""
    reached = plain(run.loss, digits=4) if np.isfinite(run.loss) else "none"
    state = "" if run.stop_reason in ("completed", "early_stopping") else f", {run.stop_reason}"
    head = fill(f"{_short(run)}: {reached}{state}", LONGEST_LINE)
    settings = fill(_differences(run), LONGEST_LINE, max_lines=MOST_LINES, placeholder=" …")
    return f"{head}\n{settings}" if run.settings else head


def _differences(run: Compared) -> str:
    """Describe the settings by which runs differ, in one order for all."""
    differences = [f"{name.replace('_', ' ')} {value}" for name, value in _chosen(run).items()]
    return ", ".join(differences) or "same settings"


def _chosen(run: Compared) -> dict[str, str]:
    """Return the settings by which runs differ, without the defaults of this run's optimizer."""
    kind, _, inside = run.settings.get("optimizer", "").removesuffix(")").partition("(")
    maker = getattr(optimizers, kind, None)
    if maker is None:
        return run.settings
    defaults = {name: setting_text(number.default) for name, number in signature(maker).parameters.items()}
    changed = [part for part in inside.split(", ") if part.rpartition(" ")[2] != defaults.get(part.rpartition(" ")[0])]
    optimizer = f"{kind}({', '.join(changed)})" if any(changed) else kind
    rest = {
        name: value for name, value in run.settings.items() if name == "learning_rate" or defaults.get(name) != value
    }
    return {name: optimizer if name == "optimizer" else value for name, value in rest.items()}


def _short(run: Compared) -> str:
    """Return the last part of a run's name."""
    return shortened(PurePath(run.name).name, LONGEST_NAME)


def _label(result: Comparison) -> str:
    """Return the label of the axis of losses."""
    unit = f" ({UNITS[result.loss]})" if result.loss in UNITS else ""
    return "loss" if result.loss is None else f"loss: {result.loss.replace('_', ' ')}{unit}"
