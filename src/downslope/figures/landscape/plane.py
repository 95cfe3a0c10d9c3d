"""A plane through a loss surface, drawn as a map: filled contours, labeled iso-lines, and hatched holes."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import NamedTuple

import jax
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.patheffects import withStroke

from downslope.core import Advice, DataError, PyTree, tree_norm
from downslope.figures.landscape.color_levels import COLOR_MAP, ColorLevels
from downslope.figures.style import BLACK, ArtistOptions, drawable, plain, plain_texts, shifted_ticks, shortened
from downslope.landscape import Slice

HOLES: dict[str, ArtistOptions] = {
    "infinite": {"hatch": "////", "facecolor": "white", "edgecolor": "#404040"},
    "beyond 1e280": {"hatch": "////", "facecolor": "#EDEDED", "edgecolor": "#404040"},
    "not a number": {"hatch": "xxxx", "facecolor": "white", "edgecolor": "#404040"},
    "not computed": {"hatch": "..", "facecolor": "#EDEDED", "edgecolor": "#9A9A9A"},
}
"""The hatching of cells without a finite loss, by kind."""

CENTER = "center of the slice"
MOST_OF_LABEL = 90
LONGEST_LABEL = 50
MOST_WRITTEN = 7
"""The approximate largest number of labeled iso-lines."""


class Plane(NamedTuple):
    """Losses over two coordinates.

    Attributes:
        a: the first coordinate, ascending.
        b: the second, likewise.
        losses: `losses[i, j]` at `a[i], b[j]`.
        computed: which of them were computed.
        labels: the names of the two coordinates.
        norms: the length of a unit step of each in the space of parameters; None where the two are the parameters.
        center: whether `(0, 0)` is the point that a slice goes through.
        origins: the value at 0 along each, which is added to the numbers on the axes.
        rounding: a sentence on what rounding does to the losses, if it shows.
    """

    a: np.ndarray
    b: np.ndarray
    losses: np.ndarray
    computed: np.ndarray
    labels: tuple[str, str]
    norms: tuple[float, float] | None
    center: bool = True
    origins: tuple[float, float] = (0.0, 0.0)
    rounding: str = ""

    @property
    def holes(self) -> dict[str, np.ndarray]:
        """Masks of the cells without a finite loss, by kind; only kinds that occur."""
        kinds = {
            "infinite": np.isinf(self.losses) & self.computed,
            "beyond 1e280": np.isnan(self.finite_losses) & np.isfinite(self.losses) & self.computed,
            "not a number": np.isnan(self.losses) & self.computed,
            "not computed": ~self.computed,
        }
        return {name: cells for name, cells in kinds.items() if cells.any()}

    @property
    def finite_losses(self) -> np.ndarray:
        """The losses, NaN in all holes."""
        return np.where(self.computed, drawable(self.losses), np.nan)

    def axis_label(self, number: int, *, longest: int = LONGEST_LABEL) -> str:
        """Return the label of an axis, with its unit."""
        label = self.labels[number]
        label = shortened(label, MOST_OF_LABEL) if len(label) > MOST_OF_LABEL else label
        return label if self.norms is None else axis_label(label, self.norms[number], longest=longest)

    def inside(self, coordinates: np.ndarray) -> np.ndarray:
        """Return a mask of the points that lie on the map."""
        x, y = coordinates.T
        return (self.a[0] <= x) & (x <= self.a[-1]) & (self.b[0] <= y) & (y <= self.b[-1])


def plane_of(source: Slice) -> Plane:
    """Convert a slice along two directions to a plane.

    Raises:
        DataError: it is a line.
    """
    if len(source.axes) != 2:
        raise DataError(
            f"This figure needs a slice of 2 directions, got {len(source.axes)}.",
            Advice("draw a line by {}", code="`slice_lines`"),
            Advice("compute {}", code="`ds.slice_2d`"),
        )
    (a, b), (first, second) = source.axes, source.labels
    first_norm, second_norm = (float(tree_norm(direction)) for direction in source.directions)
    norms = None if all(map(_is_parameter, source.directions)) else (first_norm, second_norm)
    along, across = source.origins
    return Plane(
        a,
        b,
        source.losses,
        source.computed,
        (first, second),
        norms,
        origins=(along, across),
        rounding=source.rounding.sentence,
    )


def _is_parameter(direction: PyTree) -> bool:
    """Return whether a direction is the axis of a single parameter."""
    nonzero = [number for leaf in jax.tree.leaves(direction) for number in np.ravel(leaf)[np.flatnonzero(leaf)]]
    return nonzero == [1]


def axis_label(label: str, norm: float, *, longest: int = LONGEST_LABEL) -> str:
    """Return the label of an axis: the name of the direction, and the length of a unit step.

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


def draw_plane(axes: Axes, plane: Plane, levels: ColorLevels, *, few: bool = False) -> None:
    """Draw the map: colors, iso-lines of which some or a few are labeled, and hatched holes."""
    _fill(axes, plane, levels)
    if np.isfinite(plane.finite_losses).any() and min(plane.finite_losses.shape) > 1:
        _iso_lines(axes, plane, levels, MOST_WRITTEN // 2 if few else MOST_WRITTEN)
    for name, cells in plane.holes.items():
        axes.add_patch(PathPatch(_outline(plane, cells), lw=0, zorder=1.5, label=name, **HOLES[name]))
    if plane.center:
        halo = [withStroke(linewidth=3.4, foreground="white")]
        axes.plot([0], [0], "+", color=BLACK, ms=11, mew=1.6, zorder=8.5, path_effects=halo)
    axes.set_xlim(plane.a[0], plane.a[-1])
    axes.set_ylim(plane.b[0], plane.b[-1])
    for axis, origin in zip((axes.xaxis, axes.yaxis), plane.origins, strict=True):
        shifted_ticks(axis, origin)
    axes.grid(visible=False)


def label_plane(axes: Axes, plane: Plane, *, longest: int = LONGEST_LABEL) -> None:
    """Label both axes."""
    axes.set_xlabel(plane.axis_label(0, longest=longest))
    axes.set_ylabel(plane.axis_label(1, longest=longest))


def plane_handles(planes: Sequence[Plane], *, center: str = CENTER) -> list[Line2D | Patch]:
    """Return the entries of a legend for the center of planes, by its name, and for their holes."""
    middle = Line2D([], [], ls="none", marker="+", color=BLACK, ms=10, mew=1.6, label=center)
    return [*([middle] if any(plane.center for plane in planes) else []), *hole_handles(planes)]


def hole_handles(planes: Sequence[Plane]) -> list[Patch]:
    """Return the entries of a legend for the holes of planes."""
    kinds = {name for plane in planes for name in plane.holes}
    return [Patch(lw=0.6, label=name, **hatching) for name, hatching in HOLES.items() if name in kinds]


def describe(plane: Plane) -> str:
    """Describe a plane."""
    parts = [f"{' × '.join(map(str, plane.losses.shape))} losses along {plane.labels[0]} and {plane.labels[1]}"]
    finite = plane.finite_losses[np.isfinite(plane.finite_losses)]
    middle = float(plane.losses[np.argmin(np.abs(plane.a)), np.argmin(np.abs(plane.b))])
    if finite.size:
        low, high, center = plain_texts([float(finite.min()), float(finite.max()), middle])
        parts.append(f"from {low} to {high}")
        parts += [f"{center} at the center"] if plane.center and np.isfinite(middle) else []
    parts += ["not finite at the center"] if plane.center and not np.isfinite(middle) else []
    parts += [f"{int(cells.sum()):,} of {cells.size:,} cells {name}" for name, cells in plane.holes.items()]
    return ", ".join(parts)


def _fill(axes: Axes, plane: Plane, levels: ColorLevels) -> None:
    """Fill the map with colors: smooth between finite losses, cell by cell beside a hole."""
    losses, norm = np.ma.masked_invalid(plane.finite_losses.T), levels.norm
    beside = np.ma.masked_where(~_beside_holes(np.ma.getmaskarray(losses)), losses)
    if beside.count():
        axes.pcolormesh(
            plane.a, plane.b, beside, cmap=COLOR_MAP, norm=norm, shading="nearest", zorder=0.5, rasterized=True
        )
    if losses.count() and min(losses.shape) > 1:
        axes.contourf(
            plane.a,
            plane.b,
            losses,
            levels=list(levels.boundaries),
            cmap=COLOR_MAP,
            norm=norm,
            extend=levels.extend,
            zorder=1,
        )


def _beside_holes(masked: np.ndarray) -> np.ndarray:
    """Return a mask of the finite cells that touch a hole."""
    padded = np.pad(masked, 1)
    rows, columns = masked.shape
    near = np.zeros_like(masked)
    for i in range(3):
        for j in range(3):
            near |= padded[i : i + rows, j : j + columns]
    return near & ~masked


def _iso_lines(axes: Axes, plane: Plane, levels: ColorLevels, most_written: int) -> None:
    """Draw iso-lines at the color levels, and label some of them with their losses."""
    losses = plane.finite_losses.T
    low, high = np.nanmin(losses), np.nanmax(losses)
    values = levels.boundaries[(levels.boundaries > low) & (levels.boundaries < high)]
    if not len(values):
        return
    lines = axes.contour(plane.a, plane.b, np.ma.masked_invalid(losses), list(values), colors="#303030", linewidths=0.6)
    lines.set_zorder(2)
    stride = -(-len(values) // most_written)
    written = values[::stride].tolist()
    axes.clabel(
        lines, written, fontsize=7.5, fmt=dict(zip(written, plain_texts(written), strict=True)), inline_spacing=3
    )


def _outline(plane: Plane, cells: np.ndarray) -> Path:
    """Return the outline of cells, run by run: cells end halfway between the coordinates."""
    x, y = edges(plane.a), edges(plane.b)
    corners: list[tuple[float, float]] = []
    for j in range(cells.shape[1]):
        bounds = np.flatnonzero(np.diff(np.pad(cells[:, j].astype(int), 1)))
        for start, stop in bounds.reshape(-1, 2):
            left, right, low, high = (float(edge) for edge in (x[start], x[stop], y[j], y[j + 1]))
            corners += [(left, low), (right, low), (right, high), (left, high), (left, low)]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * (len(corners) // 5)
    return Path(np.array(corners), np.array(codes, Path.code_type))


def edges(coordinates: np.ndarray) -> np.ndarray:
    """Return the edges of the cells around coordinates."""
    if len(coordinates) == 1:
        return np.array([coordinates[0] - 0.5, coordinates[0] + 0.5])
    middles = 0.5 * (coordinates[1:] + coordinates[:-1])
    return np.r_[2 * coordinates[0] - middles[0], middles, 2 * coordinates[-1] - middles[-1]]
