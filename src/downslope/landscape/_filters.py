"""Random directions as long, filter by filter, as the parameters themselves: comparable between networks."""

from __future__ import annotations

import jax
import numpy as np

from downslope.core import Advice, Key, PyTree, SettingError, generator, vector_length
from downslope.curvature import filter_scales
from downslope.landscape._vectors import tree_of, vector_of


def filter_direction(params: PyTree, *, key: Key | None, number: int = 0, unit_axis: int = -1) -> PyTree:
    """Return a Gaussian direction whose every filter is as long as the parameters' own.

    `d_f = g_f ‖θ_f‖ / ‖g_f‖` with `g` standard normal and `f` the weights that feed one unit. Scaling one relu layer
    by 10 and the next by 1/10, which changes no output, changes nothing of a slice along it. Leaves of one axis or none
    (biases, the scales and shifts of norms) stay where they are, as in the authors' code: a filter of one number has no
    direction but its sign.

    Args:
        params: the point.
        key: of the draw; None for the seed 0.
        number: the first direction is 0, the second 1, and so on: independent draws.
        unit_axis: which axis of a weight counts the units: the last of our `(in, out)` and `(h, w, in, out)`, 0 for
            PyTorch's and Equinox's `(out, in, …)`.

    Raises:
        SettingError: no weights of two axes or more, or all of them zero.

    References:
        Li et al., "Visualizing the loss landscape of neural nets" (2018), section 4.
    """
    turned = jax.tree.map(lambda leaf: _units_last(np.asarray(leaf), unit_axis), params)
    scales = filter_scales(turned)
    if not scales.any():
        raise SettingError(
            "Filter-normalized directions need weights of two axes or more that are not zero, got none.",
            Advice("use {}", directions="eigen"),
            *([Advice("for two parameters {}", directions="axes")] if len(scales) == 2 else []),
            Advice("pass {}", code="directions, trees like the parameters"),
            setting="directions",
        )
    drawn = generator(0 if key is None else key, "filter direction", number).standard_normal(len(scales))
    own = filter_scales(tree_of(drawn, jax.tree.map(lambda leaf: leaf.astype(np.float64), turned)))
    sized = tree_of(np.divide(drawn * scales, own, out=np.zeros_like(drawn), where=own > 0), turned)
    return jax.tree.map(lambda leaf: _units_back(leaf, unit_axis), sized)


def beside(params: PyTree, first: PyTree, *, key: Key | None) -> PyTree:
    """Return a random direction at right angles to another, and as long: a second axis where there is no better."""
    size = vector_length(vector_of(first))
    along = vector_of(first) / size
    drawn = generator(0 if key is None else key, "beside").standard_normal(len(along))
    across = drawn - along * (drawn @ along)
    off = vector_length(across)
    if off <= 1e-8 * vector_length(drawn):
        raise SettingError("A plane needs two parameters or more, got one. Use slice_1d.", setting="params")
    return tree_of(across * (size / off), params)


def _units_last(leaf: np.ndarray, unit_axis: int) -> np.ndarray:
    """Return weights with their units along the last axis."""
    return np.moveaxis(leaf, unit_axis, -1) if leaf.ndim > 1 else leaf


def _units_back(leaf: np.ndarray, unit_axis: int) -> np.ndarray:
    """Return weights with their units where they were."""
    return np.ascontiguousarray(np.moveaxis(leaf, -1, unit_axis)) if leaf.ndim > 1 else leaf
