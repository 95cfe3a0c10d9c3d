"""The split of rows into training, validation and test part: a pure function of the seed."""

from __future__ import annotations

import numpy as np

from downslope.core import Setting, SettingError, check_number, generator

Parts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Row numbers of the training, validation and test part."""

PARTS = ("train", "validation", "test")


def split_rows(
    rows: int, labels: np.ndarray | None, *, validation: float | int, test: float | int, seed: int
) -> tuple[Parts, tuple[str, ...]]:
    """Return the row numbers of training, validation and test part, and notes.

    Rows are shuffled, then, where there are labels, put in order of their class; the test part is every `1/test`-th of
    them, and the validation part is drawn likewise from the rest. A class of `n` rows so gives the test part
    `⌊test · n⌋` or `⌈test · n⌉` rows, and the validation part as evenly its share of the rest.

    Args:
        rows: how many rows there are.
        labels: to stratify by, or None.
        validation: share of all rows, below 1.
        test: share of all rows, below 1.
        seed: whole number, 0 or more.

    Raises:
        SettingError: shares that do not leave every part at least one row.
    """
    sizes = _part_sizes(rows, validation, test)
    shuffled = generator(seed, "split").permutation(rows)
    notes: tuple[str, ...] = ()
    if labels is not None and sizes[0] < rows:
        classes, members = np.unique(labels, return_inverse=True)
        counts = np.bincount(members.ravel())
        if counts.min() > 1:
            shuffled = shuffled[np.argsort(members.ravel()[shuffled], kind="stable")]
        else:
            lone = classes[counts.argmin()].item()
            notes = (f"The split is not stratified by class, because class {lone!r} has one row only.",)
    tested = _evenly_spaced(rows, sizes[2])
    rest = shuffled[~tested]
    validated = _evenly_spaced(len(rest), sizes[1])
    return (np.sort(rest[~validated]), np.sort(rest[validated]), np.sort(shuffled[tested])), notes


def _part_sizes(rows: int, validation: float | int, test: float | int) -> tuple[int, int, int]:
    """Return the sizes of training, validation and test part, rounded to the nearest."""
    shares = {
        "validation": check_number("validation", validation, at_least=0.0, below=1.0),
        "test": check_number("test", test, at_least=0.0, below=1.0),
    }
    if sum(shares.values()) >= 1:
        raise SettingError(
            Setting("validation"),
            "and",
            Setting("test"),
            f"must sum to less than 1, got {validation:g} and {test:g}. What is left is what the network learns from.",
        )
    sizes = {name: int(rows * share + 0.5) for name, share in shares.items()}
    for name, share in shares.items():
        if share > 0 and sizes[name] == 0:
            raise SettingError(Setting(name), f"must be a share of at least one row, got {share:g} of {rows} rows.")
    train = rows - sum(sizes.values())
    if train < 1:
        raise SettingError(
            Setting("validation"),
            "and",
            Setting("test"),
            f"must leave at least one row of {rows} to learn from, got {validation:g} and {test:g}.",
        )
    return train, sizes["validation"], sizes["test"]


def _evenly_spaced(rows: int, count: int) -> np.ndarray:
    """Return a mask of `rows` entries, `count` of them true at even distances."""
    passed = np.arange(rows + 1) * count // rows
    return passed[1:] > passed[:-1]
