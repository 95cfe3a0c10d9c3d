"""Steps made one at a time, by the compiled program that training runs: for finders, which look at each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from downslope.optimizers import set_hyperparam
from downslope.training.engine.batches import chunk_steps, epoch_rows, filled
from downslope.training.engine.step import Batches, ChunkResult, State, batches_at, run_chunk
from downslope.training.problem.problem import Problem


def batches_in_turn(problem: Problem) -> Iterator[tuple[Batches, int]]:
    """Yield the batches of a training without end, each as a chunk that was gathered and its place in it."""
    for epoch in itertools.count():
        indices, weights = epoch_rows(problem, epoch)
        size = chunk_steps(problem, epoch)
        for start in range(0, len(indices), size):
            chunk = slice(start, start + size)
            rows = filled(indices[chunk], size), filled(weights[chunk], size)
            batches = batches_at(problem.train, *rows)
            for place in range(len(indices[chunk])):
                yield batches, place


def step_at(problem: Problem, state: State, batches: Batches, place: int, *, rate: float) -> ChunkResult:
    """Return what one step on the batch at a place makes of a state, at a rate of its own."""
    state = state._replace(optimizer=set_hyperparam(state.optimizer, learning_rate=float(rate)))
    static = problem.architecture, problem.loss, problem.optimizer.rule
    return run_chunk(*static, state, batches, problem.key, np.int32(place), np.int32(1))
