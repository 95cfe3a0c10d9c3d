"""Show the progress of a training: a bar on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from downslope.core import Setting, SettingError

LINES_AFTER = 2.0
"""Seconds before the first plain line, and between lines, where nobody asked for lines: short work stays silent."""


@runtime_checkable
class Progress(Protocol):
    """Shows how far a training is; `ds.train(progress=…)` takes any object with these methods."""

    def chunk(self, epoch: int, share: float) -> None:
        """Show the share of an epoch that is done; `epoch` counts from 0."""
        ...

    def epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Show the values of an epoch that ended; `epoch` counts those that ended."""
        ...

    def close(self) -> None:
        """Clean up; called also after an error."""
        ...


def open_progress(progress: str | bool | Progress, epochs: int, *, purpose: str = "") -> Progress:
    """Return an object that shows progress.

    Args:
        progress: `"auto"` (a bar on a terminal; elsewhere lines, for work of more than two seconds), `"bar"`,
            `"lines"`, or False for nothing. True means `"auto"`. An object of your own is returned as it is.
        epochs: how many epochs there are at most.
        purpose: of the work, where that is not the training itself.

    Raises:
        SettingError: it is none of these.
    """
    if isinstance(progress, Progress):
        return progress
    label = f"{purpose}: epoch" if purpose else "epoch"
    if progress is False or progress == "none":
        return Silent()
    if progress == "bar" or (progress in ("auto", True) and sys.stderr.isatty()):
        return Bar(epochs, label)
    if progress in ("auto", True):
        return Lines(epochs, LINES_AFTER, time.monotonic(), label)
    if progress == "lines":
        return Lines(epochs, 1.0, time.monotonic() - 1.0, label)
    raise SettingError(Setting("progress"), f"must be 'auto', 'bar', 'lines' or False, got {progress!r}.")


def progress_style(progress: str | bool | Progress) -> str | bool:
    """Return the style of work that is not counted in epochs; none beside a custom object."""
    return progress if isinstance(progress, (str, bool)) else False


class Silent:
    """Show nothing."""

    def chunk(self, epoch: int, share: float) -> None:
        """Ignore it."""

    def epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Ignore it."""

    def close(self) -> None:
        """Do nothing."""


@dataclass
class Lines:
    """A line now and then."""

    epochs: int
    seconds: float
    last: float
    label: str = "epoch"
    pending: str = ""
    started: bool = False

    def chunk(self, epoch: int, share: float) -> None:
        """Write how far a long epoch is."""
        if self._due() and share < 1:
            self._write(f"{self.label} {epoch + 1}/{self.epochs}  {share:.0%}")

    def epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Write the values of an epoch, if it is time."""
        self.pending = f"{self.label} {epoch}/{self.epochs}  {format_values(values)}"
        if self._due() or epoch == self.epochs:
            self._write(self.pending)
            self.pending = ""

    def close(self) -> None:
        """Write the last epoch, if others were written."""
        if self.pending and self.started:
            self._write(self.pending)

    def _due(self) -> bool:
        return time.monotonic() - self.last >= self.seconds

    def _write(self, line: str) -> None:
        if not self.started and self.seconds == LINES_AFTER and not self._due():
            return
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
        self.last, self.started = time.monotonic(), True


@dataclass
class Bar:
    """A bar with the time left and the newest values."""

    epochs: int
    label: str = "epoch"
    bar: Any = field(init=False)
    task: Any = field(init=False)

    def __post_init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn(self.label),
            MofNCompleteColumn(),
            BarColumn(bar_width=24),
            TimeRemainingColumn(),
            TextColumn("{task.fields[values]}"),
        )
        self.bar = RichProgress(*columns, console=Console(stderr=True))
        self.task = self.bar.add_task("training", total=self.epochs, values="")
        self.bar.start()

    def chunk(self, epoch: int, share: float) -> None:
        """Move the bar within an epoch."""
        self.bar.update(self.task, completed=epoch + share)

    def epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Move the bar and show the values of the epoch."""
        self.bar.update(self.task, completed=epoch, values=format_values(values))

    def close(self) -> None:
        """Leave the bar as it is."""
        self.bar.stop()


def format_values(values: dict[str, float]) -> str:
    """Return the values of an epoch in words.

    Example:
        >>> format_values({"train_loss": 0.25, "validation_loss": 0.5, "validation_accuracy": 0.975})
        'train loss 0.25  validation loss 0.5  validation accuracy 0.975'
    """
    names = [name for name in values if name.startswith(("train_", "validation_"))]
    return "  ".join(f"{name.replace('_', ' ')} {values[name]:.4g}" for name in names)


@dataclass
class ProgressPart:
    """Progress of a part of the work, shown as part of the whole.

    Attributes:
        inner: shows the whole.
        before: how many epochs other parts have made.
    """

    inner: Progress
    before: int

    def chunk(self, epoch: int, share: float) -> None:
        """Show the share of an epoch that is done."""
        self.inner.chunk(self.before + epoch, share)

    def epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Show the values of an epoch."""
        self.inner.epoch(self.before + epoch, values)

    def close(self) -> None:
        """Do nothing: the whole is closed by its owner."""
