"""From a network's raw outputs to predictions: labels, numbers in their own units, probabilities."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from downslope.core import SettingError
from downslope.data import Preprocessing
from downslope.losses import Loss

SHARES = ("classes", "shares")
"""Targets of losses whose outputs stand for shares, whether targets are labels or shares themselves."""


def predicted(preprocessing: Preprocessing, loss: Loss, outputs: np.ndarray) -> np.ndarray:
    """Return labels, or targets in their original units."""
    if preprocessing.task == "regression":
        return original_numbers(preprocessing, loss, outputs)
    return preprocessing.labels(predicted_classes(outputs))


def original_numbers(preprocessing: Preprocessing, loss: Loss, outputs: np.ndarray) -> np.ndarray:
    """Return the mean of the targets that outputs stand for, such as `exp(y)` of counts, in the targets' units."""
    return preprocessing.original_targets(outputs if loss.inverse_link is None else _linked(loss, outputs))


def predicted_classes(outputs: np.ndarray) -> np.ndarray:
    """Return class indices `(rows,)`.

    With one output per row, two classes are told apart by its sign; else the largest output wins.
    """
    return (outputs[:, 0] > 0).astype(np.int32) if outputs.shape[1] == 1 else np.argmax(outputs, axis=1)


def probabilities(preprocessing: Preprocessing, loss: Loss, outputs: np.ndarray) -> np.ndarray:
    """Return the probability of each class, `(rows, classes)`; where targets are shares, of each of their columns.

    Raises:
        SettingError: the targets are numbers, or the loss gives its outputs no such meaning.
    """
    if loss.inverse_link is None or (preprocessing.task != "classification" and loss.targets not in SHARES):
        advice = "Train with cross_entropy or binary_cross_entropy for probabilities."
        raise SettingError(f"Probabilities need a loss that gives them, got {loss.name!r}. {advice}", setting="loss")
    return _shares(loss, outputs) if preprocessing.task == "classification" else _linked(loss, outputs)


def class_scores(loss: Loss, outputs: np.ndarray) -> np.ndarray:
    """Return a number for each row and class, `(rows, classes)`: the larger, the likelier that class.

    Probabilities where the loss gives them; else by how much an output exceeds the largest of the others.
    """
    if loss.inverse_link is not None:
        return _shares(loss, outputs)
    if outputs.shape[1] == 1:
        return np.concatenate([-outputs, outputs], axis=1)
    second, first = np.sort(outputs, axis=1)[:, -2:].T[:, :, None]
    return outputs - np.where(outputs == first, second, first)


def _shares(loss: Loss, outputs: np.ndarray) -> np.ndarray:
    """Return a column a class; of one output, both sides."""
    shares = _linked(loss, outputs)
    return np.concatenate([1 - shares, shares], axis=1) if shares.shape[1] == 1 else shares


def _linked(loss: Loss, outputs: np.ndarray) -> np.ndarray:
    """Return the means that outputs stand for."""
    return np.asarray(loss.inverse_link(jnp.asarray(outputs)))  # pyright: ignore[reportOptionalCall]
