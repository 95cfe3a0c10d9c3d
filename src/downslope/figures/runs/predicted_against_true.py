"""Predicted numbers against true ones."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from downslope.figures.style import BLUE, GRAY

MOST_POINTS = 5000
"""The largest number of points: of more rows, an even selection is drawn, with a note."""

MOST_PANELS = 3


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
        rmse = float(np.sqrt(np.mean((predicted[:, k] - truth[:, k]) ** 2)))
        spread = float(np.mean((truth[:, k] - truth[:, k].mean()) ** 2))
        r2 = 1 - rmse**2 / spread if spread > 0 else float("nan")
        _panel(axes, truth[:, k], predicted[:, k])
        name = f"target {k}: " if truth.shape[1] > 1 else ""
        axes.set_title(f"{name}RMSE {rmse:.4g}, R² {r2:.3f}")
        sentences.append(f"{name}RMSE {rmse:.4g}, R² {r2:.3f} over {len(truth)} rows")
    return f"Predicted against true values, {'; '.join(sentences)}."


def _panel(axes: Axes, truth: np.ndarray, predicted: np.ndarray) -> None:
    """Draw points, and the line where predictions are right."""
    stride = -(-len(truth) // MOST_POINTS)
    t, p = truth[::stride], predicted[::stride]
    finite = np.concatenate([t, p[np.isfinite(p)]])
    low, high = float(finite.min()), float(finite.max())
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
