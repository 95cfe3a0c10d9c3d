"""The Hessian in blocks: the interactions of groups of parameters, or the diagonal blocks alone."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from downslope.core import DataError
from downslope.curvature import HessianBlocks
from downslope.figures.style import BLUE, GRAY, decade_ticks, percent, plain, styled_figure

MOST_NUMBERS = 12
"""The largest number of groups whose cells are labeled with their shares."""

MOST_NAMES = 24
"""The largest number of labeled groups: of more, every second, third … is labeled; all are drawn."""

LEAST_PERCENT = 1e-4
"""The lower end of the color scale."""

LONGEST_NAME = 22


def hessian_blocks(blocks: HessianBlocks) -> Figure:
    """Return a figure of the Hessian in blocks, each by its share of `‖H‖²`; the share outside them is in the title.

    Where every pair of groups is known it is a heat map on a logarithmic scale: the darker off the diagonal, the more
    nearly groups curve independently of each other. Where the blocks were estimated, only those on the diagonal are
    known, and they are bars, with the share outside them as the last.

    Args:
        blocks: the result of `ds.hessian_blocks`.

    Raises:
        DataError: the Hessian is zero.

    Example:
        >>> import numpy as np
        >>> from downslope.core import FunctionSurface
        >>> from downslope.curvature import hessian_blocks as measure
        >>> loss = lambda p: p["a"][0] ** 2 + p["b"][0] ** 2 + p["a"][0] * p["b"][0]
        >>> params = {"a": np.ones(1), "b": np.ones(1)}
        >>> figure = hessian_blocks(measure(FunctionSurface(loss, params), params))
        >>> figure.axes[0].get_title(loc="left")
        '20.0 % of ‖H‖² lies outside the 2 blocks (exact)'
    """
    if blocks.share_outside is None:
        raise DataError("A figure of Hessian blocks needs a Hessian that is not zero, got one of zeros.")
    if blocks.interaction_shares is not None:
        side = 4.6 + 0.12 * min(len(blocks.names), MOST_NAMES)
        return styled_figure(lambda figure: _draw_map(figure, blocks), (side + 1.9, side))
    bars = min(len(blocks.names), MOST_NAMES) + 2
    return styled_figure(lambda figure: _draw_bars(figure, blocks), (8.4, max(3.2, 1.4 + 0.28 * bars)))


def _draw_map(figure: Figure, blocks: HessianBlocks) -> str:
    """Draw every pair of groups as a cell and return the alternative text."""
    axes = figure.subplots()
    shares = 100 * np.asarray(blocks.interaction_shares)
    largest = float(shares.max())
    norm = LogNorm(max(LEAST_PERCENT, min(float(shares[shares > 0].min()), largest / 10)), largest)
    image = axes.imshow(np.maximum(shares, norm.vmin or 0.0), cmap="viridis", norm=norm, interpolation="nearest")
    count = len(blocks.names)
    if count <= MOST_NUMBERS:
        _write(axes, shares, norm)
    step = -(-count // MOST_NAMES)
    names = [_short(name) for name in blocks.names[::step]]
    axes.set_xticks(range(0, count, step), names, rotation=90 if count > 4 else 0, fontsize=9)
    axes.set_yticks(range(0, count, step), names, fontsize=9)
    for edge in _edges(blocks.names):
        axes.axhline(edge, color="white", lw=1.2)
        axes.axvline(edge, color="white", lw=1.2)
    axes.grid(visible=False)
    axes.set_xlabel(_axis_label(blocks))
    axes.set_ylabel(_axis_label(blocks))
    axes.set_title(_title(blocks), fontsize=10)
    bar = figure.colorbar(image, ax=axes, shrink=0.85)
    decade_ticks(bar.ax.yaxis)
    bar.set_label("share of ‖H‖² (%)")
    return f"Heat map of the Hessian by pairs of {count} groups. {_describe(blocks)}"


def _write(axes: Axes, shares: Float[np.ndarray, "groups groups"], norm: LogNorm) -> None:
    """Write each share into its cell."""
    size = 9.0 if len(shares) <= 6 else 7.0
    for (y, x), share in np.ndenumerate(shares):
        color = "white" if share <= 0 or float(norm(share)) < 0.6 else "black"
        text = "0" if share == 0 else plain(float(share), digits=2)
        axes.text(x, y, text, ha="center", va="center", fontsize=size, color=color)


def _draw_bars(figure: Figure, blocks: HessianBlocks) -> str:
    """Draw bars of the diagonal blocks, the largest where there are many, and of the share outside them."""
    axes = figure.subplots()
    shares = blocks.shares
    largest = np.sort(np.argsort(-shares)[:MOST_NAMES])
    names = [f"{_short(blocks.names[index])}  ({blocks.sizes[index]:,})" for index in largest]
    lengths, colors = list(shares[largest]), [BLUE] * len(largest)
    if len(largest) < len(shares):
        names.append(f"{len(shares) - len(largest)} others")
        lengths.append(float(shares.sum() - shares[largest].sum()))
        colors.append("#7FB2D5")
    outside, error = float(blocks.share_outside or 0.0), blocks.standard_error
    positions = range(len(lengths) + 1)
    axes.barh(positions, 100 * np.array([*lengths, outside]), color=[*colors, "#BDBDBD"], height=0.72)
    axes.errorbar(100 * outside, len(lengths), xerr=100 * error, color="black", capsize=3, lw=1.2)
    axes.axvline(0, color=GRAY, lw=0.8)
    axes.set_yticks(positions, [*names, "outside the blocks"], fontsize=9)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of ‖H‖² (%)")
    axes.set_ylabel(f"{_axis_label(blocks)} (its parameters)")
    axes.set_title(_title(blocks), fontsize=10)
    return f"Bars of the Hessian's {len(blocks.names)} diagonal blocks. {_describe(blocks)}"


def _title(blocks: HessianBlocks) -> str:
    """Return the share outside the blocks, and its precision."""
    precision = f"± {100 * blocks.standard_error:.2g} %, {blocks.probes} probes" if blocks.probes else "exact"
    share = percent(float(blocks.share_outside or 0.0), 1)
    return f"{share} of ‖H‖² lies outside the {len(blocks.names)} blocks ({precision})"


def _describe(blocks: HessianBlocks) -> str:
    """Return the title and the heaviest block in words."""
    heaviest = int(np.argmax(blocks.shares))
    share = float(blocks.shares[heaviest])
    return f"{_title(blocks)}; the heaviest block is {_short(blocks.names[heaviest])} with {percent(share, 1)}."


def _edges(names: tuple[str, ...]) -> list[float]:
    """Return the boundaries between the neurons of successive layers."""
    if not _of_neurons(names):
        return []
    layers = [name.partition("[")[0] for name in names]
    return [index - 0.5 for index in range(1, len(layers)) if layers[index] != layers[index - 1]]


def _axis_label(blocks: HessianBlocks) -> str:
    """Return the label of the axes: the kind of group."""
    if _of_neurons(blocks.names):
        return "neuron: layer [unit]"
    return "layer" if all(name.isdigit() for name in blocks.names) else "group of parameters"


def _of_neurons(names: tuple[str, ...]) -> bool:
    """Return whether groups are units of layers."""
    return any(name.endswith("]") for name in names)


def _short(name: str) -> str:
    """Return a group's name, shortened to fit; of a tree that is one array, `all`."""
    name = name or "all"
    return name if len(name) <= LONGEST_NAME else f"…{name[-LONGEST_NAME + 1 :]}"
