"""Lines through loss surfaces: the loss along each direction."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from downslope.core import Advice, DataError, tree_norm
from downslope.figures.landscape.path_sentences import short_name
from downslope.figures.landscape.paths import MOST_PATHS, PathStyle, path_style
from downslope.figures.landscape.plane import axis_label
from downslope.figures.style import (
    BLACK,
    add_frame,
    finite,
    fit_axis,
    hole_marks,
    mark_holes,
    plain_texts,
    styled_figure,
)
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
    lines = {"": slices} if isinstance(slices, Slice) else dict(slices)
    if not 1 <= len(lines) <= MOST_PATHS:
        raise DataError(f"A figure of lines shows 1 to {MOST_PATHS} slices, got {len(lines)}. Leave some out.")
    for line in lines.values():
        if len(line.axes) != 1:
            raise DataError(
                "This figure needs slices of one direction, got one of two.",
                Advice("draw it with {}", code="`surface_contour`"),
                Advice("compute {}", code="`ds.slice_1d`"),
            )
    styles = {name: path_style(index) for index, name in enumerate(lines)}

    def draw(figure: Figure) -> str:
        losses, computed = ([getattr(line, part) for line in lines.values()] for part in ("losses", "computed"))
        handles = [*_handles(styles), *hole_marks(losses, computed)]
        part = add_frame(figure, SIZE, title=title, handles=handles, sentences=_sentences(lines))
        axes = part.subplots()
        for rank, (name, line) in enumerate(lines.items()):
            _draw(axes, line, styles[name], rank)
        fit_axis(axes, losses, log=log)
        axes.axvline(0, color="#B0B0B0", lw=0.8, zorder=1)
        axes.set_xlabel(_label(list(lines.values())))
        axes.set_ylabel("loss")
        along = f"The loss along {'a line' if len(lines) == 1 else f'{len(lines)} lines'}: {_describe(lines)}."
        return " ".join([along, *_rounding(lines)])

    return styled_figure(draw, SIZE)


def _draw(axes: Axes, line: Slice, style: PathStyle, rank: int) -> None:
    """Draw one line, its center, and marks of losses that are not finite."""
    x = line.axes[0]
    axes.plot(x, finite(line.losses), ls=style.dashes, color=style.color, lw=1.9)
    error = line.standard_error
    axes.errorbar(
        [0], finite(np.array([line.center])),
        yerr=None if error is None else [error], fmt=style.marker, color=style.color, mfc="white",
        mew=1.6, ms=7, capsize=4, zorder=5,
    )  # fmt: skip
    mark_holes(axes, x, line.losses, line.computed, style.color, rank=rank)


def _handles(styles: Mapping[str, PathStyle]) -> list[Line2D]:
    """Return the entries of the legend: lines by name, and the marks."""
    lines = [
        Line2D(
            [],
            [],
            color=style.color,
            ls=style.dashes,
            marker=style.marker,
            mfc="white",
            ms=6,
            lw=1.9,
            label=short_name(name),
        )
        for name, style in styles.items()
        if name
    ]
    center = Line2D([], [], ls="none", marker="o", mfc="white", mec=BLACK, mew=1.4, ms=7, label="center of the slice")
    return [*lines, center]


def _label(lines: list[Slice]) -> str:
    """Return the label of the axis: the direction, where all lines share it."""
    labels = {axis_label(line.labels[0], float(tree_norm(line.directions[0])), longest=80) for line in lines}
    return labels.pop() if len(labels) == 1 else "coefficient along the direction (1 = its length)"


def _sentences(lines: Mapping[str, Slice]) -> list[str]:
    """Return the sentences below: directions where they differ, missing losses, and the description of the loss."""
    labels = {
        name: axis_label(line.labels[0], float(tree_norm(line.directions[0])), longest=80)
        for name, line in lines.items()
    }
    sentences = [f"{name}: {label}." for name, label in labels.items()] if len(set(labels.values())) > 1 else []
    missing = {name: int(np.sum(~line.computed)) for name, line in lines.items()}
    sentences += [
        f"{name or 'The slice'}: {count} losses were not computed." for name, count in missing.items() if count
    ]
    descriptions = dict.fromkeys(line.description for line in lines.values() if line.description)
    return [*sentences, *_rounding(lines), *descriptions]


def _rounding(lines: Mapping[str, Slice]) -> list[str]:
    """Return the sentences on what rounding does to lines, where it shows."""
    by_name = {name: line.rounding.sentence for name, line in lines.items()}
    return [f"{name}: {sentence}" if name else sentence for name, sentence in by_name.items() if sentence]


def _describe(lines: Mapping[str, Slice]) -> str:
    """Describe the lines."""
    sentences = []
    for name, line in lines.items():
        heights = line.losses[np.isfinite(line.losses)]
        ends = [float(heights.min()), float(heights.max())] if len(heights) else []
        center, *texts = plain_texts([line.center, *ends], digits=4)
        low, high = texts or ("none", "none")
        holes = int(np.sum(~np.isfinite(line.losses) & line.computed))
        gaps = f", {holes} not finite" if holes else ""
        sentences.append(f"{name or line.labels[0]} from {low} to {high}, {center} at the center{gaps}")
    return "; ".join(sentences)
