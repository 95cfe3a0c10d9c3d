"""How a slice under way shows itself: an estimate first, then a bar on a terminal or lines elsewhere, on stderr."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Any

from downslope.core import SettingError, seconds_text

_SILENT_BELOW = 2.0
"""Work that is estimated to take fewer seconds stays silent, unless a bar or lines were asked for."""

_BETWEEN_LINES = 2.0


@dataclass
class Progress:
    """Tells how far the work is.

    Attributes:
        total: how many losses there are to compute.
        way: `"bar"` or `"lines"`; None to show nothing.
        least: seconds that the work must be estimated to take before anything is shown.
    """

    total: int
    way: str | None
    least: float
    bar: Any = field(default=None, init=False)
    task: Any = field(default=None, init=False)
    said: float | None = field(default=None, init=False)

    def update(self, done: int, pace: float) -> None:
        """Tell how many losses are done, and how many seconds one takes."""
        left = (self.total - done) * pace
        if self.way is None or (self.said is None and left < self.least):
            return
        now = time.monotonic()
        if self.said is None:
            _write(f"{self.total:,} losses to compute, about {seconds_text(left)}")
            self.said = now
            if self.way == "bar":
                self._open()
        if self.bar is not None:
            self.bar.update(self.task, completed=done)
        elif now - self.said >= _BETWEEN_LINES or done == self.total:
            _write(f"{done:,}/{self.total:,} losses" + (f", about {seconds_text(left)} left" if left else ""))
            self.said = now

    def close(self) -> None:
        """Leave what is shown as it stands."""
        if self.bar is not None:
            self.bar.stop()

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (TextColumn("losses"), MofNCompleteColumn(), BarColumn(bar_width=24), TimeRemainingColumn())
        self.bar = RichProgress(*columns, console=Console(stderr=True))
        self.task = self.bar.add_task("slice", total=self.total)
        self.bar.start()


def open_progress(progress: str | bool, total: int) -> Progress:
    """Return how to show progress.

    Args:
        progress: `"auto"` or True (a bar on a terminal, lines elsewhere, for work of more than two seconds), `"bar"`,
            `"lines"`, or False for nothing.
        total: how many losses there are to compute.

    Raises:
        SettingError: it is none of these.
    """
    if progress is False or progress == "none":
        return Progress(total, None, 0.0)
    if progress in ("auto", True):
        return Progress(total, "bar" if sys.stderr.isatty() else "lines", _SILENT_BELOW)
    if progress in ("bar", "lines"):
        return Progress(total, str(progress), 0.0)
    raise SettingError(f"`progress` must be 'auto', 'bar', 'lines' or False, got {progress!r}.", "progress")


def _write(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
