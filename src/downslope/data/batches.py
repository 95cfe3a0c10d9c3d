"""The rows of each step's batch: a pure function of seed, epoch and step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int32

from downslope.core import Setting, SettingError, check_choice, check_integer, generator, key_words

DropLast = bool | str
"""Which last batches are left out: those with fewer rows than the others, those of a single row (`"lone"`), or none."""

ORDERS = ("shuffle", "shuffle_once", "sequential", "replacement", "blocks")


@dataclass(frozen=True)
class Batches:
    """The mini-batches of every epoch, as row numbers.

    The orders are `"shuffle"` (anew each epoch), `"shuffle_once"` (one shuffle, then the same slices each epoch),
    `"sequential"` (as the rows lie), `"replacement"` (each row drawn from all of them) and `"blocks"`. An epoch makes
    `rows` draws, so it takes `ceil(rows / batch_size)` steps, unless the last batch is left out. Nothing is drawn ahead
    or remembered: any batch can be drawn at any time, so that a resumed run equals one that never stopped.

    `"blocks"` is for rows on a disk that reads neighbours faster than strangers: each epoch, blocks of 1,024
    neighbouring rows are shuffled, and the rows of 64 blocks at a time are shuffled together. Up to 65,536 rows that is
    a full shuffle. Above, every row comes once an epoch, at a position whose distribution is even up to one block;
    but a batch of `B` rows comes from 64 blocks only: where rows of a block are alike, with correlation `ρ`, the
    variance of a batch's mean is up to `1 + ρ (B − 1)/64` times that of `B` independent draws.

    Attributes:
        rows: how many rows there are.
        batch_size: rows a step; sizes above `rows` are clipped to `rows`, which is batch gradient descent.
        order: one of the five above.
        seed: whole number, 0 or more.
        drop_last: whether the last batch is left out where it has fewer rows than the others; `"lone"` for where it is
            a single row of several.

    Raises:
        SettingError: a size, an order, a seed or a rule that cannot be.

    Example:
        >>> batches = Batches(rows=5, batch_size=2, order="sequential")
        >>> indices, weights = batches.epoch(0)
        >>> indices.tolist(), weights.tolist()
        ([[0, 1], [2, 3], [4, 0]], [[1.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
        >>> batches.at(epoch=0, step=2).tolist()
        [4]
        >>> Batches(rows=5, batch_size=2, drop_last=True).steps
        2
    """

    rows: int
    batch_size: int
    order: str = "shuffle"
    seed: int = 0
    drop_last: DropLast = False

    def __post_init__(self) -> None:
        rows = check_integer("rows", self.rows)
        if rows > np.iinfo(np.int32).max:
            raise SettingError(Setting("rows"), f"must be below 2,147,483,648, got {rows}. Train on a part of them.")
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "batch_size", min(check_integer("batch_size", self.batch_size), rows))
        check_choice("order", self.order, ORDERS)
        key_words(self.seed)
        check_drop_last(self.drop_last)

    @property
    def steps(self) -> int:
        """Steps an epoch: `ceil(rows / batch_size)`, one fewer where the last batch is left out."""
        whole, rest = divmod(self.rows, self.batch_size)
        dropped = whole and (rest == 1 if self.drop_last == "lone" else self.drop_last)
        return whole + (rest > 0 and not dropped)

    @property
    def last_size(self) -> int:
        """Rows of the last batch of an epoch."""
        return min(self.batch_size, self.rows - (self.steps - 1) * self.batch_size)

    def epoch(self, epoch: int) -> tuple[Int32[np.ndarray, "steps batch"], Float64[np.ndarray, "steps batch"]]:
        """Return the row numbers and the row weights of all steps of an epoch.

        The last batch is filled up with row 0 at weight 0, so that all steps have one shape.

        Args:
            epoch: which epoch, from 0.

        Returns:
            Row numbers, and weights that are 1 for rows drawn and 0 for the filling.
        """
        places = self.steps * self.batch_size
        drawn = self._drawn(epoch)[:places]
        padding = places - len(drawn)
        indices = np.concatenate([drawn, np.zeros(padding, np.int32)])
        weights = np.concatenate([np.ones(len(drawn)), np.zeros(padding)])
        return indices.reshape(self.steps, self.batch_size), weights.reshape(self.steps, self.batch_size)

    def at(self, epoch: int, step: int) -> Int32[np.ndarray, " batch"]:
        """Return the row numbers of one step of an epoch, without filling.

        Raises:
            SettingError: the epoch has no such step.
        """
        if check_integer("step", step, at_least=0) >= self.steps:
            raise SettingError(Setting("step"), f"must be below {self.steps}, the steps of an epoch, got {step}.")
        return self._drawn(epoch)[step * self.batch_size : (step + 1) * self.batch_size]

    def _drawn(self, epoch: int) -> Int32[np.ndarray, " rows"]:
        """Return the row numbers of an epoch in the order they are learned from."""
        epoch = check_integer("epoch", epoch, at_least=0)
        if self.order == "sequential":
            return np.arange(self.rows, dtype=np.int32)
        random = generator(self.seed, "order", 0 if self.order == "shuffle_once" else epoch)
        if self.order == "replacement":
            return random.integers(self.rows, size=self.rows, dtype=np.int32)
        if self.order == "blocks":
            return shuffled_by_blocks(self.rows, random)
        return random.permutation(self.rows).astype(np.int32)


def check_drop_last(drop_last: object) -> None:
    """Check which last batches are to be left out.

    Raises:
        SettingError: it is none of True, False and `"lone"`.
    """
    if not isinstance(drop_last, bool) and drop_last != "lone":
        raise SettingError(Setting("drop_last"), f"must be True, False or 'lone', got {drop_last!r}.")


def shuffled_by_blocks(
    rows: int, random: np.random.Generator, *, block_rows: int = 1024, window_blocks: int = 64
) -> Int32[np.ndarray, " rows"]:
    """Return row numbers, blocks shuffled, and the rows of each window of blocks shuffled.

    Args:
        rows: how many rows there are.
        random: the source of randomness.
        block_rows: how many neighbouring rows are a block.
        window_blocks: how many blocks are shuffled together.
    """
    starts = block_rows * random.permutation(-(-rows // block_rows))
    windows = []
    for first in range(0, len(starts), window_blocks):
        indices = starts[first : first + window_blocks, None] + np.arange(block_rows)
        windows.append(random.permutation(indices[indices < rows]).astype(np.int32))
    return np.concatenate(windows)
