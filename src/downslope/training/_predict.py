"""From a network's raw outputs to what users ask for: labels, numbers in their own units, probabilities."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from downslope.core import SettingError
from downslope.data import Preprocessing
from downslope.losses import Loss


def predicted(preprocessing: Preprocessing, outputs: np.ndarray) -> np.ndarray:
    """Return labels, or targets in their original units.

    With one output per row, two classes are told apart by its sign; else the largest output wins.
    """
    if preprocessing.task == "regression":
        return preprocessing.original_targets(outputs)
    two_sides = outputs.shape[1] == 1
    return preprocessing.labels((outputs[:, 0] > 0).astype(np.int32) if two_sides else np.argmax(outputs, axis=1))


def probabilities(preprocessing: Preprocessing, loss: Loss, outputs: np.ndarray) -> np.ndarray:
    """Return the probability of each class, `(rows, classes)`.

    Raises:
        SettingError: the targets are numbers, or the loss gives its outputs no such meaning.
    """
    if preprocessing.task != "classification" or loss.inverse_link is None:
        wanted = "Train with cross_entropy or binary_cross_entropy for probabilities."
        raise SettingError(f"Probabilities need a loss that gives them, got {loss.name!r}. {wanted}", "loss")
    shares = np.asarray(loss.inverse_link(jnp.asarray(outputs)))
    return np.concatenate([1 - shares, shares], axis=1) if shares.shape[1] == 1 else shares
