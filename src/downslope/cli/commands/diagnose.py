"""`downslope diagnose`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from downslope.cli.compile_cache import keep_compiled_code
from downslope.cli.options import JsonOption, RunArgument, reader
from downslope.cli.output import check_file, command_line, current_face, print_json, print_text, say

if TYPE_CHECKING:
    from downslope.diagnosis import Report


def diagnose(
    run: RunArgument,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="The file with the rows the run was trained on, if it is elsewhere now.",
            show_default="where it was",
        ),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Train briefly with and without each fix, over twelve seeds, and say what it gains."
        ),
    ] = False,
    starts: Annotated[
        int | Literal["auto"],
        typer.Option(
            parser=reader(int, "a whole number, 0 or more, or 'auto'", auto="auto"),
            metavar="NUMBER",
            help="Compare a run at rest with so many other starts, trained the same way, whatever the work; auto: "
            "with 8, fewer where that would be too much work.",
        ),
    ] = "auto",
    quick: Annotated[bool, typer.Option("--quick", help="Train nothing from other starts for comparison.")] = False,
    remedies: Annotated[
        bool,
        typer.Option(
            "--remedies", help="Compare what centering, normalizing, batch norm, skips and others do to conditioning."
        ),
    ] = False,
    json: JsonOption = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with the report and its figures there, too.")
    ] = None,
) -> None:
    """Find out why a training is slow or stuck, and what to do about it.

    Answers three questions: are we stuck, how fast does this converge and can it be faster, which start is best? Then
    it lists what is wrong, the likeliest cause first, each with what was measured and a fix. The rows are read again
    from where the run had them.
    """
    from downslope.core import Setting, SettingError
    from downslope.diagnosis import SEEDS, compare_remedies, diagnose
    from downslope.training import open_run

    if quick and starts not in ("auto", 0):
        raise SettingError(Setting("quick"), f"trains no other starts, got --starts {starts} with it. Leave one out.")
    if html is not None:
        check_file(html, "html", (".html", ".htm"))
    opened = open_run(run).with_data(file=file)
    keep_compiled_code()
    report = diagnose(
        opened,
        starts=0 if quick else starts,
        verify=SEEDS if verify else 0,
        progress="auto" if sys.stderr.isatty() else "lines",
    )
    recipe = opened.recipe
    table = None
    if remedies and recipe is not None:
        _say_measurement("what remedies do to conditioning")
        known = {name: recipe.settings[name] for name in ("normalize", "normalize_targets", "seed")}
        table = compare_remedies(recipe.net, recipe.data, loss=opened.loss, **known)
    if json:
        rows = {} if table is None else {"remedies": table.table().to_dicts(), "answer": table.answer}
        print_json({"run": str(run), **report.as_json(), **rows})
    else:
        print_text(report.message, *([] if table is None else [str(table)]))
        if verify and not report.trials:
            say("There was nothing to verify: no finding has a fix that is a setting.")
        if not verify and any(finding.change for finding in report.findings):
            say(f"Measure what the fixes gain: {command_line('diagnose', run, options={'verify': True})}")
    if html is not None:
        _write_page(html, report, run)


def _say_measurement(name: str) -> None:
    """Say which measurement is under way."""
    say(f"Measuring: {name}")


def _write_page(path: Path, report: Report, run: Path) -> None:
    """Write a report as a page."""
    from downslope.figures import diagnosis_page

    content = diagnosis_page(report, title=f"Diagnosis of {run}", face=current_face())
    path.write_text(content, encoding="utf-8")
    say(f"Wrote {path}")
