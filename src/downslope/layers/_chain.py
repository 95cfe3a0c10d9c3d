"""Layers in a chain: what networks and blocks share.

Forward: `h⁰ = x`, `hᵏ = layerₖ(hᵏ⁻¹)`, every `hᵏ` kept. Backward: from `∂l/∂hᴸ`, each layer in turn, last to first,
gives the gradients of its parameters and `∂l/∂hᵏ⁻¹`. Every function here takes the layers first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
from jaxtyping import Array, Float

from downslope.core import Advice, Key, Params, Setting, SettingError, Shape, check_integer, fold, typed_key
from downslope.layers._protocol import (
    Activation,
    AnyLayer,
    Cache,
    Context,
    ContextLayer,
    Layer,
    forward_in,
    initial_state,
    initialize,
    output_shape,
)


@runtime_checkable
class Nested(Protocol):
    """A layer made of layers.

    Attributes:
        layers: the layers inside, in the order that its input goes through them.
    """

    layers: tuple[AnyLayer, ...]


class ChainForward(NamedTuple):
    """What a sweep forward leaves.

    Attributes:
        activations: `h⁰ … hᴸ`, the input first.
        caches: what each layer's backward pass needs.
        state: each layer's next state.
    """

    activations: tuple[Array, ...]
    caches: tuple[Cache, ...]
    state: tuple[Params, ...]


class ChainBackward(NamedTuple):
    """What a sweep backward leaves.

    Attributes:
        params: each layer's gradients.
        activations: `∂l/∂h⁰ … ∂l/∂hᴸ`, the input's first.
    """

    params: tuple[Params, ...]
    activations: tuple[Array, ...]


def checked_layers(layers: Sequence[object]) -> tuple[AnyLayer, ...]:
    """Return the layers of a chain as a tuple.

    Raises:
        SettingError: one is no layer; the message says which, and what may have been meant.
    """
    if not isinstance(layers, Iterable):
        raise SettingError(
            Setting("layers"),
            f"must be a list of layers, got {_in_one_line(layers)}.",
            Advice("put them in a list:", code="ds.Sequential([ds.Dense(64), …])"),
        )
    layers = tuple(layers)
    for index, layer in enumerate(layers):
        whole_network = hasattr(layer, "layers") and hasattr(layer, "init")
        if isinstance(layer, type) or whole_network or not isinstance(layer, (Layer, ContextLayer)):
            hint = "; give its layers instead, `*net.layers`." if whole_network else "."
            if isinstance(layer, type):
                hint = f"; did you mean {layer.__name__}()?"
            elif not whole_network and (missing := _missing_methods(layer)):
                hint = f", which has no {' and no '.join(f'`{name}`' for name in missing)}; see `ds.layers.Layer`."
            refused = f"{_in_one_line(layer)} at place {index}{hint}"
            raise SettingError(Setting("layers"), f"must hold layers such as ds.Dense(64), got {refused}")
        _check_hashable(layer, index)
    return layers  # pyright: ignore[reportReturnType]


def _check_hashable(layer: object, index: int) -> None:
    """Check that a layer can be a static argument of compiled functions, which are kept by the network.

    Raises:
        SettingError: it has no hash.
    """
    try:
        hash(layer)
    except TypeError:
        raise SettingError(
            Setting("layers"),
            f"must be hashable, got {_in_one_line(layer)} at place {index}.",
            Advice("declare its class with {}", code="@dataclass(frozen=True)"),
            Advice("hold numbers and tuples in it in place of lists and arrays"),
        ) from None


def _missing_methods(layer: object) -> list[str]:
    """Return the methods that a layer of the user's own lacks; none for what has no method of a layer at all."""
    needed = ("initial_state", "forward_in", "backward") if hasattr(layer, "forward_in") else ("forward", "backward")
    missing = [name for name in needed if not hasattr(layer, name)]
    return missing if len(missing) < len(needed) else []


def _in_one_line(value: object) -> str:
    """Return how Python writes a value, without its line breaks."""
    return " ".join(repr(value).split())


def chain_shapes(layers: Sequence[AnyLayer], input_shape: Shape) -> tuple[Shape, ...]:
    """Return the shape of every activation for one example, the input's first.

    Raises:
        ShapeError: a layer cannot take what it would be given.
    """
    shapes = [tuple(check_integer("input_shape", size) for size in input_shape)]
    for layer in layers:
        shapes.append(output_shape(layer, shapes[-1]))
    return tuple(shapes)


def chain_params(layers: Sequence[AnyLayer], key: Key, input_shape: Shape) -> tuple[Params, ...]:
    """Return each layer's first parameters; layer `i` draws from the key folded with `i`."""
    decided, shapes = decide_initializers(layers), chain_shapes(layers, input_shape)
    return tuple(
        initialize(layer, fold(key, "initialize", index), shapes[index]) for index, layer in enumerate(decided)
    )


def chain_state(layers: Sequence[AnyLayer], input_shape: Shape) -> tuple[Params, ...]:
    """Return each layer's first state."""
    shapes = chain_shapes(layers, input_shape)
    return tuple(initial_state(layer, shape) for layer, shape in zip(layers, shapes, strict=False))


def chain_forward(
    layers: Sequence[AnyLayer],
    context: Context,
    params: Sequence[Params],
    state: Sequence[Params],
    x: Float[Array, "batch ..."],
) -> ChainForward:
    """Return every activation, the input first; the key of the context is folded by the place of the layer."""
    activations, caches, states = [x], [], []
    for index, (layer, own, own_state) in enumerate(zip(layers, params, state, strict=True)):
        h, cache, next_state = forward_in(layer, context_at(context, index), own, own_state, activations[-1])
        activations.append(h)
        caches.append(cache)
        states.append(next_state)
    return ChainForward(tuple(activations), tuple(caches), tuple(states))


def chain_backward(
    layers: Sequence[AnyLayer], params: Sequence[Params], caches: Sequence[Cache], dy: Float[Array, "batch ..."]
) -> ChainBackward:
    """Return the gradients of every layer, and with respect to every activation."""
    gradients, d_activations = [], [dy]
    for layer, own, cache in reversed(list(zip(layers, params, caches, strict=True))):
        d_params, dh = layer.backward(own, cache, d_activations[-1])
        gradients.append(d_params)
        d_activations.append(dh)
    return ChainBackward(tuple(reversed(gradients)), tuple(reversed(d_activations)))


def context_at(context: Context, index: int) -> Context:
    """Return the context of one layer of a chain: the same, with a key of its own."""
    if context.key is None:
        return context
    return context._replace(key=jax.random.fold_in(typed_key(context.key), index))


def decide_initializers(layers: Sequence[AnyLayer], follower: AnyLayer | None = None) -> tuple[AnyLayer, ...]:
    """Return the layers with every `"auto"` decided by the activation that follows it, before the next weights.

    He's normal for the relu family, Glorot's normal otherwise. What follows the last layer of a block is what follows
    the block.

    Args:
        layers: the chain.
        follower: the activation or the layer with weights that comes after it, if any.
    """
    decided: list[AnyLayer] = []
    for layer in reversed(layers):
        if isinstance(layer, Nested):
            layer = replace(layer, layers=decide_initializers(layer.layers, follower))  # pyright: ignore
        elif getattr(layer, "initializer", None) == "auto":
            rectified = isinstance(follower, Activation) and follower.rectifier
            layer = replace(layer, initializer="he_normal" if rectified else "glorot_normal")  # pyright: ignore
        decided.append(layer)
        follower = _first_deciding(layer) or follower
    return tuple(reversed(decided))


def walk(layers: Sequence[AnyLayer], input_shape: Shape) -> Iterator[tuple[AnyLayer, Shape]]:
    """Yield every layer with the shape of its input for one example, blocks first, then what is inside them."""
    for layer, shape in zip(layers, chain_shapes(layers, input_shape), strict=False):
        yield layer, shape
        if isinstance(layer, Nested):
            yield from walk(layer.layers, shape)


def _first_deciding(layer: AnyLayer) -> Any:
    """Return the first activation or layer with weights that an input meets in a layer, or None."""
    if isinstance(layer, Nested):
        return next(filter(None, map(_first_deciding, layer.layers)), None)
    return layer if isinstance(layer, Activation) or hasattr(layer, "initializer") else None
