"""A recorded path of parameters, and its displacements as rows of numbers, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from downslope.core import Advice, PyTree, Setting, ShapeError, power_of_two, unit_of
from downslope.landscape._vectors import fitted, vector_of

_BLOCK_NUMBERS = 2**22
"""So many numbers of a path are taken into double precision at once: 32 MiB."""


@dataclass(frozen=True)
class Path:
    """Points along a descent.

    Attributes:
        steps: how many steps had been made at each.
        points: a tree like the parameters, each leaf with the points along its first axis.
    """

    steps: Int[np.ndarray, " points"]
    points: PyTree

    def __len__(self) -> int:
        return len(self.steps)

    def point(self, index: int) -> PyTree:
        """Return one of the points."""
        return jax.tree.map(lambda leaf: leaf[index], self.points)

    def unit(self, origin: PyTree) -> float:
        """Return a power of two near the largest displacement from an origin that is finite: squares are of order 1."""
        finite = (np.abs(rows[np.isfinite(rows)]) for rows, _ in self.blocks(origin))
        return power_of_two(max(float(np.max(sizes, initial=0.0)) for sizes in finite))

    def blocks(
        self, origin: PyTree, others: Sequence[PyTree] = ()
    ) -> Iterator[tuple[Float[np.ndarray, "points columns"], Float[np.ndarray, "others columns"]]]:
        """Yield the path's displacements from an origin, some parameters at a time, and other vectors' parts there.

        The columns of all blocks side by side are the parameters in the tree's order.
        """
        width = max(1, _BLOCK_NUMBERS // max(1, len(self)))
        trees = [jax.tree.leaves(tree) for tree in (self.points, origin, *others)]
        for points, start, *along in zip(*trees, strict=True):
            rows, columns = np.asarray(points).reshape(len(self), -1), np.asarray(start, np.float64).reshape(-1)
            rest = np.empty((len(along), len(columns)))
            for row, leaf in zip(rest, along, strict=True):
                row[:] = np.asarray(leaf, np.float64).reshape(-1)
            for first in range(0, len(columns), width):
                part = slice(first, first + width)
                yield rows[:, part].astype(np.float64) - columns[None, part], rest[:, part]


def path_of(trajectory: PyTree, params: PyTree) -> Path:
    """Return a recorded path.

    Args:
        trajectory: anything with `.steps` and `.params`, such as `run.trajectory`; or the stacked tree itself, or a
            list of checkpoints, whose points then count as steps 0, 1, 2 …. A checkpoint is a tree like `params`,
            anything with such `.params`, a module of PyTorch, or its `state_dict()`, also as an entry of a dict.
        params: what one point looks like.

    Raises:
        ShapeError: it is no path of such parameters, or has no points.
    """
    points = _stacked(getattr(trajectory, "params", trajectory), params)
    lengths = {np.shape(leaf)[0] if np.ndim(leaf) else 0 for leaf in jax.tree.leaves(points)}
    if len(lengths) != 1 or lengths == {0}:
        raise ShapeError(
            Setting("trajectory"),
            "must hold one point or more, each array with the points along its first axis, got "
            f"{('arrays of different lengths' if len(lengths) > 1 else 'none')}.",
            Advice("record one:", code="ds.train(..., record=ds.Record(parameters_every=1)).trajectory"),
        )
    fitted(jax.tree.map(lambda leaf: leaf[0], points), params, "trajectory")
    steps = np.asarray(getattr(trajectory, "steps", np.arange(lengths.pop())))
    return Path(steps, jax.tree.map(np.asarray, points))


def _stacked(points: PyTree, params: PyTree) -> PyTree:
    """Return the points of a path stacked, also those of a list of checkpoints."""
    if not isinstance(points, (list, tuple)) or jax.tree.structure(points) == jax.tree.structure(params):
        return points
    trees = [_checkpoint(point, params) for point in points]
    for tree in trees:
        fitted(tree, params, "trajectory")
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees) if trees else points


def _checkpoint(point: Any, params: PyTree) -> PyTree:
    """Return the parameters of a checkpoint on the host; those of a state dict by the names that are wanted."""
    if callable(getattr(point, "state_dict", None)):
        point = point.state_dict()
    point = getattr(point, "params", point)
    if isinstance(params, Mapping) and isinstance(point, Mapping):
        named = (entry for entry in (point, *point.values()) if isinstance(entry, Mapping))
        fitting = next((entry for entry in named if params.keys() <= entry.keys()), None)
        point = point if fitting is None else {name: fitting[name] for name in params}
    return jax.tree.map(_on_host, point)


def _on_host(leaf: Any) -> np.ndarray:
    """Return an array, or a tensor of PyTorch, as an array of NumPy."""
    return np.asarray(leaf.detach().cpu() if hasattr(leaf, "detach") else leaf)


def coordinates(path: Path, origin: PyTree, directions: Sequence[PyTree]) -> Float[np.ndarray, "points directions"]:
    """Return the coefficients of the nearest points of the plane `θ + Σ cₖ dₖ`: least squares by the Gram matrix.

    `c = G⁺ (D d₁, D d₂ …)` with `G = (⟨dₖ, dₗ⟩)` and the rows of `D` the displacements from `θ`; the directions need
    not be orthogonal, nor even different.
    """
    unit, of_path = unit_of(*(vector_of(direction) for direction in directions)), path.unit(origin)
    products = sum((rows / of_path) @ (along / unit).T for rows, along in path.blocks(origin, directions))
    return np.asarray(products) @ np.linalg.pinv(gram(directions, unit=unit), hermitian=True) * (of_path / unit)


def gram(directions: Sequence[PyTree], *, unit: float = 1.0) -> Float[np.ndarray, "directions directions"]:
    """Return the inner products of directions, divided by a unit, with each other."""
    vectors = np.array([vector_of(direction) for direction in directions]) / unit
    return vectors @ vectors.T
