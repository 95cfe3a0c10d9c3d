"""Random lines through a point: how the loss rises along most of them, and along the extreme ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from downslope.core import DataError
from downslope.figures.landscape.path_sentences import named
from downslope.figures.landscape.paths import MOST_PATHS, path_look
from downslope.figures.style import GRAY, drawn, finite, fit_axis, framed, plain
from downslope.landscape import Envelope

SIZE = (7.2, 4.0)
MOST_MARKS = 10


def envelope(found: Envelope | Mapping[str, Envelope], *, title: str = "") -> Figure:
    """Return a figure of the lowest, the median and the highest loss over random lines, against the distance.

    Args:
        found: what `ds.landscape.envelope` returned, or up to seven such by name.
        title: above the figure.

    Raises:
        DataError: nothing to draw, or too much.

    Example:
        >>> radii = np.linspace(0, 1, 5)
        >>> rays = Envelope(radii, np.outer([1.0, 2.0, 4.0], radii**2))
        >>> envelope(rays).axes[0].get_ylabel()
        'loss'
    """
    named_ones = {"": found} if isinstance(found, Envelope) else dict(found)
    if not 1 <= len(named_ones) <= MOST_PATHS:
        raise DataError(f"A figure of envelopes shows 1 to {MOST_PATHS}, got {len(named_ones)}. Leave some out.")

    def draw(figure: Figure) -> str:
        part = framed(figure, SIZE, title=title, handles=_handles(named_ones), sentences=_sentences(named_ones))
        axes = part.subplots()
        for place, each in enumerate(named_ones.values()):
            color, marker, style = path_look(place)
            low, middle, high = (finite(values) for values in (each.lowest, each.median, each.highest))
            axes.fill_between(each.radii, low, high, color=color, alpha=0.15, lw=0)
            for edge in (low, high):
                axes.plot(each.radii, edge, ls=style, color=color, lw=0.8)
            every = max(1, len(each.radii) // MOST_MARKS)
            axes.plot(
                each.radii, middle, ls=style, color=color, lw=2.2, marker=marker, markevery=every, ms=5, mfc="white"
            )
        fit_axis(axes, [values for each in named_ones.values() for values in (each.lowest, each.highest)])
        axes.set_xlim(left=0)
        axes.set_xlabel("distance along a random direction (1 = the length of each filter's own weights)")
        axes.set_ylabel("loss")
        return f"The loss along random lines through a point: {_described(named_ones)}."

    return drawn(draw, SIZE)


def _handles(found: Mapping[str, Envelope]) -> list[Line2D]:
    """Return the entries of the legend."""
    look = {name: path_look(place) for place, name in enumerate(found)}
    return [
        *(
            Line2D([], [], color=color, ls=style, marker=marker, mfc="white", ms=5, lw=2.2, label=named(name))
            for name, (color, marker, style) in look.items()
            if name
        ),
        Line2D([], [], color=GRAY, lw=2.2, marker="o", mfc="white", ms=5, label="median"),
        Line2D([], [], color=GRAY, lw=0.8, label="lowest and highest"),
    ]


def _sentences(found: Mapping[str, Envelope]) -> list[str]:
    """Return what stands below: over how many rays, and where losses are not finite."""
    said = []
    for name, each in found.items():
        holes = int(np.sum(~np.isfinite(each.losses)))
        rays = f"{len(each.losses):,} rays, two for each of {len(each.losses) // 2:,} random directions"
        words = f"{name}: {rays}" if name else rays
        said.append(words + (f"; {holes:,} of {each.losses.size:,} losses are not finite." if holes else "."))
    return said


def _described(found: Mapping[str, Envelope]) -> str:
    """Return the envelopes in words."""
    said = []
    for name, each in found.items():
        low, middle, high = (plain(values[-1], digits=4) for values in (each.lowest, each.median, each.highest))
        begin, end = plain(each.median[0], digits=4), plain(float(each.radii[-1]), digits=3)
        said.append(f"{name + ': ' if name else ''}from {begin} to between {low} and {high}, median {middle}, at {end}")
    return "; ".join(said)
