"""One writer at a time: a lock on a run's folder, which says who holds it and ends with its process."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path

from downslope.core import BusyRunError, UnwritableRunError


class FolderLock:
    """The right to write into a folder. A process that dies, however it dies, gives it back.

    Args:
        path: the lock's file, which is there as long as somebody writes.

    Raises:
        BusyRunError: another process, or another training of this one, has it.
        UnwritableRunError: the folder cannot be written.
    """

    def __init__(self, path: Path):
        from filelock import FileLock, Timeout

        self._lock = FileLock(path, timeout=0, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout:
            raise BusyRunError(
                f"Only one process at a time can write into {path.parent}, and {_holder(path)} does. Wait until it "
                "has ended, or choose another folder."
            ) from None
        except OSError as error:
            raise UnwritableRunError(f"{path} cannot be written: {error.strerror}. Choose another folder.") from error
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")

    def release(self) -> None:
        """Give it back."""
        if self._lock.is_locked:
            with suppress(OSError):  # some systems remove no file that is open
                Path(self._lock.lock_file).unlink(missing_ok=True)
            self._lock.release()


def _holder(path: Path) -> str:
    """Return who holds a lock, as far as is known."""
    try:
        return path.read_text(encoding="utf-8") or "another"
    except OSError:
        return "another"
