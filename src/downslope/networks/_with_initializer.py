"""The same network, started in another way."""

from __future__ import annotations

from dataclasses import replace

from downslope.layers import AnyLayer, Frozen, Nested
from downslope.layers.initializers import Initializer
from downslope.networks._sequential import Sequential


def with_initializer(net: Sequential, initializer: Initializer | str) -> Sequential:
    """Return the network with this initializer in every layer that has one, in blocks and frozen layers too.

    A projection that a block chooses itself keeps its own, which is made for it.

    Example:
        >>> import downslope as ds
        >>> [layer.initializer for layer in with_initializer(ds.mlp([8], outputs=1), "zeros").layers[::2]]
        ['zeros', 'zeros']
    """
    return Sequential([_started(layer, initializer) for layer in net.layers])


def architecture(net: Sequential) -> Sequential:
    """Return the network without how it starts, which no compiled program depends on.

    Networks that differ in nothing else then share their programs.
    """
    return with_initializer(net, "auto")


def _started(layer: AnyLayer, initializer: Initializer | str) -> AnyLayer:
    """Return a layer with another initializer, if it has one, and those it holds."""
    changes: dict[str, object] = {}
    if hasattr(layer, "initializer"):
        changes["initializer"] = initializer
    if isinstance(layer, Nested):
        changes["layers"] = tuple(_started(inner, initializer) for inner in layer.layers)
        if not isinstance(getattr(layer, "projection", ""), str):
            changes["projection"] = _started(layer.projection, initializer)  # pyright: ignore
    if isinstance(layer, Frozen):
        changes["layer"] = _started(layer.layer, initializer)
    return replace(layer, **changes) if changes else layer  # pyright: ignore[reportArgumentType]
