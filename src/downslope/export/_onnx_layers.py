"""Each layer as nodes of ONNX, in inference mode.

Our arrays keep the channels last and ONNX's convolutions and pools want them first, so each stands between two
transpositions; runtimes join those that meet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from downslope import layers
from downslope.core import CustomPartError, Params, Shape
from downslope.export._onnx_graph import Graph
from downslope.layers import AnyLayer, output_shape, placed, thawed, windows


class Spot(NamedTuple):
    """A layer where it stands in a network.

    Attributes:
        layer: its settings.
        params: its parameters.
        state: its running statistics.
        shape: the shape of its input for one example.
        path: its place, as names of arrays have it, such as `2/body/0`.
    """

    layer: Any
    params: Params
    state: Params
    shape: Shape
    path: str


def add_chain(
    graph: Graph, chain: Sequence[AnyLayer], params: Any, state: Any, shape: Shape, h: str, *, under: str = ""
) -> str:
    """Add the layers of a chain, and return the name of its output.

    Args:
        graph: what to add to.
        chain: the layers, first to last.
        params: of each layer.
        state: of each layer.
        shape: the shape of the input for one example.
        h: the name of the input.
        under: where in the network the chain is, with a slash at its end.

    Raises:
        CustomPartError: a layer is a user's own.
    """
    plain = thawed(chain)
    params, state = placed(plain, params, state)
    for place, layer in enumerate(plain):
        write = _WRITERS.get(type(layer))
        if write is None:
            raise CustomPartError(
                f"ONNX export knows the layers of Downslope only, got {layer!r} at place {under}{place}, which is your "
                "own. Export the numbers as safetensors, or put layers of Downslope in its place."
            )
        h = write(graph, Spot(layer, params[place], state[place], tuple(shape), f"{under}{place}"), h)
        shape = output_shape(layer, tuple(shape))
    return h


def _same(graph: Graph, at: Spot, h: str) -> str:
    """Add nothing: in inference mode the output is the input."""
    return h


def _simple(operation: str) -> Callable[[Graph, Spot, str], str]:
    """Return what adds an activation that ONNX has by itself."""

    def write(graph: Graph, at: Spot, h: str) -> str:
        return graph.add(operation, h, name=at.path)

    return write


def _leaky_relu(graph: Graph, at: Spot, h: str) -> str:
    """Add `max(z, 0) + slope · min(z, 0)`."""
    return graph.add("LeakyRelu", h, name=at.path, alpha=float(at.layer.slope))


def _elu(graph: Graph, at: Spot, h: str) -> str:
    """Add `z` for `z > 0`, else `eᶻ − 1`."""
    return graph.add("Elu", h, name=at.path, alpha=1.0)


def _scaled_tanh(graph: Graph, at: Spot, h: str) -> str:
    """Add `1.7159 tanh(2z/3)`."""
    tanh = graph.add("Tanh", _times(graph, at, h, 2 / 3), name=at.path)
    return _times(graph, at, tanh, 1.7159)


def _gelu(graph: Graph, at: Spot, h: str) -> str:
    """Add `z Φ(z)`, `Φ(z) = (1 + erf(z/√2))/2`; ONNX has it by itself only since its version 20."""
    erf = graph.add("Erf", _times(graph, at, h, 0.5**0.5), name=at.path)
    twice = graph.add("Add", erf, graph.array(f"{at.path}/one", 1.0), name=at.path)
    return graph.add("Mul", h, _times(graph, at, twice, 0.5), name=at.path)


def _silu(graph: Graph, at: Spot, h: str) -> str:
    """Add `z s(z)` with the sigmoid `s`."""
    return graph.add("Mul", h, graph.add("Sigmoid", h, name=at.path), name=at.path)


def _dense(graph: Graph, at: Spot, h: str) -> str:
    """Add `x W + b`."""
    return graph.add("Gemm", h, *_weights(graph, at, np.asarray(at.params["weight"])), name=at.path)


def _convolution(graph: Graph, at: Spot, h: str) -> str:
    """Add a convolution; its weight's axes become (channels out, channels in, …)."""
    weight = np.moveaxis(np.asarray(at.params["weight"]), (-1, -2), (0, 1))
    geometry = _geometry(at, at.layer.kernel, at.layer.stride)
    first = _channels_first(graph, at, h)
    y = graph.add("Conv", first, *_weights(graph, at, weight), name=at.path, **geometry)
    return _channels_last(graph, at, y)


def _pool(operation: str, **settings: Any) -> Callable[[Graph, Spot, str], str]:
    """Return what adds a pool."""

    def write(graph: Graph, at: Spot, h: str) -> str:
        stride = at.layer.window if at.layer.stride is None else at.layer.stride
        geometry = _geometry(at, at.layer.window, stride)
        y = graph.add(operation, _channels_first(graph, at, h), name=at.path, **geometry, **settings)
        return _channels_last(graph, at, y)

    return write


def _batch_norm(graph: Graph, at: Spot, h: str) -> str:
    """Add `(x − μ) · γ/√(v + ε) + β` with the running statistics; the factor is computed in double precision."""
    mean, variance = (np.asarray(at.state[name], np.float64) for name in ("mean", "variance"))
    factor = np.asarray(at.params["scale"], np.float64) / np.sqrt(variance + at.layer.eps)
    centered = graph.add("Sub", h, graph.array(f"state/{at.path}/mean", mean), name=at.path)
    scaled = graph.add("Mul", centered, graph.array(f"{at.path}/factor", factor), name=at.path)
    return graph.add("Add", scaled, graph.array(f"params/{at.path}/shift", at.params["shift"]), name=at.path)


def _layer_norm(graph: Graph, at: Spot, h: str) -> str:
    """Add the normalization along the last axis."""
    arrays = (graph.array(f"params/{at.path}/{name}", at.params[name]) for name in ("scale", "shift"))
    return graph.add("LayerNormalization", h, *arrays, name=at.path, axis=-1, epsilon=float(at.layer.eps))


def _flatten(graph: Graph, at: Spot, h: str) -> str:
    """Add the change to vectors."""
    return graph.add("Flatten", h, name=at.path, axis=1)


def _residual(graph: Graph, at: Spot, h: str) -> str:
    """Add `body(x) + P x`."""
    params, state, shape, under = at.params, at.state, at.shape, f"{at.path}/"
    y = add_chain(graph, at.layer.layers, params["body"], state["body"], shape, h, under=f"{under}body/")
    projection = at.layer.projection_for(at.shape)
    if projection is not None:
        own = [params["projection"]], [state["projection"]]
        h = add_chain(graph, [projection], *own, shape, h, under=f"{under}projection/")
    return graph.add("Add", y, h, name=at.path)


def _times(graph: Graph, at: Spot, h: str, factor: float) -> str:
    """Add a product with a number."""
    return graph.add("Mul", h, graph.array(f"{at.path}/factor", factor), name=at.path)


def _weights(graph: Graph, at: Spot, weight: np.ndarray) -> list[str]:
    """Add a weight, and the bias if there is one, and return their names."""
    names = [graph.array(f"params/{at.path}/weight", weight)]
    if "bias" in at.params:
        names.append(graph.array(f"params/{at.path}/bias", at.params["bias"]))
    return names


def _geometry(at: Spot, size: Any, stride: Any) -> dict[str, Any]:
    """Return how windows lie on an example: along its spatial axes, zeros before all of them, then after."""
    spatial = len(at.shape) - 1
    lie = windows(at.shape[:-1], size, stride, at.layer.padding, layer=type(at.layer).__name__)
    pads = lie.pads[-spatial:]
    return {
        "kernel_shape": list(lie.size[-spatial:]),
        "strides": list(lie.stride[-spatial:]),
        "pads": [before for before, _ in pads] + [after for _, after in pads],
    }


def _channels_first(graph: Graph, at: Spot, h: str) -> str:
    """Add a transposition to (rows, channels, …)."""
    last = len(at.shape)
    return graph.add("Transpose", h, name=at.path, perm=[0, last, *range(1, last)])


def _channels_last(graph: Graph, at: Spot, h: str) -> str:
    """Add the transposition back."""
    return graph.add("Transpose", h, name=at.path, perm=[0, *range(2, len(at.shape) + 1), 1])


_WRITERS: dict[type, Callable[[Graph, Spot, str], str]] = {
    layers.Dense: _dense,
    layers.Conv1D: _convolution,
    layers.Conv2D: _convolution,
    layers.MaxPool: _pool("MaxPool"),
    layers.AvgPool: _pool("AveragePool", count_include_pad=0),
    layers.Flatten: _flatten,
    layers.BatchNorm: _batch_norm,
    layers.LayerNorm: _layer_norm,
    layers.Dropout: _same,
    layers.Residual: _residual,
    layers.ReLU: _simple("Relu"),
    layers.LeakyReLU: _leaky_relu,
    layers.Tanh: _simple("Tanh"),
    layers.ScaledTanh: _scaled_tanh,
    layers.Sigmoid: _simple("Sigmoid"),
    layers.Softplus: _simple("Softplus"),
    layers.ELU: _elu,
    layers.GELU: _gelu,
    layers.SiLU: _silu,
    layers.Identity: _same,
}
