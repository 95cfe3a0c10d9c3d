"""Planes through several loss surfaces side by side, in the same colors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from downslope.core import DataError, Setting, SettingError
from downslope.figures.landscape.color_levels import color_bar, shades_of
from downslope.figures.landscape.path_sentences import merged, named, path_sentence
from downslope.figures.landscape.paths import (
    MOST_PATHS,
    PathLook,
    draw_path,
    line_handle,
    mark_handles,
    named_paths,
    path_look,
    ring_handles,
)
from downslope.figures.landscape.plane import Ground, described, draw_ground, ground_handles, ground_of, label_ground
from downslope.figures.style import drawn, framed, plain
from downslope.landscape import Projection, Slice

MOST_PANELS = 9
ACROSS = 3
"""So many panels stand in a row; four stand in two."""

PANEL = (2.5, 2.75)
LONGEST_LABEL = 32


def surface_strip(
    slices: Mapping[str, Slice],
    paths: Mapping[str, Mapping[str, Projection]] | None = None,
    *,
    notes: Mapping[str, str] | None = None,
    log: bool | str = "auto",
    title: str = "",
) -> Figure:
    """Return a figure of several planes side by side, to compare: equal colors are equal losses.

    Where all planes reach equally far, the axes are shared in scale; else the sentences below say how far each reaches.
    Paths and holes are drawn as by `surface_contour`.

    Args:
        slices: up to nine slices along two directions, by name.
        paths: for some of them, by their names: paths by name. A path of one name looks the same in all.
        notes: for some of them, a short text to stand under the panel, such as a number.
        log: whether colors and iso-lines are spread over powers of ten; see `surface_contour`.
        title: above the figure.

    Raises:
        DataError: no slice, too many, one along one direction, or too many paths.
        SettingError: paths or notes for a slice that is not there.

    Example:
        >>> axis, directions = np.linspace(-1, 1, 5), (np.array([1.0, 0.0]), np.array([0.0, 1.0]))
        >>> def bowl(curvature):
        ...     losses = axis[:, None] ** 2 + curvature * axis[None, :] ** 2
        ...     return Slice((axis, axis), losses, losses >= 0, np.zeros(2), directions, "given", ("width", "height"))
        >>> figure = surface_strip({"round": bowl(1), "steep": bowl(9)}, notes={"steep": "condition number 9"})
        >>> [axes.get_title(loc="left") for axes in figure.axes]
        ['round', 'steep', '']
    """
    if not 1 <= len(slices) <= MOST_PANELS:
        raise DataError(f"A strip shows 1 to {MOST_PANELS} slices, got {len(slices)}. Leave some out.")
    for what, given in (("paths", paths), ("notes", notes)):
        for name in given or {}:
            if name not in slices:
                raise SettingError(Setting(what), f"must be for one of {', '.join(slices)}, got {name!r}.")
    grounds = {name: ground_of(each) for name, each in slices.items()}
    trails = {name: named_paths((paths or {}).get(name)) for name in slices}
    steps = shades_of(
        [ground.shown for ground in grounds.values()],
        [path.losses[grounds[name].inside(path.coordinates)] for name in slices for path in trails[name].values()],
        log,
    )
    how = _looks(trails)
    rows, columns = _grid(len(slices))
    size = (max(6.2, columns * PANEL[0] + 1.1), rows * (PANEL[1] + 0.25 * bool(notes)))

    def draw(figure: Figure) -> str:
        sentences = _sentences(slices, grounds, trails)
        handles = [line_handle(name, each) for name, each in how.items()]
        handles += [*(mark_handles() if how else []), *ring_handles([(grounds[name], trails[name]) for name in slices])]
        handles += ground_handles(list(grounds.values()))
        part = framed(figure, size, title=title, handles=handles, sentences=sentences)
        grid = part.subplots(rows, columns, squeeze=False)
        for axes, name in zip(grid.flat, slices, strict=False):
            draw_ground(axes, grounds[name], steps, few=True)
            for trail, path in trails[name].items():
                draw_path(axes, grounds[name], path, how[trail], steps)
            _label(axes, name, grounds[name], (notes or {}).get(name, ""))
        for axes in grid.flat[len(slices) :]:
            axes.remove()
        color_bar(part, list(grid.flat[: len(slices)]), steps, aspect=28, fraction=0.06)
        panels = [f"{name}: {described(grounds[name])}{_noted(notes, name)}" for name in slices]
        return " ".join([f"Contours of the loss on {len(slices)} planes. {'; '.join(panels)}.", *sentences])

    return drawn(draw, size)


def _looks(trails: Mapping[str, Mapping[str, Projection]]) -> dict[str, PathLook]:
    """Return how the paths of each name are drawn.

    Raises:
        DataError: there are too many names to tell apart.
    """
    names = list(dict.fromkeys(name for each in trails.values() for name in each))
    if len(names) > MOST_PATHS:
        raise DataError(f"A figure of surfaces shows paths of up to {MOST_PATHS} names, got {len(names)}.")
    return {name: path_look(place) for place, name in enumerate(names)}


def _grid(count: int) -> tuple[int, int]:
    """Return how many rows and columns of panels there are."""
    columns = 2 if count == 4 else min(count, ACROSS)
    return -(-count // columns), columns


def _label(axes: Axes, name: str, ground: Ground, note: str) -> None:
    """Name a panel, label its axes in small type, and write the note under it."""
    axes.set_title(named(name), fontsize=10)
    label_ground(axes, ground, longest=LONGEST_LABEL)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
    axes.tick_params(labelsize=8)
    axes.locator_params(nbins=5)
    if note:
        axes.set_xlabel(f"{axes.get_xlabel()}\n{note}")


def _noted(notes: Mapping[str, str] | None, name: str) -> str:
    return f", {notes[name]}" if notes and name in notes else ""


def _sentences(
    slices: Mapping[str, Slice], grounds: Mapping[str, Ground], trails: Mapping[str, Mapping[str, Projection]]
) -> list[str]:
    """Return what stands below: how far planes reach where they differ, and what they show of paths."""
    reach = {name: (float(np.ptp(ground.a)) / 2, float(np.ptp(ground.b)) / 2) for name, ground in grounds.items()}
    said = []
    if len(set(reach.values())) > 1:
        spans = [f"{name} ±{plain(a, digits=3)} and ±{plain(b, digits=3)}" for name, (a, b) in reach.items()]
        said.append(f"The planes do not reach equally far: {', '.join(spans)}.")
    each = {
        (name, trail): (f"{name}, {trail}", path) for name, paths in trails.items() for trail, path in paths.items()
    }
    said += merged({label: path_sentence(label, path, grounds[name]) for (name, _), (label, path) in each.items()})
    descriptions = list(dict.fromkeys(each.description for each in slices.values() if each.description))
    return said + (descriptions if len(descriptions) == 1 else [])
