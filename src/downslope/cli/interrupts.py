"""The effect of Ctrl-C: it ends the process at once, and once there is a result to keep, the training."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPED = 130
"""The exit code of a command stopped by Ctrl-C: 128 + SIGINT, as shells have it."""


@contextmanager
def exit_on_interrupt() -> Iterator[None]:
    """Let Ctrl-C end the process on the spot, without unwinding.

    An exception in the middle of importing a large library can crash it. A signal that is ignored (`nohup`) stays so.
    """
    before = signal.getsignal(signal.SIGINT)
    in_charge = before is signal.default_int_handler and threading.current_thread() is threading.main_thread()
    if in_charge:
        signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        if in_charge:
            signal.signal(signal.SIGINT, before)


def raise_on_interrupt() -> None:
    """Let Ctrl-C from here on be the exception that training waits for."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(STOPPED)
