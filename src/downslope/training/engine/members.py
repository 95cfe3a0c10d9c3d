"""The epoch of a population, made by as many threads as there are processors.

One thread's products leave the other processors idle while networks are small, which is when populations pay. Each
thread takes a share of the members; a member's numbers do not depend on who makes them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from operator import itemgetter

import jax
import jax.numpy as jnp
import numpy as np

from downslope.training.engine.batches import chunk_steps, epoch_rows, filled
from downslope.training.engine.progress import Progress
from downslope.training.engine.step import State, batches_at, run_population_chunk
from downslope.training.problem.problem import Problem

MEMBERS_A_THREAD = 4
"""Fewer members than this are not worth a thread."""


def epoch_together(
    problem: Problem, states: State, epoch: int, progress: Progress, members: Sequence[Problem] | None = None
) -> State:
    """Return the states of all members after the steps of an epoch.

    Args:
        problem: what all members learn.
        states: of all members, stacked.
        epoch: which epoch, from 0.
        progress: is told by the first thread.
        members: each member's own seed and order of batches; None if all see the same batches.
    """
    count = len(states.weight)
    shares = _shares(count)
    size = chunk_steps(problem, epoch, members=count)
    run = partial(_share_of_epoch, problem, epoch, size, x64=jax.config.read("jax_enable_x64"))
    pieces = _cut(states, shares)
    own = [None if members is None else members[begin:end] for begin, end in shares]
    with ThreadPoolExecutor(max(1, len(shares) - 1)) as pool:
        others = [pool.submit(run, *given) for given in zip(pieces[1:], own[1:], strict=True)]
        done = [run(pieces[0], own[0], progress=progress), *(other.result() for other in others)]
    return done[0] if len(done) == 1 else _join(done)


def _share_of_epoch(
    problem: Problem,
    epoch: int,
    size: int,
    states: State,
    members: Sequence[Problem] | None,
    *,
    x64: bool,
    progress: Progress | None = None,
) -> State:
    """Return the states of some members after an epoch, in the session's precision, which threads do not inherit."""
    with jax.enable_x64(x64):
        indices, row_weights, key = _batches(problem, epoch, members)
        steps = indices.shape[-2]
        for start in range(0, steps, size):
            chunk = (..., slice(start, start + size), slice(None))
            rows = filled(indices[chunk], size), filled(row_weights[chunk], size)
            batches = batches_at(problem.train, *rows)
            states = run_population_chunk(
                problem.architecture,
                problem.loss,
                problem.optimizer.rule,
                states,
                batches,
                key,
                np.int32(min(size, steps - start)),
            )
            jax.block_until_ready(states.weight)
            if progress is not None:
                progress.chunk(epoch, min(1.0, (start + size) / steps))
    return states


def _batches(
    problem: Problem, epoch: int, members: Sequence[Problem] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, their weights and the key of an epoch, each with a first axis if members have their own."""
    if members is None:
        return *epoch_rows(problem, epoch), problem.key
    rows = [epoch_rows(member, epoch) for member in members]
    return np.stack([i for i, _ in rows]), np.stack([w for _, w in rows]), np.stack([own.key for own in members])


def _shares(members: int) -> tuple[tuple[int, int], ...]:
    """Return which members each thread takes; one thread where several devices share the members already."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = 1 if len(jax.devices()) > 1 else max(1, min(processors, members // MEMBERS_A_THREAD))
    bounds = [round(members * number / threads) for number in range(threads + 1)]
    return tuple(pairwise(bounds))


@partial(jax.jit, static_argnums=1)
def _cut(states: State, shares: tuple[tuple[int, int], ...]) -> list[State]:
    """Return the states of each share."""
    return [jax.tree.map(itemgetter(slice(*share)), states) for share in shares]


@jax.jit
def _join(pieces: list[State]) -> State:
    """Return all states together."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *pieces)
