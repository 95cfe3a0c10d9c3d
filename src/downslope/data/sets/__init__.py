"""Data sets by name, in one list: shipped, from scikit-learn, generated, or read from files the user has."""

from downslope.data.sets.catalog import SetInfo, available, load

__all__ = ["SetInfo", "available", "load"]
