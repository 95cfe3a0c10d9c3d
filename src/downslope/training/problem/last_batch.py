"""The last batch of an epoch, which may have fewer rows than the others: whether it is learned from.

Batch norm makes every feature of a single row 0, and so learns nothing from a batch of one. Where Downslope chose the
size of batches, such a row is left out of the epoch; where it was given, that is for its giver to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from downslope.core import Advice, Setting, SettingError, Shape
from downslope.data import Batches, DropLast
from downslope.layers import BatchNorm, walk
from downslope.networks import Sequential
from downslope.training.settings import DEFAULTS, TrainingSettings


def needs_two_rows(net: Sequential, input_shape: Shape) -> bool:
    """Return whether batch norm sees a single number of each feature of a row, which it would make 0.

    Example:
        >>> import downslope as ds
        >>> needs_two_rows(ds.mlp([4], outputs=1, norm="batch"), (3,))
        True
        >>> needs_two_rows(ds.cnn([4], outputs=1, norm="batch"), (8, 8, 1))
        False
    """
    norms = [shape for layer, shape in walk(net.layers, input_shape) if isinstance(layer, BatchNorm)]
    return any(int(np.prod(shape[:-1])) == 1 for shape in norms)


def last_batch_rule(settings: TrainingSettings, net: Sequential, input_shape: Shape) -> DropLast:
    """Return which last batches are left out of an epoch: those with fewer rows, those of a single row, or none."""
    own_size = settings.batch_size == DEFAULTS.batch_size
    rule = ("lone" if own_size else False) if settings.drop_last is None else settings.drop_last
    return rule if rule is True or (rule and needs_two_rows(net, input_shape)) else False


def check_last_batches(
    net: Sequential, input_shape: Shape, rows: int, sizes: Sequence[int], drop_last: DropLast
) -> None:
    """Check that no batch leaves batch norm a single number of each feature.

    Args:
        net: the network.
        input_shape: of one row.
        rows: how many there are.
        sizes: of the batches of all epochs.
        drop_last: which last batches are left out.

    Raises:
        SettingError: a batch would, every one or the last.
    """
    if not needs_two_rows(net, input_shape):
        return
    if rows == 1:
        raise SettingError(
            "Batch norm needs 2 training rows or more, got 1.",
            Advice("use layer norm", norm="layer"),
            setting="batch_size",
        )
    for size in sizes:
        if size == 1 or Batches(rows, size, drop_last=drop_last).last_size == 1:
            raise _lone_row(rows, size)


def _lone_row(rows: int, size: int) -> SettingError:
    """Return the error for batches of which one holds a single row."""
    which = "every batch holds" if size == 1 else "the last batch holds"
    near = sorted(range(2, rows + 1), key=lambda other: (abs(other - size), other))
    works = sorted(islice((other for other in near if rows % other != 1), 3))
    return SettingError(
        "With batch norm every batch must hold 2 rows or more, but with",
        Setting("batch_size"),
        f"{size} and {rows} training rows {which} one. Sizes that do not divide {rows - 1} work: "
        f"{', '.join(map(str, works))} are near.",
        *([] if size == 1 else [Advice("or leave that batch out", drop_last=True)]),
    )


def lone_row_notes(batches: Batches) -> tuple[str, ...]:
    """Return a sentence on a single row that every epoch leaves out, where one does."""
    if batches.drop_last != "lone" or batches.rows % batches.batch_size != 1 or batches.rows == 1:
        return ()
    return (
        f"Batch norm takes no batch of one row: of {batches.rows:,} training rows in batches of "
        f"{batches.batch_size}, every epoch leaves the last one out.",
    )
