"""A plane through a loss surface as a map, with the projected paths of descents."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from downslope.figures.landscape.color_levels import color_bar
from downslope.figures.landscape.path_sentences import path_sentences
from downslope.figures.landscape.paths import draw_path, map_levels, named_paths, path_handles, path_styles
from downslope.figures.landscape.plane import CENTER, describe, draw_plane, label_plane, plane_handles, plane_of
from downslope.figures.style import add_frame, styled_figure
from downslope.landscape import Projection, Slice

SIZE = (7.2, 5.0)


def surface_contour(
    slice: Slice,
    paths: Projection | Mapping[str, Projection] | None = None,
    *,
    log: bool | str = "auto",
    title: str = "",
    center: str = CENTER,
) -> Figure:
    """Return a figure of a plane through a loss surface: filled contours, labeled iso-lines, and paths.

    Cells that are infinite, not a number, or not computed yet are hatched, each in its way; nothing is filled in for
    them. A path is drawn where it falls on the plane. Its beads have the color of its *true* loss, so a bead that
    stands out from the ground around it lies off the plane; those far off it are ringed. The sentences below state
    the share of a path's variance that the plane holds, and how far off it the path runs.

    Args:
        slice: a slice along two directions.
        paths: a path projected on it, or up to seven by name.
        log: whether colors and iso-lines are spread over powers of ten; `"auto"`: where losses are positive and span
            more than about one.
        title: above the figure.
        center: the name of the point that the slice goes through, for the legend.

    Raises:
        DataError: a slice along one direction; too many paths.
        SettingError: `log=True` without a positive loss.

    Example:
        >>> import numpy as np
        >>> axis, directions = np.linspace(-1, 1, 5), (np.array([1.0, 0.0]), np.array([0.0, 1.0]))
        >>> losses = axis[:, None] ** 2 + 3 * axis[None, :] ** 2
        >>> bowl = Slice((axis, axis), losses, losses >= 0, np.zeros(2), directions, "given", ("width", "height"))
        >>> [axes.get_ylabel() for axes in surface_contour(bowl).axes]
        ['height', 'loss']
    """
    plane, projections = plane_of(slice), named_paths(paths)
    levels = map_levels([(plane, projections.values())], log)

    def draw(figure: Figure) -> str:
        sentences = path_sentences(projections, plane) + ([plane.rounding] if plane.rounding else [])
        handles = [*path_handles(projections, plane), *plane_handles([plane], center=center)]
        below = sentences + ([slice.description] if slice.description else [])
        part = add_frame(figure, SIZE, title=title, handles=handles, sentences=below)
        axes = part.subplots()
        draw_plane(axes, plane, levels)
        for name, style in path_styles(projections).items():
            draw_path(axes, plane, projections[name], style, levels)
        label_plane(axes, plane)
        color_bar(part, axes, levels)
        return " ".join([f"Contours of the loss on a plane: {describe(plane)}.", *sentences])

    return styled_figure(draw, SIZE)
