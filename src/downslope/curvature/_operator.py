"""The Hessian at a point as a map of vectors: trees flattened to one axis, products counted, answers checked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from downslope.core import (
    Advice,
    GaussNewtonSurface,
    Key,
    LinearizedSurface,
    LossSurface,
    PyTree,
    Setting,
    SettingError,
    bounded_jit,
    check_choice,
    check_offers_surface,
    generator,
    named_leaves,
    offers,
    tree_size,
)

OPERATORS = ("hessian", "gauss_newton")

Vector = Float[Array, " size"]


@dataclass(frozen=True)
class TreeShape:
    """What a tree of arrays looks like: enough to write it as one vector, and back.

    Attributes:
        structure: of the tree.
        shapes: of the leaves.
        dtypes: of the leaves.
    """

    structure: PyTree
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[np.dtype, ...]

    @staticmethod
    def of(tree: PyTree) -> TreeShape:
        """Return the shape of a tree."""
        leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(tree)]
        return TreeShape(
            jax.tree.structure(tree), tuple(leaf.shape for leaf in leaves), tuple(leaf.dtype for leaf in leaves)
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers each leaf holds."""
        return tuple(math.prod(shape) for shape in self.shapes)

    @property
    def size(self) -> int:
        """How many numbers the tree holds."""
        return sum(self.sizes)

    @property
    def dtype(self) -> np.dtype:
        """The type of the vector: that of the most precise leaf."""
        return min(self.dtypes, key=lambda dtype: float(jnp.finfo(dtype).eps))

    def flatten(self, tree: PyTree) -> Vector:
        """Return a tree as one vector."""
        return _flatten(tree, self.dtype)

    def unflatten(self, vector: Vector) -> PyTree:
        """Return a vector as a tree."""
        return _unflatten(vector, self)


@partial(bounded_jit, static_argnums=1)
def _flatten(tree: PyTree, dtype: np.dtype) -> Vector:
    """Return all numbers of a tree in one vector."""
    return jnp.concatenate([jnp.ravel(leaf).astype(dtype) for leaf in jax.tree.leaves(tree)])


@partial(bounded_jit, static_argnums=1)
def _unflatten(vector: Vector, shape: TreeShape) -> PyTree:
    """Return the parts of a vector as the leaves of a tree."""
    parts = jnp.split(vector, np.cumsum(shape.sizes)[:-1])
    leaves = [
        part.reshape(size).astype(dtype) for part, size, dtype in zip(parts, shape.shapes, shape.dtypes, strict=True)
    ]
    return jax.tree.unflatten(shape.structure, leaves)


@bounded_jit
def _finite(vector: Vector) -> Array:
    """Return whether all numbers of a vector are finite."""
    return jnp.all(jnp.isfinite(vector))


@dataclass
class Operator:
    """A symmetric matrix, known by its products with vectors.

    Attributes:
        product: from a tree to a tree.
        flatten: from a tree to a vector.
        unflatten: from a vector to a tree.
        size: how many parameters there are.
        dtype: the type of the vectors.
        products: how many products were computed.
        scale: the operator is `S H S` with this diagonal `S`; None for `H` itself.
    """

    product: Callable[[PyTree], PyTree]
    flatten: Callable[[PyTree], Vector]
    unflatten: Callable[[Vector], PyTree]
    size: int
    dtype: np.dtype
    products: int = 0
    scale: Vector | None = None

    @property
    def eps(self) -> float:
        """The spacing of numbers next to 1 in the type of the vectors."""
        return float(jnp.finfo(self.dtype).eps)

    def __call__(self, vector: Vector) -> Vector:
        """Return the operator times a vector.

        Raises:
            SettingError: the product is not finite.
        """
        self.products += 1
        inside = vector if self.scale is None else vector * self.scale
        tree = self.product(self.unflatten(inside))
        image = self.flatten(tree)
        if not _finite(image):
            raise _not_finite("The Hessian times a vector", tree)
        return image if self.scale is None else image * self.scale

    def random(self, key: Key, *purpose: str | int) -> Vector:
        """Return a random direction of length 1, the same for the same key and purpose."""
        drawn = generator(key, "curvature", *purpose).standard_normal(self.size)
        return jnp.asarray(drawn / np.linalg.norm(drawn), self.dtype)

    def signs(self, key: Key, *purpose: str | int) -> Vector:
        """Return a vector of random signs, ±1."""
        drawn = generator(key, "curvature", *purpose).integers(0, 2, self.size)
        return jnp.asarray(2.0 * drawn - 1.0, self.dtype)


def operator_at(surface: LossSurface, params: PyTree, operator: str = "hessian") -> Operator:
    """Return the Hessian, or its Gauss–Newton term, at a point.

    Raises:
        SettingError: the surface is none or knows no Gauss–Newton term; parameters are none or not finite.
        UnknownNameError: there is no operator of that name.
    """
    check_surface(surface, params)
    check_choice("operator", operator, OPERATORS)
    if operator == "hessian":
        many = offers(surface, LinearizedSurface)
        product = surface.hvp_at(params) if many else lambda v: surface.hvp(params, v)
    elif offers(surface, GaussNewtonSurface):
        product = lambda v: surface.gauss_newton_product(params, v)  # noqa: E731
    else:
        raise SettingError(
            "This surface offers no Gauss–Newton product.", Advice("use {}", operator="hessian"), setting="operator"
        )
    shape = TreeShape.of(params)
    return Operator(product, shape.flatten, shape.unflatten, shape.size, shape.dtype)


def check_surface(surface: object, params: PyTree) -> None:
    """Check that a loss surface and finite parameters came in their places.

    Raises:
        SettingError: they did not.
    """
    check_offers_surface(surface)
    if not tree_size(params):
        raise SettingError(Setting("params"), "must hold at least one number, got none.")
    for name, leaf in named_leaves(params).items():
        if not np.all(np.isfinite(np.asarray(leaf))):
            raise SettingError(Setting("params"), f"must be finite, got numbers that are not at {name or 'the top'!r}.")


def finite_gradient(surface: LossSurface, params: PyTree) -> PyTree:
    """Return the gradient.

    Raises:
        SettingError: it is not finite.
    """
    gradient = surface.gradient(params)
    if not all(np.all(np.isfinite(np.asarray(leaf))) for leaf in jax.tree.leaves(gradient)):
        raise _not_finite("The gradient", gradient)
    return gradient


def _not_finite(name: str, tree: PyTree) -> SettingError:
    """Return the error for numbers that are not finite, with the first place where they are not."""
    names = [name for name, leaf in named_leaves(tree).items() if not np.all(np.isfinite(np.asarray(leaf)))]
    return SettingError(
        f"{name} must be finite, got numbers that are not at {names[0] or 'the top'!r}. The loss has no "
        "curvature here: take a point where it is finite and smooth.",
        setting="params",
    )
