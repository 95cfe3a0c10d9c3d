"""Paths down one surface, as they go: balls rolling on the map and above it, and their losses growing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from downslope.core import Advice, DataError
from downslope.figures.animation.animation import Animation, frame_places
from downslope.figures.animation.rolling import Moving, move, roll_above, roll_along, roll_on_map
from downslope.figures.landscape import (
    VIEW,
    box_of,
    color_bar,
    described,
    draw_ground,
    draw_relief,
    ground_of,
    hole_handles,
    label_ground,
    line_handle,
    looks,
    mark_handles,
    named_paths,
    path_sentences,
    relief_axes,
    shades_of,
    stem_handle,
)
from downslope.figures.style import BLACK, drawn, fit_axis, framed, stacked
from downslope.landscape import Projection, Slice

SIZE = (9.0, 6.4)


def animate_paths(
    slice: Slice,
    paths: Projection | Mapping[str, Projection],
    *,
    log: bool | str = "auto",
    view: tuple[float, float] = VIEW,
    title: str = "",
) -> Animation:
    """Return paths down one surface in motion, in at most a hundred frames: a race, or one descent.

    Balls roll on the map and at their *true* losses, each with its shadow on the ground and a stem to the surface
    below; beneath, the true losses grow against the step. All paths move by the same step, and one that ends early
    waits at its end. Write it with `save_animation`.

    Args:
        slice: a slice along two directions.
        paths: a path projected on it, or up to seven by name.
        log: whether heights and colors are spread over powers of ten; see `surface_contour`.
        view: elevation and azimuth from which one looks, in degrees.
        title: above the figure.

    Raises:
        DataError: a slice along one direction; no path, or too many.
        SettingError: `log=True` without a positive loss.

    Example:
        >>> axis, directions = np.linspace(-1, 1, 5), (np.array([1.0, 0.0]), np.array([0.0, 1.0]))
        >>> losses = axis[:, None] ** 2 + 3 * axis[None, :] ** 2
        >>> bowl = Slice((axis, axis), losses, losses >= 0, np.zeros(2), directions, "given", ("width", "height"))
        >>> points = np.array([[1.0, 1.0], [0.5, 0.2], [0.2, 0.0]])
        >>> heights = points[:, 0] ** 2 + 3 * points[:, 1] ** 2
        >>> path = Projection(np.arange(3), points, heights, heights, np.zeros(3), 1.0)
        >>> animate_paths(bowl, path).frames
        3
    """
    ground, trails = ground_of(slice), named_paths(paths)
    if not trails:
        raise DataError("An animation needs a path, got none.", Advice("project one with {}", code="`ds.project`"))
    steps = shades_of([ground.shown], [path.losses[ground.inside(path.coordinates)] for path in trails.values()], log)
    box = box_of(ground, steps, trails.values())
    times = np.unique(np.concatenate([path.steps for path in trails.values()]))
    times = times[frame_places(len(times))]
    moving: dict[str, list[Moving]] = {name: [] for name in trails}
    clock: list[Any] = []

    def draw(figure: Figure) -> str:
        sentences = path_sentences(trails, ground)
        how = looks(trails)
        handles = [*(line_handle(name, each) for name, each in how.items()), mark_handles()[0], stem_handle()]
        part = framed(figure, SIZE, title=title, handles=[*handles, *hole_handles([ground])], sentences=sentences)
        above, below = stacked(part, 2.1, 1.0)
        grid = above.add_gridspec(1, 3, width_ratios=[1, 1, 0.1])
        plan, relief, curves = (
            above.add_subplot(grid[0]),
            relief_axes(above, grid[1], view=view, zoom=1.1),
            below.subplots(),
        )
        draw_ground(plan, ground, steps)
        label_ground(plan, ground)
        draw_relief(relief, ground, steps, box)
        for name, path in trails.items():
            moving[name] += roll_on_map(plan, path, how[name])
            moving[name] += roll_above(relief, ground, path, how[name], steps, box)
            moving[name] += roll_along(curves, path.steps, path.losses, how[name])
        clock.append(_set_up(curves, [path.losses for path in trails.values()]))
        color_bar(figure, plan, steps)
        return " ".join([f"Descents on a plane, in motion: {described(ground)}.", *sentences])

    figure = drawn(draw, SIZE)

    def show(frame: int) -> None:
        for name, path in trails.items():
            move(moving[name], max(0, int(np.searchsorted(path.steps, times[frame], "right")) - 1))
        clock[0].set_text(f"step {times[frame]:,}")

    show(len(times) - 1)
    artists = [each.artist for parts in moving.values() for each in parts]
    return Animation(figure, (*artists, clock[0]), len(times), show)


def _set_up(axes: Axes, losses: list[np.ndarray]) -> Any:
    """Fix the axes of the curves with all that they will hold, and return the text that tells the step."""
    fit_axis(axes, losses)
    axes.set_xlim(*axes.get_xlim())
    axes.set_ylim(*axes.get_ylim())
    axes.set_xlabel("step")
    axes.set_ylabel("true loss")
    return axes.text(0.985, 0.92, "", transform=axes.transAxes, ha="right", va="top", color=BLACK, fontweight="bold")
