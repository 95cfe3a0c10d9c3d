"""`downslope profile`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from downslope.cli.compile_cache import keep_compiled_code
from downslope.cli.options import (
    DataOptions,
    FigureOption,
    JsonOption,
    NetworkOptions,
    PlainLossOptions,
    SourceArgument,
    reader,
)
from downslope.cli.output import check_figure, draw_into, print_json, print_text, say
from downslope.cli.prepare import introduction, loss_for, network_for, open_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from downslope.efficiency import Profile

MEBIBYTE = 2**20


def profile(
    source: SourceArgument,
    data: DataOptions,
    network: NetworkOptions,
    loss: PlainLossOptions,
    batch_size: Annotated[
        int,
        typer.Option(
            parser=reader(int, "a whole number of rows"), metavar="ROWS", help="Rows a step, for the times of layers."
        ),
    ] = 32,
    memory: Annotated[
        int,
        typer.Option(
            parser=reader(int, "a whole number of MiB"),
            metavar="MIB",
            help="Memory that a step may reserve; larger batches are not tried.",
        ),
    ] = 1024,
    seconds: Annotated[
        float,
        typer.Option(
            parser=reader(float, "a number of seconds above 0"),
            metavar="NUMBER",
            help="Begin no new measurement after this time.",
        ),
    ] = 30.0,
    json: JsonOption = False,
    figure: FigureOption = None,
) -> None:
    """Measure where the time of training a network goes, and which batch size gives the most examples a second.

    Prints time, operations and memory of each layer, the bottleneck, what convolutions save against dense layers, and
    the throughput of growing batches. All times are measured on this machine, in rounds, each with its spread; what
    that leaves open is said to be too noisy to say.
    """
    from downslope.core import check_integer
    from downslope.efficiency import profile as measure
    from downslope.training import TrainingSettings, data_notes

    check_figure(figure)
    limit = check_integer("memory", memory) * MEBIBYTE
    rows = open_rows(source, data, network)
    keep_compiled_code()
    descended = loss_for(loss, rows)
    net = network_for(network, rows, descended)
    with _status() as tell:
        result = measure(
            net, rows, loss=descended, batch_size=batch_size, memory_limit=limit, seconds=seconds, tell=tell
        )
    say(introduction(source, rows), *data_notes(rows, TrainingSettings()))
    if json:
        print_json(_facts(result))
    else:
        print_text(result.message)
    draw_into(figure, lambda: _figure(result))


@contextmanager
def _status() -> Iterator[Callable[[str], None] | None]:
    """Return the function that shows on a terminal what is being measured; None elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("Measuring") as status:
        yield lambda words: status.update(f"Measuring {words}")


def _facts(result: Profile) -> dict[str, object]:
    """Return the results for programs."""
    bottleneck = result.bottleneck
    return {
        "layers": result.table().to_dicts(),
        "step": {
            "batch_size": result.step.batch_size,
            "seconds": result.step.seconds,
            "spread": result.step.timing.spread,
            "rounds": result.step.timing.rounds,
            "other_work": result.step.timing.other_work,
            "memory": result.step.memory,
            "flops_per_second": result.flops_per_second,
        },
        "peak_flops_per_second": result.peak_flops,
        "least_peak_flops_per_second": result.least_peak_flops,
        "bottleneck": None if bottleneck is None else bottleneck.place,
        "bottleneck_known": result.bottleneck_known,
        "savings": result.savings_table().to_dicts(),
        "throughput": result.throughput_table().to_dicts(),
        "growth_stops_at": result.growth_stops_at,
        "growth_between": result.growth_between,
        "notes": list(result.notes),
    }


def _figure(result: Profile) -> Figure:
    """Return the figure of a profile."""
    from downslope.figures import profile as drawn

    return drawn(result)
