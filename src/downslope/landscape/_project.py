"""A recorded path projected onto a slice, with its true losses and how far it runs off the plane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from downslope.core import (
    Advice,
    LossSurface,
    PyTree,
    Rounding,
    SettingError,
    displaced,
    precision_of,
    rounding_of,
    unit_of,
)
from downslope.landscape._path import Path, coordinates, gram, path_of
from downslope.landscape._slice import Slice
from downslope.landscape._vectors import vector_of


@dataclass(frozen=True)
class Projection:
    """A path on the plane (or line) of a slice.

    Attributes:
        steps: how many steps had been made at each point of the path.
        coordinates: where each point falls on the plane: the coefficients of the nearest point of the plane.
        losses: the true loss at each point of the path.
        heights: the loss of the surface below: at the nearest point of the plane.
        distances: how far each point lies off the plane, in the parameters' own units.
        explained: the share of the path's variance, about its mean, that lies in the plane; None for a path that
            does not move.
        precision: that the losses were computed in.
    """

    steps: Int[np.ndarray, " points"]
    coordinates: Float[np.ndarray, "points directions"]
    losses: Float[np.ndarray, " points"]
    heights: Float[np.ndarray, " points"]
    distances: Float[np.ndarray, " points"]
    explained: float | None
    precision: str = "float64"

    @property
    def rounding(self) -> Rounding:
        """How finely the losses along the path can be told apart."""
        return rounding_of(self.losses, self.precision)

    def __len__(self) -> int:
        return len(self.steps)


def project(trajectory: PyTree, slice: Slice, *, surface: LossSurface | None = None) -> Projection:
    """Return where a path falls on a slice, its true losses, and how far off the slice it runs.

    The coordinates `c` are those of the nearest point of the plane, `min ‖θₜ − θ − Σ cₖ dₖ‖`: least squares by the Gram
    matrix of the directions, which need not be orthogonal. A point off the plane has another loss than the surface
    below it: `losses` are the true ones, at the recorded parameters; `heights` those at the nearest points.

    Args:
        trajectory: anything with `.steps` and `.params` stacked along a first axis, such as `run.trajectory`, or that
            tree; or a list of checkpoints: trees like the parameters, PyTorch's modules or state dicts.
        slice: a line or a plane.
        surface: where the losses are computed, twice for each point; the slice's own if None.

    Raises:
        SettingError: there is no surface: the slice was opened from a file.
        ShapeError: the path's parameters are not like the slice's.

    Example:
        >>> from downslope.landscape import slice_2d, surfaces
        >>> plane = slice_2d(surfaces.bowl(), np.zeros(2), directions="axes", size=5, span=2.0)
        >>> path = project(np.array([[2.0, 1.0], [1.0, 0.5]]), plane)
        >>> path.coordinates.tolist(), path.losses.tolist(), path.distances.tolist(), path.explained
        ([[2.0, 1.0], [1.0, 0.5]], [2.5, 0.625], [0.0, 0.0], 1.0)
    """
    surface = slice.surface if surface is None else surface
    if surface is None:
        raise SettingError(
            "The true losses of a path need the surface.",
            Advice("pass {}", code="surface=run.surface()"),
            setting="surface",
        )
    path = path_of(trajectory, slice.params)
    with np.errstate(invalid="ignore", over="ignore"):
        nearest = coordinates(path, slice.params, slice.directions)
        unit = path.unit(slice.params)
        distances = np.sqrt(sum(np.sum((off / unit) ** 2, axis=1) for off in _off(path, slice, nearest))) * unit
        explained = explained_share(path, slice.directions)
        heights = [
            surface.value(displaced(slice.params, slice.directions, list(coefficients))) for coefficients in nearest
        ]
    losses = np.array([surface.value(path.point(index)) for index in range(len(path))], np.float64)
    return Projection(
        steps=path.steps,
        coordinates=nearest,
        losses=losses,
        heights=np.array(heights, np.float64),
        distances=distances,
        explained=explained,
        precision=precision_of(slice.params, losses),
    )


def explained_share(path: Path, directions: Sequence[PyTree]) -> float | None:
    """Return the share of a path's variance, about its mean, that lies in a plane; None for a path that stays.

    Points that are not finite do not count.
    """
    start = path.point(0)
    finite = np.all([np.isfinite(rows).all(axis=1) for rows, _ in path.blocks(start)], axis=0)
    if finite.sum() < 2:
        return None
    unit, along = path.unit(start), unit_of(*(vector_of(direction) for direction in directions))
    moves = _centered(coordinates(path, start, directions)[finite]) / unit * along
    inside = float(np.sum((moves @ gram(directions, unit=along)) * moves))
    total = float(sum(np.sum(_centered(rows[finite] / unit) ** 2) for rows, _ in path.blocks(start)))
    return min(inside / total, 1.0) if total > 0 else None


def _centered(rows: Float[np.ndarray, "points columns"]) -> Float[np.ndarray, "points columns"]:
    """Return rows less their mean."""
    return rows - rows.mean(axis=0)[None, :]


def _off(
    path: Path,
    slice: Slice,
    nearest: Float[np.ndarray, "points directions"],
) -> Iterator[Float[np.ndarray, "points columns"]]:
    """Yield the parts of the path's displacements that are off the plane."""
    for rows, along in path.blocks(slice.params, slice.directions):
        yield rows - nearest @ along
