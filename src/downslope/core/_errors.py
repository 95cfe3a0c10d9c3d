"""Everything Downslope raises on purpose.

    DownslopeError
    ├── SettingError (ValueError)        a number or a choice that cannot be
    │   └── UnknownNameError             a name nobody knows, with the close ones
    ├── ShapeError (ValueError)          an array of the wrong shape
    ├── DataError (ValueError)           a file, a table or a target that cannot be used as it is
    ├── RunError (ValueError)            a folder that is no run, or one that cannot be used so
    │   ├── DamagedRunError              a file of a run that is not what was written
    │   ├── UnwritableRunError           a file of a run that the system refuses to write
    │   └── BusyRunError                 a folder that another process is writing into
    ├── CustomPartError (ValueError)     a run made with a user's own code, which must be passed again
    ├── OutOfMemoryError (MemoryError)   work that needs more memory than there is
    └── MissingExtraError (ImportError)  a feature whose optional package is not installed

Each is also the builtin a caller would expect, so `except ValueError` works. A message says what was expected, what was
got, and what to do about it. `RunWarning` is what a user should know about a run that goes on.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from downslope.core._message import Advice, Message, Piece, Setting


class DownslopeError(Exception):
    """The root of all errors raised on purpose.

    Args:
        pieces: what its message is made of.

    Attributes:
        message: what was expected, what was got, and what to do about it; `str` of it is how Python says it.
    """

    def __init__(self, *pieces: Piece):
        self.message = Message(*pieces)
        super().__init__(str(self.message))

    def __reduce__(self) -> tuple[Callable[..., DownslopeError], tuple[type[DownslopeError], dict[str, object]]]:
        """Return how it is made again in another process, its message still structured."""
        return _again, (type(self), self.__dict__)


class SettingError(DownslopeError, ValueError):
    """A setting with a value that cannot be.

    Args:
        pieces: what its message is made of.
        setting: the setting's name, where it is not the first one that the message names.

    Attributes:
        setting: the setting's name in Python, such as `"batch_size"`; None if it is about none.
    """

    def __init__(self, *pieces: Piece, setting: str | None = None):
        super().__init__(*pieces)
        self.setting = setting or self.message.setting


class UnknownNameError(SettingError):
    """A name that is not among the known ones.

    Example:
        >>> print(UnknownNameError("optimizer", "adm", ["sgd", "adam", "adamw"]))
        `optimizer` must be one of adam, adamw, sgd, got 'adm'. Did you mean 'adam' or 'adamw'?
    """

    def __init__(self, setting: str, name: object, known: Iterable[str]):
        self.name = name
        self.known = sorted(known)
        close = close_names(str(name), self.known)
        suggestion = f"Did you mean {' or '.join(map(repr, close))}?" if close else ""
        listed = ", ".join(self.known[:30]) + (", …" if len(self.known) > 30 else "")
        super().__init__(Setting(setting), f"must be one of {listed}, got {name!r}.", suggestion)


class ShapeError(DownslopeError, ValueError):
    """An array whose shape does not fit."""


class DataError(DownslopeError, ValueError):
    """A file, a table or a target that cannot be used as it is."""


class RunError(DownslopeError, ValueError):
    """A folder that holds no run, or a run that cannot be used in this way."""


class DamagedRunError(RunError):
    """A file of a run whose content is not what was written."""


class BusyRunError(RunError):
    """A folder that another process is writing into."""


class UnwritableRunError(RunError):
    """A file of a run that the system refuses to write: the disk is full, the folder gone or read-only."""


class RunWarning(UserWarning):
    """What a user should know about a run that goes on.

    Attributes:
        message: the sentence; `str` of it is how Python says it.
    """

    def __init__(self, *pieces: Piece):
        self.message = Message(*pieces)
        super().__init__(str(self.message))


class CustomPartError(DownslopeError, ValueError):
    """A run made with a user's own layer, loss or optimizer, which only the user can pass again."""


class OutOfMemoryError(DownslopeError, MemoryError):
    """Work that needs more memory than there is."""


class MissingExtraError(DownslopeError, ImportError):
    """A feature whose optional package is not installed.

    Args:
        package: that is missing.
        extra: of Downslope's that installs it.
        feature: what needs the package, as the beginning of a sentence.
        otherwise: what to do without it.
    """

    def __init__(self, package: str, extra: str, *, feature: str = "This", otherwise: Advice | None = None):
        sentence = f"{feature} needs the package `{package}`, which is not installed: pip install 'downslope[{extra}]'"
        super().__init__(*((f"{sentence}.", otherwise) if otherwise else (sentence,)))


def close_names(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three known names that look like `name`, closest first, letter case aside."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    return [by_lower[match] for match in difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.6)]


def _again(kind: type[DownslopeError], attributes: dict[str, object]) -> DownslopeError:
    """Return an error as it was made in another process."""
    error = kind.__new__(kind, str(attributes["message"]))
    error.__dict__.update(attributes)
    return error
