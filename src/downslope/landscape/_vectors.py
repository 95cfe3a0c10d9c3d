"""Trees taken as vectors, on the host and in double precision: their products, lengths and sums."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jax
import numpy as np
from jaxtyping import Float

from downslope.core import PyTree, Setting, ShapeError, named_leaves, vector_length

Vector = Float[np.ndarray, " size"]


def host(tree: PyTree) -> PyTree:
    """Return a copy of a tree in NumPy's arrays, so that nobody else can change it."""
    return jax.tree.map(np.array, tree)


def vector_of(tree: PyTree) -> Vector:
    """Return all numbers of a tree as one vector in double precision."""
    return np.concatenate([np.asarray(leaf, np.float64).reshape(-1) for leaf in jax.tree.leaves(tree)])


def tree_of(vector: Vector, like: PyTree) -> PyTree:
    """Return a vector as a tree in the shapes and types of another."""
    leaves, structure = jax.tree.flatten(like)
    parts = np.split(vector, np.cumsum([np.size(leaf) for leaf in leaves])[:-1])
    shaped = zip(parts, leaves, strict=True)
    return structure.unflatten([part.reshape(np.shape(leaf)).astype(np.asarray(leaf).dtype) for part, leaf in shaped])


def dot(first: PyTree, second: PyTree) -> float:
    """Return the inner product of two trees."""
    pairs = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    return float(sum(np.vdot(np.asarray(x, np.float64), np.asarray(y, np.float64)) for x, y in pairs))


def length(tree: PyTree) -> float:
    """Return the Euclidean length of a tree."""
    return vector_length(vector_of(tree))


def mixed(trees: Sequence[PyTree], coefficients: Sequence[float]) -> PyTree:
    """Return `Σ cₖ treeₖ` in the types of the first tree, exact where a coefficient is 1 and the others are 0."""
    return jax.tree.map(partial(_sum_of, tuple(coefficients)), *trees)


def _sum_of(coefficients: tuple[float, ...], *leaves: object) -> np.ndarray:
    """Return `Σ cₖ leafₖ` in the type of the first."""
    terms = (c * np.asarray(leaf, np.float64) for c, leaf in zip(coefficients, leaves, strict=True))
    return np.asarray(sum(terms), np.asarray(leaves[0]).dtype)


def fitted(tree: PyTree, like: PyTree, setting: str) -> PyTree:
    """Return a copy of a tree on the host, in the types of another.

    Raises:
        ShapeError: it has another structure or other shapes.
    """
    shapes = {name: np.shape(leaf) for name, leaf in named_leaves(tree).items()}
    expected = {name: np.shape(leaf) for name, leaf in named_leaves(like).items()}
    if shapes != expected or jax.tree.structure(tree) != jax.tree.structure(like):
        wrong = next((name for name in expected | shapes if shapes.get(name) != expected.get(name)), "")
        position = f" at {wrong!r}" if wrong else ""
        raise ShapeError(
            Setting(setting),
            "must be a tree like",
            Setting("params"),
            f", got another{position}: {_listed(expected, wrong)} is expected, {_listed(shapes, wrong)} was given.",
        )
    return jax.tree.map(lambda leaf, other: np.array(leaf, np.asarray(other).dtype), tree, like)


def _listed(shapes: dict[str, tuple[int, ...]], name: str) -> str:
    """Return the shape that a tree has at a place, in words."""
    return str(list(shapes[name])) if name in shapes else f"a tree of {len(shapes)} arrays"
