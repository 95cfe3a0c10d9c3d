"""Figures of a line fitted to data by descent, whose two parameters span the whole loss surface."""

from downslope.figures.line_fit.bowl_comparison import bowl_comparison
from downslope.figures.line_fit.descent import LineDescent, labels_of, leaf_name, line_descent, rows_of
from downslope.figures.line_fit.panels import PARAMETERS, draw_data, line_at
from downslope.figures.line_fit.two_parameter_descent import (
    SIZE,
    STYLE,
    descent_levels,
    draw_descent_plane,
    make_axes,
    summary,
    two_parameter_descent,
)

__all__ = [
    "PARAMETERS",
    "SIZE",
    "STYLE",
    "LineDescent",
    "bowl_comparison",
    "descent_levels",
    "draw_data",
    "draw_descent_plane",
    "labels_of",
    "leaf_name",
    "line_at",
    "line_descent",
    "make_axes",
    "rows_of",
    "summary",
    "two_parameter_descent",
]
