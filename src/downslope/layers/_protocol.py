"""What a layer is: a pure forward pass, and the backward pass derived from it by hand.

A layer is a frozen dataclass of settings; parameters live outside it. Only `forward` and `backward` are required. A
layer with parameters adds `initialize`, one that changes the shape of an example adds `output_shape`. A layer that
behaves otherwise in training, draws random numbers, or keeps running statistics is a `ContextLayer`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Float

from downslope.core import Key, Params, Shape

Cache = Any
"""What a forward pass keeps for its backward pass."""


@runtime_checkable
class Layer(Protocol):
    """One layer: `forward` keeps what `backward` needs.

    Example:
        A layer of your own, `y = x / (1 + |s x|)` with one `s` a feature, and the judge's word on its backward pass:

        >>> import downslope as ds, jax.numpy as jnp, numpy as np
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Soften:
        ...     def initialize(self, key, input_shape):
        ...         return {"s": np.ones(input_shape)}
        ...
        ...     def forward(self, params, x):
        ...         return x / (1 + jnp.abs(params["s"][None, :] * x)), x
        ...
        ...     def backward(self, params, cache, dy):
        ...         x, s = cache, params["s"][None, :]
        ...         d = 1 / (1 + jnp.abs(s * x)) ** 2
        ...         return {"s": jnp.sum(-jnp.sign(s * x) * x**2 * d * dy, axis=0)}, d * dy
        >>> ds.check_gradients(ds.Sequential([Soften(), ds.Dense(2)]), input_shape=(3,), loss="huber").passed
        True
    """

    def forward(self, params: Params, x: Float[Array, "batch ..."]) -> tuple[Float[Array, "batch ..."], Cache]:
        """Return the output for a whole batch, and what the backward pass needs."""
        ...

    def backward(
        self, params: Params, cache: Cache, dy: Float[Array, "batch ..."]
    ) -> tuple[Params, Float[Array, "batch ..."]]:
        """Return, for `dy = ∂l/∂y`, the gradients in the shape of `params`, and `∂l/∂x`."""
        ...


class Context(NamedTuple):
    """The circumstances of a forward pass.

    Attributes:
        training: whether the pass is a step of training, rather than one that predicts or measures.
        key: the layer's own key for this step, or None where nothing random may happen.
        row_weights: how much each row counts, `(B,)`; rows that pad a batch count 0. None: all alike.
    """

    training: bool = False
    key: Key | None = None
    row_weights: Float[Array, " batch"] | None = None


@runtime_checkable
class ContextLayer(Protocol):
    """A layer whose forward pass depends on its context, or changes a state of its own."""

    def initial_state(self, input_shape: Shape) -> Params:
        """Return the state it starts with; an empty dict where it keeps none."""
        ...

    def forward_in(
        self, context: Context, params: Params, state: Params, x: Float[Array, "batch ..."]
    ) -> tuple[Float[Array, "batch ..."], Cache, Params]:
        """Return the output, what the backward pass needs, and the next state."""
        ...

    def backward(
        self, params: Params, cache: Cache, dy: Float[Array, "batch ..."]
    ) -> tuple[Params, Float[Array, "batch ..."]]:
        """Return, for `dy = ∂l/∂y`, the gradients in the shape of `params`, and `∂l/∂x`."""
        ...


@runtime_checkable
class Parametrized(Protocol):
    """A layer that holds parameters."""

    def initialize(self, key: Key, input_shape: Shape) -> Params:
        """Return the parameters it starts with, for examples of this shape."""
        ...


@runtime_checkable
class Reshaping(Protocol):
    """A layer whose output has another shape than its input."""

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of an output, without the row axis."""
        ...


@runtime_checkable
class Activation(Protocol):
    """A layer that maps every number on its own.

    Attributes:
        centered: whether its outputs lie around zero for inputs that do. Outputs that are all positive correlate the
            inputs of the next layer and worsen the condition of its error surface (LeCun et al., Efficient BackProp,
            §4.3–4.4).
        rectifier: whether it halves the variance of what passes, about, so that He's initialization suits it.
    """

    centered: bool
    rectifier: bool


AnyLayer = Layer | ContextLayer


def initialize(layer: AnyLayer, key: Key, input_shape: Shape) -> Params:
    """Return a layer's first parameters; an empty dict where it has none."""
    return layer.initialize(key, input_shape) if isinstance(layer, Parametrized) else {}


def output_shape(layer: AnyLayer, input_shape: Shape) -> Shape:
    """Return the shape of a layer's output for one example."""
    return layer.output_shape(input_shape) if isinstance(layer, Reshaping) else input_shape


def initial_state(layer: AnyLayer, input_shape: Shape) -> Params:
    """Return a layer's first state; an empty dict where it keeps none."""
    return layer.initial_state(input_shape) if isinstance(layer, ContextLayer) else {}


def forward_in(
    layer: AnyLayer, context: Context, params: Params, state: Params, x: Float[Array, "batch ..."]
) -> tuple[Float[Array, "batch ..."], Cache, Params]:
    """Return any layer's output, cache and next state."""
    if isinstance(layer, ContextLayer):
        return layer.forward_in(context, params, state, x)
    return *layer.forward(params, x), state
