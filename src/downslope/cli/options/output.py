"""The options about output."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

FigureOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Draw it into this file: .png, .svg or .pdf.", show_default="none")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
TensorBoardOption = Annotated[
    bool,
    typer.Option(
        "--tensorboard",
        help=r"Write event files for TensorBoard beside the run, too; needs pip install 'downslope\[tensorboard]'.",
        rich_help_panel="Result",
    ),
]
