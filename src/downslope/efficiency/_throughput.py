"""Whole steps, timed: how many examples a second go through a network forward and back, by the size of the batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from downslope.core import Message, Setting, Shape, Variables, bytes_text, float_dtype, fold, generator
from downslope.efficiency._layer_times import drawn
from downslope.efficiency._stopwatch import Loop, Program, compile_loop
from downslope.efficiency._timing import LEAST_ROUNDS, Deadline, Timing
from downslope.losses import Loss
from downslope.networks import Sequential, loss_and_gradients

GROWTH = 0.1
"""Throughput has stopped growing where no larger batch has more than this share more."""


@dataclass(frozen=True)
class StepTime:
    """One step on a batch: forward, loss, backward; no update of the parameters.

    Attributes:
        batch_size: examples in the batch.
        timing: of one step.
        memory: bytes that the compiled step reserves: parameters, gradients, the batch, and all in between.
    """

    batch_size: int
    timing: Timing
    memory: int

    @property
    def seconds(self) -> float:
        """The time of the fastest round."""
        return self.timing.seconds

    @property
    def examples_per_second(self) -> float:
        """The throughput, going by the fastest round."""
        return self.batch_size / self.timing.seconds

    @property
    def most_examples_per_second(self) -> float:
        """The throughput at most, without other work on the machine."""
        return self.batch_size / self.timing.least

    @property
    def least_examples_per_second(self) -> float:
        """The throughput at least, within the spread."""
        return self.batch_size / self.timing.most


@dataclass(frozen=True)
class Step:
    """A step of a network, before it is given a batch.

    Attributes:
        net: the network.
        loss: what is differentiated.
        variables: parameters and state, on the device.
        input_shape: of one example.
        seed: of the examples drawn.
    """

    net: Sequential
    loss: Loss
    variables: Variables
    input_shape: Shape
    seed: int

    def compiled(self, rows: int) -> Program:
        """Return the step compiled for batches of so many rows."""
        float_, key = float_dtype(), jax.ShapeDtypeStruct((2,), jnp.uint32)
        t = self._targets(1)
        x, targets, weights = (
            jax.ShapeDtypeStruct((rows, *shape), dtype)
            for shape, dtype in ((self.input_shape, float_), (t.shape[1:], t.dtype), ((), float_))
        )
        return compile_loop(self._results, self.variables, x, targets, key, weights)

    def loop(self, rows: int, program: Program) -> Loop:
        """Return a compiled step, ready to be timed."""
        inputs = drawn(rows, self.input_shape, self.seed), self._targets(rows), fold(self.seed, "step")
        return Loop.of(program, self.variables, *inputs, jnp.ones(rows, float_dtype()))

    def _results(
        self, variables: Variables, x: jax.Array, t: jax.Array, key: jax.Array, row_weights: jax.Array
    ) -> list[jax.Array]:
        """Return the results of a step of training: the loss, the gradients and the next state."""
        step = loss_and_gradients(self.net, variables, x, t, self.loss, training=True, key=key, row_weights=row_weights)
        inputs = {id(array) for array in jax.tree.leaves(variables)}
        return [leaf for leaf in jax.tree.leaves((step.loss, step.params, step.state)) if id(leaf) not in inputs]

    def _targets(self, rows: int) -> jax.Array:
        """Return random targets that suit the loss."""
        shape, random = (rows, *self.net.output_shape(self.input_shape)), generator(self.seed, "targets")
        if self.loss.targets in ("classes", "sides"):
            return jnp.asarray(random.integers(0, max(shape[-1], 2), rows), jnp.int32)
        return jnp.asarray(random.uniform(0, 1, shape), float_dtype())


def powers_of_two(most: int | None) -> list[int]:
    """Return 1, 2, 4, …, none above `most`, nor above what any memory holds."""
    sizes = (2**power for power in range(40))
    return [size for size in sizes if most is None or size <= most]


class StepLoops(NamedTuple):
    """Steps on growing batches, ready to be timed.

    Attributes:
        loops: by the size of the batch.
        notes: why it stopped, where it was before the last size.
        time_is_up: whether that was for want of time.
    """

    loops: dict[int, Loop]
    notes: list[str]
    time_is_up: bool = False


def step_loops(
    step: Step,
    batch_sizes: Sequence[int],
    *,
    known: Mapping[int, Loop],
    memory_limit: int,
    deadline: Deadline,
    tell: Callable[[str], None],
) -> StepLoops:
    """Return steps on growing batches, ready to be timed, as many as memory and time allow.

    Args:
        step: what to time.
        batch_sizes: in rising order.
        known: steps that are ready already, by their sizes; kept if among these.
        memory_limit: bytes; a larger program is compiled, which tells its size, but not run.
        deadline: no size is begun after which as many rounds as are needed would not end in time, going by the one
            before.
        tell: is told what comes next.
    """
    loops = {size: loop for size, loop in known.items() if size in batch_sizes}
    spent = a_round = 0.0
    for size in batch_sizes:
        if size in loops:
            continue
        if not deadline.allows(spent + LEAST_ROUNDS * a_round):
            up = f"The time was up before batches of {size}; more"
            return StepLoops(loops, [Message(up, Setting("seconds"), "measure more sizes.")], time_is_up=True)
        tell(f"throughput of batches of {size}")
        begun = deadline.clock()
        program = step.compiled(size)
        if program.memory > memory_limit:
            reserved = f"A step on {size} examples would reserve {bytes_text(program.memory)}"
            return StepLoops(loops, [f"{reserved}, above the limit of {bytes_text(memory_limit)}."])
        loops[size] = step.loop(size, program)
        # with the next size, twice as large
        spent, a_round = 2 * (deadline.clock() - begun), a_round + 2 * loops[size]() * loops[size].runs
    return StepLoops(loops, [])


def step_times(loops: Mapping[int, Loop], timings: Mapping[Any, Timing]) -> list[StepTime]:
    """Return the times of steps, in rising order of their batches."""
    return [StepTime(size, timings[loops[size]], loops[size].program.memory) for size in sorted(loops)]


def stops_growing(
    batch_sizes: Sequence[int], most: Sequence[float | int], least: Sequence[float | int]
) -> tuple[int, int]:
    """Return the batch sizes between which throughput stops growing, as far as the spread of the times allows.

    It stops at the smallest size from which no larger measured one is more than 10 % faster per example. That holds of
    a size for sure if the most that any larger may reach is within that of its least. Where both sizes are the same the
    answer is known. Where the second is the largest of all, throughput may still be growing.

    Args:
        batch_sizes: what was measured.
        most: examples a second at each, at most.
        least: at least.

    Example:
        >>> stops_growing([1, 2, 4, 8, 16], [100, 190, 300, 320, 310], [99, 188, 298, 315, 305])
        (4, 4)
        >>> stops_growing([1, 2, 4, 8, 16], [100, 190, 300, 320, 310], [90, 150, 200, 150, 250])
        (4, 16)
    """
    by_size = sorted(zip(batch_sizes, most, least, strict=True))

    def first(of_larger: int, own: int) -> int:
        return next(
            row[0]
            for index, row in enumerate(by_size)
            if all(larger[of_larger] <= (1 + GROWTH) * row[own] for larger in by_size[index + 1 :])
        )

    return first(of_larger=2, own=1), first(of_larger=1, own=2)


def growth_between(steps: Sequence[StepTime]) -> tuple[int, int]:
    """Return the batch sizes between which the throughput of steps stops growing; all, where there were few rounds."""
    sizes = [step.batch_size for step in steps]
    if not all(step.timing.settled for step in steps):
        return min(sizes), max(sizes)
    return stops_growing(
        sizes, [step.most_examples_per_second for step in steps], [step.least_examples_per_second for step in steps]
    )
