"""Files that are either the old or the new one, never half of each."""

from __future__ import annotations

import os
from pathlib import Path

from downslope.core import RunError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, sync it, and rename it into place.

    Raises:
        RunError: the disk refuses.
    """
    beside = path.with_name(path.name + ".new")
    try:
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}. What was saved before is still there.") from error


def _sync_folder(folder: Path) -> None:
    """Make a rename last, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
