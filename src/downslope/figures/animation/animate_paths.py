"""Paths down one surface, in motion: balls rolling on the map and above it, and growing curves of their losses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from downslope.core import Advice, DataError
from downslope.figures.animation.animation import Animation, frame_indices
from downslope.figures.animation.rolling import Moving, move, roll_above, roll_along, roll_on_map
from downslope.figures.landscape import (
    VIEW,
    box_of,
    color_bar,
    describe,
    draw_plane,
    draw_relief,
    hole_handles,
    label_plane,
    line_handle,
    map_levels,
    mark_handles,
    named_paths,
    path_sentences,
    path_styles,
    plane_of,
    relief_axes,
    stem_handle,
)
from downslope.figures.style import BLACK, add_frame, fit_axis, stack_subfigures, styled_figure
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
        view: elevation and azimuth of the camera, in degrees.
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
    plane, projections = plane_of(slice), named_paths(paths)
    if not projections:
        raise DataError("An animation needs a path, got none.", Advice("project one with {}", code="`ds.project`"))
    levels = map_levels([(plane, projections.values())], log)
    box = box_of(plane, levels, projections.values())
    times = np.unique(np.concatenate([path.steps for path in projections.values()]))
    times = times[frame_indices(len(times))]
    moving: dict[str, list[Moving]] = {name: [] for name in projections}
    clock: list[Text] = []

    def draw(figure: Figure) -> str:
        sentences = path_sentences(projections, plane)
        styles = path_styles(projections)
        handles = [*(line_handle(name, style) for name, style in styles.items()), mark_handles()[0], stem_handle()]
        part = add_frame(figure, SIZE, title=title, handles=[*handles, *hole_handles([plane])], sentences=sentences)
        above, below = stack_subfigures(part, 2.1, 1.0)
        grid = above.add_gridspec(1, 3, width_ratios=[1, 1, 0.1])
        map_axes, relief, curves = (
            above.add_subplot(grid[0]),
            relief_axes(above, grid[1], view=view, zoom=1.1),
            below.subplots(),
        )
        draw_plane(map_axes, plane, levels)
        label_plane(map_axes, plane)
        draw_relief(relief, plane, levels, box)
        for name, path in projections.items():
            moving[name] += roll_on_map(map_axes, path, styles[name])
            moving[name] += roll_above(relief, plane, path, styles[name], levels, box)
            moving[name] += roll_along(curves, path.steps, path.losses, styles[name])
        clock.append(_set_up(curves, [path.losses for path in projections.values()]))
        color_bar(figure, map_axes, levels)
        return " ".join([f"Descents on a plane, in motion: {describe(plane)}.", *sentences])

    figure = styled_figure(draw, SIZE)

    def show(frame: int) -> None:
        for name, path in projections.items():
            move(moving[name], max(0, int(np.searchsorted(path.steps, times[frame], "right")) - 1))
        clock[0].set_text(f"step {times[frame]:,}")

    show(len(times) - 1)
    artists = [line.artist for parts in moving.values() for line in parts]
    return Animation(figure, (*artists, clock[0]), len(times), show)


def _set_up(axes: Axes, losses: list[np.ndarray]) -> Text:
    """Fix the limits of the axes at those of the whole curves, and return the text that counts the steps."""
    fit_axis(axes, losses)
    axes.set_xlim(*axes.get_xlim())
    axes.set_ylim(*axes.get_ylim())
    axes.set_xlabel("step")
    axes.set_ylabel("true loss")
    return axes.text(0.985, 0.92, "", transform=axes.transAxes, ha="right", va="top", color=BLACK, fontweight="bold")
