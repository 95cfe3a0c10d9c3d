"""The descent of a line fitted to data, in motion: a rolling ball, the moving line, growing curves."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from downslope.figures.animation.animation import Animation, frame_indices
from downslope.figures.animation.rolling import Moving, move, roll_above, roll_along, roll_on_map
from downslope.figures.landscape import PathStyle, box_of, color_bar, draw_relief, mark_handles
from downslope.figures.line_fit import (
    PARAMETERS,
    SIZE,
    STYLE,
    LineDescent,
    descent_levels,
    draw_data,
    draw_descent_plane,
    line_at,
    line_descent,
    make_axes,
    summary,
)
from downslope.figures.style import BLACK, BLUE, add_frame, finite, fit_axis, loss_label, styled_figure
from downslope.training import Run


def animate_descent(
    run: Run,
    *,
    x_label: str | None = None,
    t_label: str | None = None,
    log: bool | str = False,
    title: str = "",
) -> Animation:
    """Return the panels of `two_parameter_descent` in motion, in at most a hundred frames.

    The ball rolls down the bowl at its true losses, its shadow moves on the ground, the line moves through the data,
    and the curves grow. Write it with `save_animation`.

    Args:
        run: as for `two_parameter_descent`.
        x_label: the name of the input, with its unit; None for the data's own name.
        t_label: the name of the target, likewise.
        log: whether heights and colors are spread over powers of ten.
        title: above the figure.

    Raises:
        DataError: the network has other than two parameters, or its path was not recorded.

    Example:
        >>> import downslope as ds
        >>> settings = {"batch_size": 272, "epochs": 3, "record": ds.Record(parameters_every=1), "progress": False}
        >>> run = ds.train(ds.mlp([], outputs=1), ds.load("old_faithful"), **settings)
        >>> animate_descent(run).frames
        4
    """
    descent = line_descent(run, x_label=x_label, t_label=t_label)
    levels = descent_levels(descent, log)
    indices = frame_indices(len(descent.path))
    moving: list[Moving] = []
    clock: list[Text] = []

    def draw(figure: Figure) -> str:
        sentence = summary(descent, run)
        part = add_frame(figure, SIZE, title=title, handles=mark_handles()[:1], sentences=[sentence])
        map_axes, relief, data, loss, parameters = make_axes(part)
        box = box_of(descent.plane, levels, [descent.path])
        draw_descent_plane(map_axes, descent, levels)
        draw_relief(relief, descent.plane, levels, box)
        draw_data(data, descent)
        moving.extend(roll_on_map(map_axes, descent.path, STYLE))
        moving.extend(roll_above(relief, descent.plane, descent.path, STYLE, levels, box))
        moving.append(_line(data, descent))
        moving.extend(_curves(loss, parameters, descent))
        clock.append(data.text(0.03, 0.95, "", transform=data.transAxes, va="top", color=BLACK, fontweight="bold"))
        color_bar(figure, map_axes, levels, loss_label(run), shrink=0.9)
        description = (
            f"A line through {len(descent.x):,} points found by descent, in motion: map, bowl, data and curves."
        )
        return f"{description} {sentence}"

    figure = styled_figure(draw, SIZE)

    def show(frame: int) -> None:
        index = int(indices[frame])
        move(moving, index)
        clock[0].set_text(f"{descent.time} {descent.times[index]:g}")

    show(len(indices) - 1)
    return Animation(figure, (*(line.artist for line in moving), clock[0]), len(indices), show)


def _line(axes: Axes, descent: LineDescent) -> Moving:
    """Return the line that moves through the data; the first line stays visible."""
    first, last = descent.path.coordinates[[0, -1]]
    axes.plot(
        *line_at(axes, first), color=BLACK, ls=":", lw=1.4, zorder=3, label=f"{descent.time} {descent.times[0]:g}"
    )
    (artist,) = axes.plot(*line_at(axes, last), color=BLUE, lw=2.4, zorder=5, label="now")
    axes.legend(loc="lower right", fontsize=8.5)
    return Moving(artist, lambda index: line_at(axes, descent.path.coordinates[index]))


def _curves(loss: Axes, parameters: Axes, descent: LineDescent) -> list[Moving]:
    """Return the growing curves, in axes whose limits hold the whole curves."""
    moving = roll_along(loss, descent.times, descent.path.losses, STYLE)
    fit_axis(loss, [descent.path.losses])
    loss.set_ylabel("loss")
    loss.tick_params(labelbottom=False)
    for name, (color, style, column) in PARAMETERS.items():
        values = finite(descent.path.coordinates[:, column])
        moving += roll_along(parameters, descent.times, values, PathStyle(color, "o", style))
        parameters.plot([], [], ls=style, color=color, lw=2.0, label=name)
    parameters.set_ylabel("parameter")
    parameters.set_xlabel(descent.time)
    parameters.legend(fontsize=8.5, loc="best")
    _hold(loss, parameters)
    return moving


def _hold(*all_axes: Axes) -> None:
    """Fix the limits of axes at those of their whole curves."""
    for axes in all_axes:
        axes.set_xlim(*axes.get_xlim())
        axes.set_ylim(*axes.get_ylim())
