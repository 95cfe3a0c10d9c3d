"""Event files for TensorBoard, where they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

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

    return [TensorBoard(folder / "tensorboard")]
