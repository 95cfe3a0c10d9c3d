"""Files that are either the old or the new one, never half of each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, runtime_checkable

from downslope.core import UnwritableRunError


@runtime_checkable
class FileSystem(Protocol):
    """The file system calls of a save: at each of them a disk may refuse, or a process end."""

    def open(self, path: Path, mode: str) -> IO[bytes]:
        """Open a file of bytes."""
        ...

    def fsync(self, descriptor: int) -> None:
        """Write a file or folder that is open through to the disk."""
        ...

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name, which is free."""
        ...

    def replace(self, source: Path, target: Path) -> None:
        """Rename a file, in place of the one that has the name."""
        ...


class LocalFileSystem:
    """The file system of this computer."""

    def open(self, path: Path, mode: str) -> IO[bytes]:
        """Open a file of bytes."""
        return open(path, mode)

    def fsync(self, descriptor: int) -> None:
        """Write a file or folder that is open through to the disk."""
        os.fsync(descriptor)

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name, which is free."""
        os.link(source, target)

    def replace(self, source: Path, target: Path) -> None:
        """Rename a file, in place of the one that has the name."""
        os.replace(source, target)


LOCAL = LocalFileSystem()


def write_whole(path: Path, content: bytes, *, earlier: Path | None = None, file_system: FileSystem = LOCAL) -> None:
    """Write a file beside its place, sync it, and rename it into place.

    Args:
        path: the place.
        content: of the file.
        earlier: where what is at that place now is kept, or None. At no moment is there nothing at `path`, where the
            file system knows hard links.
        file_system: what files are written by.

    Raises:
        UnwritableRunError: the disk refuses.
    """
    beside = path.with_name(path.name + ".new")
    with refusals_explained(path):
        with file_system.open(beside, "wb") as file:
            file.write(content)
            file.flush()
            file_system.fsync(file.fileno())
        if earlier is not None and path.exists():
            _keep(path, earlier, file_system)
        file_system.replace(beside, path)
        sync_folder(path.parent, file_system)


@contextmanager
def refusals_explained(path: Path) -> Iterator[None]:
    """Turn what the system says into a sentence about a file."""
    try:
        yield
    except OSError as error:
        raise UnwritableRunError(
            f"{path} cannot be written: {error.strerror}. What was saved before is still there."
        ) from error


def sync_folder(folder: Path, file_system: FileSystem) -> None:
    """Make a rename last, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            file_system.fsync(descriptor)
        finally:
            os.close(descriptor)


def _keep(path: Path, earlier: Path, file_system: FileSystem) -> None:
    """Put what is at a place to another one, leaving it where it is if the file system can."""
    linked = earlier.with_name(earlier.name + ".new")
    linked.unlink(missing_ok=True)
    try:
        file_system.link(path, linked)
    except OSError:
        file_system.replace(path, earlier)
    else:
        file_system.replace(linked, earlier)
