"""Planes through several loss surfaces side by side, in the same colors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from downslope.core import DataError, Setting, SettingError
from downslope.figures.landscape.color_levels import color_bar
from downslope.figures.landscape.path_sentences import merge_sentences, path_sentence, short_name
from downslope.figures.landscape.paths import (
    MOST_PATHS,
    PathStyle,
    draw_path,
    line_handle,
    map_levels,
    mark_handles,
    named_paths,
    path_style,
    ring_handles,
)
from downslope.figures.landscape.plane import Plane, describe, draw_plane, label_plane, plane_handles, plane_of
from downslope.figures.style import add_frame, plain, styled_figure
from downslope.landscape import Projection, Slice

MOST_PANELS = 9
ACROSS = 3
"""The number of panels in a row; four panels make two rows."""

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
    for setting, mapping in (("paths", paths), ("notes", notes)):
        for name in mapping or {}:
            if name not in slices:
                raise SettingError(Setting(setting), f"must be for one of {', '.join(slices)}, got {name!r}.")
    planes = {name: plane_of(slice) for name, slice in slices.items()}
    projections = {name: named_paths((paths or {}).get(name)) for name in slices}
    levels = map_levels([(planes[name], projections[name].values()) for name in slices], log)
    styles = _styles(projections)
    rows, columns = _grid(len(slices))
    size = (max(6.2, columns * PANEL[0] + 1.1), rows * (PANEL[1] + 0.25 * bool(notes)))

    def draw(figure: Figure) -> str:
        sentences = _sentences(slices, planes, projections)
        handles = [line_handle(name, style) for name, style in styles.items()]
        handles += [
            *(mark_handles() if styles else []),
            *ring_handles([(planes[name], projections[name]) for name in slices]),
        ]
        handles += plane_handles(list(planes.values()))
        part = add_frame(figure, size, title=title, handles=handles, sentences=sentences)
        grid = part.subplots(rows, columns, squeeze=False)
        for axes, name in zip(grid.flat, slices, strict=False):
            draw_plane(axes, planes[name], levels, few=True)
            for path_name, path in projections[name].items():
                draw_path(axes, planes[name], path, styles[path_name], levels)
            _label(axes, name, planes[name], (notes or {}).get(name, ""))
        for axes in grid.flat[len(slices) :]:
            axes.remove()
        color_bar(part, list(grid.flat[: len(slices)]), levels, aspect=28, fraction=0.06)
        panels = [f"{name}: {describe(planes[name])}{_note_text(notes, name)}" for name in slices]
        return " ".join([f"Contours of the loss on {len(slices)} planes. {'; '.join(panels)}.", *sentences])

    return styled_figure(draw, size)


def _styles(projections: Mapping[str, Mapping[str, Projection]]) -> dict[str, PathStyle]:
    """Return the style of the paths of each name.

    Raises:
        DataError: there are more names than styles.
    """
    names = list(dict.fromkeys(name for paths in projections.values() for name in paths))
    if len(names) > MOST_PATHS:
        raise DataError(f"A figure of surfaces shows paths of up to {MOST_PATHS} names, got {len(names)}.")
    return {name: path_style(index) for index, name in enumerate(names)}


def _grid(count: int) -> tuple[int, int]:
    """Return the numbers of rows and columns of panels."""
    columns = 2 if count == 4 else min(count, ACROSS)
    return -(-count // columns), columns


def _label(axes: Axes, name: str, plane: Plane, note: str) -> None:
    """Name a panel, label its axes in small type, and write the note under it."""
    axes.set_title(short_name(name), fontsize=10)
    label_plane(axes, plane, longest=LONGEST_LABEL)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
    axes.tick_params(labelsize=8)
    axes.locator_params(nbins=5)
    if note:
        axes.set_xlabel(f"{axes.get_xlabel()}\n{note}")


def _note_text(notes: Mapping[str, str] | None, name: str) -> str:
    return f", {notes[name]}" if notes and name in notes else ""


def _sentences(
    slices: Mapping[str, Slice], planes: Mapping[str, Plane], projections: Mapping[str, Mapping[str, Projection]]
) -> list[str]:
    """Return the sentences below: the extents of planes where they differ, and those about paths."""
    extents = {name: (float(np.ptp(plane.a)) / 2, float(np.ptp(plane.b)) / 2) for name, plane in planes.items()}
    sentences = []
    if len(set(extents.values())) > 1:
        spans = [f"{name} ±{plain(a, digits=3)} and ±{plain(b, digits=3)}" for name, (a, b) in extents.items()]
        sentences.append(f"The planes do not reach equally far: {', '.join(spans)}.")
    by_label = {
        (label := f"{name}, {path_name}"): path_sentence(label, path, planes[name])
        for name, paths in projections.items()
        for path_name, path in paths.items()
    }
    sentences += merge_sentences(by_label)
    sentences += [f"{name}: {plane.rounding}" for name, plane in planes.items() if plane.rounding]
    descriptions = list(dict.fromkeys(plane.description for plane in slices.values() if plane.description))
    return sentences + (descriptions if len(descriptions) == 1 else [])
