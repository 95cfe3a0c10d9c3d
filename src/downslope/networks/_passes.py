"""Everything that passes through a network on one batch, forward and back, layer by layer and inside blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from jaxtyping import Array, Float

from downslope.core import Params
from downslope.layers import AnyLayer, Context, Residual, chain_backward, chain_forward, context_at, placed, thawed


class Passed(NamedTuple):
    """What passed through one layer.

    Attributes:
        gradients: with respect to its parameters; an empty dict if they are frozen.
        x: its input, `(B, …)`.
        h: its output, `(B, …)`.
        dh: `∂l/∂h`.
        inside: what passed through the layers of a block; None for other layers, and for frozen blocks.
    """

    gradients: Params
    x: Array
    h: Array
    dh: Array
    inside: Any


class Chain(NamedTuple):
    """What passed through layers in a chain.

    Attributes:
        x: the input, `(B, …)`.
        dx: `∂l/∂x`, through this chain alone.
        passed: what passed through each layer.
    """

    x: Array
    dx: Array
    passed: tuple[Passed, ...]


def pass_through(
    layers: Sequence[AnyLayer],
    context: Context,
    params: Sequence[Params],
    state: Sequence[Params],
    x: Float[Array, "batch ..."],
    dy: Float[Array, "batch ..."],
) -> Chain:
    """Return what passes through a chain whose output has the gradient `dy`. Can be compiled.

    A block's inside is passed a second time, which a compiler sees and leaves out.
    """
    forward = chain_forward(layers, context, params, state, x)
    backward = chain_backward(layers, params, forward.caches, dy)
    h, dh = forward.activations, backward.activations
    passed = []
    for index, layer in enumerate(layers):
        inside = None
        if isinstance(layer, Residual):
            bodies = params[index]["body"], state[index]["body"]
            inside = pass_through(layer.layers, context_at(context, index), *bodies, h[index], dh[index + 1])
        passed.append(Passed(backward.params[index], h[index], h[index + 1], dh[index + 1], inside))
    return Chain(x, dh[0], tuple(passed))


def each_passed(
    layers: Sequence[AnyLayer], params: Sequence[Params], state: Sequence[Params], chain: Chain
) -> Iterator[tuple[AnyLayer, Params, Passed]]:
    """Yield every layer with its parameters, frozen ones by what they hold: in the order of `signal_layers`."""
    opened = thawed(layers)
    own, _ = placed(opened, params, state)
    for index, passed in enumerate(chain.passed):
        yield opened[index], own[index], passed
        block = layers[index]
        if passed.inside is not None and isinstance(block, Residual):
            yield from each_passed(block.layers, params[index]["body"], state[index]["body"], passed.inside)
