"""`downslope resume`."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated

import typer

from downslope.cli.compile_cache import keep_compiled_code
from downslope.cli.interrupts import raise_on_interrupt
from downslope.cli.options import JsonOption, RunArgument, TensorBoardOption, reader
from downslope.cli.output import leave_if_ended, observers, say, show_result, shown_progress, split_of, viewing_hint


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
    schedule: Annotated[
        str | None,
        typer.Option(
            metavar="WAY",
            help="How the learning rate goes on where its schedule ends before the epochs do: stretch (from here on, "
            "the rates it would have over all epochs), restart (from its start, over the added epochs) or hold.",
            show_default="none: ask",
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            parser=reader(float, "a number above 0"),
            metavar="NUMBER",
            help="A constant learning rate from here on, in place of the schedule.",
            show_default="as before",
        ),
    ] = None,
    early_stopping: Annotated[
        int | None,
        typer.Option(
            parser=reader(int, "a whole number, 0 or more"),
            metavar="EPOCHS",
            help="Go on after early stopping, too, with so much patience, counted anew from here; 0: off.",
            show_default="as before",
        ),
    ] = None,
    tensorboard: TensorBoardOption = False,
    json: JsonOption = False,
) -> None:
    """Go on with a training that was killed, interrupted or stopped, or make more epochs.

    What comes out is, bit by bit, what training without a stop would have given. The rows are read again from where the
    run had them. A run that has made all its epochs, or stopped early, stays as it is, unless it is told how to go on.
    """
    from downslope.core import Message, RunWarning
    from downslope.runs import RunFolder
    from downslope.training import as_early_stopping, goes_on_after, resume, what_is_left

    way = schedule if learning_rate is None else check_rate(schedule, learning_rate)
    after = goes_on_after(run, epochs=epochs, schedule=way, early_stopping=early_stopping)
    keep_compiled_code()
    raise_on_interrupt()
    if after is None:
        say(Message(f"{run} has nothing left to do.", what_is_left(run)))
    else:
        say(f"Going on after epoch {after}.")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RunWarning)
        watching = observers(tensorboard, run)
        ways = {"schedule": way, "early_stopping": early_stopping}
        ended = resume(run, epochs=epochs, file=file, observers=watching, progress=shown_progress(), **ways)
    leave_if_ended(ended)
    if after is not None:
        say(*(warning.message.message for warning in caught if isinstance(warning.message, RunWarning)))
    say(*viewing_hint(tensorboard and after is not None, run))
    stopping = as_early_stopping(RunFolder.open(run).read_record().configuration.get("early_stopping"))
    show_result(ended, split_of(ended, file), stopping=stopping, json=json, went_on_after=after)


def check_rate(schedule: str | None, learning_rate: float) -> float:
    """Return a constant rate to go on with, checked.

    Raises:
        SettingError: it is not above 0, or there is a schedule, too.
    """
    from downslope.core import Setting, SettingError, check_number

    if schedule is not None:
        raise SettingError(
            Setting("learning_rate"), "is a constant rate, got it with", Setting("schedule"), f"{schedule}. Give one."
        )
    return check_number("learning_rate", learning_rate, above=0.0)
