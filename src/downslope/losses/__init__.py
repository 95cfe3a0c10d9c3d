"""Losses: each as a value and its derivative at the network's output."""

from downslope.losses._choose import as_loss, check_targets, loss_names, outputs_for
from downslope.losses._classes import binary_cross_entropy, cross_entropy, hinge, perceptron
from downslope.losses._loss import Loss
from downslope.losses._numbers import mean_squared_error, squared_error, sum_squared_error

__all__ = [
    "Loss",
    "as_loss",
    "binary_cross_entropy",
    "check_targets",
    "cross_entropy",
    "hinge",
    "loss_names",
    "mean_squared_error",
    "outputs_for",
    "perceptron",
    "squared_error",
    "sum_squared_error",
]
