"""Rows as the network sees them, in batches too, and fixed draws of them to measure on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from downslope.core import Advice, DataError, float_dtype, generator
from downslope.data import Dataset, Preprocessing, StoredRows, row_blocks
from downslope.losses import Loss, check_targets

SUBSET_ROWS = 2000
"""`train_loss`, and curvature, are measured on at most so many training rows, always the same."""


@dataclass(frozen=True)
class Part:
    """Rows as the network sees them.

    Attributes:
        x: inputs, `(rows, …)`.
        t: targets: class indices `(rows,)` or numbers `(rows, outputs)`.
        weights: row weights, or None.
        truth: what metrics compare predictions with: class indices, or targets in their original units.
    """

    x: np.ndarray | Array | StoredRows
    t: np.ndarray | Array
    weights: np.ndarray | None
    truth: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: np.ndarray) -> Part:
        """Return some of the rows."""
        weights = None if self.weights is None else self.weights[rows]
        x = self.x if self.on_disk else np.asarray(self.x)
        return Part(x[rows], np.asarray(self.t)[rows], weights, self.truth[rows])

    @property
    def on_disk(self) -> bool:
        """Whether inputs stay on disk, and are read block by block."""
        return isinstance(self.x, StoredRows)

    def lazy_inputs(self, rows: slice) -> np.ndarray | Array | StoredRows:
        """Return the inputs of rows that lie side by side; from disk they are read when they are asked for."""
        return self.x.block(rows) if isinstance(self.x, StoredRows) else self.x[rows]

    def weighted(self) -> Part:
        """Return the same rows with weights: ones where they have none."""
        return replace(self, weights=np.ones(len(self), float_dtype())) if self.weights is None else self

    def ready(self, progress: str | bool) -> Part:
        """Return the same rows, those of a table on disk prepared beforehand; see `StoredRows.ready`."""
        return replace(self, x=self.x.ready(progress)) if isinstance(self.x, StoredRows) else self

    def on_device(self) -> Part:
        """Return the same rows where the compiled code runs, but for inputs that stay on disk."""
        x = self.x if self.on_disk else jax.device_put(self.x)
        return Part(x, jax.device_put(self.t), self.weights, self.truth)

    def fingerprint(self) -> str:
        """Return a digest of all rows."""
        digest = hashlib.blake2b(digest_size=16)
        for array in (self.x, self.t, self.weights):
            if array is not None:
                digest.update(f"{array.dtype} {array.shape}".encode())
                for rows in row_blocks(array):
                    digest.update(np.ascontiguousarray(array[rows]).data)
        return digest.hexdigest()


class GatheredBatches(NamedTuple):
    """The batches of a chunk, one after another along the first axis.

    Attributes:
        x: inputs, `(steps, B, …)`.
        t: targets, `(steps, B, …)`.
        weights: how much each row counts, `(steps, B)`.
    """

    x: Array
    t: Array
    weights: Array


def make_part(data: Dataset, preprocessing: Preprocessing, loss: Loss, outputs: int) -> Part:
    """Return a data set as the network sees it.

    Raises:
        DataError: it has no target, targets that the loss does not allow or in another unit, or no row of a weight
            above 0.
        SettingError: the loss does not suit the target.
    """
    if data.y is None:
        raise DataError(
            "A target is needed here, got a data set without one.",
            Advice("name its column", target=...),
            Advice("pass {}", code="`y`"),
        )
    preprocessing.check_units(data, target=True)
    targets = preprocessing.targets(data.y)
    check_targets(loss, targets, outputs=outputs, task=preprocessing.task)
    with np.errstate(over="ignore"):  # a weight that this precision does not hold is infinite, and said to be the cause
        weights = None if data.row_weights is None else np.asarray(data.row_weights, float_dtype())
    if weights is not None and not weights.any():
        raise DataError(f"Some row must have a weight above 0, got {len(weights)} rows that all weigh 0.")
    truth = targets if preprocessing.task == "classification" else data.y
    return Part(preprocessing.inputs(data), targets, weights, truth)


def draw_subset(part: Part, rows: int, seed: int, purpose: str = "subset") -> Part:
    """Return a fixed draw of rows, in their order; all of them where there are no more.

    Args:
        part: the rows.
        rows: how many, at most.
        seed: decides the draw, together with its purpose.
        purpose: distinguishes draws; that of `train_loss` by default.
    """
    if len(part) <= rows:
        return part
    indices = generator(seed, purpose).choice(len(part), rows, replace=False)
    return part.take(np.sort(indices))
