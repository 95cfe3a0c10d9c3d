"""`downslope profile`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from downslope.cli.options.arguments import JsonOption, SourceArgument, reader
from downslope.cli.options.data import (
    CategoricalOption,
    NumericOption,
    ShapeOption,
    TargetOption,
    TaskOption,
)
from downslope.cli.options.network import (
    ActivationOption,
    DropoutOption,
    InitializerOption,
    NetworkOption,
    NormOption,
    SkipOption,
)
from downslope.cli.options.training import LossOption
from downslope.cli.output.figure import FigureOption, check_figure, draw_into
from downslope.cli.output.printing import described, print_json, print_text, say

if TYPE_CHECKING:
    from downslope.efficiency import Profile

MEBIBYTE = 2**20


def profile(
    source: SourceArgument,
    target: TargetOption = None,
    task: TaskOption = None,
    numeric: NumericOption = None,
    categorical: CategoricalOption = None,
    shape: ShapeOption = None,
    network: NetworkOption = "64,64",
    activation: ActivationOption = "relu",
    initializer: InitializerOption = "auto",
    norm: NormOption = None,
    skip: SkipOption = False,
    dropout: DropoutOption = 0.0,
    loss: LossOption = "auto",
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
    the throughput of growing batches. All times are measured on this machine; other work on it disturbs them.
    """
    from downslope.cli.compile_cache import keep_compiled_code
    from downslope.cli.parse.loss import loss_of
    from downslope.cli.parse.network import network_of
    from downslope.cli.parse.source import open_training_data
    from downslope.core import check_integer
    from downslope.efficiency import profile as measured

    check_figure(figure)
    limit = check_integer("memory", memory) * MEBIBYTE
    data = open_training_data(
        source,
        target=target,
        task=task,
        numeric=numeric or (),
        categorical=categorical or (),
        shape=shape,
        network=network,
    )
    keep_compiled_code()
    chosen = loss_of(loss, 0.0, data.task)
    net = network_of(
        data, network, chosen, activation=activation, initializer=initializer, norm=norm, skip=skip, dropout=dropout
    )
    with _telling() as tell:
        found = measured(net, data, loss=chosen, batch_size=batch_size, memory_limit=limit, seconds=seconds, tell=tell)
    say(f"{Path(source).name}: {described(data)}", *data.notes)
    if json:
        print_json(_facts(found))
    else:
        print_text(found.message)
    draw_into(figure, lambda: _drawn(found))


@contextmanager
def _telling() -> Iterator[Callable[[str], None] | None]:
    """Give what shows on a terminal what is being measured; elsewhere, nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("Measuring") as status:
        yield lambda words: status.update(f"Measuring {words}")


def _facts(found: Profile) -> dict[str, Any]:
    """Return what a program wants to know."""
    bottleneck = found.bottleneck
    return {
        "layers": found.table().to_dicts(),
        "step": {
            "batch_size": found.step.batch_size,
            "seconds": found.step.seconds,
            "memory": found.step.memory,
            "flops_per_second": found.flops_per_second,
        },
        "peak_flops_per_second": found.peak_flops,
        "bottleneck": None if bottleneck is None else bottleneck.place,
        "savings": found.savings_table().to_dicts(),
        "throughput": found.throughput_table().to_dicts(),
        "growth_stops_at": found.growth_stops_at,
        "notes": list(found.notes),
    }


def _drawn(found: Profile) -> Any:
    """Return the figure of a profile."""
    from downslope.figures import profile as drawn

    return drawn(found)
