"""Symmetric matrices that curvature is measured on, each with all its eigenvalues known, as quadratic surfaces."""

from typing import NamedTuple

import jax
import numpy as np
import pytest

from downslope.core import float_dtype, generator

SIZES = {"bias": 4, "weight": 36}
SIZE = sum(SIZES.values())


class MatrixSurface:
    """A loss `½ θᵀ A θ + bᵀ θ` over trees, in NumPy, in the precision of the moment: nothing to compile."""

    def __init__(self, matrix, linear):
        self.A, self.b = matrix.astype(float_dtype()), linear.astype(float_dtype())

    def value(self, params):
        theta = vector_of(params)
        return float(0.5 * theta @ self.A @ theta + self.b @ theta)

    def gradient(self, params):
        return tree_of(self.A @ vector_of(params) + self.b)

    def hvp(self, params, v):
        return tree_of(self.A @ vector_of(v))

    def gauss_newton_product(self, params, v):
        return self.hvp(params, v)

    def values(self, many_params):
        points = np.concatenate([np.reshape(many_params[name], (-1, size)) for name, size in SIZES.items()], axis=1)
        return 0.5 * np.sum(points @ self.A * points, axis=1) + points @ self.b


class Case(NamedTuple):
    """A quadratic surface, its matrix, and a point."""

    surface: MatrixSurface
    matrix: np.ndarray
    params: dict

    @property
    def eigenvalues(self):
        """All eigenvalues, ascending, in float64."""
        return np.linalg.eigvalsh(self.matrix)

    @property
    def largest(self):
        return float(np.max(np.abs(self.eigenvalues), initial=0))


SPECTRA = {
    "rank three": lambda random: np.r_[5.0, 3.0, 1.0, np.zeros(SIZE - 3)],
    "two distinct": lambda random: np.repeat([4.0, -1.0], SIZE // 2),
    "identity": lambda random: np.ones(SIZE),
    "zero": lambda random: np.zeros(SIZE),
    "power law": lambda random: 10.0 * np.arange(1, SIZE + 1.0) ** -2,
    "saddle": lambda random: np.r_[np.linspace(1, 8, SIZE - 3), -0.5, -2.0, -6.0],
    "wide": lambda random: np.logspace(-3, 3, SIZE),
    "repeated pairs": lambda random: np.repeat(np.linspace(1, 10, SIZE // 2), 2),
    "random": lambda random: random.normal(size=SIZE),
}


@pytest.fixture(params=["float64", "float32"])
def precision(request):
    """Run the test in both precisions."""
    with jax.enable_x64(request.param == "float64"):
        yield request.param


every_operator = pytest.mark.parametrize("name", SPECTRA)


def tree_of(vector):
    """Return a vector as a tree with a matrix and a vector in it."""
    return {"bias": vector[:4], "weight": vector[4:].reshape(6, -1)}


def vector_of(tree):
    """Return a tree as one vector."""
    return np.concatenate([np.ravel(tree["bias"]), np.ravel(tree["weight"])])


def case(name, seed=0):
    """Return one of the list, in a random basis (the identity and zero are what they are in any)."""
    random = generator(seed, "operators", name)
    spectrum = SPECTRA[name](random)
    Q, _ = np.linalg.qr(random.normal(size=(SIZE, SIZE)))
    matrix = np.diag(spectrum) if name in {"identity", "zero"} else (Q * spectrum[None, :]) @ Q.T
    matrix = (matrix + matrix.T) / 2
    theta = random.normal(size=SIZE).astype(float_dtype())
    return Case(MatrixSurface(matrix, random.normal(size=SIZE)), matrix, tree_of(theta))
