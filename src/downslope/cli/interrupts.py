"""The effect of Ctrl-C, SIGTERM and SIGHUP: they end a command in a sentence.

At first they end the process on the spot. Once there is a result to keep, the first of them is the exception that a
training waits for, which goes back to the end of its last chunk and is saved; a second one ends the process at once.
After SIGTERM and SIGHUP, by which others end a job, the exit code asks to try again.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

STOPPED = 130
"""The exit code of a command stopped by Ctrl-C: 128 + SIGINT, as shells have it."""

TRY_AGAIN = 75
"""The exit code of a command that others ended, or that others are in the way of."""

STANDARD_ERROR = 2

_signals: list[int] = []
"""The signals of this command that came, in order."""

_handled: list[int] = []
"""The signals that this command answers to: not those that are ignored (`nohup`), or that somebody else handles."""


@contextmanager
def exit_on_interrupt() -> Iterator[None]:
    """Let signals end the process on the spot, without unwinding.

    An exception in the middle of importing a large library can crash it.
    """
    before = {number: signal.getsignal(number) for number in _ending_signals()} if _in_main_thread() else {}
    untouched = {number: handler for number, handler in before.items() if _is_default(number, handler)}
    _signals.clear()
    _handled[:] = untouched
    for number in untouched:
        signal.signal(number, _end)
    try:
        yield
    finally:
        _handled.clear()
        for number, handler in untouched.items():
            signal.signal(number, handler)


def raise_on_interrupt() -> None:
    """Let the first signal from here on be the exception that training waits for."""
    for number in _handled:
        signal.signal(number, _interrupt)


def ending_signal() -> str | None:
    """Return the name of the signal by which others ended this command; None if none came, or Ctrl-C alone."""
    return next((signal.Signals(number).name for number in _signals if number != signal.SIGINT), None)


def say_how_it_ended() -> int:
    """Say which signal ended a command, if one came, and return the exit code."""
    if _signals:
        _say(_signals[-1])
    return TRY_AGAIN if ending_signal() else STOPPED


def exit_code_after(code: int) -> int:
    """Return the exit code of a command that has come to its end, as a signal had it do, if one came.

    After SIGTERM it is to be tried again, even if a part of the work was shown.
    """
    stopped = code == STOPPED and bool(_signals)
    return say_how_it_ended() if stopped or (code == 0 and ending_signal()) else code


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Let the first signal be an exception, and end the process at the second."""
    _signals.append(number)
    if len(_signals) > 1:
        _exit(number)
    raise KeyboardInterrupt


class _End:
    """A handler that ends the process on the spot, in a sentence, and says so to what must be removed before."""

    ends_process = True

    def __call__(self, number: int, frame: FrameType | None) -> None:
        _exit(number)


_end = _End()


def _exit(number: int) -> None:
    """Say which signal came, and end the process."""
    _say(number)
    os._exit(STOPPED if number == signal.SIGINT else TRY_AGAIN)


def _say(number: int) -> None:
    """Write which signal ended the command to standard error, in one call that a signal cannot come into."""
    cause = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
    with suppress(OSError):
        os.write(STANDARD_ERROR, f"downslope: stopped by {cause}.\n".encode())


def _ending_signals() -> list[int]:
    """Return the signals that end a command, as far as the system has them."""
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _is_default(number: int, handler: object) -> bool:
    """Return whether nobody else handles or ignores a signal."""
    return handler is (signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def _in_main_thread() -> bool:
    """Return whether this is the thread that signals come to."""
    return threading.current_thread() is threading.main_thread()
