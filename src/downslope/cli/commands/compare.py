"""`downslope compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from downslope.cli.options import FigureOption, JsonOption
from downslope.cli.output import check_figure, draw_into, print_json, print_text, say


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN…", help="The folders of two runs or more.", show_default=False)
    ],
    figure: FigureOption = None,
    json: JsonOption = False,
) -> None:
    """Put runs side by side: the settings that differ, their losses and metrics, how long each trained.

    The lowest loss comes first; losses and metrics are those of the epoch whose parameters the run keeps. Runs that are
    still under way are shown as far as they are.
    """
    from downslope.runs import compare

    check_figure(figure)
    result = compare(runs)
    if json:
        print_json(result.as_json())
    else:
        print_text(str(result))
    if figure is not None:
        from downslope.figures import comparison
        from downslope.figures.runs import MOST_RUNS

        if len(result.runs) > MOST_RUNS:
            say(f"The figure shows the best {MOST_RUNS} of {len(result.runs)} runs.")

        draw_into(figure, lambda: comparison(result))
