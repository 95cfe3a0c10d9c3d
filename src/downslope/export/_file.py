"""Where an exported file goes."""

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
    place = Path(path)
    if place.is_dir() or not place.parent.is_dir():
        found = "is a folder itself" if place.is_dir() else f"is in {place.parent}, which is none"
        raise SettingError(
            f"An export must go to a file in a folder that is there, but {place} {found}.", setting="path"
        )
    write_whole(place, content)
    return place
