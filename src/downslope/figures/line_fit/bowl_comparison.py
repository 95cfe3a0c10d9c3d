"""Descents of lines fitted to data, raw and standardized: the condition number of each bowl, and the loss curves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from downslope.core import DataError
from downslope.figures.landscape import (
    ColorLevels,
    PathStyle,
    Plane,
    color_bar,
    draw_path,
    draw_plane,
    line_handle,
    mark_handles,
    path_style,
    plane_color_levels,
)
from downslope.figures.line_fit.descent import LineDescent, line_descent
from downslope.figures.style import (
    add_frame,
    drawable,
    finite,
    fit_axis,
    plain,
    shortened,
    stack_subfigures,
    styled_figure,
)
from downslope.landscape import Projection
from downslope.training import Run

MOST_BOWLS = 3
LONGEST_NAME = 26
PANEL, CURVES = (2.95, 3.0), 2.1
FLAT = 1e-12


def bowl_comparison(runs: Mapping[str, Run], *, title: str = "") -> Figure:
    """Return a figure of the bowls of lines fitted to data, side by side, each with its path.

    Losses are shares of the first loss of each run, so that bowls of other units compare; intercept and slope of one
    map have one scale, so that a round bowl looks round. Under each map is the condition number of its Hessian, the
    largest curvature over the smallest: the square of how many times longer than wide its iso-lines are. Below, the
    loss against the time.

    Args:
        runs: up to three runs as `two_parameter_descent` takes them, by name.
        title: above the figure.

    Raises:
        DataError: no run, too many, or one that is not of a line with its path recorded.
        SettingError: a loss that is not positive.

    Example:
        >>> import downslope as ds
        >>> settings = {"batch_size": 272, "epochs": 3, "record": ds.Record(parameters_every=1), "progress": False}
        >>> def run(rate, **scaling):
        ...     line, data = ds.mlp([], outputs=1), ds.load("old_faithful")
        ...     return ds.train(line, data, optimizer=ds.sgd(rate), **settings, **scaling)
        >>> figure = bowl_comparison({"raw": run(0.05), "standardized": run(0.05, normalize="standard")})
        >>> [axes.get_title(loc="left") for axes in figure.axes][:2]
        ['raw', 'standardized']
    """
    if not 1 <= len(runs) <= MOST_BOWLS:
        raise DataError(f"A comparison of bowls shows 1 to {MOST_BOWLS} runs, got {len(runs)}. Leave some out.")
    bowls = {name: _shares(line_descent(run)) for name, run in runs.items()}
    levels = plane_color_levels(
        [bowl.plane.finite_losses for bowl in bowls.values()], [b.path.losses for b in bowls.values()], True
    )
    styles = {name: path_style(index) for index, name in enumerate(bowls)}
    size = (max(6.2, len(bowls) * PANEL[0] + 1.1), PANEL[1] + CURVES)

    def draw(figure: Figure) -> str:
        handles = [*(line_handle(name, style) for name, style in styles.items()), *mark_handles()]
        sentences = [f"{_sentence(name, bowl)}" for name, bowl in bowls.items()]
        part = add_frame(figure, size, title=title, handles=handles, sentences=sentences)
        above, below = stack_subfigures(part, PANEL[1], CURVES)
        maps = list(above.subplots(1, len(bowls), squeeze=False)[0])
        for axes, (name, bowl) in zip(maps, bowls.items(), strict=True):
            _draw_map(axes, name, bowl, styles[name], levels)
        color_bar(figure, maps, levels, "loss / first loss")
        _draw_curves(below.subplots(), bowls, styles)
        return f"The bowls of {len(bowls)} lines through data, losses as shares of the first. {' '.join(sentences)}"

    return styled_figure(draw, size)


def _shares(descent: LineDescent) -> LineDescent:
    """Return a descent with losses as shares of its first."""
    first = descent.path.losses[0]
    if not np.isfinite(drawable(np.array(first))):
        raise DataError(
            "A comparison of bowls needs a finite loss at the start of each path, to compare shares of it, got one "
            f"that is {plain(float(first))}."
        )
    plane: Plane = descent.plane._replace(losses=descent.plane.losses / first)
    losses = descent.path.losses / first
    path = Projection(
        descent.path.steps, descent.path.coordinates, losses, losses, descent.path.distances, descent.path.explained
    )
    return descent._replace(plane=plane, path=path)


def _draw_map(axes: Axes, name: str, bowl: LineDescent, style: PathStyle, levels: ColorLevels) -> None:
    """Draw one bowl from above, with its path."""
    draw_plane(axes, bowl.plane, levels, few=True)
    draw_path(axes, bowl.plane, bowl.path, style, levels)
    axes.set_aspect("equal")
    axes.locator_params(nbins=5)
    axes.set_title(shortened(name, LONGEST_NAME))
    axes.set_xlabel(f"intercept\ncondition number {_condition(bowl)}")
    axes.set_ylabel("slope")


def _draw_curves(axes: Axes, bowls: Mapping[str, LineDescent], styles: Mapping[str, PathStyle]) -> None:
    """Draw the losses of all runs against the time."""
    for name, bowl in bowls.items():
        style, stride = styles[name], max(1, len(bowl.times) // 10)
        axes.plot(
            bowl.times, finite(bowl.path.losses), ls=style.dashes, color=style.color, lw=2.0, marker=style.marker,
            markevery=stride, ms=5, mfc="white",
        )  # fmt: skip
    fit_axis(axes, [bowl.path.losses for bowl in bowls.values()])
    times = {bowl.time for bowl in bowls.values()}
    axes.set_xlabel(times.pop() if len(times) == 1 else "epoch or step")
    axes.set_ylabel("loss / first loss")


def _condition(bowl: LineDescent) -> str:
    """Return the condition number as text."""
    low, high = bowl.curvatures
    return plain(float(high / low), digits=4) if low > FLAT * high else "not defined"


def _sentence(name: str, bowl: LineDescent) -> str:
    """Describe the condition number of a bowl and the last loss of its path."""
    last = float(bowl.path.losses[-1])
    reached = f"{plain(last, digits=3)} of the first loss" if np.isfinite(last) else "no finite loss"
    short, time = shortened(name, LONGEST_NAME), plain(float(bowl.times[-1]))
    return f"{short}: condition number {_condition(bowl)}, {reached} after {time} {bowl.time}s."
