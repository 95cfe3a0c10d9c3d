"""Color levels of losses: the same for filled contours, iso-lines, surfaces and the beads of paths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import BoundaryNorm, Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator, NullLocator

from downslope.core import Setting, SettingError
from downslope.figures.style import OFF_SCALE, DistinctFormatter, drawable, spans_decades

TARGET_LEVELS = 12
"""The approximate number of colors."""

PER_DECADE = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0), tuple(np.arange(10, 100, 5) / 10))
"""The choices of levels within a power of ten."""

MOST_TICKS = 9

STEEP = 200
"""Losses that span more than this factor above all but a small share of cells are no bowl: there it is about 30."""

FEW, DEEP = 0.05, 1000
"""Logarithmic levels end at losses smaller by the factor DEEP than those of all but the share FEW of cells."""

COLOR_MAP: Colormap = LinearSegmentedColormap.from_list(
    "downslope_ground",
    ["#7E90C2", "#84ABCF", "#92C6CB", "#AFDABD", "#D3E9B9", "#F4F5C9", "#FFFDEF"],
).with_extremes(bad="white")
"""Dark in the valleys, light on the heights; the lightness is monotonic, so that it reads in gray."""


class ColorLevels(NamedTuple):
    """The mapping of losses to colors.

    Attributes:
        boundaries: the losses at which the color changes, in ascending order.
        logarithmic: whether the boundaries are logarithmic.
        extend: whether losses lie below the lowest level or above the highest, in matplotlib's words.
    """

    boundaries: np.ndarray
    logarithmic: bool
    extend: Literal["neither", "min", "max", "both"]

    @property
    def norm(self) -> BoundaryNorm:
        """The map from losses to colors."""
        return BoundaryNorm(list(self.boundaries), COLOR_MAP.N, extend=self.extend)

    def heights(self, losses: np.ndarray) -> np.ndarray:
        """Return heights on a vertical axis, NaN where not finite; logarithmic ones end at the lowest level."""
        finite = drawable(losses)
        if not self.logarithmic:
            return finite
        return np.log10(np.where(np.isnan(finite), np.nan, np.maximum(finite, self.boundaries[0])))


def plane_color_levels(
    planes: Iterable[np.ndarray], paths: Iterable[np.ndarray], log: bool | str = "auto"
) -> ColorLevels:
    """Return the color levels of planes and of paths over them, down to the lowest loss of either.

    A path's losses higher than all planes do not count: they have the highest color.
    """
    pooled = drawable(np.concatenate([np.ravel(array) for array in planes]))
    highest = np.max(pooled, where=np.isfinite(pooled), initial=-np.inf)
    return color_levels([pooled, *(losses[losses <= highest] for losses in paths)], log)


def color_levels(losses: Iterable[np.ndarray], log: bool | str = "auto") -> ColorLevels:
    """Return the color levels of losses.

    Args:
        losses: all losses that share the colors; those that are not finite have none.
        log: whether the levels are logarithmic; `"auto"`: where losses are positive, span decades, and
            do not just come down to about zero in a bowl, which would look infinitely deep.

    Raises:
        SettingError: logarithmic levels for losses of which none is positive; an unknown value of `log`.

    Example:
        >>> color_levels([np.array([1.0, 2.0, 5.0])]).boundaries.tolist()
        [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0]
        >>> color_levels([np.array([50.0, 2000.0])]).boundaries.tolist()
        [50.0, 70.0, 100.0, 150.0, 200.0, 300.0, 500.0, 700.0, 1000.0, 1500.0, 2000.0]
    """
    if log not in (True, False, "auto"):
        raise SettingError(Setting("log"), f"must be True, False or 'auto', got {log!r}.")
    pooled = drawable(np.concatenate([np.ravel(array) for array in losses] or [np.zeros(0)]))
    finite = pooled[np.isfinite(pooled)]
    if _suits_log(finite) if log == "auto" else log:
        return _logarithmic(finite)
    return ColorLevels(_linear_levels(finite), False, "neither")


def _suits_log(finite: np.ndarray) -> bool:
    """Return whether losses are positive and span decades other than by a bowl's minimum near zero."""
    if not len(finite) or finite.min() < 0 or not np.any(finite > 0):
        return False
    positive = finite[finite > 0]
    steep = bool(positive.max() > STEEP * np.quantile(positive, FEW))
    return steep or (bool(finite.min() >= _floor(positive)) and spans_decades([positive]))


def _floor(positive: np.ndarray) -> float:
    """Return the lowest logarithmic level: the lowest loss, but for a few cells about a minimum of zero."""
    return max(float(positive.min()), float(np.quantile(positive, FEW)) / DEEP)


def _linear_levels(finite: np.ndarray) -> np.ndarray:
    """Return round numbers from the lowest loss to the highest."""
    if not len(finite):
        return np.array([0.0, 1.0])
    low, high = float(finite.min()), float(finite.max())
    if high - low <= 1e-12 * max(abs(low), abs(high)):
        room = 0.5 * abs(low) or 0.5
        low, high = low - room, high + room
    levels = np.asarray(MaxNLocator(nbins=TARGET_LEVELS + 3, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    if levels[0] > low:  # by rounding: a number that is tiny beside the range counts as its end
        levels = np.r_[2 * levels[0] - levels[1], levels]
    return levels[int(np.searchsorted(levels, low, "right")) - 1 : int(np.searchsorted(levels, high)) + 1]


def _logarithmic(finite: np.ndarray) -> ColorLevels:
    """Return logarithmic levels; zero, and losses of a million times the median, lie beyond the last."""
    positive = finite[finite > 0]
    if not len(positive):
        raise SettingError(Setting("log"), "needs a positive loss to be True, got none. Leave it at 'auto'.")
    low, high = _floor(positive), min(float(positive.max()), float(np.median(positive)) * OFF_SCALE)
    every = 1 + int((np.log10(high) - np.log10(low)) / (2 * TARGET_LEVELS))
    levels = min(
        (_between(low, high, subs, every) for subs in (PER_DECADE if every == 1 else PER_DECADE[:1])),
        key=lambda candidate: abs(len(candidate) - 1 - TARGET_LEVELS),
    )
    below, above = bool(np.any(finite < levels[0])), bool(np.any(finite > levels[-1]))
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    return ColorLevels(levels, True, extend[below, above])  # pyright: ignore[reportArgumentType]


def _between(low: float, high: float, subs: tuple[float, ...], every: int = 1) -> np.ndarray:
    """Return round numbers of each n-th decade, from the last below the lowest loss to the first above the highest."""
    decades = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1 + every, every)
    numbers = np.array([float(f"{sub:g}e{int(decade)}") for decade in decades for sub in subs])
    first = max(0, int(np.searchsorted(numbers, low, "right")) - 1)
    return numbers[first : max(int(np.searchsorted(numbers, high)), first + 1) + 1]


def color_bar(
    figure: Figure | SubFigure, axes: Axes | list[Axes], levels: ColorLevels, label: str = "loss", **settings: Any
) -> Colorbar:
    """Draw a color bar beside axes."""
    mappable = ScalarMappable(norm=levels.norm, cmap=COLOR_MAP)
    stride = -(-len(levels.boundaries) // MOST_TICKS)
    bar = figure.colorbar(
        mappable, ax=axes, label=label, spacing="uniform", ticks=list(levels.boundaries[::stride]), **settings
    )  # pyright: ignore[reportArgumentType]
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.yaxis.set_major_formatter(DistinctFormatter())
    bar.outline.set_linewidth(0.6)  # pyright: ignore[reportCallIssue]
    bar.ax.tick_params(labelsize=8.5)
    return bar
