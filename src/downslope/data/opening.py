"""Data sets opened again from their origins."""

from __future__ import annotations

import dataclasses

from downslope.data.dataset import Dataset
from downslope.data.files import read
from downslope.data.origin import Origin
from downslope.data.sets import load

CALLS = {"load": load, "read": read}


def open_origin(origin: Origin) -> Dataset:
    """Return the data set of an origin, loaded or read again.

    Raises:
        DataError: a file is no longer there, or cannot be used.

    Example:
        >>> held_out = load("iris").split(validation=0.2, seed=3).validation
        >>> bool((open_origin(held_out.origin).x == held_out.x).all())
        True
    """
    data = CALLS[origin.call](**origin.arguments)
    if origin.task is not None and data.task != origin.task:
        data = dataclasses.replace(data, task=origin.task)
    for part, validation, test, seed in origin.splits:
        data = getattr(data.split(validation, test, seed), part)
    return data
