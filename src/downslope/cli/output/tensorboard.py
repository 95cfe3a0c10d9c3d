"""Event files for TensorBoard."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from downslope.export import TensorBoard

FILES = "tensorboard"
"""The folder of event files in that of a run."""


def observers(tensorboard: bool, folder: Path) -> tuple[TensorBoard, ...]:
    """Return the observers of a training that is kept in a folder."""
    if not tensorboard:
        return ()
    from downslope.export import TensorBoard

    return (TensorBoard(folder / FILES),)


def viewing_hint(tensorboard: bool, folder: Path) -> list[str]:
    """Return the command that shows the event files, if there are any."""
    if not tensorboard:
        return []
    path = str(folder / FILES)
    logs = f"./{path}" if path.startswith("-") else path
    return [f"Look at the event files with: {shlex.join(['tensorboard', '--logdir', logs])}"]
