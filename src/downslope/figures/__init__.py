"""Drawings of runs, as matplotlib figures: made from a run or arrays alone, shown or saved by whoever asked.

Nothing here touches matplotlib's global state: no `pyplot`, no current figure, no settings left changed.
"""

from downslope.figures._example_predictions import example_predictions
from downslope.figures._loss_curves import loss_curves
from downslope.figures._save import alt_text, save

__all__ = ["alt_text", "example_predictions", "loss_curves", "save"]
