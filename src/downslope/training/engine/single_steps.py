"""Steps made one at a time, by the compiled program that training runs: for finders, which measure each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from downslope.optimizers import set_hyperparam
from downslope.training.engine.batches import epoch_chunks, gather
from downslope.training.engine.step import ChunkResult, StepState, run_steps
from downslope.training.problem.part import GatheredBatches
from downslope.training.problem.problem import Problem


def iterate_batches(problem: Problem) -> Iterator[tuple[GatheredBatches, int]]:
    """Yield the batches of a training without end, each as a gathered chunk and its index in the chunk."""
    for epoch in itertools.count():
        for chunk in epoch_chunks(problem, epoch):
            batches = gather(problem.train, chunk)
            for index in range(chunk.steps):
                yield batches, index


def single_step(
    problem: Problem, state: StepState, batches: GatheredBatches, index: int, *, learning_rate: float
) -> ChunkResult:
    """Make one step on the batch `index` of a chunk, with a learning rate of its own."""
    optimizer = set_hyperparam(state.optimizer, learning_rate=float(learning_rate))
    return run_steps(problem, state._replace(optimizer=optimizer), batches, index, 1)
