"""The preprocessing of inputs as nodes of ONNX."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from downslope.data import Categories, Preprocessing
from downslope.export._onnx_dates import DATES, add_dates
from downslope.export._onnx_graph import ML, Graph, ValueInfoProto

NUMBERS, TEXT = "x", "text"
"""The names of the inputs."""


def add_inputs(graph: Graph, preprocessing: Preprocessing) -> tuple[list[ValueInfoProto], str]:
    """Add the inputs with their preprocessing, and return them with the name of the network's input.

    Columns of numbers are taken in double precision, for years and prices lose digits in single; images and sequences
    in single.
    """
    from onnx import TensorProto, helper

    inputs, parts = [], []
    encoded = preprocessing.categories or preprocessing.calendars
    shape = (len(preprocessing.numeric),) if encoded else preprocessing.input_shape
    if shape != (0,):
        kind = TensorProto.DOUBLE if len(shape) == 1 else TensorProto.FLOAT
        says = "numbers as in the data of the training; NaN: missing, where that was learned"
        inputs.append(helper.make_tensor_value_info(NUMBERS, kind, ["rows", *shape], doc_string=says))
        parts.append(_numbers(graph, preprocessing, np.float64 if len(shape) == 1 else np.float32))
    if preprocessing.categories:
        says = "columns of text; empty: missing"
        width = ["rows", len(preprocessing.categories)]
        inputs.append(helper.make_tensor_value_info(TEXT, TensorProto.STRING, width, doc_string=says))
        parts += [_one_hot(graph, index, column) for index, column in enumerate(preprocessing.categories)]
    if preprocessing.calendars:
        says = "dates in seconds since 1970-01-01 in UTC, times of day in seconds since midnight; NaN: missing"
        width = ["rows", len(preprocessing.calendars)]
        inputs.append(helper.make_tensor_value_info(DATES, TensorProto.DOUBLE, width, doc_string=says))
        parts += [add_dates(graph, index, column) for index, column in enumerate(preprocessing.calendars)]
    parts = [part for part in parts if part]
    joined = parts[0] if len(parts) == 1 else graph.add("Concat", *parts, name="inputs", axis=1)
    order = _order(preprocessing)
    if order == sorted(order):
        return inputs, joined
    return inputs, graph.add("Gather", joined, graph.array("inputs/order", order, np.int64), name="inputs", axis=1)


def _numbers(graph: Graph, preprocessing: Preprocessing, dtype: DTypeLike) -> str:
    """Add numbers filled in, scaled by `(x − center)/scale + offset`, and cast."""
    from onnx import TensorProto

    x, scaling = NUMBERS, preprocessing.scaling
    if preprocessing.fills is not None:
        missing = graph.add("IsNaN", x, name="inputs")
        x = graph.add("Where", missing, graph.array("inputs/fills", preprocessing.fills, dtype), x, name="inputs")
    if scaling is not None:
        x = graph.add("Sub", x, graph.array("inputs/center", scaling.center, dtype), name="inputs")
        x = graph.add("Div", x, graph.array("inputs/scale", scaling.scale, dtype), name="inputs")
        if scaling.offset:
            x = graph.add("Add", x, graph.array("inputs/offset", scaling.offset, dtype), name="inputs")
    return x if dtype == np.float32 else graph.add("Cast", x, name="inputs", to=TensorProto.FLOAT)


def _one_hot(graph: Graph, index: int, column: Categories) -> str:
    """Add a column of text one-hot: each level's number, and the row of zeros and a one that belongs to it.

    Returns:
        Its name; none at all for a column without levels.
    """
    if not column.levels:
        return ""
    name = f"text/{index}"
    numbers = {level: number for number, level in enumerate(column.levels)}
    numbers.setdefault("", column.missing_code)
    codes = graph.add(
        "LabelEncoder",
        graph.add("Gather", TEXT, graph.array(f"{name}/place", index, np.int64), name=name, axis=1),
        name=name,
        domain=ML,
        keys_strings=list(numbers),
        values_int64s=list(numbers.values()),
        default_int64=column.unknown_code,
    )
    return graph.add("Gather", graph.array(f"{name}/rows", column.rows()), codes, name=name, axis=0)


def _order(preprocessing: Preprocessing) -> list[int]:
    """Return where each column that the network sees is, once text follows numbers, and dates text."""
    encoders = (*preprocessing.categories, *preprocessing.calendars)
    widths = {column.column: len(column.feature_names) for column in encoders}
    if not widths:
        return []
    first = dict(zip(preprocessing.numeric, range(len(preprocessing.numeric)), strict=True))
    width_so_far = len(first)
    for name, width in widths.items():
        first[name], width_so_far = width_so_far, width_so_far + width
    return [first[name] + i for name in preprocessing.columns or () for i in range(widths.get(name, 1))]
