"""Medians of columns that need not fit into memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from downslope.core import generator
from downslope.data.blocks import BLOCK_NUMBERS, Rows, row_blocks
from downslope.data.stored import stays_on_disk

DEVIATIONS = 6.0
"""How far from the middle of the sample, in standard deviations of the rank, the bounds are taken."""


def medians(numbers: Rows, sample: int = 2**16) -> list[float]:
    """Return the median of the filled cells of each column, exactly; 0 for a column without any.

    Of rows on disk a sample gives bounds between which the median is all but certain to lie. One pass counts the
    numbers below and keeps those between; a column whose median is elsewhere is read in full.

    Args:
        numbers: `(rows, columns)`, NaN where a cell is missing.
        sample: rows that the bounds are taken from, of more rows than these.

    References:
        Floyd and Rivest, "Expected time bounds for selection", 1975: bounds from a sample.
    """
    if not stays_on_disk(numbers) or len(numbers) <= sample:
        return _medians_in_memory(np.asarray(numbers))
    low, high = _bounds(numbers, sample)
    below, at_low, at_high, filled = (np.zeros(numbers.shape[1], np.int64) for _ in range(4))
    between: list[list[np.ndarray]] = [[] for _ in low]
    for rows in row_blocks(numbers):
        block = np.asarray(numbers[rows], np.float64)
        below += np.sum(block < low, axis=0)
        at_low += np.sum(block == low, axis=0)
        at_high += np.sum((block == high) & (low < high), axis=0)
        filled += np.sum(~np.isnan(block), axis=0)
        inside = (block > low) & (block < high)
        for pieces, column, mask in zip(between, block.T, inside.T, strict=True):
            pieces.append(column[mask])
    results = []
    for i, pieces in enumerate(between):
        counts = int(below[i]), int(at_low[i]), int(at_high[i])
        ranked = _ranked(np.concatenate(pieces), float(low[i]), float(high[i]), *counts)
        results.append(_middle(ranked, int(filled[i]), lambda i=i: _column(numbers, i)))
    return results


def _medians_in_memory(numbers: np.ndarray) -> list[float]:
    """Return the median of the filled cells of each column, several columns without gaps at once."""
    results: list[float] = []
    width = max(1, BLOCK_NUMBERS // max(1, len(numbers)))
    for start in range(0, numbers.shape[1], width):
        block = np.asarray(numbers[:, start : start + width], np.float64)
        gaps = np.asarray(np.isnan(block).any(axis=0))
        middle = np.zeros(block.shape[1])
        middle[~gaps] = np.median(block[:, ~gaps], axis=0)
        middle[gaps] = [_median(column) for column in block[:, gaps].T]
        results += middle.tolist()
    return results


def _bounds(numbers: Rows, sample: int) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers between which each column's median lies, all but certainly; NaN where a sample is empty."""
    rows = np.sort(generator(0, "medians").choice(len(numbers), sample, replace=False))
    bounds = []
    for column in np.asarray(numbers[rows], np.float64).T:
        cells = np.sort(column[~np.isnan(column)])
        reach = DEVIATIONS * 0.5 * np.sqrt(len(cells)) + 1
        ranks = np.clip([len(cells) / 2 - reach, len(cells) / 2 + reach], 0, max(0, len(cells) - 1)).astype(int)
        bounds.append(cells[ranks] if len(cells) else np.full(2, np.nan))
    low, high = np.array(bounds).T
    return low, high


def _ranked(
    between: np.ndarray, low: float, high: float, below: int, at_low: int, at_high: int
) -> Callable[[int], float | None]:
    """Return the function from a rank, counted from 0, to the number of that rank, or None outside the bounds."""
    between = np.sort(between)

    def ranked(rank: int) -> float | None:
        offset = rank - below
        if 0 <= offset < at_low:
            return low
        if 0 <= offset - at_low < len(between):
            return float(between[offset - at_low])
        return high if 0 <= offset - at_low - len(between) < at_high else None

    return ranked


def _middle(ranked: Callable[[int], float | None], filled: int, column: Callable[[], np.ndarray]) -> float:
    """Return the median of so many cells: the mean of the two in the middle."""
    if not filled:
        return 0.0
    first, second = ranked((filled - 1) // 2), ranked(filled // 2)
    return _median(column()) if first is None or second is None else float(np.mean([first, second]))


def _column(numbers: Rows, index: int) -> np.ndarray:
    """Read one column."""
    return np.concatenate([np.asarray(numbers[rows][:, index], np.float64) for rows in row_blocks(numbers)])


def _median(column: np.ndarray) -> float:
    """Return the median of the filled cells of a column, and 0 where there are none."""
    filled = column[~np.isnan(column)]
    return float(np.median(filled)) if len(filled) else 0.0
