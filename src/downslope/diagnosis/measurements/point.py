"""A point on a surface, with directions from it as plain vectors in float64."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from downslope.core import LossSurface, PyTree, loss_rounding, unit_of, vector_length

Vector = Float[np.ndarray, " size"]


@dataclass(frozen=True, eq=False)
class Point:
    """The loss seen from a point: everything as a function of the displacement `d`.

    Attributes:
        surface: the loss.
        params: the point; it is not moved.
    """

    surface: LossSurface
    params: PyTree

    @cached_property
    def norm(self) -> float:
        """The length of the parameters."""
        return vector_length(self.theta)

    @cached_property
    def theta(self) -> Vector:
        """The parameters as a vector."""
        return flat(self.params)

    @property
    def size(self) -> int:
        """How many parameters there are."""
        return len(self.theta)

    def tree(self, vector: Vector) -> PyTree:
        """Return a vector as a tree like the parameters, in their precision."""
        leaves, structure = jax.tree.flatten(self.params)
        ends = np.cumsum([int(np.size(leaf)) for leaf in leaves])[:-1]
        parts = zip(leaves, np.split(vector, ends), strict=True)
        return jax.tree.unflatten(
            structure, [part.reshape(np.shape(leaf)).astype(np.asarray(leaf).dtype) for leaf, part in parts]
        )

    def moved(self, d: Vector) -> PyTree:
        """Return the parameters `θ + d`."""
        return self.tree(self.theta + d)

    def loss(self, d: Vector) -> float:
        """Return `l(θ + d)`; infinite where it is not a number."""
        loss = float(self.surface.value(self.moved(d)))
        return loss if np.isfinite(loss) else float("inf")

    def gradient(self, d: Vector) -> Vector:
        """Return `∇l(θ + d)`."""
        return flat(self.surface.gradient(self.moved(d)))

    def curved(self, d: Vector, v: Vector) -> Vector:
        """Return `H(θ + d) v`, computed with a `v` near 1, so that its precision holds the product."""
        unit = unit_of(v)
        return flat(self.surface.hvp(self.moved(d), self.tree(v / unit))) * unit

    @cached_property
    def rounding(self) -> float:
        """By how much losses of the size of that at the point may differ by rounding alone."""
        eps = max(float(jnp.finfo(jnp.asarray(leaf).dtype).eps) for leaf in jax.tree.leaves(self.params))
        return loss_rounding(self.loss(np.zeros(self.size)), eps=eps)


def flat(tree: PyTree) -> Vector:
    """Return all numbers of a tree as one vector, in the order of its leaves.

    Example:
        >>> flat({"a": np.array([[1.0, 2.0]]), "b": np.array(3.0)}).tolist()
        [1.0, 2.0, 3.0]
    """
    return np.concatenate([np.ravel(np.asarray(leaf, np.float64)) for leaf in jax.tree.leaves(tree)])
