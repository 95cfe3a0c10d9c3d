"""`downslope evaluate`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from downslope.cli.compile_cache import keep_compiled_code
from downslope.cli.options import FileArgument, JsonOption, ReadingOptions, RunArgument
from downslope.cli.output import counted, print_json, print_lines, say, score_lines, without_warnings
from downslope.cli.parse import open_examples, reading_of


def evaluate(
    run: RunArgument,
    file: FileArgument,
    text: ReadingOptions,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="The column to compare with.", show_default="the one the run was trained on"
        ),
    ] = None,
    drop_missing_target: Annotated[
        bool,
        typer.Option("--drop-missing-target", help="Leave out rows without a target."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Judge a trained network on rows whose target is known.

    The loss is the one that training descended; accuracy, rmse and r2 are in the target's own units.
    """
    from downslope.core import working
    from downslope.training import open_run

    opened = open_run(run)
    data = open_examples(
        file,
        opened,
        target=target,
        needs_target=True,
        drop_missing_target=drop_missing_target,
        reading=reading_of(**asdict(text)),
    )
    keep_compiled_code()
    say(*data.notes, *opened.preprocessing.notes_on(data))
    with without_warnings(), working("auto", f"Judging by {counted(len(data), 'row')}"):
        scores = opened.evaluate(data)
    if json:
        print_json({"run": str(run), "task": opened.task, "rows": len(data), **scores})
    else:
        print_lines(score_lines({file: (len(data), scores)}))
