"""Rows as a network takes them, fitted on training rows: filled in, encoded, scaled; labels as numbers."""

from downslope.data.preprocessing.calendar import Calendar
from downslope.data.preprocessing.categories import Categories
from downslope.data.preprocessing.preprocessing import Preprocessing
from downslope.data.preprocessing.scaling import NORMALIZATIONS, Scaling, fit_scaling

__all__ = ["NORMALIZATIONS", "Calendar", "Categories", "Preprocessing", "Scaling", "fit_scaling"]
