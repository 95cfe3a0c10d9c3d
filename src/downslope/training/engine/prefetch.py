"""The batches of an epoch, chunk by chunk; from disk they are read ahead, in a thread of their own."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

import jax
import numpy as np

from downslope.training.engine.batches import chunk_steps, epoch_rows, filled
from downslope.training.engine.step import Batches, batches_at
from downslope.training.problem.problem import Part, Problem


def feed(problem: Problem, epoch: int, begun: int = 0) -> Generator[tuple[Batches, int]]:
    """Yield the batches of each chunk of an epoch, and how many they are; a chunk is filled up to the size of others.

    Args:
        problem: what is learned.
        epoch: which epoch.
        begun: how many of its steps were made before.
    """
    indices, weights = epoch_rows(problem, epoch)
    size = chunk_steps(problem, epoch)
    chunks = [(indices[at : at + size], weights[at : at + size]) for at in range(begun, len(indices), size)]
    read = partial(_read, problem.train, size, x64=bool(jax.config.jax_enable_x64))  # pyright: ignore
    ahead = _ahead if problem.train.on_disk else map
    for (rows, _), batches in zip(chunks, ahead(read, chunks), strict=True):
        yield batches, len(rows)


def _ahead(read: partial[Batches], chunks: list[tuple[np.ndarray, np.ndarray]]) -> Iterator[Batches]:
    """Yield what is read of each chunk, while the next one is being read."""
    coming = [_reader().submit(read, chunk) for chunk in chunks[:1]]
    for following in (*chunks[1:], None):
        batches = coming.pop().result()
        if following is not None:
            coming.append(_reader().submit(read, following))
        yield batches


@cache
def _reader() -> ThreadPoolExecutor:
    """Return the thread that reads: one for all epochs, as each new one would keep memory of its own."""
    return ThreadPoolExecutor(1, thread_name_prefix="downslope reads")


def _read(part: Part, size: int, chunk: tuple[np.ndarray, np.ndarray], *, x64: bool) -> Batches:
    """Return the batches of a chunk, in the session's precision, which threads do not inherit."""
    with jax.enable_x64(x64):
        return batches_at(part, *(filled(each, size) for each in chunk))
