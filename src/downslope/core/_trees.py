"""Trees of arrays: named, counted, measured."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import jax
import jax.numpy as jnp
import numpy as np

from downslope.core._errors import ShapeError
from downslope.core._types import PyTree


def named_leaves(tree: PyTree) -> dict[str, jax.Array | np.ndarray]:
    """Return the arrays of a tree by their path, such as `"0/weight"`, in the tree's order.

    Example:
        >>> list(named_leaves(({"weight": np.ones((2, 3)), "bias": np.ones(3)}, {})))
        ['0/bias', '0/weight']
    """
    return {path_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def with_named_leaves(like: PyTree, named: dict[str, np.ndarray], *, what: str = "array") -> PyTree:
    """Return a tree shaped as `like` whose arrays are those of `named`.

    Raises:
        ShapeError: a name is missing or left over, or an array has another shape or type.
    """
    expected = named_leaves(like)
    if expected.keys() != named.keys():
        missing, extra = sorted(expected.keys() - named.keys()), sorted(named.keys() - expected.keys())
        raise ShapeError(
            f"The names of the {what}s do not fit: missing {missing or 'none'}, left over {extra or 'none'}."
        )
    for name, leaf in expected.items():
        array = np.asarray(named[name])
        if array.shape != np.shape(leaf) or array.dtype != np.asarray(leaf).dtype:
            raise ShapeError(
                f"The {what} {name!r} must be {np.asarray(leaf).dtype}{list(np.shape(leaf))}, "
                f"got {array.dtype}{list(array.shape)}."
            )
    return jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(like), [named[name] for name in expected])


def path_name(path: tuple) -> str:
    """Return a key path of `jax.tree_util` as words joined by slashes."""
    return "/".join(str(getattr(part, "key", getattr(part, "idx", getattr(part, "name", part)))) for part in path)


def tree_size(tree: PyTree) -> int:
    """Return how many numbers a tree holds."""
    return sum(int(np.size(leaf)) for leaf in jax.tree_util.tree_leaves(tree))


def displaced(params: PyTree, directions: Sequence[PyTree], coefficients: Sequence[float]) -> PyTree:
    """Return `θ + Σ aₖ dₖ` in the types of `θ`: the same bits each time, computed on the host in double precision.

    Example:
        >>> displaced(np.zeros(2, np.float32), [np.ones(2)], [0.5])
        array([0.5, 0.5], dtype=float32)
    """
    return jax.tree.map(lambda leaf, *steps: _moved(leaf, steps, coefficients), params, *directions)


def _moved(leaf: PyTree, steps: Sequence[PyTree], coefficients: Sequence[float]) -> np.ndarray:
    """Return one array displaced."""
    start = np.asarray(leaf)
    total = np.asarray(start, np.float64)
    for a, step in zip(coefficients, steps, strict=True):
        total = total + np.float64(a) * np.asarray(step, np.float64)
    return np.asarray(total, start.dtype)


def tree_norm(tree: PyTree) -> jax.Array:
    """Return the Euclidean norm of all numbers of a tree taken as one vector.

    They are divided by a power of two near the largest of them before they are squared: the squares of 1e-25 or 1e25
    are beyond single precision, the norm is not.

    Example:
        >>> float(tree_norm({"a": np.array([3.0]), "b": np.array([[4.0]])}))
        5.0
    """
    leaves = [jnp.asarray(leaf) for leaf in jax.tree_util.tree_leaves(tree) if np.size(leaf)]
    if not leaves:
        return jnp.zeros(())
    largest = reduce(jnp.maximum, [jnp.max(jnp.abs(leaf)) for leaf in leaves])
    unit = unit_near(largest)
    return jnp.sqrt(sum(jnp.sum(jnp.square(leaf / unit)) for leaf in leaves)) * unit


def unit_near(largest: jax.Array) -> jax.Array:
    """Return a power of two near a number, in its type; 1 for 0 and for what is not finite."""
    limits = jnp.finfo(largest.dtype)
    exponent = jnp.clip(jnp.frexp(largest)[1], int(limits.minexp) + 1, int(limits.maxexp) - 1)
    unit = jnp.ldexp(jnp.ones((), largest.dtype), exponent)
    return jnp.where((largest > 0) & jnp.isfinite(largest), unit, jnp.ones_like(unit))


def all_finite(tree: PyTree) -> bool:
    """Return whether no number of a tree is infinite or NaN. Runs on the host."""
    return all(bool(np.all(np.isfinite(np.asarray(leaf)))) for leaf in jax.tree_util.tree_leaves(tree))
