"""A plane through a loss surface as a map, with the paths of descents seen on it."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from downslope.figures.landscape.color_levels import color_bar, shades_of
from downslope.figures.landscape.path_sentences import path_sentences
from downslope.figures.landscape.paths import draw_path, looks, named_paths, path_handles
from downslope.figures.landscape.plane import CENTER, described, draw_ground, ground_handles, ground_of, label_ground
from downslope.figures.style import drawn, framed
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
    stands out from the ground around it lies off the plane; those far off it are ringed. The sentences below say what
    share of a path's variance the plane holds, and how far off it the path runs.

    Args:
        slice: a slice along two directions.
        paths: a path projected on it, or up to seven by name.
        log: whether colors and iso-lines are spread over powers of ten; `"auto"`: where losses are positive and span
            more than about one.
        title: above the figure.
        center: what the point that the slice goes through is, for the legend.

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
    ground, trails = ground_of(slice), named_paths(paths)
    steps = shades_of([ground.shown], [path.losses[ground.inside(path.coordinates)] for path in trails.values()], log)

    def draw(figure: Figure) -> str:
        sentences = path_sentences(trails, ground)
        handles = [*path_handles(trails, ground), *ground_handles([ground], center=center)]
        below = sentences + ([slice.description] if slice.description else [])
        part = framed(figure, SIZE, title=title, handles=handles, sentences=below)
        axes = part.subplots()
        draw_ground(axes, ground, steps)
        for name, how in looks(trails).items():
            draw_path(axes, ground, trails[name], how, steps)
        label_ground(axes, ground)
        color_bar(part, axes, steps)
        return " ".join([f"Contours of the loss on a plane: {described(ground)}.", *sentences])

    return drawn(draw, SIZE)
