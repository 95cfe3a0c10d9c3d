"""The batches of an epoch, gathered chunk by chunk: which rows, how many steps a chunk, and rows on disk read ahead."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

from downslope.core import bounded_jit, float_dtype, tree_size
from downslope.data import Batches
from downslope.training.problem.part import GatheredBatches, Part
from downslope.training.problem.problem import Problem
from downslope.training.settings import size_at

BYTES_A_CHUNK = 24e6
"""A chunk's gathered batches fit in a processor's cache, or nearly."""

OPERATIONS_A_CHUNK = 1e11
"""A chunk takes a second at most on a slow machine, so that progress shows and Ctrl-C is heard."""


class Chunk(NamedTuple):
    """The rows of the steps that one compiled call makes.

    Attributes:
        indices: numbers of rows, `(size, B)`, or `(members, size, B)` where members have batches of their own.
        weights: how much each row counts, likewise; 0 behind the last step.
        steps: how many steps there are; the last chunk of an epoch may have fewer than its `size`.
    """

    indices: np.ndarray
    weights: np.ndarray
    steps: int


def epoch_batches(problem: Problem, epoch: int) -> Batches:
    """Return the batches of an epoch, whose size may follow a schedule."""
    if problem.batch_sizes is None:
        return problem.batches
    return replace(problem.batches, batch_size=size_at(problem.batch_sizes, epoch))


def epoch_chunks(
    problem: Problem,
    epoch: int,
    *,
    first: int = 0,
    size: int | None = None,
    members: Sequence[Problem] | None = None,
) -> list[Chunk]:
    """Return the chunks of an epoch, all filled up to one size, so that one compiled program makes them.

    Args:
        problem: what is learned.
        epoch: which epoch, from 0.
        first: the first step, where some were made before.
        size: steps a chunk; None for `chunk_steps`.
        members: each member's own seed and order of batches; None if all see the same batches.
    """
    size = size or chunk_steps(problem, epoch)
    if members is None:
        indices, weights = _epoch_rows(problem, epoch)
    else:
        indices, weights = map(np.stack, zip(*(_epoch_rows(member, epoch) for member in members), strict=True))
    steps = indices.shape[-2]
    return [
        Chunk(_padded(indices, start, size), _padded(weights, start, size), min(size, steps - start))
        for start in range(first, steps, size)
    ]


def chunk_steps(problem: Problem, epoch: int = 0, *, members: int = 1) -> int:
    """Return how many steps a compiled chunk may hold, by its memory and its time.

    Args:
        problem: what is learned.
        epoch: which epoch, for the size of its batches.
        members: how many members the chunk trains at once.
    """
    batches = epoch_batches(problem, epoch)
    rows = batches.batch_size
    bytes_a_step = rows * problem.train.x.nbytes / len(problem.train)
    operations_a_step = 6 * rows * members * tree_size(problem.start.params)
    limits = [BYTES_A_CHUNK / bytes_a_step, OPERATIONS_A_CHUNK / max(1, operations_a_step), batches.steps]
    if problem.longest_chunk is not None:
        limits.append(problem.longest_chunk)
    return max(1, int(min(limits)))


def gather(part: Part, chunk: Chunk) -> GatheredBatches:
    """Return the batches of a chunk, from memory or from disk."""
    if not part.on_disk:
        return _gather(part.x, part.t, chunk.indices, chunk.weights)
    inputs = jax.device_put(part.x[chunk.indices])
    return GatheredBatches(inputs, _gather_targets(part.t, chunk.indices), jnp.asarray(chunk.weights))


def prefetch(problem: Problem, epoch: int, first: int = 0) -> Generator[tuple[GatheredBatches, int]]:
    """Yield the batches of each chunk of an epoch, and how many steps they are for; from disk, read one chunk ahead.

    Args:
        problem: what is learned.
        epoch: which epoch.
        first: the first step, where some were made before.
    """
    chunks = epoch_chunks(problem, epoch, first=first)
    read = partial(_gather_in_precision, problem.train, x64=bool(jax.config.jax_enable_x64))  # pyright: ignore
    gathered = _read_ahead(read, chunks) if problem.train.on_disk else map(read, chunks)
    for chunk, batches in zip(chunks, gathered, strict=True):
        yield batches, chunk.steps


def _read_ahead(read: Callable[[Chunk], GatheredBatches], chunks: Iterable[Chunk]) -> Iterator[GatheredBatches]:
    """Yield the batches of each chunk, while those of the next one are being read."""
    pending = None
    for chunk in chunks:
        following = _reading_thread().submit(read, chunk)
        if pending is not None:
            yield pending.result()
        pending = following
    if pending is not None:
        yield pending.result()


@cache
def _reading_thread() -> ThreadPoolExecutor:
    """Return the thread that reads: one for all epochs, as each new one would keep memory of its own."""
    return ThreadPoolExecutor(1, thread_name_prefix="downslope reads")


def _gather_in_precision(part: Part, chunk: Chunk, *, x64: bool) -> GatheredBatches:
    """Return the batches of a chunk, in the session's precision, which threads do not inherit."""
    with jax.enable_x64(x64):
        return gather(part, chunk)


def _epoch_rows(problem: Problem, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of each step of an epoch, and how much they count, `(steps, B)` each."""
    indices, weights = epoch_batches(problem, epoch).epoch(epoch)
    if problem.train.weights is not None:
        weights = weights * problem.train.weights[indices]
    return indices, weights.astype(float_dtype())


def _padded(rows: np.ndarray, start: int, size: int) -> np.ndarray:
    """Return the rows of `size` steps from `start` on, filled up with zeros: steps behind the last are not made."""
    rows = rows[..., start : start + size, :]
    missing = size - rows.shape[-2]
    return rows if missing == 0 else np.pad(rows, [(0, 0)] * (rows.ndim - 2) + [(0, missing), (0, 0)])


@bounded_jit
def _gather(
    x: Float[Array, "rows ..."],
    t: Shaped[Array, "rows ..."],
    indices: Int[Array, "*steps batch"],
    row_weights: Float[Array, "*steps batch"],
) -> GatheredBatches:
    return GatheredBatches(x[indices], t[indices], row_weights)


@bounded_jit
def _gather_targets(
    t: Shaped[Array, "rows ..."], indices: Int[Array, "*steps batch"]
) -> Shaped[Array, "*steps batch ..."]:
    return t[indices]
