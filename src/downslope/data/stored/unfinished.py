"""Folders that are being written, removed however the writing ends."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

LOCK = "being written"
"""The name of the lock in such a folder, which ends with the process that writes."""

MARK = ".part-"
"""What the names of such folders have in them."""

FORGOTTEN = 3600.0
"""Seconds after which a folder without a lock, such as earlier versions left, belongs to nobody."""


@contextmanager
def unfinished_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside another, to be filled and then published as that.

    What is not published is removed: at the end of the block, by Ctrl-C and by signals that end the process; and where
    a process could not, because it was killed, by the next that writes there.

    Args:
        folder: that it will be, in a folder that exists.
    """
    from filelock import FileLock

    remove_abandoned(folder.parent)
    part = Path(tempfile.mkdtemp(prefix=f"{folder.name}{MARK}", dir=folder.parent))
    lock = FileLock(part / LOCK, timeout=0, thread_local=False)
    try:
        with _removed_by_signals(part):
            lock.acquire()
            yield part
    finally:
        lock.release()
        shutil.rmtree(part, ignore_errors=True)


def publish(part: Path, folder: Path) -> None:
    """Give a finished folder its name, under which it is complete on the disk, too.

    Raises:
        OSError: there is a folder of this name.
    """
    for file in part.iterdir():
        with file.open("rb+") as written:
            os.fsync(written.fileno())
    with suppress(OSError):  # some systems remove no file that is open
        (part / LOCK).unlink()
    part.chmod(0o755)
    part.rename(folder)


def remove_abandoned(place: Path) -> None:
    """Remove folders whose writers were killed; those of living ones stay."""
    for part in place.glob(f"*{MARK}*"):
        if part.is_dir() and not _has_writer(part):
            shutil.rmtree(part, ignore_errors=True)


def _has_writer(part: Path) -> bool:
    """Return whether somebody writes into a folder: it is locked, or has no lock yet, or none any more, and is new."""
    from filelock import FileLock, Timeout

    try:
        if not (part / LOCK).exists():
            newest = max(path.stat().st_mtime for path in (part, *part.iterdir()))
            return time.time() - newest < FORGOTTEN
        with FileLock(part / LOCK, timeout=0, thread_local=False):
            return False
    except (Timeout, OSError):
        return True


@contextmanager
def _removed_by_signals(part: Path) -> Iterator[None]:
    """Remove a folder before a signal ends the process; what else signals do stays as it is."""
    before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def remove(number: int, frame: FrameType | None) -> None:
        shutil.rmtree(part, ignore_errors=True)
        earlier = before[number]
        if callable(earlier):
            earlier(number, frame)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in _ending_signals()}
    for number in before:
        signal.signal(number, remove)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _ending_signals() -> list[int]:
    """Return the signals that end the process without an exception: by default, or by a handler that says so.

    What other handlers do is not known: they may go on, or raise an exception, which removes the folder anyway.
    """
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    return [number for number in numbers if _ends_process(signal.getsignal(number))]


def _ends_process(handler: object) -> bool:
    """Return whether a handler of signals ends the process without unwinding."""
    return handler is signal.SIG_DFL or getattr(handler, "ends_process", False) is True
