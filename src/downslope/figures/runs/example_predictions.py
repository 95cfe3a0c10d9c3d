"""Predictions of examples: images, a confusion table, or predicted against true values."""

from __future__ import annotations

from math import isqrt

import numpy as np
from matplotlib.figure import Figure

from downslope.core import DataError, Setting, check_integer
from downslope.data import Dataset
from downslope.figures.runs.confusions import draw_confusions
from downslope.figures.runs.image_grid import draw_images
from downslope.figures.runs.predicted_against_true import draw_predicted_against_true
from downslope.figures.style import styled_figure
from downslope.training import Run

SMALLEST_IMAGE = 7 * 7
"""Rows of fewer features are taken for tables, even if their number is a square."""


def example_predictions(run: Run, data: Dataset, *, count: int = 24) -> Figure:
    """Return a figure that shows how good predictions are, as suits the data.

    Images (arrays of rank 3 or 4, or rows of a square number of pixels) are shown with their labels and
    predictions, the most confident mistakes first, then the least confident right answers. Other classes become a
    confusion table; numbers are drawn as predicted against true.

    Args:
        run: a trained run.
        data: examples with their target, best those that training never saw.
        count: how many images to show at most.

    Raises:
        DataError: the data have no target.

    Example:
        >>> import downslope as ds
        >>> iris = ds.load("iris")
        >>> run = ds.train(ds.mlp([8], outputs=3), iris, epochs=30, normalize="standard", progress=False)
        >>> example_predictions(run, iris).axes[0].get_xlabel()
        'predicted'
    """
    check_integer("count", count)
    if data.y is None:
        raise DataError(
            "Example predictions need a target to compare with, got a data set without",
            Setting("y"),
            ". Pass",
            Setting("y"),
            ".",
        )
    predicted = run.predict(data.x)
    if run.task == "regression":
        truth, guess = _columns(data.y), _columns(predicted)
        panels = min(truth.shape[1], 3)
        return styled_figure(lambda figure: draw_predicted_against_true(figure, truth, guess), (4.9 * panels, 4.9))
    pictures = images_of(data)
    if pictures is not None:
        confidence = _confidence(run, data, predicted)
        rows = interesting_rows(predicted != data.y, confidence, count)
        columns = min(8, len(rows))
        size = (1.28 * columns, 1.62 * -(-len(rows) // columns) + 0.7)
        return styled_figure(
            lambda figure: draw_images(figure, pictures, data.y, predicted, confidence, rows, columns), size
        )
    classes = run.preprocessing.class_labels
    side = 3.4 + 0.42 * min(len(classes), 20)
    return styled_figure(lambda figure: draw_confusions(figure, data.y, predicted, classes), (side + 0.6, side))


def images_of(data: Dataset) -> np.ndarray | None:
    """Return rows as images `(rows, height, width)` or `(rows, height, width, 3)`, or None if they are none.

    Example:
        >>> images_of(Dataset(np.zeros((5, 64)))).shape
        (5, 8, 8)
        >>> images_of(Dataset(np.zeros((5, 64)), feature_names=[f"gene_{i}" for i in range(64)])) is None
        True
    """
    x = data.x
    if not isinstance(x, np.ndarray):
        return None
    if x.ndim == 4 and x.shape[3] in (1, 3):
        return x[..., 0] if x.shape[3] == 1 else x
    if x.ndim == 3:
        return x
    side = isqrt(x.shape[1]) if x.ndim == 2 else 0
    named_otherwise = data.feature_names is not None and not all("pix" in name.lower() for name in data.feature_names)
    if side * side != x.shape[-1] or x.shape[-1] < SMALLEST_IMAGE or named_otherwise:
        return None
    return x.reshape(-1, side, side)


def interesting_rows(wrong: np.ndarray, confidence: np.ndarray, count: int) -> np.ndarray:
    """Select rows to show: mistakes, the most confident first, at most half of all; then the least confident.

    Args:
        wrong: a mask of the rows that are mistakes.
        confidence: the probability of each row's prediction.
        count: the largest number of rows.

    Example:
        >>> interesting_rows(np.array([True, False, True]), np.array([0.6, 0.7, 0.9]), 3).tolist()
        [2, 0, 1]
    """
    count = min(count, len(wrong))
    by_confidence = np.argsort(-confidence, kind="stable")
    mistakes, right = by_confidence[wrong[by_confidence]], by_confidence[~wrong[by_confidence]][::-1]
    room = max(count - count // 2, count - len(right))
    chosen = mistakes[:room]
    return np.concatenate([chosen, right[: count - len(chosen)]])


def _confidence(run: Run, data: Dataset, predicted: np.ndarray) -> np.ndarray:
    """Return the probability of the predicted class, or NaN where the loss gives none."""
    if run.loss.inverse_link is None:
        return np.full(len(predicted), np.nan)
    return run.predict_proba(data.x).max(axis=1)


def _columns(y: np.ndarray) -> np.ndarray:
    """Return numbers as `(rows, targets)`."""
    return np.asarray(y, np.float64).reshape(len(y), -1)
