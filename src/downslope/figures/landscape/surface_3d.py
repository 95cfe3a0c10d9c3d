"""A plane through a loss surface in three dimensions, with paths at their true losses above or below it."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from downslope.figures.landscape.color_levels import color_bar
from downslope.figures.landscape.path_sentences import merge_sentences, path_sentence
from downslope.figures.landscape.paths import map_levels, named_paths, path_handles, path_styles, stem_handle
from downslope.figures.landscape.plane import describe, hole_handles, plane_of
from downslope.figures.landscape.relief import VIEW, above_box, box_of, draw_path_above, draw_relief, relief_axes
from downslope.figures.style import add_frame, styled_figure
from downslope.landscape import Projection, Slice

SIZE = (7.2, 5.0)


def surface_3d(
    slice: Slice,
    paths: Projection | Mapping[str, Projection] | None = None,
    *,
    log: bool | str = "auto",
    view: tuple[float, float] = VIEW,
    title: str = "",
) -> Figure:
    """Return a figure of a plane through a loss surface in three dimensions, above its contours on the ground.

    A path is drawn at its *true* losses, not on the surface: a stem leads from each of its beads to the surface at the
    nearest point of the plane, so that a stem is as long as the difference of both losses. Its
    shadow lies on the ground. Cells without a finite loss stay holes, hatched on the ground.

    Args:
        slice: a slice along two directions.
        paths: a path projected on it, or up to seven by name.
        log: whether heights and colors are spread over powers of ten; `"auto"`: where losses are positive and span more
            than about one.
        view: elevation and azimuth of the camera, in degrees.
        title: above the figure.

    Raises:
        DataError: a slice along one direction; too many paths.
        SettingError: `log=True` without a positive loss.

    Example:
        >>> import numpy as np
        >>> axis, directions = np.linspace(-1, 1, 5), (np.array([1.0, 0.0]), np.array([0.0, 1.0]))
        >>> losses = axis[:, None] ** 2 + 3 * axis[None, :] ** 2
        >>> bowl = Slice((axis, axis), losses, losses >= 0, np.zeros(2), directions, "given", ("width", "height"))
        >>> surface_3d(bowl).axes[0].get_zlabel()
        'loss'
    """
    plane, projections = plane_of(slice), named_paths(paths)
    levels = map_levels([(plane, projections.values())], log)
    box = box_of(plane, levels, projections.values())

    def draw(figure: Figure) -> str:
        path_texts = {
            name: path_sentence(name, path, plane) + _above(above_box(plane, path, levels, box))
            for name, path in projections.items()
        }
        sentences = merge_sentences(path_texts) + ([plane.rounding] if plane.rounding else [])
        handles = [*path_handles(projections, None), *([stem_handle()] if projections else []), *hole_handles([plane])]
        below = sentences + ([slice.description] if slice.description else [])
        part = add_frame(figure, SIZE, title=title, handles=handles, sentences=below)
        axes = relief_axes(part, view=view)
        draw_relief(axes, plane, levels, box)
        for name, style in path_styles(projections).items():
            draw_path_above(axes, plane, projections[name], style, levels, box)
        color_bar(part, axes, levels, shrink=0.7, pad=0.08)
        return " ".join([f"The loss over a plane as a surface: {describe(plane)}.", *sentences])

    return styled_figure(draw, SIZE)


def _above(points: int) -> str:
    """Describe the number of a path's points that are above the picture."""
    return f" {points:,} of its points are higher than the picture." if points else ""
