"""A plane through a loss surface, drawn as a map: filled contours, labeled iso-lines, and what has no loss."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Any, NamedTuple

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.patheffects import withStroke

from downslope.core import Advice, DataError, PyTree, tree_norm
from downslope.figures.landscape.color_levels import GROUND, Shades
from downslope.figures.style import BLACK, plain, shifted_ticks
from downslope.landscape import Slice

HOLES: dict[str, dict[str, Any]] = {
    "infinite": {"hatch": "////", "facecolor": "white", "edgecolor": "#404040"},
    "not a number": {"hatch": "xxxx", "facecolor": "white", "edgecolor": "#404040"},
    "not computed": {"hatch": "..", "facecolor": "#EDEDED", "edgecolor": "#9A9A9A"},
}
"""How cells without a finite loss are drawn, by what they are."""

CENTER = "center of the slice"
LONGEST_LABEL = 50
MOST_WRITTEN = 7
"""At most about so many iso-lines are labeled."""


class Ground(NamedTuple):
    """Losses over two numbers.

    Attributes:
        a: the first number, ascending.
        b: the second.
        losses: `losses[i, j]` at `a[i], b[j]`.
        computed: which of them were computed.
        labels: what the two numbers are.
        norms: how long a step of one is in the space of parameters, for each; None where the two are the parameters.
        center: whether `(0, 0)` is the point that a slice goes through.
        origins: what 0 stands for along each: what is written on the axes is so much more.
    """

    a: np.ndarray
    b: np.ndarray
    losses: np.ndarray
    computed: np.ndarray
    labels: tuple[str, str]
    norms: tuple[float, float] | None
    center: bool = True
    origins: tuple[float, float] = (0.0, 0.0)

    @property
    def holes(self) -> dict[str, np.ndarray]:
        """The cells without a finite loss, by what they are; only kinds that occur."""
        kinds = {
            "infinite": np.isinf(self.losses) & self.computed,
            "not a number": np.isnan(self.losses) & self.computed,
            "not computed": ~self.computed,
        }
        return {name: cells for name, cells in kinds.items() if cells.any()}

    @property
    def shown(self) -> np.ndarray:
        """The losses, NaN in all holes."""
        return np.where(np.isfinite(self.losses) & self.computed, self.losses, np.nan)

    def axis_label(self, number: int, *, longest: int = LONGEST_LABEL) -> str:
        """Return the label of an axis, with its unit."""
        label = self.labels[number]
        return label if self.norms is None else axis_label(label, self.norms[number], longest=longest)

    def inside(self, coordinates: np.ndarray) -> np.ndarray:
        """Return which points of the plane the map shows."""
        x, y = coordinates.T
        return (self.a[0] <= x) & (x <= self.a[-1]) & (self.b[0] <= y) & (y <= self.b[-1])


def ground_of(found: Slice) -> Ground:
    """Return the plane of a slice.

    Raises:
        DataError: it is a line.
    """
    if len(found.axes) != 2:
        raise DataError(
            f"This figure needs a slice of 2 directions, got {len(found.axes)}.",
            Advice("draw a line by {}", code="`slice_lines`"),
            Advice("compute {}", code="`ds.slice_2d`"),
        )
    (a, b), (first, second) = found.axes, found.labels
    one, two = (float(tree_norm(direction)) for direction in found.directions)
    norms = None if all(map(_is_parameter, found.directions)) else (one, two)
    along, across = found.origins
    return Ground(a, b, found.losses, found.computed, (first, second), norms, origins=(along, across))


def _is_parameter(direction: PyTree) -> bool:
    """Return whether a direction is the axis of a single parameter."""
    moved = [number for leaf in jax.tree.leaves(direction) for number in np.ravel(leaf)[np.flatnonzero(leaf)]]
    return moved == [1]


def axis_label(label: str, norm: float, *, longest: int = LONGEST_LABEL) -> str:
    """Return the label of an axis: what the direction is, and how long a step of one is.

    Example:
        >>> axis_label("first random direction", 3.14159)
        'first random direction (1 = length 3.14)'
    """
    unit = "(length)" if abs(norm - 1) < 5e-4 else f"(1 = length {plain(norm, digits=3)})"
    lines: list[str] = []
    for part in [*label.replace(" (", "\n(").split("\n"), unit]:
        if lines and len(f"{lines[-1]} {part}") <= longest:
            lines[-1] += f" {part}"
        else:
            lines.append(fill(part, longest))
    return "\n".join(lines)


def draw_ground(axes: Axes, ground: Ground, steps: Shades, *, few: bool = False) -> None:
    """Draw the map: colors, iso-lines with the losses of some or a few, holes as such."""
    _fill(axes, ground, steps)
    if np.isfinite(ground.shown).any() and min(ground.shown.shape) > 1:
        _iso_lines(axes, ground, steps, MOST_WRITTEN // 2 if few else MOST_WRITTEN)
    for name, cells in ground.holes.items():
        axes.add_patch(PathPatch(_outline(ground, cells), lw=0, zorder=1.5, label=name, **HOLES[name]))
    if ground.center:
        halo = [withStroke(linewidth=3.4, foreground="white")]
        axes.plot([0], [0], "+", color=BLACK, ms=11, mew=1.6, zorder=8.5, path_effects=halo)
    axes.set_xlim(ground.a[0], ground.a[-1])
    axes.set_ylim(ground.b[0], ground.b[-1])
    for axis, origin in zip((axes.xaxis, axes.yaxis), ground.origins, strict=True):
        shifted_ticks(axis, origin)
    axes.grid(visible=False)


def label_ground(axes: Axes, ground: Ground, *, longest: int = LONGEST_LABEL) -> None:
    """Label both axes."""
    axes.set_xlabel(ground.axis_label(0, longest=longest))
    axes.set_ylabel(ground.axis_label(1, longest=longest))


def ground_handles(grounds: Sequence[Ground], *, center: str = CENTER) -> list[Line2D | Patch]:
    """Return the entries of a legend for the center of planes, by what it is, and for their holes."""
    middle = Line2D([], [], ls="none", marker="+", color=BLACK, ms=10, mew=1.6, label=center)
    return [*([middle] if any(ground.center for ground in grounds) else []), *hole_handles(grounds)]


def hole_handles(grounds: Sequence[Ground]) -> list[Patch]:
    """Return the entries of a legend for the holes of planes."""
    found = {name for ground in grounds for name in ground.holes}
    return [Patch(lw=0.6, label=name, **look) for name, look in HOLES.items() if name in found]


def described(ground: Ground) -> str:
    """Return a plane in words."""
    said = [f"{' × '.join(map(str, ground.losses.shape))} losses along {ground.labels[0]} and {ground.labels[1]}"]
    if np.isfinite(ground.shown).any():
        said.append(f"from {plain(float(np.nanmin(ground.shown)))} to {plain(float(np.nanmax(ground.shown)))}")
    if ground.center:
        middle = ground.losses[np.argmin(np.abs(ground.a)), np.argmin(np.abs(ground.b))]
        said.append(f"{plain(float(middle))} at the center" if np.isfinite(middle) else "not finite at the center")
    said += [f"{int(cells.sum()):,} of {cells.size:,} cells {name}" for name, cells in ground.holes.items()]
    return ", ".join(said)


def _fill(axes: Axes, ground: Ground, steps: Shades) -> None:
    """Fill the map with colors: smooth between finite losses, cell by cell beside a hole."""
    shown, norm = np.ma.masked_invalid(ground.shown.T), steps.norm
    beside = np.ma.masked_where(~_beside_holes(np.ma.getmaskarray(shown)), shown)
    if beside.count():
        axes.pcolormesh(
            ground.a, ground.b, beside, cmap=GROUND, norm=norm, shading="nearest", zorder=0.5, rasterized=True
        )
    if shown.count() and min(shown.shape) > 1:
        axes.contourf(
            ground.a, ground.b, shown, levels=list(steps.levels), cmap=GROUND, norm=norm, extend=steps.extend, zorder=1
        )


def _beside_holes(masked: np.ndarray) -> np.ndarray:
    """Return which cells are finite and touch a hole."""
    padded = np.pad(masked, 1)
    rows, columns = masked.shape
    near = np.zeros_like(masked)
    for i in range(3):
        for j in range(3):
            near |= padded[i : i + rows, j : j + columns]
    return near & ~masked


def _iso_lines(axes: Axes, ground: Ground, steps: Shades, most_written: int) -> None:
    """Draw iso-lines at the steps of color, and write the losses of some on them."""
    shown = ground.shown.T
    low, high = np.nanmin(shown), np.nanmax(shown)
    levels = steps.levels[(steps.levels > low) & (steps.levels < high)]
    if not len(levels):
        return
    lines = axes.contour(
        ground.a, ground.b, np.ma.masked_invalid(shown), list(levels), colors="#303030", linewidths=0.6
    )
    lines.set_zorder(2)
    every = -(-len(levels) // most_written)
    axes.clabel(lines, list(levels[::every]), fontsize=7.5, fmt=lambda value: plain(float(value)), inline_spacing=3)


def _outline(ground: Ground, cells: np.ndarray) -> Path:
    """Return the outline of cells, run by run: each is as wide as half the way to its neighbors."""
    x, y = edges(ground.a), edges(ground.b)
    corners: list[tuple[float, float]] = []
    for j in range(cells.shape[1]):
        steps = np.flatnonzero(np.diff(np.pad(cells[:, j].astype(int), 1)))
        for start, stop in steps.reshape(-1, 2):
            left, right, low, high = (float(edge) for edge in (x[start], x[stop], y[j], y[j + 1]))
            corners += [(left, low), (right, low), (right, high), (left, high), (left, low)]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * (len(corners) // 5)
    return Path(np.array(corners), np.array(codes, Path.code_type))


def edges(places: np.ndarray) -> np.ndarray:
    """Return where the cells around places begin and end."""
    if len(places) == 1:
        return np.array([places[0] - 0.5, places[0] + 0.5])
    middles = 0.5 * (places[1:] + places[:-1])
    return np.r_[2 * places[0] - middles[0], middles, 2 * places[-1] - middles[-1]]
