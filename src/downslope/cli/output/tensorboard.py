"""Event files for TensorBoard, where they are asked for."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

FILES = "tensorboard"
"""The folder of event files in that of a run."""

TensorBoardOption = Annotated[
    bool,
    typer.Option(
        "--tensorboard",
        help=r"Write event files for TensorBoard beside the run, too; needs pip install 'downslope\[tensorboard]'.",
        rich_help_panel="Result",
    ),
]


def watchers(tensorboard: bool, folder: Path) -> list[Any]:
    """Return who watches a training that is kept in a folder."""
    if not tensorboard:
        return []
    from downslope.export import TensorBoard

    return [TensorBoard(folder / FILES)]


def how_to_look(tensorboard: bool, folder: Path) -> list[str]:
    """Return how to look at what watchers wrote, if there are any."""
    if not tensorboard:
        return []
    return [f"Look at the event files with: {shlex.join(['tensorboard', '--logdir', str(folder / FILES)])}"]
