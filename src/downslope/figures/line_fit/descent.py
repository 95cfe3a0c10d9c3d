"""The descent of a line fitted to data: the exact loss over its two parameters, and the path."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np
from numpy.typing import ArrayLike

from downslope.core import Advice, DataError, LossSurface, PyTree, named_leaves, tree_size
from downslope.data import Batches
from downslope.figures.landscape import Plane
from downslope.figures.style import drawable
from downslope.landscape import Projection
from downslope.training import Run, last_batch_rule

SIZE = 61
"""The number of intercepts, and of slopes, of the grid of losses."""

ROOM = 1.2
"""The extent of the map, as a multiple of the path's greatest distance from its lowest point."""

FAR_ABOVE = 10.0
"""Points with a loss above this multiple of the first are diverging, and do not widen the map."""


class LineDescent(NamedTuple):
    """A descent in the two parameters of a line `t = intercept + slope x`.

    Attributes:
        plane: the exact loss over intercept and slope.
        path: intercept and slope, with their losses, at each recorded step.
        times: the time of each point, in epochs or in steps.
        time: the unit of time, `"epoch"` or `"step"`.
        x: the input of each row, as the network sees it.
        t: the target of each row, likewise.
        x_label: the name of the input.
        t_label: the name of the target.
        curvatures: the eigenvalues of the Hessian at the path's lowest point, in ascending order.
    """

    plane: Plane
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
        """The index of the path's point with the least loss."""
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
    points = drawable(_points(trajectory.params))
    losses = _losses(surface, run.params, points)
    _check_any(points, losses)
    window = _window(points, losses)
    grid = np.stack(np.meshgrid(*window, indexing="ij"), axis=-1).reshape(-1, 2)
    grid_losses = _losses(surface, run.params, grid).reshape(SIZE, SIZE)
    plane = Plane(*window, grid_losses, np.ones((SIZE, SIZE), bool), ("intercept", "slope"), None, center=False)
    steps = np.asarray(trajectory.steps)
    path = Projection(
        steps, points, losses, losses, np.zeros(len(points)), 1.0 if np.ptp(points, axis=0).any() else None
    )
    x, t = (np.ravel(np.asarray(part, np.float64)) for part in rows_of(run))
    per_epoch = _steps_per_epoch(run)
    lowest_point = points[_lowest(losses)]
    names = labels_of(run)
    return LineDescent(
        plane, path, steps / (per_epoch or 1), "epoch" if per_epoch else "step", x, t, x_label or names[0],
        t_label or names[1], _curvatures(surface, run.params, lowest_point),
    )  # fmt: skip


def _check_any(points: np.ndarray, losses: np.ndarray) -> None:
    """Refuse a path without a point that can be drawn."""
    if not np.any(np.isfinite(points).all(axis=1) & np.isfinite(drawable(losses))):
        raise DataError(
            "This figure needs a finite intercept, slope and loss somewhere on the path, got none.",
            Advice("train with a lower rate"),
        )


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
    """Return the index of the least finite loss."""
    return int(np.argmin(np.where(np.isfinite(drawable(losses)), losses, np.inf)))


def _window(points: np.ndarray, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the intercepts and slopes of a square about the lowest point that holds the path."""
    middle = points[_lowest(losses)]
    near = points[np.isfinite(points).all(axis=1) & (losses <= FAR_ABOVE * losses[:1])]
    half = ROOM * float(np.max(np.abs(near - middle[None, :]), initial=0.0)) or 1.0
    first, second = (np.linspace(center - half, center + half, SIZE) for center in middle)
    return first, second


def _curvatures(surface: LossSurface, params: PyTree, point: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of the Hessian at a point."""
    center = _tree(params, point)
    columns = [_points(surface.hvp(center, _tree(params, axis)))[0] for axis in np.eye(2)]
    return np.linalg.eigvalsh(np.array(columns))


def rows_of(run: Run) -> tuple[ArrayLike, ArrayLike]:
    """Return inputs and targets of a run that has its rows."""
    if run.training_rows is None:
        raise DataError("This figure needs the rows that a run was trained on. Train it again.")
    return run.training_rows.x, run.training_rows.t


def _steps_per_epoch(run: Run) -> int | None:
    """Return the number of steps of an epoch; None where it is unknown."""
    if run.recipe is None or run.training_rows is None:
        return None
    settings, rows = run.recipe.settings, len(run.training_rows.x)
    if not isinstance(settings.batch_size, int):
        return None
    drop_last = last_batch_rule(settings, run.net, run.preprocessing.input_shape)
    return Batches(rows, settings.batch_size, drop_last=drop_last).steps


def labels_of(run: Run) -> tuple[str, str]:
    """Return the names of input and target, with their scaling."""
    data = None if run.recipe is None else run.recipe.data
    names = run.preprocessing.feature_names
    first, second = names[0] if names else "input", (data.target_name if data is not None else None) or "target"
    return f"{first}{_scaled(run, 'normalize')}", f"{second}{_scaled(run, 'normalize_targets')}"


def _scaled(run: Run, setting: str) -> str:
    """Describe the scaling of inputs or targets."""
    scaling = None if run.recipe is None else run.recipe.settings[setting]
    return "" if scaling is None else " (standardized)" if scaling == "standard" else " (normalized)"
