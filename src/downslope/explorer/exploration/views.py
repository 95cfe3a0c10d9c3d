"""Views beside a surface: the data, and a network's answers on them at a descent's parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from downslope.core import PyTree, Variables, bounded_jit, tree_norm, tree_size
from downslope.explorer.protocol import ExamplesView, Frame, Kind, NetworkSubject, PointsView, RowsView, View, Watch
from downslope.explorer.subjects import DescentStepper, OpenedSubject, recipe_of
from downslope.figures import fitted_line
from downslope.figures.pages import LineView, packed
from downslope.landscape import Slice
from downslope.layers import Activation
from downslope.losses import Loss
from downslope.networks import Sequential, architecture, by_layer, signals
from downslope.training import Run, Stepper

GRID, EXAMPLES, MOST_UNITS, SIGNAL_ROWS = 48, 24, 64, 256


def view_of(subject: OpenedSubject, cut: Slice) -> View | None:
    """Return the data beside a surface; None for a formula."""
    if subject.run is None:
        return None
    run, spec = subject.run, subject.spec
    data = recipe_of(run).data
    if spec.kind == "line":
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
    if not isinstance(spec, NetworkSubject) or spec.data not in ("digits", "mnist1d"):
        return RowsView(count=len(data), features=int(np.prod(shape[1:])))
    rows = example_rows(run)
    series = spec.data == "mnist1d"
    values = np.asarray(x, np.float32)[rows].reshape(len(rows), *((1, -1) if series else (8, 8)))
    return ExamplesView(
        kind="series" if series else "images", rows=packed(rows), values=packed(values if series else values / 16),
        labels=packed(np.searchsorted(data.classes, np.asarray(data.y)[rows])), classes=classes,
    )  # fmt: skip


def frames_of(
    subject: OpenedSubject, view: View | None, stepper: DescentStepper, watch: Watch, *, run: int, descent: int
) -> Iterator[Frame]:
    """Yield the frames of the watched views, at the parameters of a descent."""
    if subject.run is None or not isinstance(stepper, Stepper):
        return
    current = replace(subject.run, variables=stepper.variables)
    frame = partial(Frame, run=run, descent=descent, step=stepper.step)
    if watch.data and isinstance(view, PointsView):
        shares = np.moveaxis(current.predict_proba(grid_points(current)).reshape(GRID, GRID, -1), -1, 0)
        yield frame(Kind.BOUNDARY, values=shares[1:] if len(shares) == 2 else shares)
    if watch.data and isinstance(view, ExamplesView):
        rows = example_rows(current)
        shares = current.predict_proba(recipe_of(current).data.take(rows))
        best = shares.argmax(axis=1)
        values = np.stack([rows, best, shares[np.arange(len(rows)), best]], axis=1)
        yield frame(Kind.EXAMPLES, values=values[None])
    if watch.units and isinstance(view, PointsView):
        inputs = jnp.asarray(current.preprocessing.inputs(grid_points(current)))
        for layer, response in _responses(architecture(current.net), current.variables, inputs).items():
            grids = np.asarray(response).T.reshape(-1, GRID, GRID)
            yield frame(Kind.UNITS, values=grids[:MOST_UNITS], layer=int(layer))
    if watch.signals:
        yield frame(Kind.SIGNALS, values=_signals(stepper)[None])


def grid_axes(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates of the grid over two features, a tenth wider than the data."""
    low, high = x.min(axis=0), x.max(axis=0)
    margin = 0.1 * (high - low)
    first, second = (np.linspace(a, b, GRID) for a, b in zip(low - margin, high + margin, strict=True))
    return first.astype(np.float32), second.astype(np.float32)


def grid_points(run: Run) -> np.ndarray:
    """Return the points of the grid, `(GRID², 2)`, the first feature fastest."""
    first, second = grid_axes(recipe_of(run).data.x)
    return np.stack([np.tile(first, GRID), np.repeat(second, GRID)], axis=1).astype(np.float64)


def example_rows(run: Run) -> np.ndarray:
    """Return the numbers of the rows that predictions are shown for: the first ones."""
    return np.arange(min(EXAMPLES, len(recipe_of(run).data)))


@partial(bounded_jit, static_argnames="net")
def _responses(net: Sequential, variables: Variables, x: jax.Array) -> dict[str, jax.Array]:
    """Return the outputs of each activation of the chain, by the number of its layer."""
    passed = net.forward(variables, x)
    return {
        str(index): passed.activations[index + 1]
        for index, layer in enumerate(net.layers)
        if isinstance(layer, Activation)
    }


def _signals(stepper: Stepper) -> np.ndarray:
    """Return a row of `SIGNAL_COLUMNS` for each layer, over some of the rows."""
    problem = stepper.problem
    x, t = (np.asarray(part)[:SIGNAL_ROWS] for part in (problem.subset.x, problem.subset.t))
    statistics = _flow(problem.architecture, problem.loss, stepper.variables, x, t)
    sizes = [
        [_size(tree) for tree in by_layer(problem.architecture, params)]
        for params in (stepper.params, stepper.velocity)
    ]
    return np.stack([np.asarray(column, np.float64) for column in (*statistics, *sizes)], axis=1)


@partial(bounded_jit, static_argnames=("net", "loss"))
def _flow(net: Sequential, loss: Loss, variables: Variables, x: ArrayLike, t: ArrayLike) -> tuple[jax.Array, jax.Array]:
    """Return the root mean square of each layer's output and of its gradient."""
    statistics = signals(net, variables, x, t, loss)
    return jnp.hypot(statistics.mean, statistics.deviation), statistics.gradient


def _size(tree: PyTree) -> float:
    """Return the root mean square of all numbers of a tree; NaN where it has none."""
    count = tree_size(tree)
    return float(tree_norm(tree)) / math.sqrt(count) if count else float("nan")
