"""The layout around a drawing: title and legend above, sentences below, without overlap."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from matplotlib.artist import Artist
from matplotlib.figure import Figure, SubFigure

from downslope.figures.style.ticks import shortened

TITLE, ROW, LINE, MARGIN = 0.28, 0.175, 0.18, 0.1
"""The heights of the title, of a row of the legend, of a line below, and of the margin, in inches."""

MOST_COLUMNS = 5
CHARACTERS, TITLE_CHARACTERS = 14.0, 10.0
"""The numbers of characters of a line below, and of the title, per inch."""

LETTER, HANDLE = 0.072, 0.62
"""The widths of a character of the legend and of a handle, in inches."""


def add_frame(
    figure: Figure, size: tuple[float, float], *, title: str, handles: Sequence[Artist], sentences: Sequence[str]
) -> SubFigure:
    """Add title, legend and sentences around the part of a figure to draw in, and return that part.

    Args:
        figure: its height is set to hold all of it.
        size: of the part, in inches.
        title: above all.
        handles: the entries of the legend, which stands between the title and the part.
        sentences: one paragraph each, below.
    """
    width, height = size
    columns = _columns(handles, width)
    rows = -(-len(handles) // columns)
    lines = [line for sentence in sentences for line in wrap(sentence, int((width - 2 * MARGIN) * CHARACTERS))]
    above = MARGIN * bool(title or handles) + TITLE * bool(title) + ROW * rows + 0.02
    below = (MARGIN + LINE * len(lines)) if lines else 0.02
    figure.set_size_inches(width, above + height + below)
    top, part, bottom = stack_subfigures(figure, above, height, below)
    if title:
        line = shortened(title, int((width - 2 * MARGIN) * TITLE_CHARACTERS))
        top.text(MARGIN / width, 1 - MARGIN / above, line, fontweight="bold", fontsize=11, va="top")
    if handles:
        top.legend(
            handles=list(handles), loc="lower left", bbox_to_anchor=(0.5 * MARGIN / width, 0.0), ncols=columns,
            fontsize=8.5, borderaxespad=0.2, columnspacing=1.2, handlelength=2.4, handletextpad=0.5, borderpad=0.2,
            labelspacing=0.35,
        )  # fmt: skip
    if lines:
        bottom.text(MARGIN / width, 1.0, "\n".join(lines), fontsize=9, va="top", color="#404040", linespacing=1.25)
    return part


def stack_subfigures(part: Figure | SubFigure, *heights: float) -> list[SubFigure]:
    """Add subfigures, one below the other, of heights in these proportions."""
    return list(part.subfigures(len(heights), 1, height_ratios=list(heights), squeeze=False)[:, 0])


def _columns(handles: Sequence[Artist], width: float) -> int:
    """Return the number of columns of the legend that fit side by side; its entries run down the columns."""
    lengths = [len(str(handle.get_label())) for handle in handles]
    for columns in range(min(MOST_COLUMNS, len(lengths)), 1, -1):
        rows = -(-len(lengths) // columns)
        widths = [LETTER * max(lengths[start : start + rows]) + HANDLE for start in range(0, len(lengths), rows)]
        if sum(widths) <= width - 2 * MARGIN:
            return len(widths)
    return 1
