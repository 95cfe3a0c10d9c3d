"""Write an exported file."""

from __future__ import annotations

import os
from pathlib import Path

from downslope.core import SettingError
from downslope.runs import write_whole


def write_file(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write a file in one piece, in place of what was there, and return its path.

    Raises:
        SettingError: it is a folder, or in a folder that is not there.
        UnwritableRunError: the disk refuses.
    """
    file = Path(path)
    if file.is_dir() or not file.parent.is_dir():
        fault = "is a folder itself" if file.is_dir() else f"is in {file.parent}, which is none"
        raise SettingError(
            f"An export must go to a file in a folder that is there, but {file} {fault}.", setting="path"
        )
    write_whole(file, content)
    return file
