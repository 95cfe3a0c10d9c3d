"""Where each layer of a network sits: its place, its shapes, and whether gradients pass there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import jax.numpy as jnp

from downslope.core import Key, Params, Shape, float_dtype, tree_size
from downslope.layers import (
    AnyLayer,
    Conv1D,
    Conv2D,
    Dense,
    Frozen,
    Residual,
    chain_shapes,
    initialize,
    thawed,
)


@dataclass(frozen=True)
class Site:
    """A layer and where it is.

    A residual block has a site of its own, which stands for its addition alone; then come the layers of its body, with
    places such as `"2.0"`, then `"2.skip"` if there is a projection.

    Attributes:
        place: counted from 0.
        layer: the layer; inside a frozen block, frozen on its own.
        input_shape: of one example.
        output_shape: of one example.
        parameters: how many numbers descent changes here.
        frozen: how many it would change, were they not frozen.
        feeds: whether gradients go on to something before it that learns.
    """

    place: str
    layer: AnyLayer
    input_shape: Shape
    output_shape: Shape
    parameters: int
    frozen: int
    feeds: bool

    @property
    def name(self) -> str:
        """The layer in a few letters."""
        return short_name(self.layer)

    @property
    def is_block(self) -> bool:
        """Whether this is a residual block, which stands for its addition here."""
        return isinstance(_thawed(self.layer), Residual)

    @property
    def is_convolution(self) -> bool:
        """Whether this is a convolution, frozen or not."""
        return isinstance(_thawed(self.layer), (Conv1D, Conv2D))


def sites_of(layers: Sequence[AnyLayer], input_shape: Shape) -> tuple[Site, ...]:
    """Return the site of every layer of a network, those inside blocks after their block.

    Example:
        >>> from downslope.layers import Dense, ReLU, Residual
        >>> [(site.place, site.name) for site in sites_of([Dense(4), Residual([ReLU(), Dense(4)])], (3,))]
        [('0', 'Dense(4)'), ('1', 'Residual'), ('1.0', 'ReLU()'), ('1.1', 'Dense(4)')]
    """
    return tuple(_chain_sites(layers, input_shape, prefix="", feeds=False))


def with_cheap_weights(layer: AnyLayer, initializer: str) -> AnyLayer:
    """Return a layer whose weights start in another way: some ways take long to draw, and only shapes matter here."""
    if isinstance(layer, Frozen):
        return Frozen(with_cheap_weights(layer.layer, initializer))
    return replace(layer, initializer=initializer) if isinstance(layer, (Dense, Conv1D, Conv2D)) else layer


def short_name(layer: AnyLayer) -> str:
    """Return a layer in a few letters: its settings without defaults and initializers.

    Example:
        >>> from downslope.layers import Conv2D, Frozen
        >>> short_name(Frozen(Conv2D(16, 3, stride=2, padding="same", initializer="he_normal")))
        'Frozen(Conv2D(16, 3, stride=2))'
    """
    if isinstance(layer, Frozen):
        return f"Frozen({short_name(layer.layer)})"
    if isinstance(layer, Residual) or not dataclasses.is_dataclass(layer):
        return type(layer).__name__
    arguments = []
    for field in dataclasses.fields(layer):
        value = getattr(layer, field.name)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            arguments.append(f"{value!r}")
        elif field.name != "initializer" and value != field.default:
            arguments.append(f"{field.name}={value!r}")
    return f"{type(layer).__name__}({', '.join(arguments)})"


def shape_text(shape: Shape) -> str:
    """Return a shape as people write it, such as `28×28×16`."""
    return "×".join(map(str, shape)) or "1"


def itemsize() -> int:
    """Return the bytes of one number of an activation."""
    return int(jnp.dtype(float_dtype()).itemsize)


def _chain_sites(layers: Sequence[AnyLayer], input_shape: Shape, *, prefix: str, feeds: bool) -> Iterator[Site]:
    """Yield the sites of a chain; `feeds` says whether anything before it learns."""
    shapes = chain_shapes(layers, input_shape)
    for number, (layer, before, after) in enumerate(zip(layers, shapes, shapes[1:], strict=False)):
        learns = False
        for site in _layer_sites(layer, before, after, position=f"{prefix}{number}", feeds=feeds):
            learns |= site.parameters > 0
            yield site
        feeds |= learns


def _layer_sites(layer: AnyLayer, before: Shape, after: Shape, *, position: str, feeds: bool) -> Iterator[Site]:
    """Yield the site of a layer, and of what is inside it if it is a residual block."""
    block = _thawed(layer)
    if not isinstance(block, Residual):
        yield _site(position, layer, before, after, feeds)
        return
    frozen = isinstance(layer, Frozen)
    yield Site(position, layer, before, after, 0, 0, feeds)
    body = [_frozen(inner) for inner in block.layers] if frozen else block.layers
    yield from _chain_sites(body, before, prefix=f"{position}.", feeds=feeds)
    projection = block.projection_for(before)
    if projection is not None:
        yield _site(f"{position}.skip", _frozen(projection) if frozen else projection, before, after, feeds)


def _site(position: str, layer: AnyLayer, before: Shape, after: Shape, feeds: bool) -> Site:
    """Return the site of a layer, its numbers counted."""
    numbers = tree_size(_first_params(_thawed(layer), before))
    frozen = isinstance(layer, Frozen)
    return Site(position, layer, before, after, 0 if frozen else numbers, numbers if frozen else 0, feeds)


def _first_params(layer: AnyLayer, input_shape: Shape) -> Params:
    """Return parameters of the shapes that a layer has."""
    key: Key = 0
    return initialize(with_cheap_weights(layer, "zeros"), key, input_shape)


def _thawed(layer: AnyLayer) -> AnyLayer:
    """Return the layer that a frozen one holds; another as it is."""
    return thawed([layer])[0]


def _frozen(layer: AnyLayer) -> AnyLayer:
    """Return a layer frozen; one that is already as it is."""
    return layer if isinstance(layer, Frozen) else Frozen(layer)
