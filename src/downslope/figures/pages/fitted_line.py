"""The data of a surface over the intercepts and slopes of a line."""

from __future__ import annotations

import numpy as np

from downslope.core import PyTree, named_leaves
from downslope.figures.line_fit import labels_of, leaf_name, rows_of
from downslope.figures.pages.surface_page import FittedLine
from downslope.landscape import Slice
from downslope.training import Run


def fitted_line(run: Run, plane: Slice) -> FittedLine:
    """Return the data of a run whose network is a line, for the page of its surface.

    Inputs and targets are as the network sees them: standardized, if it was told to.

    Args:
        run: of a network of one input and `ds.Dense(1)`.
        plane: a slice through its two parameters.

    Raises:
        DataError: the rows of a run opened from its folder cannot be had again.

    Example:
        >>> import downslope as ds
        >>> net, data = ds.mlp([], outputs=1), ds.load("old_faithful")
        >>> run = ds.train(net, data, epochs=1, normalize="standard", progress=False)
        >>> plane = ds.slice_2d(run.surface(), run.params, directions="axes", size=3, span=1.0)
        >>> line = fitted_line(run, plane)
        >>> len(line.x), line.along.tolist()
        (272, [[1.0, 0.0], [0.0, 1.0]])
    """
    x, t = (np.ravel(np.asarray(part, np.float64)) for part in rows_of(run.with_data()))
    names = labels_of(run)
    along = np.stack([_line(tree) for tree in plane.directions])
    return FittedLine(x, t, origin=_line(plane.params), along=along, x_label=names[0], t_label=names[1])


def _line(params: PyTree) -> np.ndarray:
    """Return intercept and slope."""
    leaves = {leaf_name(name): float(np.ravel(values)[0]) for name, values in named_leaves(params).items()}
    return np.array([leaves["bias"], leaves["weight"]])
