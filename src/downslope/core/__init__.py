"""The words everything else is written in: types, trees, keys, checks, errors, settings as JSON."""

from downslope.core._checks import check_choice, check_integer, check_number
from downslope.core._errors import (
    CustomPartError,
    DamagedRunError,
    DataError,
    DownslopeError,
    MissingExtraError,
    RunError,
    SettingError,
    ShapeError,
    UnknownNameError,
    close_names,
)
from downslope.core._keys import Key, fold, generator, key_words
from downslope.core._render import Renderable, is_custom, rebuild, render
from downslope.core._trees import all_finite, named_leaves, tree_norm, tree_size, with_named_leaves
from downslope.core._types import Params, PyTree, Shape, Variables, float_dtype

__all__ = [
    "CustomPartError",
    "DamagedRunError",
    "DataError",
    "DownslopeError",
    "Key",
    "MissingExtraError",
    "Params",
    "PyTree",
    "Renderable",
    "RunError",
    "SettingError",
    "Shape",
    "ShapeError",
    "UnknownNameError",
    "Variables",
    "all_finite",
    "check_choice",
    "check_integer",
    "check_number",
    "close_names",
    "float_dtype",
    "fold",
    "generator",
    "is_custom",
    "key_words",
    "named_leaves",
    "rebuild",
    "render",
    "tree_norm",
    "tree_size",
    "with_named_leaves",
]
