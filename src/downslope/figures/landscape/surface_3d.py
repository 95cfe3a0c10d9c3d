"""A plane through a loss surface in three dimensions, with paths at their true losses above or below it."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from downslope.figures.landscape.color_levels import color_bar, shades_of
from downslope.figures.landscape.path_sentences import merged, path_sentence
from downslope.figures.landscape.paths import looks, named_paths, path_handles, stem_handle
from downslope.figures.landscape.plane import described, ground_of, hole_handles
from downslope.figures.landscape.relief import VIEW, above_box, box_of, draw_path_above, draw_relief, relief_axes
from downslope.figures.style import drawn, framed
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
    nearest point of the plane, so that stems are as long as the path is higher or lower than what the plane shows. Its
    shadow lies on the ground. Cells without a finite loss stay holes, hatched on the ground.

    Args:
        slice: a slice along two directions.
        paths: a path projected on it, or up to seven by name.
        log: whether heights and colors are spread over powers of ten; `"auto"`: where losses are positive and span more
            than about one.
        view: elevation and azimuth from which one looks, in degrees.
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
    ground, trails = ground_of(slice), named_paths(paths)
    steps = shades_of([ground.shown], [path.losses[ground.inside(path.coordinates)] for path in trails.values()], log)
    box = box_of(ground, steps, trails.values())

    def draw(figure: Figure) -> str:
        each = {
            name: path_sentence(name, path, ground) + _above(above_box(ground, path, steps, box))
            for name, path in trails.items()
        }
        sentences = merged(each)
        handles = [*path_handles(trails, None), *([stem_handle()] if trails else []), *hole_handles([ground])]
        below = sentences + ([slice.description] if slice.description else [])
        part = framed(figure, SIZE, title=title, handles=handles, sentences=below)
        axes = relief_axes(part, view=view)
        draw_relief(axes, ground, steps, box)
        for name, how in looks(trails).items():
            draw_path_above(axes, ground, trails[name], how, steps, box)
        color_bar(part, axes, steps, shrink=0.7, pad=0.08)
        return " ".join([f"The loss over a plane as a surface: {described(ground)}.", *sentences])

    return drawn(draw, SIZE)


def _above(points: int) -> str:
    """Return how many points of a path are not in the picture, in words."""
    return f" {points:,} of its points are higher than the picture." if points else ""
