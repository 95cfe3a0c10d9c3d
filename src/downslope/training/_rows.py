"""Which rows a compiled chunk takes, and how many steps it holds."""

from __future__ import annotations

import numpy as np

from downslope.core import float_dtype, tree_size
from downslope.training._problem import Problem

BYTES_A_CHUNK = 24e6
"""A chunk's gathered batches fit in a processor's cache, or nearly."""

OPERATIONS_A_CHUNK = 1e11
"""A chunk takes a second at most on a slow machine, so that progress shows and Ctrl-C is heard."""


def filled(rows: np.ndarray, size: int) -> np.ndarray:
    """Return rows of so many steps, filled up with zeros: the steps behind the last are not made."""
    return rows if len(rows) == size else np.pad(rows, ((0, size - len(rows)), (0, 0)))


def epoch_rows(problem: Problem, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of each step of an epoch, and how much they count."""
    indices, weights = problem.batches.epoch(epoch)
    if problem.train.weights is not None:
        weights = weights * problem.train.weights[indices]
    return indices, weights.astype(float_dtype())


def chunk_steps(problem: Problem) -> int:
    """Return how many steps a compiled chunk may hold, by its memory and its time."""
    rows = problem.batches.batch_size
    bytes_a_step = rows * problem.train.x.nbytes / len(problem.train)
    operations_a_step = 6 * rows * tree_size(problem.start.params)
    most = min(BYTES_A_CHUNK / bytes_a_step, OPERATIONS_A_CHUNK / operations_a_step, problem.batches.steps)
    return max(1, int(most))
