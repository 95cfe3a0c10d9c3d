"""What is shown beside a surface: the data, and what a network says about them where a descent is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from downslope.core import Variables
from downslope.explorer._answers import ExamplesView, PointsView, RowsView, View
from downslope.explorer._frames import Frame, Kind
from downslope.explorer._ground import Ground, Walker
from downslope.explorer._requests import Watch
from downslope.figures import fitted_line
from downslope.figures.pages import LineView, packed
from downslope.landscape import Slice
from downslope.layers import Activation
from downslope.networks import Sequential, architecture, by_layer, signals
from downslope.training import Run, Walk

GRID, EXAMPLES, MOST_UNITS, SIGNAL_ROWS = 48, 24, 64, 256


def view_of(ground: Ground, cut: Slice) -> View | None:
    """Return the data beside a surface; None for a formula."""
    if ground.run is None:
        return None
    run: Run = ground.run
    data = run.recipe.data  # pyright: ignore[reportOptionalMemberAccess]
    if ground.subject.kind == "line":
        line = fitted_line(run, cut)
        origin = np.vstack([line.origin[None, :], line.along])
        return LineView(
            x=packed(line.x), t=packed(line.t), x_label=line.x_label, t_label=line.t_label, ground=packed(origin),
            lines=(),
        )  # fmt: skip
    x, shape = data.x, np.shape(data.x)
    if data.classes is None or not isinstance(x, np.ndarray):
        return RowsView(count=len(data), features=int(np.prod(shape[1:])))
    classes = tuple(str(label) for label in data.classes)
    labels = packed(np.searchsorted(data.classes, data.y))
    if shape[1:] == (2,):
        first, second = data.feature_names or ("x1", "x2")
        across, up = grid_axes(x)
        return PointsView(
            x=packed(np.asarray(x, np.float32)), labels=labels, classes=classes, feature_names=(first, second),
            grid=(packed(across), packed(up)),
        )  # fmt: skip
    if getattr(ground.subject, "data", "") not in ("digits", "mnist1d"):
        return RowsView(count=len(data), features=int(np.prod(shape[1:])))
    rows = example_rows(run)
    series = ground.subject.data == "mnist1d"  # pyright: ignore[reportAttributeAccessIssue]
    values = np.asarray(x, np.float32)[rows].reshape(len(rows), *((1, -1) if series else (8, 8)))
    return ExamplesView(
        kind="series" if series else "images", rows=packed(rows), values=packed(values if series else values / 16),
        labels=packed(np.searchsorted(data.classes, np.asarray(data.y)[rows])), classes=classes,
    )  # fmt: skip


def frames_of(
    ground: Ground, view: View | None, walk: Walker, watch: Watch, *, run: int, descent: int
) -> Iterator[Frame]:
    """Yield the frames of the views that are wanted, where a descent is."""
    if ground.run is None or not isinstance(walk, Walk):
        return
    here = replace(ground.run, variables=walk.variables)
    frame = partial(Frame, run=run, descent=descent, step=walk.step)
    if watch.data and isinstance(view, PointsView):
        shares = np.moveaxis(here.predict_proba(grid_points(ground)).reshape(GRID, GRID, -1), -1, 0)
        yield frame(Kind.BOUNDARY, values=shares[1:] if len(shares) == 2 else shares)
    if watch.data and isinstance(view, ExamplesView):
        rows = example_rows(here)
        shares = here.predict_proba(here.recipe.data.take(rows))
        best = shares.argmax(axis=1)
        values = np.stack([rows, best, shares[np.arange(len(rows)), best]], axis=1)
        yield frame(Kind.EXAMPLES, values=values[None])
    if watch.units and isinstance(view, PointsView):
        inputs = jnp.asarray(here.preprocessing.inputs(grid_points(ground)))
        for layer, response in _responses(architecture(here.net), here.variables, inputs).items():
            grids = np.asarray(response).T.reshape(-1, GRID, GRID)
            yield frame(Kind.UNITS, values=grids[:MOST_UNITS], layer=int(layer))
    if watch.signals:
        yield frame(Kind.SIGNALS, values=_signals(walk)[None])


def grid_axes(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates of the grid over two features, a tenth wider than the data."""
    low, high = x.min(axis=0), x.max(axis=0)
    margin = 0.1 * (high - low)
    first, second = (np.linspace(a, b, GRID) for a, b in zip(low - margin, high + margin, strict=True))
    return first.astype(np.float32), second.astype(np.float32)


def grid_points(ground: Ground) -> np.ndarray:
    """Return the points of the grid, `(GRID², 2)`, the first feature fastest."""
    first, second = grid_axes(ground.run.recipe.data.x)
    return np.stack([np.tile(first, GRID), np.repeat(second, GRID)], axis=1).astype(np.float64)


def example_rows(run: Run) -> np.ndarray:
    """Return the numbers of the rows that predictions are shown for: the first ones."""
    return np.arange(min(EXAMPLES, len(run.recipe.data)))  # pyright: ignore[reportOptionalMemberAccess]


@partial(jax.jit, static_argnames="net")
def _responses(net: Sequential, variables: Variables, x: Any) -> dict[str, jax.Array]:
    """Return the outputs of each activation of the chain, by the number of its layer."""
    passed = net.forward(variables, x)
    return {
        str(place): passed.activations[place + 1]
        for place, layer in enumerate(net.layers)
        if isinstance(layer, Activation)
    }


def _signals(walk: Walk) -> np.ndarray:
    """Return a row of `SIGNAL_COLUMNS` for each layer, over some of the rows."""
    problem = walk.problem
    x, t = (np.asarray(part)[:SIGNAL_ROWS] for part in (problem.subset.x, problem.subset.t))
    found = _flow(problem.architecture, problem.loss, walk.variables, x, t)
    sizes = [[_size(tree) for tree in by_layer(problem.architecture, whole)] for whole in (walk.params, walk.velocity)]
    return np.stack([np.asarray(column, np.float64) for column in (*found, *sizes)], axis=1)


@partial(jax.jit, static_argnames=("net", "loss"))
def _flow(net: Sequential, loss: Any, variables: Variables, x: Any, t: Any) -> tuple[jax.Array, jax.Array]:
    """Return the root mean square of each layer's output and of its gradient."""
    found = signals(net, variables, x, t, loss)
    return jnp.sqrt(found.mean**2 + found.deviation**2), found.gradient


def _size(tree: Any) -> float:
    """Return the root mean square of all numbers of a tree; NaN where it has none."""
    leaves = [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves(tree)]
    count = sum(leaf.size for leaf in leaves)
    return float(np.sqrt(sum(float(np.sum(leaf**2)) for leaf in leaves) / count)) if count else float("nan")
