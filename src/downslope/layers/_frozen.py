"""Frozen layers: what they learned stays as it is, while the rest of the network goes on learning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Array, Float

from downslope.core import Params, Setting, SettingError, Shape
from downslope.layers._protocol import (
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

_PARAMS, _STATE = "frozen_params", "frozen_state"


@dataclass(frozen=True)
class Frozen:
    """Another layer that training leaves as it is, bitwise, whatever the optimizer.

    Its numbers are state instead of parameters: no optimizer sees them (so neither weight decay nor momentum moves
    them), no gradient is computed for them, and they are no dimension of the loss surface. It always behaves as when
    predicting: batch norm uses and keeps its running statistics, dropout drops nothing. (torch's `requires_grad=False`
    lets running statistics move on; Keras's `trainable=False` keeps them, as here.)

    Freeze a whole skip connection rather than layers within one. To go on with what a run learned, see `ds.freeze`.

    Attributes:
        layer: the layer.

    Example:
        >>> import downslope as ds
        >>> net = ds.Sequential([ds.Frozen(ds.Dense(8)), ds.ReLU(), ds.Dense(2)])
        >>> variables = net.init(0, (4,))
        >>> variables.params[0], variables.state[0]["frozen_params"]["weight"].shape
        ({}, (4, 8))
    """

    layer: AnyLayer

    def __post_init__(self) -> None:
        if isinstance(self.layer, (type, Frozen)) or not isinstance(self.layer, (Layer, ContextLayer)):
            raise SettingError(
                Setting("layer"), f"must be a layer that is not frozen, such as ds.Dense(64), got {self.layer!r}."
            )

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the layer's output."""
        return output_shape(self.layer, input_shape)

    def initial_state(self, input_shape: Shape) -> Params:
        """Return the layer's first numbers, drawn from the seed 0; a network draws them from its own."""
        return {_PARAMS: initialize(self.layer, 0, input_shape), _STATE: initial_state(self.layer, input_shape)}

    def forward_in(
        self, context: Context, params: Params, state: Params, x: Float[Array, "batch ..."]
    ) -> tuple[Float[Array, "batch ..."], Cache, Params]:
        """Return what the layer predicts, what its backward pass needs, and the same state."""
        y, cache, _ = forward_in(self.layer, Context(), state[_PARAMS], state[_STATE], x)
        return y, (state[_PARAMS], cache), state

    def backward(
        self, params: Params, cache: Cache, dy: Float[Array, "batch ..."]
    ) -> tuple[Params, Float[Array, "batch ..."]]:
        """Return no gradients, and the layer's `dx`."""
        own_params, own_cache = cache
        return {}, self.layer.backward(own_params, own_cache, dy)[1]


def thawed(layers: Sequence[AnyLayer]) -> tuple[AnyLayer, ...]:
    """Return the layers of a chain, those that frozen ones hold in their place."""
    return tuple(layer.layer if isinstance(layer, Frozen) else layer for layer in layers)


def placed(
    layers: Sequence[AnyLayer], params: Sequence[Params], state: Sequence[Params]
) -> tuple[tuple[Params, ...], tuple[Params, ...]]:
    """Return params and state of a chain with every layer's numbers where it keeps them: in state if it is frozen.

    Args:
        layers: those that are to use the numbers.
        params: of the same layers, others of them frozen or none.
        state: likewise.

    Example:
        >>> from downslope.layers import Dense
        >>> params = Dense(2).initialize(0, (3,))
        >>> frozen = placed([Frozen(Dense(2))], [params], [{}])
        >>> frozen[0], placed([Dense(2)], *frozen) == ((params,), ({},))
        (({},), True)
    """
    pairs = [_placed(*parts) for parts in zip(layers, params, state, strict=True)]
    return tuple(own for own, _ in pairs), tuple(own for _, own in pairs)


def _placed(layer: AnyLayer, params: Params, state: Params) -> tuple[Params, Params]:
    """Return the same for one layer."""
    if _PARAMS in state:
        params, state = state[_PARAMS], state[_STATE]
    return ({}, {_PARAMS: params, _STATE: state}) if isinstance(layer, Frozen) else (params, state)
