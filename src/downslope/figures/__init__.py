"""Drawings of runs, as matplotlib figures: made from a run or arrays alone, shown or saved by whoever asked.

Nothing here touches matplotlib's global state: no `pyplot`, no current figure, no settings left changed.
"""

from downslope.figures._batch_size import batch_size
from downslope.figures._diagnosis_page import diagnosis_page
from downslope.figures._example_predictions import example_predictions
from downslope.figures._gradient_shares import gradient_shares
from downslope.figures._hessian_blocks import hessian_blocks
from downslope.figures._initialization import initialization
from downslope.figures._layer_statistics import layer_statistics
from downslope.figures._learning_rate import learning_rate
from downslope.figures._loss_curves import loss_curves
from downslope.figures._profile import profile
from downslope.figures._race import race
from downslope.figures._restarts import restarts
from downslope.figures._save import alt_text, save
from downslope.figures._spectrum import spectrum
from downslope.figures._sweep import sweep
from downslope.figures._tracking import tracking

__all__ = [
    "alt_text",
    "batch_size",
    "diagnosis_page",
    "example_predictions",
    "gradient_shares",
    "hessian_blocks",
    "initialization",
    "layer_statistics",
    "learning_rate",
    "loss_curves",
    "profile",
    "race",
    "restarts",
    "save",
    "spectrum",
    "sweep",
    "tracking",
]
