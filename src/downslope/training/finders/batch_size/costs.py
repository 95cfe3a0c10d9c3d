"""The cost of a step by the size of its batch: computing, updating, drawing the rows, memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import jax

from downslope.core import Setting, SettingError, bytes_text, fold
from downslope.data import ORDERS, Batches
from downslope.efficiency import Deadline, Step, compile_loop, powers_of_two, throughputs, time_loop
from downslope.optimizers import apply_rule
from downslope.training.engine.batches import epoch_chunks, gather
from downslope.training.engine.state import begin_training
from downslope.training.finders.batch_size.outlook import BatchCosts
from downslope.training.problem.problem import Problem

SMALLEST, LARGEST = 4, 4096
"""Batches of powers of two between these are timed."""
DRAWS = 3
"""Drawing is timed over so many epochs, of which the median counts."""


def batch_costs(problem: Problem, *, memory_limit: int, deadline: Deadline, tell: Callable[[str], None]) -> BatchCosts:
    """Measure the cost of steps of this training on this machine.

    Raises:
        SettingError: not even the smallest batch fits into the memory allowed.
    """
    shape = problem.preprocessing.input_shape
    step = Step(problem.architecture, problem.loss, jax.device_put(problem.start), shape, problem.seed)
    sizes = [size for size in powers_of_two(min(len(problem.train), LARGEST)) if size >= SMALLEST] or [1]
    tell(f"a step on {sizes[0]} examples")
    program = step.compiled(sizes[0])
    if program.memory > memory_limit:
        raise SettingError(
            Setting("memory_limit"),
            f"must hold a step on {sizes[0]} examples, which reserves {bytes_text(program.memory)}, got "
            f"{bytes_text(memory_limit)}.",
        )
    known = step.timed(sizes[0], program, deadline)
    measured, reasons = throughputs(step, sizes, known=known, memory_limit=memory_limit, deadline=deadline, tell=tell)
    tell("the optimizer's update")
    drawing = {order: _drawing_seconds(problem, order) for order in ORDERS}
    return BatchCosts(
        tuple(measured), _update_seconds(problem, deadline), drawing, problem.batches.order, tuple(reasons)
    )


def _update_seconds(problem: Problem, deadline: Deadline) -> float:
    """Return the seconds of one update of all parameters."""
    state, rule = begin_training(problem).state, problem.optimizer.rule
    params = jax.device_put(state.variables.params)
    inputs = params, jax.device_put(state.optimizer), params
    program = compile_loop(lambda gradients, state, params: apply_rule(rule, gradients, state, params), *inputs)
    return time_loop(program, *inputs, deadline=deadline)[0]


def _drawing_seconds(problem: Problem, order: str) -> float:
    """Return the seconds it takes to draw a row in an order and copy it into its batch, as training does."""
    rows = problem.batches.rows
    batches = Batches(rows, problem.batches.batch_size, order, int(fold(problem.seed, "draw")[0]))
    reordered = replace(problem, batches=batches)
    seconds = []
    for epoch in range(DRAWS + 1):
        begin = time.perf_counter()
        for chunk in epoch_chunks(reordered, epoch):
            jax.block_until_ready(gather(reordered.train, chunk))
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds[1:]) / rows
