"""`downslope resume`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from downslope.cli.compile_cache import keep_compiled_code
from downslope.cli.interrupts import raise_on_interrupt
from downslope.cli.options import JsonOption, RunArgument, TensorBoardOption, reader
from downslope.cli.output import observers, say, show_result, shown_progress, split_of, viewing_hint


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
        typer.Option(
            parser=reader(int, "a whole number, 1 or more"),
            metavar="NUMBER",
            help="Passes over the data in all, more than the run was to make.",
            show_default="as many",
        ),
    ] = None,
    tensorboard: TensorBoardOption = False,
    json: JsonOption = False,
) -> None:
    """Go on with a training that was killed, interrupted or stopped, or make more epochs.

    What comes out is, bit by bit, what training without a stop would have given. The rows are read again from where the
    run had them. A run that has made all its epochs, or stopped early, stays as it is.
    """
    from downslope.core import RunWarning
    from downslope.runs import RunFolder
    from downslope.training import goes_on_after, resume

    patience = RunFolder.open(run).read_record().configuration["early_stopping"]
    after = goes_on_after(run, epochs=epochs)
    keep_compiled_code()
    raise_on_interrupt()
    if after is None:
        say(f"{run} has nothing left to do. For more epochs: --epochs.")
    else:
        say(f"Going on after epoch {after}.")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RunWarning)
        watching = observers(tensorboard, run)
        ended = resume(run, epochs=epochs, file=file, observers=watching, progress=shown_progress())
    say(*(warning.message.message for warning in caught if isinstance(warning.message, RunWarning)))
    say(*viewing_hint(tensorboard and after is not None, run))
    show_result(ended, split_of(ended, file), patience=patience, json=json, went_on_after=after)
