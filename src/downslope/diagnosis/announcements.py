"""What is said on the way: each measurement and training before it begins."""

from __future__ import annotations

import sys
from collections.abc import Callable

from downslope.core import Setting, SettingError

Announce = Callable[[str], object]
"""Called with a few words on each measurement before it is made."""


def announcer(progress: str | bool | Announce) -> tuple[Announce | None, str | bool]:
    """Return what to call before each measurement, if anything, and how trainings on the way show their progress.

    Args:
        progress: `"auto"` (on a terminal), `"lines"` or False; or what to call.

    Raises:
        SettingError: it is none of these.
    """
    if callable(progress):
        return progress, False
    if progress not in ("auto", "lines", "none", True, False):
        raise SettingError(Setting("progress"), f"must be 'auto', 'lines', False or a function, got {progress!r}.")
    quiet = progress in (False, "none") or (progress != "lines" and not sys.stderr.isatty())
    return (None, False) if quiet else (_say, "auto" if progress is True else progress)


def _say(work: str) -> None:
    """Write a line on standard error."""
    sys.stderr.write(f"Measuring: {work}\n")
    sys.stderr.flush()
