"""The principal components of a path: the plane through a point that a descent keeps closest to."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from downslope.core import Advice, PyTree, SettingError, all_finite
from downslope.landscape._path import Path
from downslope.landscape._vectors import Vector, length, tree_of


def principal_directions(path: Path, params: PyTree, count: int) -> tuple[tuple[PyTree, ...], tuple[float, ...]]:
    """Return the principal components of a path about a point, of length 1, and the share of variance along each.

    With `D` the displacements `θₜ − θ` from the point, one a row and all counting the same, the components are
    `Dᵀ u / √λ` for the outermost eigenpairs `(λ, u)` of the Gram matrix `D Dᵀ`: no matrix larger than the number of
    recorded points is formed. About the point that the plane goes through (as a rule the end of the path) rather than
    about the mean, this is the plane that leaves the path the least distance, in squares. The shares are those of the
    path's variance about its *mean*, the stricter count: what a plane gains by being far from the path is left out. A
    share proves nothing by itself: even a random walk keeps most of its variance in two components.

    Each direction points to where the path is farthest from `θ` along it. There are fewer than `count` where the path
    has no more.

    Raises:
        SettingError: the path is not finite, or does not move away from the point at all.

    References:
        Li et al., "Visualizing the loss landscape of neural nets" (2018), section 7.2: about the final point.
        Antognini and Sohl-Dickstein, "PCA of high dimensional random walks with comparison to neural network training"
        (2018): what a random walk gives.
    """
    if not all_finite(path.points):
        raise SettingError("The path must be finite to have components. Cut off what is not.", setting="trajectory")
    unit = path.unit(params)
    gram = np.asarray(sum((rows / unit) @ (rows / unit).T for rows, _ in path.blocks(params)))
    values, vectors = np.linalg.eigh(gram)
    nonzero = [k for k in np.argsort(-values)[:count] if values[k] > _rounding(path, params, gram, unit)]
    if not nonzero:
        raise SettingError(
            "The path must move away from the point that the slice goes through, got one that stays there.",
            Advice("record more of it"),
            Advice("use {}", directions="filter"),
            setting="trajectory",
        )
    directions, shares = [], []
    for k in nonzero:
        along = vectors[:, k] * np.sqrt(values[k])
        sign = np.sign(along[np.argmax(np.abs(along))])
        weights = sign * vectors[:, k] / np.sqrt(values[k])
        directions.append(tree_of(_combined(path, params, weights, unit), params))
        shares.append(_share(along, gram))
    return tuple(directions), tuple(shares)


def _rounding(path: Path, params: PyTree, gram: Float[np.ndarray, "points points"], unit: float) -> float:
    """Return the largest eigenvalue that rounding alone can give a Gram matrix of displacements in a unit."""
    eps = max(float(jnp.finfo(leaf.dtype).eps) for leaf in jax.tree.leaves(path.points))
    of_points = (eps * (length(params) / unit + float(np.sqrt(np.trace(gram))))) ** 2
    return len(path) * max(of_points, float(np.finfo(np.float64).eps * np.trace(gram)))


def _combined(path: Path, params: PyTree, weights: Float[np.ndarray, " points"], unit: float) -> Vector:
    """Return a weighted sum of the path's displacements in a unit."""
    return np.concatenate([weights @ (rows / unit) for rows, _ in path.blocks(params)])


def _share(along: Float[np.ndarray, " points"], gram: Float[np.ndarray, "points points"]) -> float:
    """Return the share of the variance about the mean that coordinates along a direction of length 1 hold."""
    total = float(np.trace(gram) - gram.sum() / len(gram))
    return float(np.sum((along - along.mean()) ** 2) / total) if total > 0 else 0.0
