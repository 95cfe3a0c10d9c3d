"""How all figures look: colors that color-blind people tell apart, quiet axes, one size of type.

References:
    Okabe and Ito, "Color Universal Design", 2008: the palette.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLACK = "#000000"
BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
VERMILLION = "#D55E00"
GRAY = "#6E6E6E"

STYLE: dict[str, Any] = {
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
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


def drawn(draw: Callable[[Figure], str], size: tuple[float, float]) -> Figure:
    """Return a new figure that a function has drawn on, in our style.

    Args:
        draw: draws on the figure, and returns what it shows in words, for those who cannot see it.
        size: width and height in inches.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(cast(Any, STYLE))
        figure = Figure(figsize=size, dpi=110, layout="constrained")
        figure.set_label(draw(figure))
    return figure


def without_frame(axes: Axes) -> None:
    """Take ticks, grid and frame off axes that hold a picture."""
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])


def percent(share: float, digits: int = 0) -> str:
    """Return a share in percent; only what is certain is called 100 %.

    Example:
        >>> percent(0.42), percent(0.9987), percent(1.0)
        ('42 %', '>99 %', '100 %')
    """
    written = f"{100 * share:.{digits}f}"
    if share < 1 and float(written) == 100:
        return f">{100 - 10**-digits:.{digits}f} %"
    return f"{written} %"
