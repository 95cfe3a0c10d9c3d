"""How long a compiled function takes, and how much memory it reserves.

Training runs its steps in a compiled loop, so that is where functions are timed: many runs in one call, for a call
from Python alone takes some 10 µs, longer than most layers of a small network. An optimization barrier ties the inputs
to the number of the run, so that the compiler cannot do the work once and leave it out of the loop; the results are the
loop's own, so that it cannot leave them out altogether.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.stages import Compiled

from downslope.core import PyTree
from downslope.efficiency._timing import Clock

SAMPLE_SECONDS = 0.002
"""One sample lasts about this long, in as many runs as that takes: short enough for some to come between other work."""
CALIBRATIONS = 2
"""The first call lasts longer than one run of many, for the call itself takes time: the second one tells better."""
MOST_RUNS = 100_000
MOST_COPIED = 2**26
"""Bytes of inputs and results, above which they stay where they are."""


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


@dataclass(eq=False)
class Loop:
    """A program with its inputs, to be timed again and again: each call returns the seconds of one run.

    Attributes:
        program: what is timed.
        inputs: what it is given.
        results: of the last call.
        runs: in one call.
        clock: a function like `time.perf_counter`.
    """

    program: Program
    inputs: tuple[PyTree, ...]
    results: PyTree
    runs: int = 1
    clock: Clock = time.perf_counter

    @classmethod
    def of(cls, program: Program, *inputs: PyTree, clock: Clock = time.perf_counter) -> Loop:
        """Return a program ready to be timed: warmed up, with as many runs a call as a sample takes."""
        loop = cls(program, inputs, _empty(program), clock=clock)
        if not jax.tree.leaves(program.results):
            return loop
        loop()
        for _ in range(CALIBRATIONS):
            loop.runs = int(np.clip(SAMPLE_SECONDS / max(loop(), 1e-9), loop.runs, MOST_RUNS))
        return loop

    def __call__(self) -> float:
        """Return the seconds of one run; 0 where nothing is computed."""
        if not jax.tree.leaves(self.results):
            return 0.0
        results, inputs = _elsewhere((self.results, self.inputs))
        begun = self.clock()
        self.results = jax.block_until_ready(self.program.run(_count(self.runs), results, *inputs))
        return (self.clock() - begun) / self.runs


def _elsewhere(arrays: PyTree) -> PyTree:
    """Return arrays elsewhere in memory, unless they are large.

    Where small ones lie can make a tenth of a difference, and more, for as long as they lie there; so each sample has
    its own.
    """
    if sum(leaf.nbytes for leaf in jax.tree.leaves(arrays)) > MOST_COPIED:
        return arrays
    return jax.block_until_ready(jax.tree.map(lambda array: jnp.array(array, copy=True), arrays))


def _empty(program: Program) -> PyTree:
    """Return memory for results."""
    return jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), program.results)


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
