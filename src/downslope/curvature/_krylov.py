"""An orthonormal basis that grows by products with the operator, and the operator as the basis sees it."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from downslope.curvature._operator import Operator, Vector

_FIRST_ROOM = 32
"""The basis is laid out for so many vectors at first, and twice as many whenever it is full."""

_BREAKDOWN = 100
"""A remainder below so many rounding errors of the largest product is none."""


class Krylov:
    """A Krylov basis `q₁ … qⱼ` of an operator `H`, orthonormal to rounding.

    Each step multiplies the newest vector, removes all earlier ones from the product in two passes, and keeps what is
    left as the next vector. `projected` is `Qᵀ H Q`, whose eigenvalues (Ritz values) approach those of `H` from the
    ends inward.

    Attributes:
        operator: `H`.
        size: `j`, how many vectors the operator was applied to.
        largest: the largest `‖H q‖` so far, a lower bound on `‖H‖`.
        scale: the largest magnitude of a Ritz value so far, also a lower bound on `‖H‖`.
        remainder: `‖r‖` of the last step; a Ritz pair `(θ, Q s)` has residual `‖r‖ |sⱼ|`.
        closed: whether the basis spans an invariant subspace: the product of its last vector lies within it.
    """

    def __init__(self, operator: Operator, start: Vector, *, limit: int):
        self.operator = operator
        self.limit = min(limit, operator.size)
        self.size = 0
        self.largest = 0.0
        self.scale = 0.0
        self.remainder = 0.0
        self.closed = False
        self._ritz: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        room = min(self.limit, _FIRST_ROOM)
        self._projected = np.zeros((self.limit, self.limit))
        self._basis = _put(jnp.zeros((room + 1, operator.size), operator.dtype), start, 0)

    @property
    def projected(self) -> np.ndarray:
        """`Qᵀ H Q`, `(size, size)`, symmetric."""
        return self._projected[: self.size, : self.size]

    @property
    def full(self) -> bool:
        """Whether there is no room for another vector."""
        return self.size == self.limit

    @property
    def complete(self) -> bool:
        """Whether the basis spans the whole space."""
        return self.size == self.operator.size

    def extend(self) -> None:
        """Multiply the newest vector and keep what is new about the product."""
        image = self.operator(self._basis[self.size])
        inside, rest, length, remainder = _orthogonalize(self._basis, image)
        self.largest, self.remainder = max(self.largest, float(length)), float(remainder)
        coefficients = np.asarray(inside, np.float64)[: self.size + 1]
        self._projected[self.size, : self.size + 1] = coefficients
        self._projected[: self.size + 1, self.size] = coefficients
        self.size, self._ritz = self.size + 1, None
        self.closed = self.complete or self.remainder <= _BREAKDOWN * self.operator.eps * self.largest
        if self.closed:
            return
        if self.size >= len(self._basis):
            room = min(self.limit, 2 * len(self._basis))
            self._basis = _copied(self._basis, jnp.zeros((room + 1, self.operator.size), self.operator.dtype))
        self._basis = _put(self._basis, rest / remainder, self.size)

    def ritz(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the Ritz values in ascending order, their coordinates in columns, and their residuals' estimates."""
        if self._ritz is None:
            values, coordinates = np.linalg.eigh(self.projected)
            self._ritz = values, coordinates, self.remainder * np.abs(coordinates[-1])
            self.scale = max(self.scale, float(np.max(np.abs(values))))
        return self._ritz

    def vector(self, coordinates: np.ndarray) -> Vector:
        """Return the vector of length 1 that has these coordinates in the basis."""
        vector = _combined(self._basis, self._padded(coordinates[:, None]))[0]
        return vector / jnp.linalg.norm(vector)

    def restart(self, values: np.ndarray, coordinates: np.ndarray) -> None:
        """Keep only some Ritz vectors, and the newest basis vector: a thick restart.

        Args:
            values: the Ritz values to keep.
            coordinates: their coordinates, in columns.
        """
        count = len(values)
        newest = self._basis[self.size]
        rotated = _combined(self._basis, self._padded(coordinates))
        self._basis = _put(_copied(rotated, jnp.zeros_like(self._basis)), newest, count)
        self._projected[:] = 0
        self._projected[np.arange(count), np.arange(count)] = values
        self.size, self._ritz = count, None

    def _padded(self, coordinates: np.ndarray) -> Float[Array, "room kept"]:
        """Return coordinates with zeros for the vectors that the basis has room for."""
        padded = np.zeros((len(self._basis), coordinates.shape[1]))
        padded[: len(coordinates)] = coordinates
        return jnp.asarray(padded, self.operator.dtype)


_precise = partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)


@jax.jit
def _orthogonalize(basis: Float[Array, "room size"], image: Vector) -> tuple[Array, ...]:
    """Return the part of a vector inside a basis, the part outside, and the lengths of the whole and the outside.

    One pass leaves an error in proportion to the part removed; the second makes the rest orthogonal to rounding.
    """
    first = _precise(basis, image)
    once = image - _precise(first, basis)
    second = _precise(basis, once)
    rest = once - _precise(second, basis)
    return first + second, rest, jnp.linalg.norm(image), jnp.linalg.norm(rest)


@partial(jax.jit, donate_argnums=0)
def _put(basis: Float[Array, "room size"], vector: Vector, index: int | Array) -> Float[Array, "room size"]:
    """Return the basis with a vector at a place, in the same memory."""
    return jax.lax.dynamic_update_index_in_dim(basis, vector, index, 0)


@partial(jax.jit, donate_argnums=1)
def _copied(basis: Float[Array, "rows size"], room: Float[Array, "room size"]) -> Float[Array, "room size"]:
    """Return a basis in a roomier place."""
    return jax.lax.dynamic_update_slice(room, basis, (0, 0))


@jax.jit
def _combined(basis: Float[Array, "room size"], coordinates: Float[Array, "room kept"]) -> Float[Array, "kept size"]:
    """Return combinations of the basis vectors, one a row."""
    return _precise(coordinates.T, basis)
