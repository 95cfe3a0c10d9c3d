"""The matrix itself, for few parameters: one product a column."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from downslope.curvature._operator import Operator


def dense_matrix(operator: Operator) -> Float[np.ndarray, "size size"]:
    """Return an operator as a matrix in float64, made exactly symmetric."""
    columns = np.empty((operator.size, operator.size))
    for column in range(operator.size):
        unit = np.zeros(operator.size)
        unit[column] = 1
        columns[column] = np.asarray(operator(jnp.asarray(unit, operator.dtype)), np.float64)
    return (columns + columns.T) / 2
