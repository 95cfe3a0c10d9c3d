"""How long work shows itself: an estimate first, then a bar on a terminal or lines elsewhere, on stderr."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Any

from downslope.core._errors import SettingError
from downslope.core._message import Setting
from downslope.core._text import seconds_text

_SILENT_BELOW = 2.0
"""Work that is estimated to take fewer seconds stays silent, unless a bar or lines were asked for."""

_BETWEEN_LINES = 2.0


@dataclass
class Meter:
    """Tells how far the work is.

    Attributes:
        total: how many units of work there are.
        style: `"bar"` or `"lines"`; None to show nothing.
        least: seconds that the work must be estimated to take before anything is shown.
        unit: what is counted, such as `"losses"`.
        verb: what is done to them, such as `"compute"`.
    """

    total: int
    style: str | None
    least: float
    unit: str
    verb: str
    bar: Any = field(default=None, init=False)
    task: Any = field(default=None, init=False)
    last_shown: float | None = field(default=None, init=False)

    def update(self, done: int, pace: float) -> None:
        """Tell how many units are done, and how many seconds one takes."""
        left = (self.total - done) * pace
        if self.style is None or (self.last_shown is None and left < self.least):
            return
        time_now = time.monotonic()
        if self.last_shown is None:
            _write(f"{self.total:,} {self.unit} to {self.verb}, about {seconds_text(left)}")
            self.last_shown = time_now
            if self.style == "bar":
                self._open()
        if self.bar is not None:
            self.bar.update(self.task, completed=done)
        elif time_now - self.last_shown >= _BETWEEN_LINES or done == self.total:
            _write(f"{done:,}/{self.total:,} {self.unit}" + (f", about {seconds_text(left)} left" if left else ""))
            self.last_shown = time_now

    def close(self) -> None:
        """Leave what is shown as it stands."""
        if self.bar is not None:
            self.bar.stop()

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn(self.unit), MofNCompleteColumn(), BarColumn(bar_width=24), TimeRemainingColumn())
        self.bar = Progress(*columns, console=Console(stderr=True))
        self.task = self.bar.add_task(self.verb, total=self.total)
        self.bar.start()


def open_meter(progress: str | bool, total: int, unit: str, verb: str) -> Meter:
    """Return how to show progress.

    Args:
        progress: `"auto"` or True (a bar on a terminal, lines elsewhere, for work of more than two seconds), `"bar"`,
            `"lines"`, or False for nothing.
        total: how many units of work there are.
        unit: what is counted, such as `"losses"`.
        verb: what is done to them, such as `"compute"`.

    Raises:
        SettingError: it is none of these.
    """
    if progress is False or progress == "none":
        return Meter(total, None, 0.0, unit, verb)
    if progress in ("auto", True):
        return Meter(total, "bar" if sys.stderr.isatty() else "lines", _SILENT_BELOW, unit, verb)
    if progress in ("bar", "lines"):
        return Meter(total, str(progress), 0.0, unit, verb)
    raise SettingError(Setting("progress"), f"must be 'auto', 'bar', 'lines' or False, got {progress!r}.")


def _write(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
