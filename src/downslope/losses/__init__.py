"""Losses: each as a value and its derivative at the network's output."""

from downslope.losses._choose import as_loss, check_targets, loss_names, outputs_for
from downslope.losses._classes import binary_cross_entropy, cross_entropy, cross_entropy_with, hinge, perceptron
from downslope.losses._loss import Loss
from downslope.losses._numbers import (
    absolute_error,
    huber,
    huber_with,
    mean_squared_error,
    poisson,
    quantile,
    quantile_with,
    squared_error,
    sum_squared_error,
)

__all__ = [
    "Loss",
    "absolute_error",
    "as_loss",
    "binary_cross_entropy",
    "check_targets",
    "cross_entropy",
    "cross_entropy_with",
    "hinge",
    "huber",
    "huber_with",
    "loss_names",
    "mean_squared_error",
    "outputs_for",
    "perceptron",
    "poisson",
    "quantile",
    "quantile_with",
    "squared_error",
    "sum_squared_error",
]
