"""Files that are either the old or the new one, never half of each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from downslope.core import UnwritableRunError


def write_whole(path: Path, content: bytes, *, earlier: Path | None = None) -> None:
    """Write a file beside its place, sync it, and rename it into place.

    Args:
        path: the place.
        content: of the file.
        earlier: where what is at that place now is kept, or None. At no moment is there nothing at `path`, where the
            file system knows hard links.

    Raises:
        UnwritableRunError: the disk refuses.
    """
    beside = path.with_name(path.name + ".new")
    with refusals_explained(path):
        with open(beside, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if earlier is not None and path.exists():
            _keep(path, earlier)
        os.replace(beside, path)
        sync_folder(path.parent)


@contextmanager
def refusals_explained(path: Path) -> Iterator[None]:
    """Turn what the system says into a sentence about a file."""
    try:
        yield
    except OSError as error:
        raise UnwritableRunError(
            f"{path} cannot be written: {error.strerror}. What was saved before is still there."
        ) from error


def sync_folder(folder: Path) -> None:
    """Make a rename last, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _keep(path: Path, earlier: Path) -> None:
    """Put what is at a place to another one, leaving it where it is if the file system can."""
    linked = earlier.with_name(earlier.name + ".new")
    linked.unlink(missing_ok=True)
    try:
        os.link(path, linked)
    except OSError:
        os.replace(path, earlier)
    else:
        os.replace(linked, earlier)
