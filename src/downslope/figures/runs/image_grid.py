"""A grid of images with their labels and predictions."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from downslope.figures.style import BLUE, VERMILLION, hide_frame, percent


def draw_images(
    figure: Figure,
    images: np.ndarray,
    truth: np.ndarray,
    predicted: np.ndarray,
    confidence: np.ndarray,
    rows: np.ndarray,
    columns: int,
) -> str:
    """Draw some rows as images and return the alternative text.

    Args:
        figure: to draw on.
        images: all images.
        truth: their labels.
        predicted: the predicted labels.
        confidence: the probability of each prediction, or NaN where there is none.
        rows: which to draw, in this order.
        columns: images side by side.
    """
    lines = -(-len(rows) // columns)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    low, high = float(np.min(images)), float(np.max(images))
    for axes, row in zip(panels, rows, strict=False):
        wrong = truth[row] != predicted[row]
        color = VERMILLION if wrong else BLUE
        hide_frame(axes)
        image = images[row] if images.ndim == 3 else (images[row] - low) / max(high - low, 1e-12)
        axes.imshow(image, cmap="gray_r", vmin=low, vmax=high, interpolation="nearest")
        for spine in axes.spines.values():
            spine.set(visible=True, color=color, linewidth=2.0 if wrong else 1.0)
        share = "" if np.isnan(confidence[row]) else f"  {percent(float(confidence[row]))}"
        axes.set_title(f"{'✗' if wrong else '✓'} {predicted[row]}{share}", fontsize=9, color=color, loc="center", pad=4)
        axes.set_xlabel(f"is {truth[row]}" if wrong else " ", fontsize=9, color="#202020", labelpad=3)
    for axes in panels[len(rows) :]:
        axes.set_axis_off()
    mistakes = int(np.sum(np.asarray(truth) != np.asarray(predicted)))
    right = 1 - mistakes / len(images)
    figure.suptitle(
        f"{percent(right, 1)} of {len(images):,} right: ✗ its surest mistakes, then ✓ what it was least sure of",
        fontsize=11,
        fontweight="bold",
    )
    figure.supxlabel(
        "Above: what the network says, and how sure it is. Below a mistake: what it is.", fontsize=9, color="#404040"
    )
    drawn_mistakes = int(sum(truth[row] != predicted[row] for row in rows))
    return (
        f"{len(rows)} of {len(images)} images with the predicted label and its probability: {drawn_mistakes} mistakes "
        f"of {mistakes}, the most confident first, then right answers, the least confident first."
    )
