"""Lines through loss surfaces: the loss along each direction."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from downslope.core import Advice, DataError, tree_norm
from downslope.figures.landscape.path_sentences import named
from downslope.figures.landscape.paths import MOST_PATHS, PathLook, path_look
from downslope.figures.landscape.plane import axis_label
from downslope.figures.style import BLACK, drawn, finite, fit_axis, framed, hole_marks, mark_holes, plain
from downslope.landscape import Slice

SIZE = (7.2, 4.0)


def slice_lines(slices: Slice | Mapping[str, Slice], *, log: bool | str = "auto", title: str = "") -> Figure:
    """Return a figure of the loss along lines through a point, or through several.

    The center is marked, with its standard error where that is known. Where the loss is not finite the line has a gap,
    and a mark at the top edge says of which kind.

    Args:
        slices: a slice along one direction, or up to seven by name.
        log: whether the axis of losses is logarithmic; `"auto"`: where they are positive and span more than about a
            power of ten.
        title: above the figure.

    Raises:
        DataError: a slice along two directions; no slice, or too many.

    Example:
        >>> axis = np.linspace(-1, 1, 5)
        >>> bowl = Slice((axis,), axis**2, axis < 2, np.zeros(2), (np.array([0.0, 1.0]),), "given", ("height",))
        >>> slice_lines(bowl).axes[0].get_xlabel()
        'height (length)'
    """
    found = {"": slices} if isinstance(slices, Slice) else dict(slices)
    if not 1 <= len(found) <= MOST_PATHS:
        raise DataError(f"A figure of lines shows 1 to {MOST_PATHS} slices, got {len(found)}. Leave some out.")
    for each in found.values():
        if len(each.axes) != 1:
            raise DataError(
                "This figure needs slices of one direction, got one of two.",
                Advice("draw it with {}", code="`surface_contour`"),
                Advice("compute {}", code="`ds.slice_1d`"),
            )
    look = {name: path_look(place) for place, name in enumerate(found)}

    def draw(figure: Figure) -> str:
        losses, known = ([getattr(each, part) for each in found.values()] for part in ("losses", "computed"))
        handles = [*_handles(look), *hole_marks(losses, known)]
        part = framed(figure, SIZE, title=title, handles=handles, sentences=_sentences(found))
        axes = part.subplots()
        for rank, (name, each) in enumerate(found.items()):
            _draw(axes, each, look[name], rank)
        fit_axis(axes, losses, log=log)
        axes.axvline(0, color="#B0B0B0", lw=0.8, zorder=1)
        axes.set_xlabel(_label(list(found.values())))
        axes.set_ylabel("loss")
        return f"The loss along {'a line' if len(found) == 1 else f'{len(found)} lines'}: {_described(found)}."

    return drawn(draw, SIZE)


def _draw(axes: Axes, found: Slice, how: PathLook, rank: int) -> None:
    """Draw one line, its center, and marks for what is not finite."""
    x = found.axes[0]
    axes.plot(x, finite(found.losses), ls=how.style, color=how.color, lw=1.9)
    error = found.standard_error
    axes.errorbar(
        [0], [found.center], yerr=None if error is None else [error], fmt=how.marker, color=how.color, mfc="white",
        mew=1.6, ms=7, capsize=4, zorder=5,
    )  # fmt: skip
    mark_holes(axes, x, found.losses, found.computed, how.color, rank=rank)


def _handles(look: Mapping[str, PathLook]) -> list[Line2D]:
    """Return the entries of the legend: lines by name, and what the marks are."""
    lines = [
        Line2D([], [], color=how.color, ls=how.style, marker=how.marker, mfc="white", ms=6, lw=1.9, label=named(name))
        for name, how in look.items()
        if name
    ]
    center = Line2D([], [], ls="none", marker="o", mfc="white", mec=BLACK, mew=1.4, ms=7, label="center of the slice")
    return [*lines, center]


def _label(found: list[Slice]) -> str:
    """Return the label of the axis: the direction, where all lines share it."""
    labels = {axis_label(each.labels[0], float(tree_norm(each.directions[0])), longest=80) for each in found}
    return labels.pop() if len(labels) == 1 else "coefficient along the direction (1 = its length)"


def _sentences(found: Mapping[str, Slice]) -> list[str]:
    """Return what stands below: directions where they differ, what is missing, and what the loss is."""
    labels = {
        name: axis_label(each.labels[0], float(tree_norm(each.directions[0])), longest=80)
        for name, each in found.items()
    }
    said = [f"{name}: {label}." for name, label in labels.items()] if len(set(labels.values())) > 1 else []
    missing = {name: int(np.sum(~each.computed)) for name, each in found.items()}
    said += [f"{name or 'The slice'}: {count} losses were not computed." for name, count in missing.items() if count]
    return said + list(dict.fromkeys(each.description for each in found.values() if each.description))


def _described(found: Mapping[str, Slice]) -> str:
    """Return the lines in words."""
    said = []
    for name, each in found.items():
        known = each.losses[np.isfinite(each.losses)]
        low, high = (plain(value, digits=4) for value in (known.min(), known.max())) if len(known) else ("none",) * 2
        holes = int(np.sum(~np.isfinite(each.losses) & each.computed))
        gaps = f", {holes} not finite" if holes else ""
        said.append(
            f"{name or each.labels[0]} from {low} to {high}, {plain(each.center, digits=4)} at the center{gaps}"
        )
    return "; ".join(said)
