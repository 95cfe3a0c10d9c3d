"""Which rows a compiled chunk takes, and how many steps it holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from downslope.core import float_dtype, tree_size
from downslope.data import Batches
from downslope.training._settings import size_at
from downslope.training.problem.problem import Problem

BYTES_A_CHUNK = 24e6
"""A chunk's gathered batches fit in a processor's cache, or nearly."""

OPERATIONS_A_CHUNK = 1e11
"""A chunk takes a second at most on a slow machine, so that progress shows and Ctrl-C is heard."""


def filled(rows: np.ndarray, size: int) -> np.ndarray:
    """Return rows of so many steps, filled up with zeros: the steps behind the last are not made."""
    missing = size - rows.shape[-2]
    return rows if missing == 0 else np.pad(rows, [(0, 0)] * (rows.ndim - 2) + [(0, missing), (0, 0)])


def batches_of(problem: Problem, epoch: int) -> Batches:
    """Return the batches of an epoch, whose size may follow a schedule."""
    if problem.batch_sizes is None:
        return problem.batches
    return replace(problem.batches, batch_size=size_at(problem.batch_sizes, epoch))


def epoch_rows(problem: Problem, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of each step of an epoch, and how much they count."""
    indices, weights = batches_of(problem, epoch).epoch(epoch)
    if problem.train.weights is not None:
        weights = weights * problem.train.weights[indices]
    return indices, weights.astype(float_dtype())


def chunk_steps(problem: Problem, epoch: int = 0, *, members: int = 1) -> int:
    """Return how many steps a compiled chunk may hold, by its memory and its time.

    Args:
        problem: what is learned.
        epoch: which epoch, for the size of its batches.
        members: how many descents the chunk makes at once.
    """
    batches = batches_of(problem, epoch)
    rows = batches.batch_size
    bytes_a_step = rows * problem.train.x.nbytes / len(problem.train)
    operations_a_step = 6 * rows * members * tree_size(problem.start.params)
    most = min(BYTES_A_CHUNK / bytes_a_step, OPERATIONS_A_CHUNK / max(1, operations_a_step), batches.steps)
    return max(1, int(most))
