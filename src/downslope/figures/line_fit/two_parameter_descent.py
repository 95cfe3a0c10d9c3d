"""The descent of a line fitted to data in four panels: the map, the bowl, the data with lines, and the curves."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from mpl_toolkits.mplot3d.axes3d import Axes3D

from downslope.figures.landscape import (
    ColorLevels,
    bead_indices,
    box_of,
    color_bar,
    draw_path,
    draw_path_above,
    draw_plane,
    draw_relief,
    hidden_points_text,
    map_levels,
    mark_handles,
    path_style,
    relief_axes,
)
from downslope.figures.line_fit.descent import LineDescent, line_descent
from downslope.figures.line_fit.panels import draw_data, draw_lines, draw_loss, draw_parameters
from downslope.figures.style import add_frame, loss_label, plain, stack_subfigures, styled_figure
from downslope.training import Run

SIZE = (9.0, 7.4)
STYLE = path_style(0)

FINE = 1e-4
"""Numbers below this share of the map's width are written as zero."""


def two_parameter_descent(
    run: Run,
    *,
    x_label: str | None = None,
    t_label: str | None = None,
    log: bool | str = False,
    title: str = "",
) -> Figure:
    """Return a figure of a line through data found by descent, in four panels.

    The loss over intercept and slope is exact, and so is the path: a model of two parameters has no other directions.
    A point of the ground *is* a line through the data: each bead on the map is one of the lines beside it.

    Args:
        run: of a network of one input and `ds.Dense(1)`, trained with `record=ds.Record(parameters_every=1)`.
        x_label: the name of the input, with its unit; None for the data's own name.
        t_label: the name of the target, likewise.
        log: whether heights and colors are spread over powers of ten; `"auto"` as for `surface_contour`.
        title: above the figure.

    Raises:
        DataError: the network has other than two parameters, or its path was not recorded.

    Example:
        >>> import downslope as ds
        >>> settings = {"loss": "sum_squared_error", "optimizer": ds.sgd(1e-4), "batch_size": 272, "epochs": 3}
        >>> settings |= {"normalize": "standard", "normalize_targets": "standard", "progress": False}
        >>> every = ds.Record(parameters_every=1)
        >>> run = ds.train(ds.mlp([], outputs=1), ds.load("old_faithful"), record=every, **settings)
        >>> [axes.get_xlabel() for axes in two_parameter_descent(run).axes]
        ['intercept', 'intercept', 'eruptions (standardized)', 'epoch', '', '']
    """
    descent = line_descent(run, x_label=x_label, t_label=t_label)
    levels = descent_levels(descent, log)

    def draw(figure: Figure) -> str:
        sentence = summary(descent, run)
        note = "A point of the ground is a line through the data: each bead on the map is one of the lines."
        part = add_frame(figure, SIZE, title=title, handles=mark_handles(), sentences=[sentence, note])
        map_axes, relief, data, loss, parameters = make_axes(part)
        beads = bead_indices(descent.plane, descent.path)
        box = box_of(descent.plane, levels, [descent.path])
        draw_descent_plane(map_axes, descent, levels)
        draw_path(map_axes, descent.plane, descent.path, STYLE, levels)
        draw_relief(relief, descent.plane, levels, box)
        draw_path_above(relief, descent.plane, descent.path, STYLE, levels, box)
        draw_data(data, descent)
        draw_lines(data, descent, beads)
        data.legend(loc="lower right", fontsize=8.5)
        draw_loss(loss, descent)
        draw_parameters(parameters, descent)
        parameters.legend(fontsize=8.5, loc="best")
        color_bar(figure, map_axes, levels, loss_label(run), shrink=0.9)
        return f"A line through {len(descent.x):,} points found by descent: map, bowl, data and curves. {sentence}"

    return styled_figure(draw, SIZE)


def make_axes(part: SubFigure | Figure) -> tuple[Axes, Axes3D, Axes, Axes, Axes]:
    """Add the axes of the map, the bowl, the data, the loss and the parameters."""
    above, below = stack_subfigures(part, 1.2, 1.0)
    grid = above.add_gridspec(1, 3, width_ratios=[1.12, 0.93, 0.07])
    map_axes, relief = above.add_subplot(grid[0]), relief_axes(above, grid[1], zoom=0.95)
    columns = below.add_gridspec(1, 2, width_ratios=[1.12, 1])
    data, curves = below.add_subplot(columns[0]), columns[1].subgridspec(2, 1)
    parameters = below.add_subplot(curves[1])
    loss = below.add_subplot(curves[0], sharex=parameters)
    below.align_ylabels([loss, parameters])
    return map_axes, relief, data, loss, parameters


def draw_descent_plane(axes: Axes, descent: LineDescent, levels: ColorLevels) -> None:
    """Draw the map of intercepts and slopes, both in one scale."""
    draw_plane(axes, descent.plane, levels)
    axes.set_aspect("equal")
    axes.set_xlabel("intercept")
    axes.set_ylabel("slope")


def descent_levels(descent: LineDescent, log: bool | str) -> ColorLevels:
    """Return the color levels of the map, the bowl and the beads."""
    return map_levels([(descent.plane, [descent.path])], log)


def summary(descent: LineDescent, run: Run) -> str:
    """Describe the first and the last point of the descent."""
    path, fine = descent.path, FINE * float(np.ptp(descent.plane.a))
    ends = [
        f"intercept {_rounded(point[0], fine)}, slope {_rounded(point[1], fine)}, loss {plain(loss, digits=4)}"
        for point, loss in zip(path.coordinates[[0, -1]], path.losses[[0, -1]], strict=True)
    ]
    sentence = f"From {ends[0]} to {ends[1]} after {plain(float(descent.times[-1]))} {descent.time}s."
    return sentence + hidden_points_text(path, descent.plane)


def _rounded(value: float, fine: float) -> str:
    """Return a parameter to four digits; one too small to see on the map is zero."""
    return "0" if abs(value) < fine else plain(value, digits=4)
