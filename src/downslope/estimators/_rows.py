"""Rows to learn from: inputs, targets and weights; and sizes that compile once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from downslope.data import Dataset


@dataclass(frozen=True)
class Rows:
    """Rows with their targets.

    Attributes:
        x: inputs, `(rows, …)`.
        t: targets: class numbers `(rows,)`, or numbers `(rows, outputs)`.
        weights: how much each row counts, `(rows,)`, or None.
        classes: how many classes there are; 0 if the targets are numbers.
    """

    x: np.ndarray
    t: np.ndarray
    weights: np.ndarray | None
    classes: int

    def __len__(self) -> int:
        return len(self.x)

    def take(self, indices: np.ndarray) -> Rows:
        """Return the rows with these numbers."""
        weights = None if self.weights is None else self.weights[indices]
        return Rows(self.x[indices], self.t[indices], weights, self.classes)

    def counted(self) -> Rows:
        """Return the rows whose weight is not 0: as scikit-learn has it, the others might as well not be there."""
        return self if self.weights is None or self.weights.all() else self.take(np.flatnonzero(self.weights))

    def split(self, share: float, seed: int) -> tuple[Rows, Rows]:
        """Return the rows to learn from, and those held out; each class has its share among both.

        Raises:
            SettingError: a part would have no rows.
        """
        numbers = np.arange(len(self))[:, None]
        labels, task = (self.t, "classification") if self.classes else (np.zeros(len(self)), "regression")
        train, held_out = Dataset(numbers, labels, task=task).split(validation=share, seed=seed)
        return self.take(train.x[:, 0]), self.take(held_out.x[:, 0])

    def filled(self, size: int) -> Rows:
        """Return so many rows: these, and copies of the first that count nothing."""
        if size == len(self):
            return self
        indices = np.concatenate([np.arange(len(self)), np.zeros(size - len(self), int)])
        rows = self.take(indices)
        weights = np.ones(size) if rows.weights is None else rows.weights.copy()
        weights[len(self) :] = 0
        return Rows(rows.x, rows.t, weights, self.classes)

    def dataset(self) -> Dataset:
        """Return the rows as a data set, which knows of all classes, also of those that none of its rows has."""
        if not self.classes:
            return Dataset(self.x, self.t, row_weights=self.weights, task="regression")
        missing = np.setdiff1d(np.arange(self.classes), self.t)
        indices = np.concatenate([np.arange(len(self)), np.zeros(len(missing), int)])
        labels = np.concatenate([self.t, missing])
        if not len(missing):
            return Dataset(self.x, labels, row_weights=self.weights, task="classification")
        weights = None if self.weights is None else self.weights[indices]
        return Dataset(self.x[indices], labels, row_weights=weights, task="classification").take(np.arange(len(self)))


def round_size(rows: int) -> int:
    """Return a size of at least `rows` from a list of few: eight to each doubling, so at most an eighth more.

    A program is compiled for every shape that it is given. Rows filled up to sizes from this list need few programs,
    where cross-validation, a learning curve, or single predictions would ask for a new one each time.

    Example:
        >>> [round_size(rows) for rows in (1, 15, 17, 95, 96, 97, 200)]
        [1, 15, 18, 96, 96, 104, 208]
    """
    step = 1 << max(0, (rows - 1).bit_length() - 4)
    return -(-rows // step) * step
