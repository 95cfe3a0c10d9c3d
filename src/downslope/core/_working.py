"""A line on a terminal while work goes on of which nobody knows how long it takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

SILENT = 1.0
"""Seconds that work may take before anything is shown."""

BETWEEN = 0.5
"""Seconds between two lines, each in the place of the one before."""


@contextmanager
def working(progress: str | bool, words: str) -> Iterator[None]:
    """Show on a terminal what is being done, and for how long, once it takes longer than a second; nothing elsewhere.

    Args:
        progress: `"auto"`, True or `"bar"`; `"lines"` and False show nothing.
        words: what is being done, such as `"Reading 'table.csv'"`.
    """
    if progress not in ("auto", "bar", True) or not sys.stderr.isatty():
        yield
        return
    ended = Event()
    line = Thread(target=_show, args=(words, ended), daemon=True)
    line.start()
    try:
        yield
    finally:
        ended.set()
        line.join()


def _show(words: str, ended: Event) -> None:
    """Show words and the time since the start until work has ended."""
    start = time.monotonic()
    if ended.wait(SILENT):
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(words)) as status:
        while not ended.wait(BETWEEN):
            status.update(Text(f"{words}, {time.monotonic() - start:.0f} s"))
