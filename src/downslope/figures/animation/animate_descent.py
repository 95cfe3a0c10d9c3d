"""A line through data found by descent, as it goes: the ball rolling, the line moving, the curves growing."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from downslope.figures.animation.animation import Animation, frame_places
from downslope.figures.animation.rolling import Moving, move, roll_above, roll_along, roll_on_map
from downslope.figures.landscape import PathLook, box_of, color_bar, draw_relief, mark_handles
from downslope.figures.line_fit import (
    LOOK,
    PARAMETERS,
    SIZE,
    LineDescent,
    draw_data,
    draw_plan,
    line_at,
    line_descent,
    panels,
    steps_of,
    summary,
)
from downslope.figures.style import BLACK, BLUE, drawn, finite, fit_axis, framed, loss_label
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
        x_label: what the input is, with its unit; None for the data's own name.
        t_label: what the target is, likewise.
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
    found = line_descent(run, x_label=x_label, t_label=t_label)
    steps = steps_of(found, log)
    places = frame_places(len(found.path))
    moving: list[Moving] = []
    clock: list[Any] = []

    def draw(figure: Figure) -> str:
        said = summary(found, run)
        part = framed(figure, SIZE, title=title, handles=mark_handles()[:1], sentences=[said])
        plan, relief, data, loss, parameters = panels(part)
        box = box_of(found.ground, steps, [found.path])
        draw_plan(plan, found, steps)
        draw_relief(relief, found.ground, steps, box)
        draw_data(data, found)
        moving.extend(roll_on_map(plan, found.path, LOOK))
        moving.extend(roll_above(relief, found.ground, found.path, LOOK, steps, box))
        moving.append(_line(data, found))
        moving.extend(_curves(loss, parameters, found))
        clock.append(data.text(0.03, 0.95, "", transform=data.transAxes, va="top", color=BLACK, fontweight="bold"))
        color_bar(figure, plan, steps, loss_label(run), shrink=0.9)
        return f"A line through {len(found.x):,} points found by descent, in motion: map, bowl, data and curves. {said}"

    figure = drawn(draw, SIZE)

    def show(frame: int) -> None:
        place = int(places[frame])
        move(moving, place)
        clock[0].set_text(f"{found.time} {found.times[place]:g}")

    show(len(places) - 1)
    return Animation(figure, (*(each.artist for each in moving), clock[0]), len(places), show)


def _line(axes: Axes, found: LineDescent) -> Moving:
    """Return the line that moves through the data; the first stays behind."""
    first, last = found.path.coordinates[[0, -1]]
    axes.plot(*line_at(axes, first), color=BLACK, ls=":", lw=1.4, zorder=3, label=f"{found.time} {found.times[0]:g}")
    (artist,) = axes.plot(*line_at(axes, last), color=BLUE, lw=2.4, zorder=5, label="now")
    axes.legend(loc="lower right", fontsize=8.5)
    return Moving(artist, lambda place: line_at(axes, found.path.coordinates[place]))


def _curves(loss: Axes, parameters: Axes, found: LineDescent) -> list[Moving]:
    """Return the curves that grow; their axes hold them whole."""
    moving = roll_along(loss, found.times, found.path.losses, LOOK)
    fit_axis(loss, [found.path.losses])
    loss.set_ylabel("loss")
    loss.tick_params(labelbottom=False)
    for name, (color, style, column) in PARAMETERS.items():
        values = finite(found.path.coordinates[:, column])
        moving += roll_along(parameters, found.times, values, PathLook(color, "o", style))
        parameters.plot([], [], ls=style, color=color, lw=2.0, label=name)
    parameters.set_ylabel("parameter")
    parameters.set_xlabel(found.time)
    parameters.legend(fontsize=8.5, loc="best")
    _hold(loss, parameters)
    return moving


def _hold(*panels: Axes) -> None:
    """Fix the limits of axes as they are with all that they will hold."""
    for axes in panels:
        axes.set_xlim(*axes.get_xlim())
        axes.set_ylim(*axes.get_ylim())
