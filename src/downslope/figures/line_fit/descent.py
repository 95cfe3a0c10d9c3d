"""A line through data found by descent: the exact surface of its two parameters, and the path down."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from downslope.core import Advice, DataError, LossSurface, PyTree, named_leaves, tree_size
from downslope.figures.landscape import Ground
from downslope.landscape import Projection
from downslope.training import Run

SIZE = 61
"""So many intercepts and slopes the loss is computed at."""

ROOM = 1.2
"""The map reaches so many times as far from the lowest point as the path does."""

FAR_ABOVE = 10.0
"""Points with a loss so many times the first are on their way to infinity, and the map does not reach for them."""


class LineDescent(NamedTuple):
    """A descent in the two parameters of a line `t = intercept + slope x`.

    Attributes:
        ground: the loss over intercept and slope, exactly.
        path: intercept and slope, with their losses, at each recorded step.
        times: of each, in epochs or in steps.
        time: `"epoch"` or `"step"`.
        x: the input of each row, as the network sees it.
        t: the target of each row, likewise.
        x_label: what the input is.
        t_label: what the target is.
        curvatures: the eigenvalues of the Hessian where the path came lowest, in ascending order.
    """

    ground: Ground
    path: Projection
    times: np.ndarray
    time: str
    x: np.ndarray
    t: np.ndarray
    x_label: str
    t_label: str
    curvatures: np.ndarray

    @property
    def lowest(self) -> int:
        """The place on the path with the least loss."""
        return _lowest(self.path.losses)


def line_descent(run: Run, *, x_label: str | None = None, t_label: str | None = None) -> LineDescent:
    """Return the descent of a run whose network is a line through data.

    Raises:
        DataError: the network has other than two parameters, or its path was not recorded.
    """
    if tree_size(run.params) != 2 or {leaf_name(name) for name in named_leaves(run.params)} != {"weight", "bias"}:
        raise DataError(
            "This figure needs a run of a line through data, a network of one input and one output, got one of "
            f"{tree_size(run.params):,} parameters.",
            Advice("draw a plane through others by {}", code="`surface_contour`"),
        )
    if run.trajectory is None:
        raise DataError(
            "This figure needs the path of the descent, got a run that recorded none.",
            Advice("train with {}", code="`record=ds.Record(parameters_every=1)`"),
        )
    trajectory, run = run.trajectory, run.with_data()
    surface = run.surface()
    points = _points(trajectory.params)
    losses = _losses(surface, run.params, points)
    window = _window(points, losses)
    grid = np.stack(np.meshgrid(*window, indexing="ij"), axis=-1).reshape(-1, 2)
    over = _losses(surface, run.params, grid).reshape(SIZE, SIZE)
    ground = Ground(*window, over, np.ones((SIZE, SIZE), bool), ("intercept", "slope"), None, center=False)
    steps = np.asarray(trajectory.steps)
    path = Projection(
        steps, points, losses, losses, np.zeros(len(points)), 1.0 if np.ptp(points, axis=0).any() else None
    )
    x, t = (np.ravel(np.asarray(part, np.float64)) for part in rows_of(run))
    per_epoch = _steps_per_epoch(run)
    at = points[_lowest(losses)]
    names = labels_of(run)
    return LineDescent(
        ground, path, steps / (per_epoch or 1), "epoch" if per_epoch else "step", x, t, x_label or names[0],
        t_label or names[1], _curvatures(surface, run.params, at),
    )  # fmt: skip


def leaf_name(name: str) -> str:
    """Return the last part of a parameter's name."""
    return name.rsplit("/", 1)[-1]


def _points(params: PyTree) -> np.ndarray:
    """Return intercept and slope at each point of a stacked tree, `(points, 2)`."""
    leaves = {leaf_name(name): np.asarray(values, np.float64) for name, values in named_leaves(params).items()}
    return np.stack([leaves["bias"].ravel(), leaves["weight"].ravel()], axis=1)


def _tree(params: PyTree, points: np.ndarray) -> PyTree:
    """Return intercepts and slopes as a tree like the parameters; stacked ones, if there are several."""
    columns = {"bias": points[..., 0], "weight": points[..., 1]}
    leaves = [
        columns[leaf_name(name)].reshape(*points.shape[:-1], *np.shape(leaf)).astype(np.asarray(leaf).dtype)
        for name, leaf in named_leaves(params).items()
    ]
    return jax.tree.structure(params).unflatten(leaves)


def _losses(surface: LossSurface, params: PyTree, points: np.ndarray) -> np.ndarray:
    """Return the losses at points."""
    return np.asarray(surface.values(_tree(params, points)), np.float64)


def _lowest(losses: np.ndarray) -> int:
    """Return where a path came lowest."""
    return int(np.argmin(np.where(np.isfinite(losses), losses, np.inf)))


def _window(points: np.ndarray, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the intercepts and slopes of a square about the lowest point that holds the path."""
    middle = points[_lowest(losses)]
    near = points[np.isfinite(points).all(axis=1) & (losses <= FAR_ABOVE * losses[:1])]
    half = ROOM * float(np.max(np.abs(near - middle[None, :]), initial=0.0)) or 1.0
    first, second = (np.linspace(center - half, center + half, SIZE) for center in middle)
    return first, second


def _curvatures(surface: LossSurface, params: PyTree, point: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of the Hessian at a point."""
    at = _tree(params, point)
    columns = [_points(surface.hvp(at, _tree(params, axis)))[0] for axis in np.eye(2)]
    return np.linalg.eigvalsh(np.array(columns))


def rows_of(run: Run) -> tuple[Any, Any]:
    """Return inputs and targets of a run that has its rows."""
    if run.training_rows is None:
        raise DataError("This figure needs the rows that a run was trained on. Train it again.")
    return run.training_rows.x, run.training_rows.t


def _steps_per_epoch(run: Run) -> int | None:
    """Return how many steps an epoch has; None where nobody knows."""
    if run.recipe is None or run.training_rows is None:
        return None
    batch = run.recipe.settings.batch_size
    return -(-len(run.training_rows.x) // batch) if isinstance(batch, int) else None


def labels_of(run: Run) -> tuple[str, str]:
    """Return what input and target are, and whether they were moved and stretched."""
    data = None if run.recipe is None else run.recipe.data
    names = run.preprocessing.feature_names
    first, second = names[0] if names else "input", (data.target_name if data is not None else None) or "target"
    return f"{first}{_scaled(run, 'normalize')}", f"{second}{_scaled(run, 'normalize_targets')}"


def _scaled(run: Run, setting: str) -> str:
    """Return how inputs or targets were moved and stretched, in words."""
    how = None if run.recipe is None else run.recipe.settings[setting]
    return "" if how is None else " (standardized)" if how == "standard" else " (normalized)"
