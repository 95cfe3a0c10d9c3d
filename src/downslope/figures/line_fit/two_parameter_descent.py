"""A line through data found by descent, four ways: the map, the bowl, the data with the line, and the curves."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from mpl_toolkits.mplot3d.axes3d import Axes3D

from downslope.figures.landscape import (
    Shades,
    bead_places,
    box_of,
    color_bar,
    draw_ground,
    draw_path,
    draw_path_above,
    draw_relief,
    mark_handles,
    not_shown,
    path_look,
    relief_axes,
    shades_of,
)
from downslope.figures.line_fit.descent import LineDescent, line_descent
from downslope.figures.line_fit.panels import draw_data, draw_lines, draw_loss, draw_parameters
from downslope.figures.style import drawn, framed, loss_label, plain, stacked
from downslope.training import Run

SIZE = (9.0, 7.4)
LOOK = path_look(0)

FINE = 1e-4
"""What is less than this share of the map's width is not seen on it."""


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
        x_label: what the input is, with its unit; None for the data's own name.
        t_label: what the target is, likewise.
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
    found = line_descent(run, x_label=x_label, t_label=t_label)
    steps = steps_of(found, log)

    def draw(figure: Figure) -> str:
        said = summary(found, run)
        note = "A point of the ground is a line through the data: each bead on the map is one of the lines."
        part = framed(figure, SIZE, title=title, handles=mark_handles(), sentences=[said, note])
        plan, relief, data, loss, parameters = panels(part)
        beads = bead_places(found.ground, found.path)
        box = box_of(found.ground, steps, [found.path])
        draw_plan(plan, found, steps)
        draw_path(plan, found.ground, found.path, LOOK, steps)
        draw_relief(relief, found.ground, steps, box)
        draw_path_above(relief, found.ground, found.path, LOOK, steps, box)
        draw_data(data, found)
        draw_lines(data, found, beads)
        data.legend(loc="lower right", fontsize=8.5)
        draw_loss(loss, found)
        draw_parameters(parameters, found)
        parameters.legend(fontsize=8.5, loc="best")
        color_bar(figure, plan, steps, loss_label(run), shrink=0.9)
        return f"A line through {len(found.x):,} points found by descent: map, bowl, data and curves. {said}"

    return drawn(draw, SIZE)


def panels(part: SubFigure | Figure) -> tuple[Axes, Axes3D, Axes, Axes, Axes]:
    """Return the axes of the map, the bowl, the data, the loss and the parameters."""
    above, below = stacked(part, 1.2, 1.0)
    grid = above.add_gridspec(1, 3, width_ratios=[1.12, 0.93, 0.07])
    plan, relief = above.add_subplot(grid[0]), relief_axes(above, grid[1], zoom=0.95)
    columns = below.add_gridspec(1, 2, width_ratios=[1.12, 1])
    data, curves = below.add_subplot(columns[0]), columns[1].subgridspec(2, 1)
    parameters = below.add_subplot(curves[1])
    loss = below.add_subplot(curves[0], sharex=parameters)
    below.align_ylabels([loss, parameters])
    return plan, relief, data, loss, parameters


def draw_plan(axes: Axes, found: LineDescent, steps: Shades) -> None:
    """Draw the map of intercepts and slopes, both in one scale."""
    draw_ground(axes, found.ground, steps)
    axes.set_aspect("equal")
    axes.set_xlabel("intercept")
    axes.set_ylabel("slope")


def steps_of(found: LineDescent, log: bool | str) -> Shades:
    """Return the steps of color of the map, the bowl and the beads."""
    return shades_of([found.ground.shown], [found.path.losses[found.ground.inside(found.path.coordinates)]], log)


def summary(found: LineDescent, run: Run) -> str:
    """Return where the descent began and got to, in words."""
    path, fine = found.path, FINE * float(np.ptp(found.ground.a))
    ends = [
        f"intercept {_rounded(point[0], fine)}, slope {_rounded(point[1], fine)}, loss {plain(loss, digits=4)}"
        for point, loss in zip(path.coordinates[[0, -1]], path.losses[[0, -1]], strict=True)
    ]
    told = f"From {ends[0]} to {ends[1]} after {plain(float(found.times[-1]))} {found.time}s."
    return told + not_shown(path, found.ground)


def _rounded(value: float, fine: float) -> str:
    """Return a parameter to four digits; what is too small to see on the map is zero."""
    return "0" if abs(value) < fine else plain(value, digits=4)
