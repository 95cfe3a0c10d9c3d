"""Confusion tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from downslope.figures.style import percent

MOST_NUMBERED = 20
"""The largest number of classes whose cells are numbered."""


def draw_confusions(figure: Figure, truth: ArrayLike, predicted: ArrayLike, classes: Sequence[object]) -> str:
    """Draw a confusion table, true classes down and predicted ones across, and return the alternative text.

    Shades are shares of the row: of all that truly are of a class.

    Args:
        figure: to draw on.
        truth: labels.
        predicted: labels.
        classes: all labels, sorted.
    """
    counts = confusion_counts(truth, predicted, classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    bar = figure.colorbar(image, ax=axes, shrink=0.85, label="share of the true class")
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    names = [str(label) for label in classes]
    _label(axes, names)
    if len(classes) <= MOST_NUMBERED:
        _number(axes, counts, shares)
    right = float(np.trace(counts) / counts.sum())
    axes.set_title(f"{percent(right, 1)} of {counts.sum():,} right")
    pairs = sorted(np.argwhere(counts > 0).tolist(), key=lambda cell: -counts[cell[0], cell[1]])
    wrong = [f"{names[i]} as {names[j]} ({counts[i, j]})" for i, j in pairs if i != j]
    most = ", ".join(wrong[:3]) or "none"
    return f"Table of confusions, {percent(right, 1)} of {counts.sum()} right; most often confused: {most}."


def confusion_counts(truth: ArrayLike, predicted: ArrayLike, classes: Sequence[object]) -> np.ndarray:
    """Return how often each true class (rows) is predicted as each class (columns).

    Example:
        >>> confusion_counts(["a", "b", "b"], ["a", "a", "b"], ["a", "b"]).tolist()
        [[1, 0], [1, 1]]
    """
    indices = {label: i for i, label in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), int)
    for t, p in zip(np.asarray(truth).tolist(), np.asarray(predicted).tolist(), strict=True):
        counts[indices[t], indices[p]] += 1
    return counts


def _label(axes: Axes, names: list[str]) -> None:
    """Name the classes on both sides."""
    axes.grid(visible=False)
    step = -(-len(names) // MOST_NUMBERED)
    ticks, labels = range(0, len(names), step), [_short(name) for name in names[::step]]
    long = max(map(len, labels)) > 4
    axes.set_xticks(ticks, labels, rotation=45 if long else 0, ha="right" if long else "center", rotation_mode="anchor")
    axes.set_yticks(ticks, labels)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")


def _number(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    """Write the counts into their cells; zeros stay blank."""
    for i, j in np.argwhere(counts > 0).tolist():
        axes.text(j, i, f"{counts[i, j]}", ha="center", va="center", color="white" if shares[i, j] > 0.55 else "black")


def _short(name: str) -> str:
    """Return a name shortened to fit beside a table."""
    return name if len(name) <= 14 else name[:13] + "…"
