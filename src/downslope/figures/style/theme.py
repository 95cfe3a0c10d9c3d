"""The theme of all figures: colors for color-blind people, quiet axes, one size of type.

References:
    Okabe and Ito, "Color Universal Design", 2008: the palette.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, cast

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ArtistOptions: TypeAlias = dict[str, Any]
"""Keywords of the matplotlib artists that make up a mark."""

BLACK = "#000000"
BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILLION = "#D55E00"
GRAY = "#6E6E6E"

STYLE: dict[str, str | float | bool | list[str]] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.titlesize": 11.0,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 10.0,
    "axes.edgecolor": GRAY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "xtick.color": "#404040",
    "ytick.color": "#404040",
    "legend.frameon": False,
    "text.parse_math": False,  # names of columns and levels may hold dollars
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


def styled_figure(draw: Callable[[Figure], str], size: tuple[float, float]) -> Figure:
    """Return a new figure in the theme of all figures, drawn on by a function.

    Args:
        draw: draws on the figure, and returns its alternative text.
        size: width and height in inches.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(cast(Any, STYLE))
        figure = Figure(figsize=size, dpi=110, layout="constrained")
        figure.set_label(draw(figure))
    return figure


def hide_frame(axes: Axes) -> None:
    """Hide ticks and grid of axes that hold an image."""
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])


def percent(share: float, digits: int = 0) -> str:
    """Return a share in percent; only a share of exactly 1 is called 100 %.

    Example:
        >>> percent(0.42), percent(0.9987), percent(1.0)
        ('42 %', '>99 %', '100 %')
    """
    text = f"{100 * share:.{digits}f}"
    if share < 1 and float(text) == 100:
        return f">{100 - 10**-digits:.{digits}f} %"
    return f"{text} %"
