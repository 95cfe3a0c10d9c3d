"""From a network's raw outputs to probabilities, labels and numbers in their own units, as nodes of ONNX."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from downslope.core import CustomPartError
from downslope.data import Preprocessing
from downslope.export._description import OWN_LINK, link_name
from downslope.export._onnx_graph import Graph, ValueInfoProto
from downslope.losses import Loss

OUTPUTS, PROBABILITIES, PREDICTION = "outputs", "probabilities", "prediction"
"""The names of the outputs."""


def add_outputs(
    graph: Graph, preprocessing: Preprocessing, loss: Loss, outputs: str, width: int
) -> list[ValueInfoProto]:
    """Add the outputs of `run.predict`, `run.predict_proba` and `run.outputs`, and return them.

    Args:
        graph: what to add to.
        preprocessing: the run's.
        loss: the run's.
        outputs: the name of the raw outputs.
        width: how many there are for each row.

    Raises:
        CustomPartError: the loss reads outputs in a way of its own.
    """
    means = _linked(graph, loss, outputs)
    if preprocessing.task == "regression":
        decoded = [_numbers(graph, preprocessing, means)]
    elif link_name(loss) is None:
        decoded = [_labels(graph, preprocessing, outputs, width)]
    else:
        probabilities = _probabilities(graph, means, width)
        decoded = [_labels(graph, preprocessing, outputs, width), probabilities]
    return [*decoded, _output(graph, outputs, OUTPUTS, np.float32, [width])]


def _linked(graph: Graph, loss: Loss, outputs: str) -> str:
    """Add the means that outputs stand for."""
    match link_name(loss):
        case None:
            return outputs
        case "softmax":
            return graph.add("Softmax", outputs, name="outputs", axis=1)
        case "sigmoid":
            return graph.add("Sigmoid", outputs, name="outputs")
        case "exp":
            return graph.add("Exp", outputs, name="outputs")
        case _:
            raise CustomPartError(
                f"ONNX export knows the losses of Downslope only, but {loss.name!r} turns outputs into means by a "
                f"function of its own (link: {OWN_LINK}). Export the numbers as safetensors."
            )


def _probabilities(graph: Graph, means: str, width: int) -> ValueInfoProto:
    """Add a probability for each class; of one output, both sides."""
    if width == 1:
        other = graph.add("Sub", graph.array("outputs/one", 1.0), means, name="outputs")
        means = graph.add("Concat", other, means, name="outputs", axis=1)
    return _output(graph, means, PROBABILITIES, np.float32, [max(width, 2)])


def _labels(graph: Graph, preprocessing: Preprocessing, outputs: str, width: int) -> ValueInfoProto:
    """Add the label of the largest output; of one output, of its sign."""
    from onnx import TensorProto

    if width == 1:
        positive = graph.add("Greater", outputs, graph.array("outputs/zero", 0.0), name="outputs")
        column = graph.add("Cast", positive, name="outputs", to=TensorProto.INT64)
        index = graph.add("Squeeze", column, graph.array("outputs/axis", [1], np.int64), name="outputs")
    else:
        index = graph.add("ArgMax", outputs, name="outputs", axis=1, keepdims=0)
    classes = np.array(preprocessing.class_labels)
    classes = classes.astype(object) if classes.dtype.kind == "U" else classes
    labels = graph.add("Gather", graph.array("classes", classes, classes.dtype), index, name="outputs", axis=0)
    return _output(graph, labels, PREDICTION, classes.dtype, [])


def _numbers(graph: Graph, preprocessing: Preprocessing, means: str) -> ValueInfoProto:
    """Add predictions in the units of the training targets, in double precision."""
    from onnx import TensorProto

    y, scaling = graph.add("Cast", means, name="outputs", to=TensorProto.DOUBLE), preprocessing.target_scaling
    if scaling is not None:
        y = graph.add("Sub", y, graph.array("targets/offset", scaling.offset, np.float64), name="targets")
        y = graph.add("Mul", y, graph.array("targets/scale", scaling.scale, np.float64), name="targets")
        y = graph.add("Add", y, graph.array("targets/center", scaling.center, np.float64), name="targets")
    if preprocessing.target_columns == 0:
        y = graph.add("Squeeze", y, graph.array("targets/axis", [1], np.int64), name="targets")
    return _output(
        graph, y, PREDICTION, np.float64, [preprocessing.target_columns] * (preprocessing.target_columns > 0)
    )


def _output(graph: Graph, value: str, name: str, dtype: DTypeLike, shape: list[int]) -> ValueInfoProto:
    """Make a value an output."""
    from onnx import helper

    graph.finish(value, name)
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), ["rows", *shape])
