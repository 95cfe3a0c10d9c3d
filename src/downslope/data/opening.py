"""Data sets opened again from their origins, and other files read as those were."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from downslope.data.dataset import Dataset
from downslope.data.files import OPEN, Reading, read, read_other
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


def read_like(
    origin: Origin | None,
    path: str | os.PathLike[str],
    target: str | int | None = None,
    *,
    task: str | None = None,
    categorical: Sequence[str] = (),
    only: Sequence[str] | None = None,
    drop_missing_target: bool = False,
    reading: Reading = OPEN,
) -> Dataset:
    """Return the data set of another file, read as the file of an origin was where it leaves that open.

    Its own numbers decide what their marks mean. Where none of them does, and cells are separated as in the first file,
    they mean what they meant there. Words for missing cells, and an encoding for what is not in UTF-8, are those that
    were chosen there.

    Args:
        origin: of the rows that a run was trained on; None or one without a file leaves nothing known.
        path: the other file, and so are `target`, `task`, `categorical`, `only` and `drop_missing_target`, as for
            `read`.
        target: the column to learn.
        task: `"classification"` or `"regression"`.
        categorical: columns to read as text.
        only: the features to take.
        drop_missing_target: whether to leave out rows without a target.
        reading: what a user says of the other file.

    Raises:
        DataError: as `read`.
    """
    like = OPEN if origin is None else Reading.of_arguments(origin.arguments)
    selection = {"task": task, "categorical": categorical, "only": only, "drop_missing_target": drop_missing_target}
    return read_other(path, target, reading, like, **selection)
