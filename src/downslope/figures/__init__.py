"""Drawings of runs, as matplotlib figures: made from a run or arrays alone, shown or saved by whoever asked.

Nothing here touches matplotlib's global state: no `pyplot`, no current figure, no settings left changed.
"""

from downslope.figures._animate_descent import animate_descent
from downslope.figures._animate_paths import animate_paths
from downslope.figures._animation import Animation, save_animation
from downslope.figures._batch_size import batch_size
from downslope.figures._bowl_comparison import bowl_comparison
from downslope.figures._comparison import comparison
from downslope.figures._diagnosis_page import diagnosis_page
from downslope.figures._envelope import envelope
from downslope.figures._example_predictions import example_predictions
from downslope.figures._fitted_line import fitted_line
from downslope.figures._gradient_shares import gradient_shares
from downslope.figures._hessian_blocks import hessian_blocks
from downslope.figures._initialization import initialization
from downslope.figures._interpolation import interpolation
from downslope.figures._layer_statistics import layer_statistics
from downslope.figures._learning_rate import learning_rate
from downslope.figures._loss_curves import loss_curves
from downslope.figures._path_losses import path_losses
from downslope.figures._profile import profile
from downslope.figures._race import race
from downslope.figures._restarts import restarts
from downslope.figures._save import alt_text, save
from downslope.figures._slice_lines import slice_lines
from downslope.figures._spectrum import spectrum
from downslope.figures._surface_3d import surface_3d
from downslope.figures._surface_contour import surface_contour
from downslope.figures._surface_page import FittedLine, surface_page
from downslope.figures._surface_strip import surface_strip
from downslope.figures._sweep import sweep
from downslope.figures._tracking import tracking
from downslope.figures._two_parameter_descent import two_parameter_descent

__all__ = [
    "Animation",
    "FittedLine",
    "alt_text",
    "animate_descent",
    "animate_paths",
    "batch_size",
    "bowl_comparison",
    "comparison",
    "diagnosis_page",
    "envelope",
    "example_predictions",
    "fitted_line",
    "gradient_shares",
    "hessian_blocks",
    "initialization",
    "interpolation",
    "layer_statistics",
    "learning_rate",
    "loss_curves",
    "path_losses",
    "profile",
    "race",
    "restarts",
    "save",
    "save_animation",
    "slice_lines",
    "spectrum",
    "surface_3d",
    "surface_contour",
    "surface_page",
    "surface_strip",
    "sweep",
    "tracking",
    "two_parameter_descent",
]
