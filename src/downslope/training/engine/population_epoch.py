"""The epoch of a population, made by as many threads as there are processors.

One thread's products leave the other processors idle while networks are small, which is when populations pay. Each
thread takes a share of the members; a member's numbers do not depend on the thread that makes them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from operator import itemgetter
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from downslope.core import bounded_jit
from downslope.training.engine.batches import chunk_steps, epoch_chunks, gather
from downslope.training.engine.progress import Progress
from downslope.training.engine.step import StepState, run_population_chunk
from downslope.training.problem.problem import Problem

Tree = TypeVar("Tree")

MEMBERS_A_THREAD = 4
"""Fewer members than this are not worth a thread."""


def population_epoch(
    problem: Problem, states: StepState, epoch: int, progress: Progress, members: Sequence[Problem] | None = None
) -> StepState:
    """Return the states of all members after the steps of an epoch.

    Members that do not divide the devices are filled up with copies of the last one, which are dropped at the end: so
    every device takes a share.

    Args:
        problem: what all members learn.
        states: of all members, stacked.
        epoch: which epoch, from 0.
        progress: is told by the first thread.
        members: each member's own seed and order of batches; None if all see the same batches.
    """
    count = len(states.weight)
    spare = -count % len(jax.devices()) if count > 1 else 0
    if spare:
        every = None if members is None else [*members, *[members[-1]] * spare]
        return _without_copies(population_epoch(problem, _with_copies(states, spare), epoch, progress, every), count)
    shares = _shares(count)
    size = chunk_steps(problem, epoch, members=count)
    run = partial(_share_of_epoch, problem, epoch, size, x64=jax.config.read("jax_enable_x64"))
    pieces = _cut(states, shares)
    problems = [None if members is None else members[begin:end] for begin, end in shares]
    with ThreadPoolExecutor(max(1, len(shares) - 1)) as pool:
        others = [pool.submit(run, *arguments) for arguments in zip(pieces[1:], problems[1:], strict=True)]
        results = [run(pieces[0], problems[0], progress=progress), *(other.result() for other in others)]
    return results[0] if len(results) == 1 else _join(results)


def _share_of_epoch(
    problem: Problem,
    epoch: int,
    size: int,
    states: StepState,
    members: Sequence[Problem] | None,
    *,
    x64: bool,
    progress: Progress | None = None,
) -> StepState:
    """Return the states of some members after an epoch, in the session's precision, which threads do not inherit."""
    with jax.enable_x64(x64):
        key = problem.key if members is None else np.stack([member.key for member in members])
        chunks, steps = epoch_chunks(problem, epoch, size=size, members=members), 0
        for chunk in chunks:
            static = problem.architecture, problem.loss, problem.optimizer.rule
            batches = gather(problem.train, chunk)
            states = run_population_chunk(*static, states, batches, key, np.int32(chunk.steps))
            jax.block_until_ready(states.weight)
            steps += chunk.steps
            if progress is not None:
                progress.chunk(epoch, steps / sum(chunk.steps for chunk in chunks))
    return states


def _shares(members: int) -> tuple[tuple[int, int], ...]:
    """Return which members each thread takes; one thread where several devices share the members already."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = 1 if len(jax.devices()) > 1 else max(1, min(processors, members // MEMBERS_A_THREAD))
    bounds = [round(members * number / threads) for number in range(threads + 1)]
    return tuple(pairwise(bounds))


def shard_members(tree: Tree, members: int) -> Tree:
    """Return a stacked tree with its members sharded over the devices, where there are several and they divide."""
    devices = jax.devices()
    if len(devices) == 1 or members % len(devices):
        return tree
    mesh = jax.make_mesh((len(devices),), ("members",), axis_types=(jax.sharding.AxisType.Auto,))
    return jax.device_put(tree, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("members")))


def devices_notes(members: int) -> tuple[str, ...]:
    """Return what to say about the devices that so many members share; nothing about one."""
    devices = jax.devices()
    if members == 1 or len(devices) == 1:
        return ()
    return (f"{members} trainings share {len(devices)} devices ({devices[0].device_kind}).",)


def _with_copies(states: StepState, count: int) -> StepState:
    """Return the states with so many copies of the last member behind it, sharded over the devices."""
    filled = jax.tree.map(lambda leaf: _repeated_last(np.asarray(leaf), count), states)
    return shard_members(filled, len(filled.weight))


def _repeated_last(leaf: np.ndarray, count: int) -> np.ndarray:
    """Return an array with its last entry repeated."""
    return np.concatenate([leaf, np.repeat(leaf[-1:], count, axis=0)])


def _without_copies(states: StepState, count: int) -> StepState:
    """Return the states of the first members, on the host."""
    return jax.tree.map(lambda leaf: np.asarray(leaf)[:count], states)


@partial(bounded_jit, static_argnums=1)
def _cut(states: StepState, shares: tuple[tuple[int, int], ...]) -> list[StepState]:
    """Return the states of each share."""
    return [jax.tree.map(itemgetter(slice(*share)), states) for share in shares]


@bounded_jit
def _join(pieces: list[StepState]) -> StepState:
    """Return all states together."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *pieces)
