"""A trained network as an ONNX file, from a user's numbers to labels."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from downslope.core import SettingError
from downslope.export._description import description
from downslope.export._file import write_file
from downslope.export._onnx_graph import LAYOUT, VERSIONS, Graph, require_onnx
from downslope.export._onnx_inputs import add_inputs
from downslope.export._onnx_layers import add_chain
from downslope.export._onnx_outputs import add_outputs
from downslope.runs import current_versions
from downslope.training import Run

if TYPE_CHECKING:
    from onnx import ModelProto
else:
    ModelProto = object

_MOST_BYTES = 2**31 - 1
"""The largest file of protocol buffers."""


def to_onnx(run: Run, path: str | os.PathLike[str]) -> Path:
    """Write a run's network to an ONNX file that predicts as the run does, and return its path.

    What happens to inputs is in the file: gaps filled in, numbers scaled, text and dates encoded; so is the way from
    outputs to probabilities, to labels, or to targets in their own units. The number of rows is free.

    Inputs:
        `x`: the columns of numbers, float64 `(rows, columns)`, in the order of the metadata's `columns`, NaN for
            missing cells; or images or sequences, float32 `(rows, …, channels)`. Not there if all columns are text.
        `text`: the columns of text, strings `(rows, columns)`, in the order of the metadata's `text_columns`, empty for
            missing cells. There only if the run learned from such columns.
        `dates`: the columns of dates in seconds since 1970 in UTC, and of times of day in seconds since midnight,
            float64 `(rows, columns)`, in the order of the metadata's `date_columns`, NaN for missing cells. There
            only if the run learned from such columns.

    Outputs:
        `prediction`: what `run.predict` returns: labels `(rows,)`, or numbers, float64.
        `probabilities`: what `run.predict_proba` returns, float32 `(rows, classes)`; there for classes, where the loss
            gives probabilities. The metadata's `classes` name its columns.
        `outputs`: what `run.outputs` returns, float32 `(rows, outputs)`.

    Networks are computed in single precision, whatever they were trained in. Rows are not checked: a number that is
    infinite, or missing where training saw none missing, makes what follows from it infinite or NaN. The metadata
    holds, as JSON, `columns`, `text_columns`, `date_columns`, `classes`, and `network`, `loss`, `link`,
    `preprocessing` and `versions` as `to_safetensors` writes them. The file is of version 17 of the standard's
    operations (2022).

    Args:
        run: the run, of which `variables` are written.
        path: the file; what was there is replaced.

    Raises:
        MissingExtraError: the package `onnx` is not installed.
        CustomPartError: a layer, or the way the loss reads outputs, is your own.
        SettingError: the network is larger than such a file may be, or no file can be at that place.
        UnwritableRunError: the disk refuses.

    Example:
        With onnx and onnxruntime installed::

            data = ds.load("iris")
            run = ds.train(ds.mlp([8], outputs=3), data, normalize="standard")
            session = onnxruntime.InferenceSession(ds.export.to_onnx(run, "iris.onnx"))
            labels, probabilities = session.run(["prediction", "probabilities"], {"x": data.x})
    """
    require_onnx()
    model = onnx_model(run)
    if (size := model.ByteSize()) > _MOST_BYTES:
        raise SettingError(f"An ONNX file holds less than 2 GiB, but this network takes {size:,} bytes.")
    return write_file(path, model.SerializeToString())


def onnx_model(run: Run) -> ModelProto:
    """Return the model that `to_onnx` writes."""
    from onnx import helper

    graph, preprocessing = Graph(), run.preprocessing
    inputs, x = add_inputs(graph, preprocessing)
    y = add_chain(graph, run.net.layers, *run.variables, preprocessing.input_shape, x)
    (width,) = run.net.output_shape(preprocessing.input_shape)
    outputs = add_outputs(graph, preprocessing, run.loss, y, width)
    model = helper.make_model(
        helper.make_graph(graph.nodes, "network", inputs, outputs, graph.arrays),
        opset_imports=[helper.make_opsetid(domain, VERSIONS[domain]) for domain in sorted(graph.domains())],
        ir_version=LAYOUT,
        producer_name="downslope",
        producer_version=current_versions()["downslope"],
    )
    helper.set_model_props(model, _metadata(run))
    return model


def _metadata(run: Run) -> dict[str, str]:
    """Return the metadata of the file, each entry as JSON."""
    preprocessing = run.preprocessing
    numeric = preprocessing.numeric if preprocessing.columns else None
    facts = {
        "columns": numeric,
        "text_columns": preprocessing.categorical,
        "date_columns": preprocessing.temporal,
        "classes": preprocessing.class_labels,
        **description(run),
    }
    return {name: json.dumps(value, ensure_ascii=False) for name, value in facts.items()}
