"""The loss along random lines through a point: lowest, median and highest."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from downslope.core import DataError
from downslope.figures.landscape.path_sentences import short_name
from downslope.figures.landscape.paths import MOST_PATHS, path_style
from downslope.figures.style import GRAY, add_frame, finite, fit_axis, plain, plain_texts, styled_figure
from downslope.landscape import Envelope

SIZE = (7.2, 4.0)
MOST_MARKS = 10


def envelope(envelopes: Envelope | Mapping[str, Envelope], *, title: str = "") -> Figure:
    """Return a figure of the lowest, the median and the highest loss over random lines, against the distance.

    Args:
        envelopes: the result of `ds.landscape.envelope`, or up to seven by name.
        title: above the figure.

    Raises:
        DataError: nothing to draw, or too much.

    Example:
        >>> radii = np.linspace(0, 1, 5)
        >>> rays = Envelope(radii, np.outer([1.0, 2.0, 4.0], radii**2))
        >>> envelope(rays).axes[0].get_ylabel()
        'loss'
    """
    by_name = {"": envelopes} if isinstance(envelopes, Envelope) else dict(envelopes)
    if not 1 <= len(by_name) <= MOST_PATHS:
        raise DataError(f"A figure of envelopes shows 1 to {MOST_PATHS}, got {len(by_name)}. Leave some out.")

    def draw(figure: Figure) -> str:
        part = add_frame(figure, SIZE, title=title, handles=_handles(by_name), sentences=_sentences(by_name))
        axes = part.subplots()
        for index, lines in enumerate(by_name.values()):
            color, marker, style = path_style(index)
            low, middle, high = (finite(values) for values in (lines.lowest, lines.median, lines.highest))
            axes.fill_between(lines.radii, low, high, color=color, alpha=0.15, lw=0)
            for edge in (low, high):
                axes.plot(lines.radii, edge, ls=style, color=color, lw=0.8)
            stride = max(1, len(lines.radii) // MOST_MARKS)
            axes.plot(
                lines.radii, middle, ls=style, color=color, lw=2.2, marker=marker, markevery=stride, ms=5, mfc="white"
            )
        fit_axis(axes, [values for lines in by_name.values() for values in (lines.lowest, lines.highest)])
        axes.set_xlim(left=0)
        axes.set_xlabel("distance along a random direction (1 = the length of each filter's own weights)")
        axes.set_ylabel("loss")
        return f"The loss along random lines through a point: {_describe(by_name)}."

    return styled_figure(draw, SIZE)


def _handles(envelopes: Mapping[str, Envelope]) -> list[Line2D]:
    """Return the entries of the legend."""
    styles = {name: path_style(index) for index, name in enumerate(envelopes)}
    return [
        *(
            Line2D([], [], color=color, ls=style, marker=marker, mfc="white", ms=5, lw=2.2, label=short_name(name))
            for name, (color, marker, style) in styles.items()
            if name
        ),
        Line2D([], [], color=GRAY, lw=2.2, marker="o", mfc="white", ms=5, label="median"),
        Line2D([], [], color=GRAY, lw=0.8, label="lowest and highest"),
    ]


def _sentences(envelopes: Mapping[str, Envelope]) -> list[str]:
    """Return the sentences below: the number of rays, and of losses that are not finite."""
    sentences = []
    for name, lines in envelopes.items():
        holes = int(np.sum(~np.isfinite(lines.losses)))
        rays = f"{len(lines.losses):,} rays, two for each of {len(lines.losses) // 2:,} random directions"
        words = f"{name}: {rays}" if name else rays
        sentences += [lines.rounding.sentence] if lines.rounding.sentence else []
        sentences.append(words + (f"; {holes:,} of {lines.losses.size:,} losses are not finite." if holes else "."))
    return sentences


def _describe(envelopes: Mapping[str, Envelope]) -> str:
    """Describe the envelopes."""
    sentences = []
    for name, lines in envelopes.items():
        last = [float(values[-1]) for values in (lines.lowest, lines.median, lines.highest)]
        low, middle, high, begin = plain_texts([*last, float(lines.median[0])], digits=4)
        end = plain(float(lines.radii[-1]), digits=3)
        sentences.append(
            f"{name + ': ' if name else ''}from {begin} to between {low} and {high}, median {middle}, at {end}"
        )
    return "; ".join(sentences)
