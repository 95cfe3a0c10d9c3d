"""A sweep: the loss against the swept settings."""

from __future__ import annotations

from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from downslope.figures.search.sweep_layout import ALONE, Layout, best_index, diverged, layout_of, middle, settings_text
from downslope.figures.search.sweep_lines import MEDIAN_DASHES, draw_lines, line_handles
from downslope.figures.search.sweep_map import color_norm, draw_map
from downslope.figures.style import (
    GRAY,
    VERMILLION,
    compared_by,
    cross_handle,
    decade_ticks,
    fit_losses,
    loss_label,
    off_scale_limit,
    plain,
    star_handle,
    styled_figure,
)
from downslope.training import Sweep

MOST_COLUMNS = 3
LONGEST_LINE = 76
LONGEST_TITLE = 40
LETTERS_AN_INCH = 13


def sweep(result: Sweep) -> Figure:
    """Return a figure of the loss that runs are compared by, against the settings that were swept.

    A swept number goes along the axis, logarithmic where it spans decades or is a rate; a second setting makes a line
    for each of its values; two numbers of three values or more make a map with every loss in its cell; further settings
    make panels. Other settings than numbers are points. Runs that differ in nothing but their seed are drawn as the
    median and range of those that did not diverge. What diverged is crossed at the top edge, whatever it had reached
    before; the run with the lowest loss is marked.

    Args:
        result: the result of `ds.sweep`.

    Raises:
        DataError: nothing was swept, no run was made, or there would be more than 12 panels.

    Example:
        >>> import downslope as ds
        >>> net, data, rates = ds.mlp([8], outputs=3), ds.load("iris"), [1e-3, 1e-2, 1e-1]
        >>> found = ds.sweep(net, data, learning_rate=rates, epochs=2, progress=False)
        >>> [(axes.get_xlabel(), axes.get_xscale()) for axes in sweep(found).axes]
        [('learning rate', 'log')]
    """
    layout = layout_of(result)
    columns = min(MOST_COLUMNS, len(layout.panels))
    rows = -(-len(layout.panels) // columns)
    width, height = _panel_size(layout, columns)
    width += 1.6 / columns * (layout.lines is not ALONE)
    return styled_figure(
        lambda figure: _draw(figure, result, layout, (rows, columns)), (columns * width, rows * height)
    )


def _panel_size(layout: Layout, columns: int) -> tuple[float, float]:
    """Return width and height of a panel in inches: in a map, enough for the text in the cells."""
    if layout.is_map:
        cell = 0.95 if layout.seeds > 1 else 0.75
        return max(4.0, 0.9 + cell * len(layout.x.values)), max(3.6, 1.2 + 0.6 * cell * len(layout.lines.values))
    return (6.6, 4.2) if columns == 1 else (4.2, 3.6)


def _draw(figure: Figure, result: Sweep, layout: Layout, shape: tuple[int, int]) -> str:
    """Draw all panels and return the alternative text."""
    grid = list(figure.subplots(*shape, squeeze=False).flat)
    panels = grid[: len(layout.panels)]
    for axes in grid[len(panels) :]:
        axes.remove()
    label = loss_label(result.runs[0], compared_by(result.runs))
    highest = off_scale_limit(run.history["train_loss"][0] for run in result.runs if run.epochs)
    if layout.is_map:
        _draw_maps(figure, panels, result, layout, label, highest=highest)
    else:
        _draw_lines(figure, panels, result, layout, label, highest=highest)
    if len(panels) > 1:
        for axes, panel in zip(panels, layout.panels, strict=True):
            axes.set_title(fill(settings_text(panel), LONGEST_TITLE), fontsize=10, pad=12)
    diverged_mask = np.array([diverged(result, index) for index in range(len(result))])
    handles = _handles(result, layout, diverged_mask)
    letters = sum(len(str(handle.get_label())) + 8 for handle in handles)
    in_a_row = letters < LETTERS_AN_INCH * figure.get_figwidth()
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles) if in_a_row else 1)
    return _describe(result, layout, label, diverged_mask)


def _draw_maps(
    figure: Figure, panels: list[Axes], result: Sweep, layout: Layout, label: str, *, highest: float
) -> None:
    """Draw a map in each panel, with one scale of colors."""
    norm = color_norm(result, layout, highest=highest)
    for axes, panel in zip(panels, layout.panels, strict=True):
        image = draw_map(axes, result, layout, panel, norm)
    if best_index(result) is None:
        return
    bar = figure.colorbar(image, ax=panels, label=label)
    if isinstance(norm, LogNorm):
        decade_ticks(bar.ax.yaxis)


def _draw_lines(
    figure: Figure, panels: list[Axes], result: Sweep, layout: Layout, label: str, *, highest: float
) -> None:
    """Draw lines or points in each panel, with one axis of losses."""
    losses = [
        result.losses[index]
        for index in range(len(result))
        if index == best_index(result) or not diverged(result, index)
    ]
    for index, (axes, panel) in enumerate(zip(panels, layout.panels, strict=True)):
        draw_lines(axes, result, layout, panel, highest=highest)
        fit_losses(axes, [np.array(losses)], highest=highest)
        if index % MOST_COLUMNS == 0:
            axes.set_ylabel(label)
    if layout.lines is not ALONE:
        handles = line_handles(layout.lines)
        figure.legend(handles=handles, title=layout.lines.label, loc="outside right center", alignment="left")


def _handles(result: Sweep, layout: Layout, diverged_mask: np.ndarray) -> list[Line2D | Rectangle]:
    """Return the legend of the marks."""
    handles: list[Line2D | Rectangle] = []
    if best_index(result) is not None:
        best = fill(_best(result, diverged_mask), LONGEST_LINE)
        add_frame = Rectangle((0, 0), 1, 1, fill=False, ec=VERMILLION, lw=3.0, label=best)
        handles.append(add_frame if layout.is_map else star_handle(best))
    if diverged_mask.any():
        handles.append(cross_handle(f"diverged: {diverged_mask.sum()} of {len(result)} runs"))
    if layout.seeds > 1:
        style, marker = ("none", None) if layout.is_map else ("-", "o")
        name = f"median and range over {layout.seeds} seeds"
        handles.append(Line2D([], [], color=GRAY, ls=style, marker=marker, lw=1.6, label=name))
    if layout.x.name == "seed" and not diverged_mask.all():
        name = f"median: {plain(middle(result.losses[~diverged_mask]), digits=4)}"
        handles.append(Line2D([], [], color=GRAY, lw=1.6, ls=MEDIAN_DASHES, label=name))
    return handles


def _best(result: Sweep, diverged_mask: np.ndarray) -> str:
    """Describe the best run."""
    later = ", before it diverged" if diverged_mask[result.best_index] else ""
    best = plain(float(result.losses[result.best_index]), digits=4)
    return f"best: {best} with {settings_text(result.best_settings)}{later}"


def _describe(result: Sweep, layout: Layout, label: str, diverged_mask: np.ndarray) -> str:
    """Return the alternative text of the figure."""
    against = " and ".join(setting.label for setting in (layout.x, layout.lines) if setting is not ALONE)
    finite = result.losses[~diverged_mask]
    span = (
        f" from {plain(float(finite.min()), digits=4)} to {plain(float(finite.max()), digits=4)}" if len(finite) else ""
    )
    name = label.replace("\n", " ")
    sentences = [f"{name[0].upper()}{name[1:]}, against {against}, of {len(result)} runs{span}."]
    if best_index(result) is not None:
        best = _best(result, diverged_mask)
        sentences.append(f"{best[0].upper()}{best[1:]}.")
    if diverged_mask.any():
        sentences.append(f"{diverged_mask.sum()} diverged.")
    return " ".join(sentences)
