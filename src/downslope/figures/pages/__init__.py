"""Pages of HTML: loss surfaces to turn and play, with the document that they show, and diagnoses."""

from downslope.figures.pages.diagnosis_page import diagnosis_page
from downslope.figures.pages.document import Array, Axis, LineView, Surface, packed
from downslope.figures.pages.fitted_line import fitted_line
from downslope.figures.pages.surface_page import BUILT, FittedLine, surface_page

__all__ = [
    "BUILT",
    "Array",
    "Axis",
    "FittedLine",
    "LineView",
    "Surface",
    "diagnosis_page",
    "fitted_line",
    "packed",
    "surface_page",
]
