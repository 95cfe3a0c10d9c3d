"""The cost of a step by the size of its batch: computing, updating, drawing the rows, memory."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace

import jax

from downslope.core import Setting, SettingError, bytes_text, fold
from downslope.data import ORDERS, Batches
from downslope.efficiency import (
    Deadline,
    Loop,
    Sampler,
    Step,
    compile_loop,
    in_rounds,
    powers_of_two,
    step_loops,
    step_times,
)
from downslope.optimizers import apply_rule
from downslope.training.engine.batches import epoch_chunks, gather
from downslope.training.engine.state import begin_training
from downslope.training.finders.batch_size.outlook import USUAL_BATCH, BatchCosts
from downslope.training.problem.problem import Problem

SMALLEST, LARGEST = 4, 4096
"""Batches of powers of two between these are timed."""


def batch_costs(problem: Problem, *, memory_limit: int, deadline: Deadline, tell: Callable[[str], None]) -> BatchCosts:
    """Measure the cost of steps of this training on this machine, all sizes in the same rounds.

    The usual size, or the largest below it that rows and memory allow, is always among them.

    Raises:
        SettingError: not even the smallest batch fits into the memory allowed.
    """
    shape = problem.preprocessing.input_shape
    step = Step(problem.architecture, problem.loss, jax.device_put(problem.start), shape, problem.seed)
    sizes = [size for size in powers_of_two(min(len(problem.train), LARGEST)) if size >= SMALLEST] or [1]
    known = _usual_step(step, [size for size in sizes if size <= USUAL_BATCH], memory_limit, tell)
    growing = step_loops(step, sizes, known=known, memory_limit=memory_limit, deadline=deadline, tell=tell)
    tell("steps, the optimizer's update and the drawing of rows, in turn")
    update, drawing = _update(problem), {order: _drawing(problem, order) for order in ORDERS}
    samplers: list[Sampler] = [*growing.loops.values(), update, *drawing.values()]
    timings = dict(zip(samplers, in_rounds(samplers, deadline=deadline), strict=True))
    return BatchCosts(
        steps=tuple(step_times(growing.loops, timings)),
        update=timings[update],
        drawing={order: timings[sampler] for order, sampler in drawing.items()},
        order=problem.batches.order,
        complete=not growing.time_is_up,
        notes=tuple(growing.notes),
    )


def _usual_step(step: Step, sizes: list[int], memory_limit: int, tell: Callable[[str], None]) -> dict[int, Loop]:
    """Return the step on the largest of some batches that memory allows, ready to be timed, by its size.

    Raises:
        SettingError: there is none.
    """
    needed = 0
    for size in reversed(sizes):
        tell(f"a step on {size} examples")
        program = step.compiled(size)
        if program.memory <= memory_limit:
            return {size: step.loop(size, program)}
        needed = program.memory
    raise SettingError(
        Setting("memory_limit"),
        f"must hold a step on {sizes[0]} examples, which reserves {bytes_text(needed)}, got "
        f"{bytes_text(memory_limit)}.",
    )


def _update(problem: Problem) -> Loop:
    """Return one update of all parameters, ready to be timed."""
    state, rule = begin_training(problem).state, problem.optimizer.rule
    params = jax.device_put(state.variables.params)
    inputs = params, jax.device_put(state.optimizer), params
    program = compile_loop(lambda gradients, state, params: apply_rule(rule, gradients, state, params), *inputs)
    return Loop.of(program, *inputs)


def _drawing(problem: Problem, order: str) -> Sampler:
    """Return what times, epoch by epoch, how long it takes to draw a row and copy it into its batch, as training does.

    One epoch is drawn here, to warm up.
    """
    rows = problem.batches.rows
    batches = Batches(rows, problem.batches.batch_size, order, int(fold(problem.seed, "draw")[0]))
    reordered, epochs = replace(problem, batches=batches), itertools.count()

    def seconds_a_row() -> float:
        epoch, begin = next(epochs), time.perf_counter()
        for chunk in epoch_chunks(reordered, epoch):
            jax.block_until_ready(gather(reordered.train, chunk))
        return (time.perf_counter() - begin) / rows

    seconds_a_row()
    return seconds_a_row
