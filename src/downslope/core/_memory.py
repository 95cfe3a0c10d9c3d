"""Memory that is not there: said before it is asked for where its size is known, and explained where it is not."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jax.errors import JaxRuntimeError

from downslope.core._errors import OutOfMemoryError
from downslope.core._text import bytes_text
from downslope.core._types import Shape

SMALLER = "Make the network, the batches or the data smaller."

CONTROL_GROUP = Path("/sys/fs/cgroup/memory.max")
"""Where Linux says how much memory a container may use."""

REFUSED = re.compile(r"allocat\w* (?P<bytes>\d+) ?bytes|allocate (?P<text>[\d.]+ ?[KMGTPE]?i?B)", re.IGNORECASE)
"""How XLA and NumPy say how much they were refused."""


def check_allocatable(what: str, shape: Shape, item_bytes: int) -> None:
    """Check that an array could be held by this machine at all.

    Args:
        what: the array is, as the beginning of a sentence.
        shape: of the array.
        item_bytes: of one number.

    Raises:
        OutOfMemoryError: all memory of the machine is less.
    """
    needed, there = math.prod(shape) * item_bytes, machine_memory()
    if there is not None and needed > there:
        raise OutOfMemoryError(
            f"{what} of shape {shape} needs {bytes_text(needed)} of memory, and this machine has {bytes_text(there)}.",
            SMALLER,
        )


def machine_memory() -> int | None:
    """Return how many bytes of memory this process may use at most; None where the system does not say."""
    try:
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
    try:
        allowed = CONTROL_GROUP.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return physical
    return min(physical, int(allowed)) if allowed.isdecimal() else physical


def out_of_memory(error: BaseException) -> OutOfMemoryError | None:
    """Return an error of Python, NumPy or XLA as one of ours, if it is about memory that was refused."""
    if isinstance(error, OutOfMemoryError):
        return error
    text = str(error)
    if not (isinstance(error, MemoryError) or (isinstance(error, JaxRuntimeError) and "RESOURCE_EXHAUSTED" in text)):
        return None
    refused = REFUSED.search(text)
    size = "" if refused is None else f": {refused['text'] or bytes_text(int(refused['bytes']))} in one piece"
    return OutOfMemoryError(f"This needs more memory than there is{size}.", SMALLER)


@contextmanager
def memory_explained() -> Iterator[None]:
    """Raise errors about memory that was refused as `OutOfMemoryError`."""
    try:
        yield
    except (MemoryError, JaxRuntimeError) as error:
        explained = out_of_memory(error)
        if explained is None or explained is error:
            raise
        raise explained from error
