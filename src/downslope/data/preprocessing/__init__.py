"""Rows as a network takes them, fitted on training rows: gaps filled, text one-hot, numbers scaled, labels numbered."""

from downslope.data.preprocessing.categories import Categories
from downslope.data.preprocessing.preprocessing import Preprocessing
from downslope.data.preprocessing.scaling import NORMALIZATIONS, Scaling, fit_scaling

__all__ = ["NORMALIZATIONS", "Categories", "Preprocessing", "Scaling", "fit_scaling"]
