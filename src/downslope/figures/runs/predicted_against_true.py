"""Predicted numbers against true ones."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from downslope.figures.style import BLUE, GRAY, drawable

MOST_POINTS = 5000
"""The largest number of points: of more rows, an even selection is drawn, with a note."""

MOST_PANELS = 3

LARGEST_RATIO = 1e150
"""The square of a larger one overflows."""


def draw_predicted_against_true(figure: Figure, truth: np.ndarray, predicted: np.ndarray) -> str:
    """Draw a panel for each of the first targets, and return the alternative text.

    Args:
        figure: to draw on.
        truth: `(rows, targets)`, in their own units.
        predicted: likewise.
    """
    panels = figure.subplots(1, min(truth.shape[1], MOST_PANELS), squeeze=False)[0]
    sentences = []
    for k, axes in enumerate(panels):
        rmse, r2 = _quality(truth[:, k], predicted[:, k])
        _panel(axes, drawable(truth[:, k]), drawable(predicted[:, k]))
        name = f"target {k}: " if truth.shape[1] > 1 else ""
        quality = f"{name}RMSE {rmse:.4g}, R² {f'{r2:.3f}' if r2 > -1e3 else f'{r2:.3g}'}"
        axes.set_title(quality)
        sentences.append(f"{quality} over {len(truth)} rows")
    return f"Predicted against true values, {'; '.join(sentences)}."


def _quality(truth: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """Return RMSE and R²; what double precision cannot hold is infinite, or not a number."""
    with np.errstate(over="ignore"):
        rmse = _root_mean_square(predicted - truth)
        deviation = _root_mean_square(truth - np.sum(truth / len(truth)))
    if not 0 < deviation < np.inf:
        return rmse, float("nan")
    return rmse, 1 - (rmse / deviation) ** 2 if rmse / deviation < LARGEST_RATIO else -float("inf")


def _root_mean_square(values: np.ndarray) -> float:
    """Return a root of a mean of squares, also where the squares over- or underflow."""
    largest = float(np.max(np.abs(values)))
    return largest * float(np.sqrt(np.mean((values / largest) ** 2))) if 0 < largest < np.inf else largest


def _panel(axes: Axes, truth: np.ndarray, predicted: np.ndarray) -> None:
    """Draw points, and the line where predictions are right."""
    stride = -(-len(truth) // MOST_POINTS)
    t, p = truth[::stride], predicted[::stride]
    finite = np.concatenate([t[np.isfinite(t)], p[np.isfinite(p)]])
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    margin = 0.04 * (high - low) or 1.0
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, color=GRAY, lw=1.2, ls="--", zorder=1)
    axes.annotate(
        "predicted = true",
        (high, high),
        xytext=(-6, 5),
        textcoords="offset points",
        ha="right",
        va="bottom",
        rotation=45,
        rotation_mode="anchor",
        color=GRAY,
        fontsize=9,
    )
    alpha = float(np.clip(60 / np.sqrt(len(t)) / 5, 0.15, 0.8))
    axes.plot(t, p, "o", ms=5, color=BLUE, alpha=alpha, mec="none", zorder=2)
    axes.set(xlim=limits, ylim=limits, aspect="equal", xlabel="true", ylabel="predicted")
    if stride > 1:
        axes.set_xlabel(f"true (each {stride}th of {len(truth):,} rows)")
