"""Figures of runs and loss surfaces: functions from a run or from arrays to a matplotlib figure, or a page.

Nothing here touches matplotlib's global state: no `pyplot`, no current figure, no settings left changed.
"""

from downslope.figures.animation import Animation, animate_descent, animate_paths, save_animation
from downslope.figures.curvature import gradient_shares, hessian_blocks, spectrum
from downslope.figures.landscape import (
    envelope,
    interpolation,
    path_losses,
    slice_lines,
    surface_3d,
    surface_contour,
    surface_strip,
)
from downslope.figures.line_fit import bowl_comparison, two_parameter_descent
from downslope.figures.pages import FittedLine, diagnosis_page, fitted_line, surface_page
from downslope.figures.runs import (
    comparison,
    example_predictions,
    initialization,
    layer_statistics,
    loss_curves,
    profile,
    restarts,
    tracking,
)
from downslope.figures.search import batch_size, learning_rate, race, sweep
from downslope.figures.style import alt_text, save

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
