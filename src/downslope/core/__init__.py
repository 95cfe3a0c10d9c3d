"""The words everything else is written in: types, trees, keys, checks, errors, settings as JSON, loss surfaces."""

from downslope.core._checks import check_choice, check_integer, check_number
from downslope.core._errors import (
    BusyRunError,
    CustomPartError,
    DamagedRunError,
    DataError,
    DownslopeError,
    MissingExtraError,
    RunError,
    RunWarning,
    SettingError,
    ShapeError,
    UnknownNameError,
    UnwritableRunError,
    close_names,
)
from downslope.core._function_surface import FunctionSurface, in_memory
from downslope.core._keys import Key, fold, generator, key_words
from downslope.core._meter import Meter, open_meter
from downslope.core._render import Renderable, is_custom, rebuild, render
from downslope.core._surface import (
    BatchGradientsSurface,
    GaussNewtonSurface,
    LinearizedSurface,
    LossSurface,
    PlaneSurface,
    RowLossesSurface,
    check_repeats,
    offers,
)
from downslope.core._text import aligned, bytes_text, count_text, seconds_text
from downslope.core._trees import all_finite, displaced, named_leaves, tree_norm, tree_size, with_named_leaves
from downslope.core._types import Params, PyTree, Shape, Variables, float_dtype

__all__ = [
    "BatchGradientsSurface",
    "BusyRunError",
    "CustomPartError",
    "DamagedRunError",
    "DataError",
    "DownslopeError",
    "FunctionSurface",
    "GaussNewtonSurface",
    "Key",
    "LinearizedSurface",
    "LossSurface",
    "Meter",
    "MissingExtraError",
    "Params",
    "PlaneSurface",
    "PyTree",
    "Renderable",
    "RowLossesSurface",
    "RunError",
    "RunWarning",
    "SettingError",
    "Shape",
    "ShapeError",
    "UnknownNameError",
    "UnwritableRunError",
    "Variables",
    "aligned",
    "all_finite",
    "bytes_text",
    "check_choice",
    "check_integer",
    "check_number",
    "check_repeats",
    "close_names",
    "count_text",
    "displaced",
    "float_dtype",
    "fold",
    "generator",
    "in_memory",
    "is_custom",
    "key_words",
    "named_leaves",
    "offers",
    "open_meter",
    "rebuild",
    "render",
    "seconds_text",
    "tree_norm",
    "tree_size",
    "with_named_leaves",
]
