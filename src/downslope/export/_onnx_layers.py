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


class LayerSite(NamedTuple):
    """A layer and its site in a network.

    Attributes:
        layer: its settings.
        params: its parameters.
        state: its running statistics.
        shape: the shape of its input for one example.
        path: its position, as names of arrays have it, such as `2/body/0`.
    """

    layer: Any
    params: Params
    state: Params
    shape: Shape
    path: str


def add_chain(
    graph: Graph,
    chain: Sequence[AnyLayer],
    params: Sequence[Params],
    state: Sequence[Params],
    shape: Shape,
    h: str,
    *,
    under: str = "",
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
    for index, layer in enumerate(plain):
        write = _WRITERS.get(type(layer))
        if write is None:
            raise CustomPartError(
                f"ONNX export knows the layers of Downslope only, got {layer!r} at place {under}{index}, which is your "
                "own. Export the numbers as safetensors, or put layers of Downslope in its place."
            )
        h = write(graph, LayerSite(layer, params[index], state[index], tuple(shape), f"{under}{index}"), h)
        shape = output_shape(layer, tuple(shape))
    return h


def _same(graph: Graph, site: LayerSite, h: str) -> str:
    """Add nothing: in inference mode the output is the input."""
    return h


def _simple(operation: str) -> Callable[[Graph, LayerSite, str], str]:
    """Return the writer of an activation that ONNX has by itself."""

    def write(graph: Graph, site: LayerSite, h: str) -> str:
        return graph.add(operation, h, name=site.path)

    return write


def _leaky_relu(graph: Graph, site: LayerSite, h: str) -> str:
    """Add `max(z, 0) + slope · min(z, 0)`."""
    return graph.add("LeakyRelu", h, name=site.path, alpha=float(site.layer.slope))


def _elu(graph: Graph, site: LayerSite, h: str) -> str:
    """Add `z` for `z > 0`, else `eᶻ − 1`."""
    return graph.add("Elu", h, name=site.path, alpha=1.0)


def _scaled_tanh(graph: Graph, site: LayerSite, h: str) -> str:
    """Add `1.7159 tanh(2z/3)`."""
    tanh = graph.add("Tanh", _times(graph, site, h, 2 / 3), name=site.path)
    return _times(graph, site, tanh, 1.7159)


def _gelu(graph: Graph, site: LayerSite, h: str) -> str:
    """Add `z Φ(z)`, `Φ(z) = (1 + erf(z/√2))/2`; ONNX has it by itself only since its version 20."""
    erf = graph.add("Erf", _times(graph, site, h, 0.5**0.5), name=site.path)
    twice = graph.add("Add", erf, graph.array(f"{site.path}/one", 1.0), name=site.path)
    return graph.add("Mul", h, _times(graph, site, twice, 0.5), name=site.path)


def _silu(graph: Graph, site: LayerSite, h: str) -> str:
    """Add `z s(z)` with the sigmoid `s`."""
    return graph.add("Mul", h, graph.add("Sigmoid", h, name=site.path), name=site.path)


def _dense(graph: Graph, site: LayerSite, h: str) -> str:
    """Add `x W + b`."""
    return graph.add("Gemm", h, *_weights(graph, site, np.asarray(site.params["weight"])), name=site.path)


def _convolution(graph: Graph, site: LayerSite, h: str) -> str:
    """Add a convolution; its weight's axes become (channels out, channels in, …)."""
    weight = np.moveaxis(np.asarray(site.params["weight"]), (-1, -2), (0, 1))
    geometry = _geometry(site, site.layer.kernel, site.layer.stride)
    first = _channels_first(graph, site, h)
    y = graph.add("Conv", first, *_weights(graph, site, weight), name=site.path, **geometry)
    return _channels_last(graph, site, y)


def _pool(operation: str, **settings: Any) -> Callable[[Graph, LayerSite, str], str]:
    """Return the writer of a pool."""

    def write(graph: Graph, site: LayerSite, h: str) -> str:
        stride = site.layer.window if site.layer.stride is None else site.layer.stride
        geometry = _geometry(site, site.layer.window, stride)
        y = graph.add(operation, _channels_first(graph, site, h), name=site.path, **geometry, **settings)
        return _channels_last(graph, site, y)

    return write


def _batch_norm(graph: Graph, site: LayerSite, h: str) -> str:
    """Add `(x − μ) · γ/√(v + ε) + β` with the running statistics; the factor is computed in double precision."""
    mean, variance = (np.asarray(site.state[name], np.float64) for name in ("mean", "variance"))
    factor = np.asarray(site.params["scale"], np.float64) / np.sqrt(variance + site.layer.eps)
    centered = graph.add("Sub", h, graph.array(f"state/{site.path}/mean", mean), name=site.path)
    scaled = graph.add("Mul", centered, graph.array(f"{site.path}/factor", factor), name=site.path)
    return graph.add("Add", scaled, graph.array(f"params/{site.path}/shift", site.params["shift"]), name=site.path)


def _layer_norm(graph: Graph, site: LayerSite, h: str) -> str:
    """Add the normalization along the last axis."""
    arrays = (graph.array(f"params/{site.path}/{name}", site.params[name]) for name in ("scale", "shift"))
    return graph.add("LayerNormalization", h, *arrays, name=site.path, axis=-1, epsilon=float(site.layer.eps))


def _flatten(graph: Graph, site: LayerSite, h: str) -> str:
    """Add the change to vectors."""
    return graph.add("Flatten", h, name=site.path, axis=1)


def _residual(graph: Graph, site: LayerSite, h: str) -> str:
    """Add `body(x) + P x`."""
    params, state, shape, under = site.params, site.state, site.shape, f"{site.path}/"
    y = add_chain(graph, site.layer.layers, params["body"], state["body"], shape, h, under=f"{under}body/")
    projection = site.layer.projection_for(site.shape)
    if projection is not None:
        own = [params["projection"]], [state["projection"]]
        h = add_chain(graph, [projection], *own, shape, h, under=f"{under}projection/")
    return graph.add("Add", y, h, name=site.path)


def _times(graph: Graph, site: LayerSite, h: str, factor: float) -> str:
    """Add a product with a number."""
    return graph.add("Mul", h, graph.array(f"{site.path}/factor", factor), name=site.path)


def _weights(graph: Graph, site: LayerSite, weight: np.ndarray) -> list[str]:
    """Add a weight, and the bias if there is one, and return their names."""
    names = [graph.array(f"params/{site.path}/weight", weight)]
    if "bias" in site.params:
        names.append(graph.array(f"params/{site.path}/bias", site.params["bias"]))
    return names


def _geometry(site: LayerSite, size: int | Sequence[int], stride: int | Sequence[int]) -> dict[str, Any]:
    """Return how windows lie on an example: along its spatial axes, zeros before all of them, then after."""
    spatial = len(site.shape) - 1
    lie = windows(site.shape[:-1], size, stride, site.layer.padding, layer=type(site.layer).__name__)
    pads = lie.pads[-spatial:]
    return {
        "kernel_shape": list(lie.size[-spatial:]),
        "strides": list(lie.stride[-spatial:]),
        "pads": [before for before, _ in pads] + [after for _, after in pads],
    }


def _channels_first(graph: Graph, site: LayerSite, h: str) -> str:
    """Add a transposition to (rows, channels, …)."""
    last = len(site.shape)
    return graph.add("Transpose", h, name=site.path, perm=[0, last, *range(1, last)])


def _channels_last(graph: Graph, site: LayerSite, h: str) -> str:
    """Add the transposition back."""
    return graph.add("Transpose", h, name=site.path, perm=[0, *range(2, len(site.shape) + 1), 1])


_WRITERS: dict[type, Callable[[Graph, LayerSite, str], str]] = {
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
