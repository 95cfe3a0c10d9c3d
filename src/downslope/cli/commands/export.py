"""`downslope export`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from downslope.cli.options import RunArgument
from downslope.cli.output import say

if TYPE_CHECKING:
    from downslope.training import Run

FORMATS = ("safetensors", "onnx", "json")


def export(
    run: RunArgument,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(FORMATS),
            help="What to write; by default what the ending of --output says, else safetensors.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write there instead of to RUN.FORMAT in this folder.")
    ] = None,
) -> None:
    r"""Write a trained network to one file, for other programs.

    [bold]onnx[/bold] predicts by itself, from the columns of the training data to labels or numbers, in onnxruntime and
    others; it needs pip install 'downslope\[onnx]'. [bold]safetensors[/bold] holds the parameters by name, and what is
    around them as JSON; [bold]json[/bold] all of it as text, for any language.
    """
    from downslope.core import bytes_text
    from downslope.training import open_run

    chosen = _format(format, output)
    path = output or Path(f"{run.resolve().name}.{chosen}")
    written = _writer(chosen)(open_run(run), path)
    say(f"Wrote {written} ({bytes_text(written.stat().st_size)}).")


def _format(format: str | None, output: Path | None) -> str:
    """Return the format to write.

    Raises:
        UnknownNameError: there is no such format.
    """
    from downslope.core import check_choice

    ending = "" if output is None else output.suffix.lower().removeprefix(".")
    return check_choice("format", format or (ending if ending in FORMATS else FORMATS[0]), FORMATS)


def _writer(format: str) -> Callable[[Run, Path], Path]:
    """Return the function that writes a format."""
    from downslope import export

    return {"safetensors": export.to_safetensors, "onnx": export.to_onnx, "json": export.to_json}[format]
