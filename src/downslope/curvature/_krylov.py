"""An orthonormal basis that grows by products with the operator, and the operator as the basis sees it."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from downslope.core import bounded_jit, power_of_two
from downslope.curvature._operator import Operator, Vector

_FIRST_ROOM = 32
"""The basis is laid out for so many vectors at first, and twice as many whenever it is full."""

_BREAKDOWN = 100
"""A remainder below so many rounding errors of the largest product is none."""


class Krylov:
    """A Krylov basis `q₁ … qⱼ` of an operator `H`, orthonormal to rounding.

    Each step multiplies the newest vector, removes all earlier ones from the product in two passes, and keeps what is
    left as the next vector. `projected` is `Qᵀ H Q`, whose eigenvalues (Ritz values) approach those of `H` from the
    ends inward. Products are divided by a power of two near the first one's largest number, and what is returned is
    multiplied by it again, so that the lengths of products of any size can be computed.

    Attributes:
        operator: `H`.
        size: `j`, how many vectors the operator was applied to.
        largest: the largest `‖H q‖` so far, a lower bound on `‖H‖`.
        scale: the largest magnitude of a Ritz value so far, also a lower bound on `‖H‖`.
        remainder: `‖r‖` of the last step; a Ritz pair `(θ, Q s)` has residual `‖r‖ |sⱼ|`.
        closed: whether the basis spans an invariant subspace: the product of its last vector lies within it.
        chain: how many vectors were multiplied since the start, or since the basis last branched off.
    """

    def __init__(self, operator: Operator, start: Vector, *, limit: int):
        self.operator = operator
        self.limit = min(limit, operator.size)
        self.size = 0
        self.largest = 0.0
        self.scale = 0.0
        self.remainder = 0.0
        self.closed = False
        self.chain = 0
        self._unit = 0.0
        self._ritz: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        room = min(self.limit, _FIRST_ROOM)
        self._projected = np.zeros((self.limit, self.limit))
        self._basis = _put(jnp.zeros((room + 1, operator.size), operator.dtype), start, 0)

    @property
    def projected(self) -> np.ndarray:
        """`Qᵀ H Q`, `(size, size)`, symmetric."""
        return self._projected[: self.size, : self.size] * (self._unit or 1.0)

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
        self._unit = self._unit or _unit_of(image)
        unit = self._unit or 1.0
        inside, rest, length, remainder = _orthogonalize(self._basis, image / jnp.asarray(unit, image.dtype))
        self.largest, self.remainder = max(self.largest, float(length) * unit), float(remainder) * unit
        coefficients = np.asarray(inside, np.float64)[: self.size + 1]
        self._projected[self.size, : self.size + 1] = coefficients
        self._projected[: self.size + 1, self.size] = coefficients
        self.size, self.chain, self._ritz = self.size + 1, self.chain + 1, None
        self.closed = self.complete or self.remainder <= _BREAKDOWN * self.operator.eps * self.largest
        if self.closed:
            return
        self._make_room()
        self._basis = _put(self._basis, rest / remainder, self.size)

    def ritz(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the Ritz values in ascending order, their coordinates in columns, and their residuals' estimates."""
        if self._ritz is None:
            values, coordinates = np.linalg.eigh(self._projected[: self.size, : self.size])
            values = values * (self._unit or 1.0)
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
        self._projected[np.arange(count), np.arange(count)] = values / (self._unit or 1.0)
        self.size, self._ritz = count, None

    def branch(self, values: np.ndarray, coordinates: np.ndarray, fresh: Vector) -> None:
        """Keep only some Ritz vectors, and go on from a fresh direction at right angles to them.

        What the Krylov space of one vector holds once, however often an eigenvalue repeats, that of another direction
        holds again. What the kept vectors' products have outside the basis is left behind: until the new directions
        hold it, estimates of their residuals are too small.

        Args:
            values: the Ritz values to keep.
            coordinates: their coordinates, in columns.
            fresh: a random vector.
        """
        self._make_room()
        self.restart(values, coordinates)
        _, rest, _, remainder = _orthogonalize(_without(self._basis, self.size), fresh)
        self._basis = _put(self._basis, rest / remainder, self.size)
        self.remainder, self.closed, self.chain = 0.0, False, 0

    def _make_room(self) -> None:
        """Lay out a larger basis where there is no room for another vector."""
        if self.size >= len(self._basis):
            room = min(self.limit, 2 * len(self._basis))
            self._basis = _copied(self._basis, jnp.zeros((room + 1, self.operator.size), self.operator.dtype))

    def _padded(self, coordinates: np.ndarray) -> Float[Array, "room kept"]:
        """Return coordinates with zeros for the vectors that the basis has room for."""
        padded = np.zeros((len(self._basis), coordinates.shape[1]))
        padded[: len(coordinates)] = coordinates
        return jnp.asarray(padded, self.operator.dtype)


_precise = partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST)


@bounded_jit
def _orthogonalize(basis: Float[Array, "room size"], image: Vector) -> tuple[Array, ...]:
    """Return the part of a vector inside a basis, the part outside, and the lengths of the whole and the outside.

    One pass leaves an error in proportion to the part removed; the second makes the rest orthogonal to rounding.
    """
    first = _precise(basis, image)
    once = image - _precise(first, basis)
    second = _precise(basis, once)
    rest = once - _precise(second, basis)
    return first + second, rest, jnp.linalg.norm(image), jnp.linalg.norm(rest)


@bounded_jit
def _without(basis: Float[Array, "room size"], count: int | Array) -> Float[Array, "room size"]:
    """Return the basis with zeros in place of all vectors but the first so many."""
    return jnp.where(jnp.arange(len(basis))[:, None] < count, basis, 0)


def _unit_of(image: Vector) -> float:
    """Return a power of two near the largest number of a product, one that its type can hold; 0 for zeros."""
    largest, limits = float(jnp.max(jnp.abs(image))), jnp.finfo(image.dtype)
    return min(max(power_of_two(largest), float(limits.tiny)), 2.0 ** (limits.maxexp - 2)) if largest else 0.0


@partial(bounded_jit, donate_argnums=0)
def _put(basis: Float[Array, "room size"], vector: Vector, index: int | Array) -> Float[Array, "room size"]:
    """Return the basis with a vector at a place, in the same memory."""
    return jax.lax.dynamic_update_index_in_dim(basis, vector, index, 0)


@partial(bounded_jit, donate_argnums=1)
def _copied(basis: Float[Array, "rows size"], room: Float[Array, "room size"]) -> Float[Array, "room size"]:
    """Return a basis in a roomier place."""
    return jax.lax.dynamic_update_slice(room, basis, (0, 0))


@bounded_jit
def _combined(basis: Float[Array, "room size"], coordinates: Float[Array, "room kept"]) -> Float[Array, "kept size"]:
    """Return combinations of the basis vectors, one a row."""
    return _precise(coordinates.T, basis)
