"""Surfaces and paths for the tests of the page, made with NumPy alone."""

from __future__ import annotations

import numpy as np

import downslope as ds
from downslope.figures import FittedLine
from downslope.landscape import Projection, Slice


def plane(a, b, losses, *, labels=("first", "second"), computed=None, description="", kind="given", explained=None):
    """A slice of a surface of two parameters, along them."""
    computed = np.ones(losses.shape, bool) if computed is None else computed
    along = (np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    return Slice(
        (a, b), losses, computed, np.zeros(2), along, kind, labels, explained=explained, description=description
    )


def descent(loss, gradient, start, *, rate, momentum=0.0, steps=60):
    """The path of gradient descent with momentum on a plane that holds all there is."""
    point, velocity = np.array(start, float), np.zeros(2)
    points = [point]
    for _ in range(steps):
        velocity = momentum * velocity + gradient(point)
        point = point - rate * velocity
        points.append(point)
    coordinates = np.array(points)
    losses = np.array([loss(*p) for p in points])
    return Projection(np.arange(steps + 1), coordinates, losses, losses.copy(), np.zeros(steps + 1), 1.0)


def old_faithful():
    """The bowl of the notes: standardized eruptions, sum of squared errors from (4, 4), and two descents into it."""
    data = ds.load("old_faithful")
    x, t = np.asarray(data.x, float)[:, 0], np.asarray(data.y, float).ravel()
    u, v = (x - x.mean()) / x.std(), (t - t.mean()) / t.std()

    def loss(a, b):
        return float(np.sum((a + b * u - v) ** 2))

    def gradient(p):
        error = p[0] + p[1] * u - v
        return 2 * np.array([error.sum(), (error * u).sum()])

    a, b = np.linspace(-5, 5, 41), np.linspace(-4, 6, 41)
    losses = np.array([[loss(i, j) for j in b] for i in a])
    bowl = plane(
        a,
        b,
        losses,
        labels=("intercept (standardized)", "slope (standardized)"),
        description="sum of squared errors over the 272 eruptions of Old Faithful",
    )
    paths = {
        "gradient descent": descent(loss, gradient, (4, 4), rate=1e-4, steps=200),
        "momentum 0.9": descent(loss, gradient, (4, 4), rate=1e-4, momentum=0.9, steps=200),
    }
    ratio = t.std() / x.std()
    line = FittedLine(
        x,
        t,
        origin=np.array([t.mean(), 0.0]),
        along=np.array([[t.std(), 0.0], [-ratio * x.mean(), ratio]]),
        x_label="eruption (minutes)",
        t_label="waiting (minutes)",
    )
    return bowl, paths, line


def broken():
    """A ravine with cells that are not a number, infinite, and not computed, and a path that leaves the picture."""
    a = b = np.linspace(-1, 1, 21)
    losses = (0.05 + a[:, None] ** 2 + 20 * (b[None, :] - 0.4 * a[:, None] ** 2) ** 2).astype(np.float32)
    losses[15:, 15:] = np.nan
    losses[:4, 16:] = np.inf
    computed = np.ones(losses.shape, bool)
    computed[:4, :4] = False
    losses[~computed] = np.nan
    coordinates = np.array([[-0.8, 0.2], [-0.4, 0.1], [0.1, 0.0], [0.6, 0.4], [1.9, 0.9], [np.nan, np.nan]])
    path = Projection(
        np.array([0, 1, 2, 4, 8, 9]),
        coordinates,
        np.array([2.0, 1.2, 0.9, 3.0, 80.0, np.nan]),
        np.array([0.8, 0.3, 0.1, 2.2, np.nan, np.nan]),
        np.array([1.5, 1.2, 0.9, 1.1, 2.0, np.nan]),
        0.041,
    )
    return plane(a, b, losses, computed=computed, kind="filter", description="cross entropy over 100 rows"), {
        "sgd <fast> & wild, 0.5": path
    }


def network():
    """A rugged plane as of a network, with four paths off it."""
    a = b = np.linspace(-1, 1, 51)
    A, B = a[:, None], b[None, :]
    losses = 0.4 + 1.6 * (A**2 + 0.7 * B**2) + 0.22 * np.sin(5 * A + 1) * np.cos(4 * B) + 0.3 * np.abs(A * B)

    def below(p):
        i, j = (np.clip(np.searchsorted(a, c), 0, 50) for c in p.T)
        return losses[i, j]

    rng = np.random.default_rng(3)
    paths = {}
    for name, rate, noise in [
        ("sgd", 0.035, 0.01),
        ("momentum", 0.055, 0.004),
        ("rmsprop", 0.07, 0.02),
        ("adam", 0.1, 0.01),
    ]:
        p = np.array([0.85, -0.9])
        points = []
        for _ in range(81):
            points.append(p)
            p = p - rate * p * np.array([1.0, 0.6]) + noise * rng.normal(size=2)
        points = np.array(points)
        off = np.linspace(1.2, 0, 81) * (0.5 + rate * 4)
        paths[name] = Projection(np.arange(0, 810, 10), points, below(points) + 0.35 * off, below(points), off, 0.83)
    labels = ("1st principal component of sgd's path", "2nd principal component")
    return plane(
        a,
        b,
        losses.astype(np.float32),
        labels=labels,
        kind="pca",
        explained=(0.7, 0.13),
        description="cross entropy over 1,437 rows, inference mode",
    ), paths


RANGES = {
    "zero": np.zeros(5),
    "a single point": np.array([3.0]),
    "a constant": np.full(5, 2.5),
    "subnormal": np.array([5e-324, 2e-320, 1e-310, 3e-309]),
    "1e-300": np.array([1e-299, 2e-300, 1e-300, 5e-301]),
    "down to 1e-24": np.geomspace(1, 1e-24, 60),
    "down to the smallest": np.array([1, 1e-100, 1e-200, 5e-324]),
    "down to 0": np.array([1, 1e-10, 1e-30, 0]),
    "1e22": np.array([5e22, 2e22, 1e22]),
    "neighbors at 1e22": 1e22 + 2097152 * np.arange(4.0),
    "1e300": np.array([2e300, 1e300, 5e299]),
    "all there is": np.array([1.7e308, 0, 1, -1.7e308]),
    "negative": np.array([-1e-10, -1, -2, -1e10]),
    "a plateau at 1e6": 1e6 + 1e-9 * np.arange(4),
    "holes": np.array([np.nan, 1e-25, np.inf, 1e-24, -np.inf]),
}
"""Losses over the whole range of numbers, each a path's."""


def with_losses(losses):
    """A plane with these losses, and a path with them, of which distances and places have the same range."""
    cells = np.resize(losses, (5, 5))
    axis = np.linspace(-1, 1, 5)
    steps = np.arange(len(losses))
    coordinates = np.stack([np.linspace(-0.8, 0.8, len(losses)), losses], axis=1)
    distances = np.where(losses < 0, np.nan, losses)
    return plane(axis, axis, cells), {"descent": Projection(steps, coordinates, losses, losses.copy(), distances, 1.0)}
