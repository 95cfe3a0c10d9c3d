"""How long a compiled function takes, and how much memory it reserves.

Training runs its steps in a compiled loop, so that is where functions are timed: many runs in one call, for a call
from Python alone takes some 10 µs, longer than most layers of a small network. An optimization barrier ties the inputs
to the number of the run, so that the compiler cannot do the work once and leave it out of the loop; the results are the
loop's own, so that it cannot leave them out altogether.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.stages import Compiled

from downslope.core import PyTree

SAMPLE_SECONDS = 0.005
"""One sample lasts about this long, in as many runs as that takes."""
SAMPLES = (3, 9)
"""The time is the median of so many samples: from the first number on, none is added after `ENOUGH_SECONDS`."""
ENOUGH_SECONDS = 0.3
MOST_RUNS = 100_000


@dataclass(frozen=True)
class Deadline:
    """A moment after which nothing new is begun."""

    time: float

    @classmethod
    def after(cls, seconds: float | int) -> Deadline:
        """Return the moment so many seconds from now."""
        return cls(time.monotonic() + seconds)

    def allows(self, seconds: float | int = 0.0) -> bool:
        """Return whether work of so many seconds would end before it."""
        return time.monotonic() + seconds < self.time

    def left(self) -> float:
        """Return the seconds left, 0 at least."""
        return max(0.0, self.time - time.monotonic())


@dataclass(frozen=True)
class Program:
    """A function compiled into a loop.

    Attributes:
        run: `(runs, results, *inputs) -> results`; it takes the memory of the `results` it is given.
        results: the shapes and types of what it returns.
        memory: bytes that the compiled program reserves: for its inputs, its results and what it keeps in between.
    """

    run: Callable[..., PyTree]
    results: PyTree
    memory: int


def compile_loop(function: Callable[..., PyTree], *inputs: PyTree) -> Program:
    """Compile a loop over a function; nothing is computed, and no memory is taken.

    Args:
        function: of arrays, to arrays.
        inputs: arrays, or their shapes and types (`jax.ShapeDtypeStruct`).
    """
    shapes = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype), inputs)
    results = jax.eval_shape(function, *shapes)

    def loop(runs: jax.Array, results: PyTree, *inputs: PyTree) -> PyTree:
        def body(run: jax.Array, _: PyTree) -> PyTree:
            tied_inputs, _ = lax.optimization_barrier((inputs, run))
            return function(*tied_inputs)

        return lax.fori_loop(0, runs, body, results)

    compiled = jax.jit(loop, donate_argnums=1).lower(_count(1), results, *shapes).compile()
    return Program(compiled, results, _reserved(compiled))


def time_loop(program: Program, *inputs: PyTree, deadline: Deadline) -> tuple[float, PyTree]:
    """Return the seconds of one run, the median over several samples, and the results of the last one.

    The first call warms up and is not counted. After the deadline no further sample is begun, but one there is.
    """
    results = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), program.results)
    if not jax.tree.leaves(results):
        return 0.0, results
    _, results = _sample(program, 1, results, inputs)
    first, results = _sample(program, 1, results, inputs)
    runs = int(np.clip(SAMPLE_SECONDS / first, 1, MOST_RUNS))
    samples = [first] if runs == 1 else []
    while not samples or (_needs_more(samples, runs) and deadline.allows(samples[-1] * runs)):
        seconds, results = _sample(program, runs, results, inputs)
        samples.append(seconds / runs)
    return statistics.median(samples), results


def _needs_more(samples: list[float], runs: int) -> bool:
    """Return whether further samples would make the median surer, at a price that is worth it."""
    least, most = SAMPLES
    return len(samples) < least or (len(samples) < most and sum(samples) * runs < ENOUGH_SECONDS)


def _sample(program: Program, runs: int, results: PyTree, inputs: PyTree) -> tuple[float, PyTree]:
    """Return the seconds of one call, and its results."""
    begun = time.perf_counter()
    results = jax.block_until_ready(program.run(_count(runs), results, *inputs))
    return time.perf_counter() - begun, results


def _count(runs: int) -> np.ndarray:
    """Return a number of runs as the loop takes it."""
    return np.asarray(runs, np.int32)


def _reserved(compiled: Compiled) -> int:
    """Return the bytes of a compiled program: arguments, results and temporaries; shared ones count once.

    0 where the backend does not report it.
    """
    memory = compiled.memory_analysis()
    if memory is None:
        return 0
    inputs_and_results = memory.argument_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    return int(inputs_and_results + memory.temp_size_in_bytes)
