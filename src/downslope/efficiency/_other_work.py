"""How much of the machine's processors other programs take meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

PROCESSORS = Path("/proc/stat")
SHORTEST = 0.2
"""Seconds below which nothing is told: the system counts in hundredths."""

Watch = Callable[[], Callable[[], float]]
"""Begins to watch, and returns what tells the share of the processors that other work took since then."""


def other_work() -> Callable[[], float]:
    """Begin to watch; return the function that tells the share of all processors that other programs took since then.

    What runs all the time, such as a training on half of the cores, makes every round slower, and some layers more than
    others: rounds agree, and are still not what they would be on an idle machine. Linux counts it; elsewhere it is not
    known, and 0.

    Example:
        >>> 0 <= other_work()() <= 1
        True
    """
    begin, busy, own = time.monotonic(), _busy_seconds(), time.process_time()

    def share() -> float:
        wall, busy_now = time.monotonic() - begin, _busy_seconds()
        if busy is None or busy_now is None or wall < SHORTEST:
            return 0.0
        others = busy_now[0] - busy[0] - (time.process_time() - own)
        return min(max(others / (busy_now[1] * wall), 0.0), 1.0)

    return share


def _busy_seconds() -> tuple[float, int] | None:
    """Return how long all processors together were busy since the machine started, and how many there are; or None."""
    try:
        lines = PROCESSORS.read_text(encoding="ascii").splitlines()
        user, nice, system, _, _, interrupts, soft, stolen = map(int, lines[0].split()[1:9])
    except (OSError, ValueError):
        return None
    processors = sum(line.startswith("cpu") for line in lines) - 1
    return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK"), max(processors, 1)
