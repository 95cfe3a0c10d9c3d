"""Classes in the plane, drawn at random: 1,000 rows, features `x1` and `x2`, labels 0 and 1."""

from __future__ import annotations

import numpy as np

from downslope.core import fold, generator
from downslope.data.dataset import Dataset

ROWS = 1000


def quadrants(seed: int) -> Dataset:
    """Return points of a standard normal cloud, labeled 1 where the signs of the coordinates differ (exclusive or).

    The coordinates then get noise of deviation 0.05, so that a few labels near the axes are wrong.
    """
    random = generator(seed, "quadrants")
    x = random.normal(size=(ROWS, 2))
    y = ((x[:, 0] < 0) != (x[:, 1] < 0)).astype(np.int64)
    return _plane(x + 0.05 * random.normal(size=x.shape), y)


def spirals(seed: int) -> Dataset:
    """Return points on two spirals of one and a half turns, radius at most 1, with noise of deviation 0.02."""
    random = generator(seed, "spirals")
    y = np.arange(ROWS, dtype=np.int64) % 2
    along = np.sqrt(random.uniform(0.01, 1.0, ROWS))
    angle = 3 * np.pi * along + np.pi * y
    x = along[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _plane(x + 0.02 * random.normal(size=x.shape), y)


def moons(seed: int) -> Dataset:
    """Return scikit-learn's `make_moons` with noise of deviation 0.1."""
    from sklearn.datasets import make_moons

    return _plane(*map(np.asarray, make_moons(ROWS, noise=0.1, random_state=int(fold(seed, "moons")[0]))))


def circles(seed: int) -> Dataset:
    """Return scikit-learn's `make_circles`, the inner circle half as wide, with noise of deviation 0.08."""
    from sklearn.datasets import make_circles

    return _plane(
        *map(np.asarray, make_circles(ROWS, noise=0.08, factor=0.5, random_state=int(fold(seed, "circles")[0])))
    )


def _plane(x: np.ndarray, y: np.ndarray) -> Dataset:
    """Return points of the plane with their labels."""
    return Dataset(x, y, feature_names=["x1", "x2"], task="classification")
