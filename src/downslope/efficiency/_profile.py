"""Measure where the time of training a network goes: layer by layer, as a whole, by the size of the batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import jax
import numpy as np

from downslope.core import (
    Advice,
    Message,
    Setting,
    SettingError,
    Shape,
    ShapeError,
    bytes_text,
    check_integer,
    check_number,
    fold,
)
from downslope.data import Dataset, Preprocessing
from downslope.efficiency._advice import advice_on
from downslope.efficiency._layer_times import LayerLoops, LayerTimes, layer_loops, time_in_rounds
from downslope.efficiency._peak import matrix_products, peak_of
from downslope.efficiency._result import LayerProfile, Profile, share_of
from downslope.efficiency._savings import savings
from downslope.efficiency._stopwatch import Loop
from downslope.efficiency._throughput import Step, powers_of_two, step_loops, step_times
from downslope.efficiency._timing import Deadline
from downslope.losses import Loss, as_loss
from downslope.networks import Sequential, Site, connections, forward_flops, sites_of

MEMORY_LIMIT = 2**30
"""The default limit: 1 GiB."""
COMPILED_SHARE, LAYERS_SHARE, THROUGHPUT_SHARE = 0.5, 0.6, 0.85
"""By which share of the time the layers are to be compiled and measured, and then the batch sizes to be done."""

Tell = Callable[[str], None]


def profile(
    net: Sequential,
    data: Dataset | Shape,
    *,
    loss: str | Loss = "auto",
    batch_size: int = 32,
    batch_sizes: Sequence[int] | None = None,
    memory_limit: int | None = None,
    seconds: float | int = 30.0,
    seed: int = 0,
    tell: Tell | None = None,
) -> Profile:
    """Measure how long each layer of a network takes forward and backward, what the whole takes, and what it could.

    Times are measured in compiled loops, as training runs, after a warm-up, and in rounds: all layers, the step and a
    matrix product once a round, then all batch sizes, so that other work on the machine disturbs what is compared
    alike. Each is that of the fastest round, and its spread that of the fastest quarter of the rounds; where the spread
    leaves it open which layer dominates, or where throughput stops growing, the answer is that it is too noisy to say.
    The sum of the layers is not the whole, which the compiler makes one program of; both are given.

    FLOP/s are operations counted over time measured, beside a large matrix product measured in the same call; a
    backward pass counts as its forward pass once for the gradients of parameters, and once for that of the input.
    Memory is what the compiler says that the compiled program reserves.

    Weights, examples and targets are drawn anew; nothing of the user's is touched. Interrupting (Ctrl-C) stops after
    the call under way.

    Args:
        net: the network.
        data: a data set, or the shape of one example, such as `(28, 28, 1)`. Of a data set only shapes and the task are
            used.
        loss: a name or a loss; `"auto"` as for `ds.train`, squared error where there is no data set.
        batch_size: for the times of layers and of the step.
        batch_sizes: for the throughput; None: 1, 2, 4, … while memory and time allow, and there are as many rows. An
            empty list measures none.
        memory_limit: bytes that a compiled step may reserve, 2³⁰ (1 GiB) by default. Dense layers in place of
            convolutions are measured where their weights take a quarter of it.
        seconds: after which nothing new is begun; what is under way, compilations too, still ends. Layers come first
            and may take half; what there was no time for is None, and `notes` say so.
        seed: of all that is drawn.
        tell: called with a few words before each measurement.

    Returns:
        `.rows`, `.step`, `.peak_flops`, `.bottleneck`, `.savings`, `.throughput`, `.growth_between`; `.table()`,
        `.throughput_table()`, `.savings_table()` for polars; printed, all of it.

    Raises:
        SettingError: a setting that cannot be, or a step that would reserve more than the limit.
        ShapeError: the network cannot take such examples, or the loss its outputs.

    Example:
        >>> import downslope as ds
        >>> net = ds.Sequential([ds.Dense(256), ds.ReLU(), ds.Dense(2)])
        >>> result = profile(net, (64,), batch_sizes=[16, 32], seconds=60)
        >>> [row.layer for row in result.rows], round(sum(row.share for row in result.rows), 6)
        (['Dense(256)', 'ReLU()', 'Dense(2)'], 1.0)
        >>> result.throughput_table()["batch_size"].to_list()
        [16, 32]
    """
    begun, total = time.monotonic(), check_number("seconds", seconds, above=0)
    check_integer("batch_size", batch_size)
    limit = MEMORY_LIMIT if memory_limit is None else check_integer("memory_limit", memory_limit)
    seed, tell = check_integer("seed", seed, at_least=0), tell or _silent
    shape, task, rows = _facts(net, data)
    sizes = powers_of_two(rows) if batch_sizes is None else _checked_sizes(batch_sizes)

    def by(share: float) -> Deadline:
        return Deadline(begun + share * total)

    step = _step(net, shape, as_loss(loss, task=task, outputs=net.output_shape(shape)[-1]), seed)
    tell(f"a step on {batch_size} examples")
    step_loop = _step_loop(step, batch_size, limit)
    tell("a large matrix product")
    products = matrix_products()
    sites = sites_of(net.layers, shape)
    loops, notes = _layer_loops(sites, batch_size, seed=seed, deadline=by(COMPILED_SHARE), tell=tell)
    tell("layers, the step and a large matrix product, in turn")
    passes = [loop for layer in loops if layer is not None for loop in layer]
    timings = time_in_rounds([*passes, step_loop, *products.values()], deadline=by(LAYERS_SHARE))
    times = [None if layer is None else layer.times(timings) for layer in loops]
    growing = step_loops(
        step, sizes, known={batch_size: step_loop}, memory_limit=limit, deadline=by(THROUGHPUT_SHARE), tell=tell
    )
    others = {}
    if set(growing.loops) - {batch_size}:
        tell("steps of all batch sizes, in turn")
        others = time_in_rounds(growing.loops.values(), deadline=by(THROUGHPUT_SHARE))
    saved = savings(sites, loops, times, batch_size, seed=seed, memory_limit=limit, deadline=by(1.0), tell=tell)
    peak = peak_of(products, timings)
    return Profile(
        rows=_rows(sites, times, batch_size),
        input_shape=shape,
        step=step_times({batch_size: step_loop}, timings)[0],
        peak_flops=peak.flops_per_second,
        least_peak_flops=peak.least,
        savings=saved,
        throughput=tuple(step_times(growing.loops, timings | others)),
        memory_limit=limit,
        notes=(*notes, *growing.notes),
    )


def _facts(net: object, data: object) -> tuple[Shape, str | None, int | None]:
    """Return the shape of an example, the task and the number of rows, as far as they are known."""
    if not isinstance(net, Sequential):
        raise SettingError(
            Setting("net"), f"must be a network such as ds.mlp([64], outputs=10), got {type(net).__name__}."
        )
    if isinstance(data, Dataset):
        arrays = isinstance(data.x, np.ndarray)
        shape = data.x.shape[1:] if arrays else Preprocessing.fit(data).input_shape
        return tuple(shape), data.task, len(data)
    if not isinstance(data, tuple | list):
        raise SettingError(
            Setting("data"),
            f"must be a ds.Dataset or the shape of one example, such as (64,) or (28, 28, 1), got {data!r}.",
        )
    return tuple(check_integer("data", size, advice="A shape holds no row axis.") for size in data), None, None


def _checked_sizes(batch_sizes: object) -> list[int]:
    """Return batch sizes in rising order, each once."""
    if isinstance(batch_sizes, str) or not isinstance(batch_sizes, Iterable):
        raise SettingError(Setting("batch_sizes"), f"must be a list such as [1, 32, 1024], got {batch_sizes!r}.")
    return sorted({check_integer("batch_sizes", size) for size in batch_sizes})


def _step(net: Sequential, shape: Shape, loss: Loss, seed: int) -> Step:
    """Return the step to time.

    Raises:
        ShapeError: the loss wants rows of outputs, and the network makes images or sequences.
    """
    output_shape = net.output_shape(shape)
    if loss.targets in ("classes", "sides") and len(output_shape) != 1:
        raise ShapeError(
            f"With the loss {loss.name} the network must end in a row of outputs, such as Dense(10), got outputs of "
            f"shape {output_shape}.",
            Advice("put a flattening and a dense layer last", code="ds.Flatten(), ds.Dense(10)"),
            Advice("use {}", loss="squared_error"),
        )
    return Step(net, loss, jax.device_put(net.init(fold(seed, "initialize"), shape)), shape, seed)


def _step_loop(step: Step, batch_size: int, limit: int) -> Loop:
    """Return the step at the batch size asked for, ready to be timed.

    Raises:
        SettingError: it would reserve more memory than the limit.
    """
    program = step.compiled(batch_size)
    if program.memory > limit:
        raise SettingError(
            Setting("memory_limit"),
            f"must hold a step on {batch_size} examples, which reserves {bytes_text(program.memory)}, got "
            f"{bytes_text(limit)}. Use smaller batches, or raise the limit if there is memory.",
        )
    return step.loop(batch_size, program)


def _layer_loops(
    sites: Sequence[Site], batch_size: int, *, seed: int, deadline: Deadline, tell: Tell
) -> tuple[list[LayerLoops | None], list[str]]:
    """Return all layers ready to be timed, equal ones once; None after the deadline, and a note that says so."""
    known: dict[tuple, LayerLoops] = {}
    loops: list[LayerLoops | None] = []
    for number, site in enumerate(sites, start=1):
        kind = site.layer, site.input_shape, site.parameters > 0, site.feeds
        if kind not in known and deadline.allows():
            tell(f"layer {number} of {len(sites)}, {site.name}")
            known[kind] = layer_loops(site, batch_size, seed=seed)
        loops.append(known.get(kind))
    missing = loops.count(None)
    if not missing:
        return loops, []
    return loops, [
        Message(
            f"The time was up before {missing} of {len(sites)} layers; more", Setting("seconds"), "measure all of them."
        )
    ]


def _rows(sites: Sequence[Site], times: Sequence[LayerTimes | None], batch_size: int) -> tuple[LayerProfile, ...]:
    """Return the rows of the profile."""
    totals = [None if layer is None else layer.both for layer in times]
    rows = []
    for index, (site, layer) in enumerate(zip(sites, times, strict=True)):
        flops = forward_flops(site.layer, site.input_shape)
        passes = 1 + (site.parameters > 0) + site.feeds
        share, between = share_of(totals, index)
        rows.append(
            LayerProfile(
                place=site.place,
                layer=site.name,
                output_shape=site.output_shape,
                parameters=site.parameters,
                connections=connections(site.layer, site.input_shape),
                flops=None if flops is None else flops * passes * batch_size,
                forward=None if layer is None else layer.forward,
                backward=None if layer is None else layer.backward,
                share=share,
                share_between=between,
                advice=advice_on(site),
            )
        )
    return tuple(rows)


def _silent(words: str) -> None:
    """Report nothing."""
