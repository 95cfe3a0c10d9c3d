"""The entry point: run a command, and turn an error into one line and an exit code."""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from downslope.cli.interrupts import STOPPED, TRY_AGAIN, exit_code_after, exit_on_interrupt, say_how_it_ended
from downslope.cli.streams import lost_output, open_streams

if TYPE_CHECKING:
    from typer import Context
    from typer.core import TyperGroup

FAILED, BAD_USAGE = 1, 2
TRACEBACK = "DOWNSLOPE_TRACEBACK"
"""The environment variable that shows where an unexpected error arose, for a report of it."""
OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""Large libraries make some million objects that stay; looking through them for garbage takes a tenth of a command."""

NEGATIVE_NUMBER = re.compile(r"-\.?\d")

XLA_LOGS = ("TF_CPP_MIN_LOG_LEVEL", "3")
"""Only what ends the process: before jax 0.10, XLA warns of every program that it loads from the user's own cache."""


@runtime_checkable
class UsageError(Protocol):
    """An error of typer's own, whose class differs between its versions: it may know the names that were expected."""

    message: str

    def format_message(self) -> str:
        """Return the message with the option that it is about."""
        ...


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code.

    Args:
        arguments: the words after `downslope`; None takes them from the process.
    """
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    os.environ.setdefault(*XLA_LOGS)
    open_streams()
    try:
        code = run(sys.argv[1:] if arguments is None else arguments)
        _ignore_interrupts(arguments)
        code = _output_checked(code)
    except KeyboardInterrupt:  # another one, when all was said
        _ignore_interrupts(arguments)
        code = STOPPED
    gc.freeze()  # nor is a last collection worth its time
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Return the exit code of a command, after it has run."""
    try:
        with exit_on_interrupt():
            from downslope.cli.app import command
            from downslope.cli.output import CommandFace, using_face

            commands = command()
            with using_face(CommandFace(commands.commands, arguments[0] if arguments else None)):
                return exit_code_after(_exit_code(commands, arguments))
    except KeyboardInterrupt:
        return say_how_it_ended()
    except EOFError:
        return STOPPED
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else FAILED


def _exit_code(commands: TyperGroup, arguments: Sequence[str]) -> int:
    """Run a command and return its exit code; say errors in its words."""
    try:
        code = commands(list(arguments) or ["--help"], standalone_mode=False, prog_name="downslope")
        sys.stdout.flush()
    except EOFError:
        raise
    except Exception as error:
        return _failure(error, arguments)
    return code if isinstance(code, int) else 0


def _failure(error: Exception, arguments: Sequence[str]) -> int:
    """Say an error in one line, and return the exit code."""
    if type(error).__name__ == "Abort":
        return STOPPED
    if isinstance(error, UsageError):
        return _say(_usage_sentence(error, arguments), BAD_USAGE)
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return _say(f"{error.strerror}{where}.", FAILED)
    from downslope.cli.output import in_command_words
    from downslope.core import BusyRunError, DownslopeError, out_of_memory

    error = out_of_memory(error) or error
    if isinstance(error, DownslopeError):
        failed = isinstance(error, _failures())
        code = FAILED if failed else TRY_AGAIN if isinstance(error, BusyRunError) else BAD_USAGE
        return _say(in_command_words(error.message), code)
    return _unexpected(error)


def _failures() -> tuple[type[Exception], ...]:
    """Return the errors of ours that are no bad usage."""
    from downslope.core import DamagedRunError, MissingExtraError, OutOfMemoryError, UnwritableRunError

    return DamagedRunError, MissingExtraError, OutOfMemoryError, UnwritableRunError


def _usage_sentence(error: UsageError, arguments: Sequence[str]) -> str:
    """Return the message of a usage error as one sentence with a way out."""
    from downslope.cli.options import Unreadable

    if isinstance(error, Unreadable) and error.param is not None:
        return f"{error.param.opts[0]} {error.message}"
    context = getattr(error, "ctx", None)
    for flag, word in _flags_before_numbers(context, arguments):
        if word.startswith(getattr(error, "option_name", "no option")):
            return f"{flag} takes no value, got {word}."
    close = getattr(error, "possibilities", None)
    if close:
        return f"{error.message.rstrip('.')}. Did you mean {' or '.join(sorted(close))}?"
    sentence = error.format_message()
    stop = "" if sentence.endswith(("?", ".")) else "."
    words = "downslope" if arguments[0].startswith("-") else f"downslope {arguments[0]}"
    return f"{sentence}{stop} See {context.command_path if context else words} --help."


def _flags_before_numbers(context: Context | None, arguments: Sequence[str]) -> list[tuple[str, str]]:
    """Return the flags of a command behind which a negative number stands, which is taken for an option, and those."""
    options = context.command.params if context is not None else []
    flags = {name for option in options if getattr(option, "is_flag", False) for name in option.opts}
    return [(flag, word) for flag, word in pairwise(arguments) if flag in flags and NEGATIVE_NUMBER.match(word)]


def _unexpected(error: Exception) -> int:
    """Apologize for an unexpected error."""
    if os.environ.get(TRACEBACK):
        import traceback

        traceback.print_exception(error)
    return _say(
        f"Sorry, this should not have happened ({type(error).__name__}: {' '.join(str(error).split())[:300]}). "
        f"Set {TRACEBACK}=1 to see where, and please report it.",
        FAILED,
    )


def _say(sentence: str, code: int) -> int:
    """Write one line to stderr, and return the exit code."""
    line = " ".join(sentence.split())
    if not line.isprintable():
        from downslope.core import printable

        line = printable(line)
    print(f"downslope: {line}{'' if line.endswith(('.', '?', '!')) else '.'}", file=sys.stderr)
    return code


def _output_checked(code: int) -> int:
    """Return the exit code of a command whose output may have been lost: quietly, if its reader has left."""
    lost = lost_output()
    if lost is None:
        return code
    if isinstance(lost, BrokenPipeError):  # as in `downslope predict … | head`
        return code or FAILED
    return _say(f"Standard output cannot be written: {lost.strerror}.", code or FAILED)


def _ignore_interrupts(arguments: Sequence[str] | None) -> None:
    """Ignore Ctrl-C in a process of our own, which ends now: it could only interrupt the end."""
    if arguments is None and signal.getsignal(signal.SIGINT) is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
