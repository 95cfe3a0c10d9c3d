"""Drawings of runs, as matplotlib figures: made from a run or arrays alone, shown or saved by whoever asked.

Nothing here touches matplotlib's global state: no `pyplot`, no current figure, no settings left changed.
"""

from downslope.figures._example_predictions import example_predictions
from downslope.figures._initialization import initialization
from downslope.figures._layer_statistics import layer_statistics
from downslope.figures._loss_curves import loss_curves
from downslope.figures._profile import profile
from downslope.figures._race import race
from downslope.figures._restarts import restarts
from downslope.figures._save import alt_text, save
from downslope.figures._sweep import sweep

__all__ = [
    "alt_text",
    "example_predictions",
    "initialization",
    "layer_statistics",
    "loss_curves",
    "profile",
    "race",
    "restarts",
    "save",
    "sweep",
]
