"""Whole steps, timed: how many examples a second go through a network forward and back, by the size of the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from downslope.core import Message, Setting, Shape, Variables, bytes_text, float_dtype, fold, generator
from downslope.efficiency._layer_times import drawn
from downslope.efficiency._stopwatch import Deadline, Program, compile_loop, time_loop
from downslope.losses import Loss
from downslope.networks import Sequential, loss_and_gradients

GROWTH = 0.1
"""Throughput has stopped growing where no larger batch has more than this share more."""


@dataclass(frozen=True)
class StepTime:
    """One step on a batch: forward, loss, backward; no update of the parameters.

    Attributes:
        batch_size: examples in the batch.
        seconds: of one step, the median of several.
        memory: bytes that the compiled step reserves: parameters, gradients, the batch, and all in between.
    """

    batch_size: int
    seconds: float
    memory: int

    @property
    def examples_per_second(self) -> float:
        """The throughput."""
        return self.batch_size / self.seconds


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

    def timed(self, rows: int, program: Program, deadline: Deadline) -> StepTime:
        """Return how long a compiled step takes."""
        inputs = drawn(rows, self.input_shape, self.seed), self._targets(rows), fold(self.seed, "step")
        weights = jnp.ones(rows, float_dtype())
        seconds, _ = time_loop(program, self.variables, *inputs, weights, deadline=deadline)
        return StepTime(rows, seconds, program.memory)

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


def throughputs(
    step: Step,
    batch_sizes: Sequence[int],
    *,
    known: StepTime,
    memory_limit: int,
    deadline: Deadline,
    tell: Callable[[str], None],
) -> tuple[list[StepTime], list[str]]:
    """Return the times of steps of growing batches, and why it stopped, where it was before the last.

    Args:
        step: what to time.
        batch_sizes: in rising order.
        known: a step that was timed already, counted if its size is among them.
        memory_limit: bytes; a larger program is compiled, which tells its size, but not run.
        deadline: after which no size is begun that would not end in time, going by the one before.
        tell: is told what comes next.
    """
    times = {known.batch_size: known} if known.batch_size in batch_sizes else {}
    spent = 0.0
    notes: list[str] = []
    for size in batch_sizes:
        if size in times:
            continue
        if not deadline.allows(spent):
            up = f"The time was up before batches of {size}; more"
            notes = [Message(up, Setting("seconds"), "measure more sizes.")]
            break
        tell(f"throughput of batches of {size}")
        before = deadline.left()
        program = step.compiled(size)
        if program.memory > memory_limit:
            reserved = f"A step on {size} examples would reserve {bytes_text(program.memory)}"
            notes = [f"{reserved}, above the limit of {bytes_text(memory_limit)}."]
            break
        times[size] = step.timed(size, program, deadline)
        spent = 2 * (before - deadline.left())
    return [times[size] for size in sorted(times)], notes


def stops_growing(batch_sizes: Sequence[int], examples_per_second: Sequence[float | int]) -> int:
    """Return the batch size from which throughput stops growing.

    That is the smallest from which no larger measured one is more than 10 % faster per example. Where it is the largest
    of all, throughput may still be growing.

    Args:
        batch_sizes: what was measured.
        examples_per_second: at each.

    Example:
        >>> stops_growing([1, 2, 4, 8, 16], [100, 190, 300, 320, 310])
        4
    """
    by_size = sorted(zip(batch_sizes, examples_per_second, strict=True))
    fast_enough = (
        size
        for index, (size, rate) in enumerate(by_size)
        if all(larger <= (1 + GROWTH) * rate for _, larger in by_size[index + 1 :])
    )
    return next(fast_enough)
