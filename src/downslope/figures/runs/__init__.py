"""Figures of runs: losses, layers, curvature while training, restarts, predictions, initialization, and time."""

from downslope.figures.runs.comparison import MOST_RUNS, comparison
from downslope.figures.runs.example_predictions import example_predictions
from downslope.figures.runs.initialization import initialization
from downslope.figures.runs.layer_statistics import layer_statistics
from downslope.figures.runs.loss_curves import loss_curves
from downslope.figures.runs.profile import profile
from downslope.figures.runs.restarts import restarts
from downslope.figures.runs.tracking import tracking

__all__ = [
    "MOST_RUNS",
    "comparison",
    "example_predictions",
    "initialization",
    "layer_statistics",
    "loss_curves",
    "profile",
    "restarts",
    "tracking",
]
