"""Figures of a line fitted to data by descent, whose two parameters span the whole loss surface."""

from downslope.figures.line_fit.bowl_comparison import bowl_comparison
from downslope.figures.line_fit.descent import LineDescent, labels_of, leaf_name, line_descent, rows_of
from downslope.figures.line_fit.panels import PARAMETERS, draw_data, line_at
from downslope.figures.line_fit.two_parameter_descent import (
    LOOK,
    SIZE,
    draw_plan,
    panels,
    steps_of,
    summary,
    two_parameter_descent,
)

__all__ = [
    "LOOK",
    "PARAMETERS",
    "SIZE",
    "LineDescent",
    "bowl_comparison",
    "draw_data",
    "draw_plan",
    "labels_of",
    "leaf_name",
    "line_at",
    "line_descent",
    "panels",
    "rows_of",
    "steps_of",
    "summary",
    "two_parameter_descent",
]
