"""Networks and optimizers like another one: wider, of even widths, shallower, with other activations or numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from downslope.core import Advice, Shape
from downslope.layers import (
    Activation,
    AnyLayer,
    ContextLayer,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Layer,
    Nested,
    ReLU,
    Residual,
    activation_names,
    as_activation,
    initializers,
)
from downslope.networks import Sequential, sites_of

TIMES, AT_LEAST = 2, 64
"""A wider network has twice the units in each hidden layer, and 64 or more: enough for most small tables."""

A_QUARTER = 4


def wider(net: Sequential) -> Sequential | None:
    """Return the network with more units in every hidden dense layer; one hidden layer of relu if it has none.

    None for a network whose last layer is not dense.

    Example:
        >>> import downslope as ds
        >>> [layer.units for layer in wider(ds.mlp([2], outputs=1)).layers[::2]]
        [64, 1]
        >>> [type(layer).__name__ for layer in wider(ds.mlp([], outputs=1)).layers]
        ['Dense', 'ReLU', 'Dense']
    """
    indices = hidden_indices(net)
    if not net.layers or not isinstance(net.layers[-1], Dense) or _has_blocks(net):
        return None
    if not any(isinstance(layer, Activation) for layer in net.layers):
        head = net.layers[-1]
        others = [layer for layer in net.layers[:-1] if not isinstance(layer, Dense)]
        return Sequential([*others, Dense(AT_LEAST), ReLU(), head])
    return _with_widths(net, {index: max(TIMES * _units(net, index), AT_LEAST) for index in indices})


def even(net: Sequential, input_shape: Shape) -> Sequential | None:
    """Return the network with as many units in every hidden dense layer, and about as many weights as it has.

    Example:
        >>> import downslope as ds
        >>> [layer.units for layer in even(ds.mlp([100, 4, 100], outputs=3), (20,)).layers[::2]]
        [35, 35, 35, 3]
    """
    indices = hidden_indices(net)
    if len(indices) < 2 or _has_blocks(net):
        return None
    weights = [_weights(_with_widths(net, dict.fromkeys(indices, width)), input_shape) for width in (1, 2, 3)]
    a = (weights[2] - 2 * weights[1] + weights[0]) / 2  # in a chain they are a quadratic of the width
    b = weights[1] - weights[0] - 3 * a
    c = weights[0] - a - b - _weights(net, input_shape)
    width = round((-b + np.sqrt(b * b - 4 * a * c)) / (2 * a))
    return _with_widths(net, dict.fromkeys(indices, max(1, width)))


def narrower(net: Sequential) -> Sequential | None:
    """Return the network with a quarter of the units in every hidden dense layer, 4 or more."""
    indices = hidden_indices(net)
    if not indices or _has_blocks(net):
        return None
    return _with_widths(net, {index: max(4, _units(net, index) // A_QUARTER) for index in indices})


def with_activations(net: Sequential, replace_activation: Callable[[Activation], Activation | Layer]) -> Sequential:
    """Return the network with every activation replaced by a function's result, in blocks too."""
    return Sequential([_activated(layer, replace_activation) for layer in net.layers])


def with_dropout(net: Sequential, rate: float) -> Sequential | None:
    """Return the network with dropout behind every activation; None if it drops already, or has none."""
    if any(isinstance(layer, Dropout) for layer in net.layers):
        return None
    layers: list[AnyLayer] = []
    for layer in net.layers:
        layers += [layer, Dropout(rate)] if isinstance(layer, Activation) else [layer]
    return Sequential(layers) if len(layers) > len(net.layers) else None


def with_norms(net: Sequential, norm: Layer | ContextLayer) -> Sequential:
    """Return the network with a norm in front of every activation, in blocks too."""
    return Sequential(_normed(net.layers, norm))


def difference(net: Sequential, other: Sequential) -> str:
    """Describe how another network differs from a network: by widths, kinds of layers, or initializers.

    Example:
        >>> import downslope as ds
        >>> net = ds.mlp([8, 8], outputs=1)
        >>> difference(net, narrower(net))
        'hidden layers of 4, 4'
        >>> difference(net, with_activations(net, lambda layer: ds.Tanh()))
        'Tanh in place of ReLU'
        >>> difference(net, with_dropout(net, 0.5))
        'Dropout'
    """
    words, widths = [], hidden_widths(other)
    if widths != hidden_widths(net):
        words.append(f"hidden layers of {', '.join(map(str, widths))}" if widths else "no hidden layer")
    before, after = _kinds(net.layers), _kinds(other.layers)
    new, gone = [sorted(set(more) - {"Dense"}) for more in (after - before, before - after)]
    if new:
        replaced = [name for name in gone if name not in after]
        words.append(" and ".join(new) + (f" in place of {' and '.join(replaced)}" if replaced else ""))
    return ", ".join(words) or f"weights drawn by {' and '.join(_initializers(other.layers))}"


def network_settings(net: Sequential, other: Sequential) -> dict[str, object]:
    """Return the settings of `downslope train` that make another network of a network; empty where none do.

    Example:
        >>> import downslope as ds
        >>> net = ds.mlp([8, 8], outputs=1)
        >>> network_settings(net, narrower(net)), network_settings(net, with_dropout(net, 0.5))
        ({'network': [4, 4]}, {'dropout': 0.5})
        >>> network_settings(net, with_activations(net, lambda layer: ds.Tanh()))
        {'activation': 'tanh'}
    """
    settings: dict[str, object] = {}
    before, after = _kinds(net.layers), _kinds(other.layers)
    widths = hidden_widths(other)
    if widths != hidden_widths(net):
        if _has_blocks(other) or any(isinstance(layer, (Conv1D, Conv2D)) for layer in other.layers):
            return {}
        settings["network"] = widths or "linear"
    new = after - before
    if new["Dropout"]:
        settings["dropout"] = next(layer.rate for layer in other.layers if isinstance(layer, Dropout))
    for setting, names in (
        ("norm", {"batch": "BatchNorm", "layer": "LayerNorm"}),
        ("activation", {name: type(as_activation(name)).__name__ for name in activation_names()}),
    ):
        fitting = [name for name, kind in names.items() if new[kind]]
        settings |= {setting: fitting[0]} if fitting else {}
    if new["Residual"]:
        settings["skip"] = True
    if not settings:
        drawn = _initializers(other.layers)
        settings = {"initializer": drawn[0]} if len(drawn) == 1 and drawn[0] in ("auto", *initializers.names()) else {}
    return settings


def with_skips(net: Sequential) -> Sequential | None:
    """Return the network with a skip around every hidden dense layer but the first and the layers behind it.

    None for a network with fewer than two of them, or with blocks already.

    Example:
        >>> import downslope as ds
        >>> [type(layer).__name__ for layer in with_skips(ds.mlp([8, 8], outputs=1)).layers]
        ['Dense', 'ReLU', 'Residual', 'Dense']
    """
    indices = hidden_indices(net)
    if len(indices) < 2 or _has_blocks(net):
        return None
    last = max(index for index, layer in enumerate(net.layers) if isinstance(layer, Dense))
    blocks = [Residual(net.layers[start:end]) for start, end in zip(indices[1:], [*indices[2:], last], strict=True)]
    return Sequential([*net.layers[: indices[1]], *blocks, *net.layers[last:]])


def shallower(net: Sequential, *, hidden: int) -> Sequential | None:
    """Return the network with its first hidden dense layers, each with the layers behind it, and its last layer."""
    indices = hidden_indices(net)
    if len(indices) <= hidden or _has_blocks(net):
        return None
    return Sequential([*net.layers[: indices[hidden]], net.layers[-1]])


def hidden_indices(net: Sequential) -> list[int]:
    """Return the indices of the dense layers, but for the last."""
    return [index for index, layer in enumerate(net.layers) if isinstance(layer, Dense)][:-1]


def hidden_widths(net: Sequential) -> list[int]:
    """Return the widths of the hidden dense layers."""
    return [_units(net, index) for index in hidden_indices(net)]


def advice_on_widths(words: str, net: Sequential) -> Advice:
    """Return the advice to have a network's hidden widths; how it is made where dense layers are all that it has."""
    widths = hidden_widths(net)
    if _has_blocks(net) or any(isinstance(layer, (Conv1D, Conv2D)) for layer in net.layers):
        return Advice(f"{words}, such as {', '.join(map(str, widths))}")
    return Advice(f"{words}:", code=f"ds.mlp({widths}, …)", network=widths)


def _kinds(layers: Sequence[AnyLayer]) -> Counter[str]:
    """Return how many layers there are of each kind, in blocks too."""
    kinds = Counter(type(layer).__name__ for layer in layers)
    return sum((_kinds(layer.layers) for layer in layers if isinstance(layer, Nested)), kinds)


def _initializers(layers: Sequence[AnyLayer]) -> list[str]:
    """Return the initializers of layers by name, each once, in blocks too."""
    initializers = [getattr(layer, "initializer", None) for layer in layers]
    names = [str(initializer) for initializer in initializers if initializer is not None]
    inner = [name for layer in layers if isinstance(layer, Nested) for name in _initializers(layer.layers)]
    return list(dict.fromkeys(names + inner))


def _units(net: Sequential, index: int) -> int:
    """Return the width of a dense layer."""
    layer = net.layers[index]
    return layer.units if isinstance(layer, Dense) else 0


def _weights(net: Sequential, input_shape: Shape) -> int:
    """Return how many parameters a network has."""
    return sum(site.parameters for site in sites_of(net.layers, input_shape))


def _with_widths(net: Sequential, widths: dict[int, int]) -> Sequential:
    """Return the network with other widths of the dense layers at some indices."""
    return Sequential(
        [
            replace(layer, units=widths[index]) if index in widths and isinstance(layer, Dense) else layer
            for index, layer in enumerate(net.layers)
        ]
    )


def _has_blocks(net: Sequential) -> bool:
    """Return whether layers hold others, so that widths are tied to each other."""
    return any(isinstance(layer, Nested) for layer in net.layers)


def _normed(layers: Sequence[AnyLayer], norm: AnyLayer) -> list[AnyLayer]:
    """Return layers with a norm in front of every activation."""
    normed: list[AnyLayer] = []
    for layer in layers:
        if isinstance(layer, Nested):
            normed.append(_with_layers(layer, tuple(_normed(layer.layers, norm))))
        else:
            normed += [norm, layer] if isinstance(layer, Activation) else [layer]
    return normed


def _activated(layer: AnyLayer, replace_activation: Callable[[Activation], Activation | Layer]) -> Any:
    """Return a layer with its activations replaced."""
    if isinstance(layer, Activation):
        return replace_activation(layer)
    if isinstance(layer, Nested):
        return _with_layers(layer, tuple(_activated(inner, replace_activation) for inner in layer.layers))
    return layer


def _with_layers(layer: Any, layers: tuple[AnyLayer, ...]) -> AnyLayer:
    """Return a layer with others inside."""
    return replace(layer, layers=layers)
