"""`downslope resume`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from downslope.cli._interrupts import let_training_keep_its_result
from downslope.cli._options import JsonOption, RunArgument
from downslope.cli._report import print_json, print_lines, say, score_lines, shown_progress, why_stopped
from downslope.cli._tensorboard import TensorBoardOption, watchers


def resume(
    run: RunArgument,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="The file with the rows the run was trained on, if it is elsewhere now.",
            show_default="where it was",
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Passes over the data in all, more than the run was to make.", show_default="as many"),
    ] = None,
    tensorboard: TensorBoardOption = False,
    json: JsonOption = False,
) -> None:
    """Go on with a training that was killed, interrupted or stopped, or make more epochs.

    What comes out is, bit by bit, what training without a stop would have given. The rows are read again from where the
    run had them. A run that has made all its epochs, or stopped early, stays as it is.
    """
    from downslope.cli._cache import keep_compiled_code
    from downslope.core import RunWarning
    from downslope.runs import RunFolder
    from downslope.training import resume

    before = RunFolder.open(run).read_record()
    keep_compiled_code()
    let_training_keep_its_result()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RunWarning)
        watching = watchers(tensorboard, run)
        ended = resume(run, epochs=epochs, file=file, observers=watching, progress=shown_progress())
    say(*(str(warning.message) for warning in caught if issubclass(warning.category, RunWarning)))
    if ended.recipe is None:
        say(f"{run} has nothing left to do. For more epochs: --epochs.")
    last = {name: float(values[-1]) for name, values in ended.history.items() if len(values)}
    if json:
        print_json({"run": str(run), "epochs": ended.epochs, "stop_reason": ended.stop_reason, **last})
    else:
        scores = {
            part: (before.data[rows], {"loss": last[f"{part}_loss"]})
            for part, rows in (("train", "rows"), ("validation", "validation_rows"))
            if f"{part}_loss" in last
        }
        lines = [] if not scores else ["", *score_lines(scores)]
        print_lines([why_stopped(ended, before.configuration["early_stopping"]), *lines])
    if ended.divergence is not None:
        say(str(ended.divergence))
        raise typer.Exit(1)
