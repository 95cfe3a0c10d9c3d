"""Layer normalization: every row to mean 0 and variance 1 over its features."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from downslope.core import Key, Params, Shape, check_number
from downslope.layers._protocol import Cache
from downslope.layers._scale_and_shift import (
    as_features,
    check_features,
    first_scale_and_shift,
    scale_and_shift,
    scale_and_shift_gradients,
)


@dataclass(frozen=True)
class LayerNorm:
    """Normalize over the features, then scale and shift each: `y = γ x̂ + β`, `x̂ = (x − μ) / √(v + ε)`.

    `μ` and `v` are the mean and the biased variance along the last axis, for every row, and for every place of an image
    or a sequence by itself: torch's `LayerNorm(features)` with channels last, the default of Keras and Flax too. Rows
    do not see each other, so training and prediction are the same.

    Attributes:
        eps: `ε`, above 0.

    References:
        Ba, Kiros, Hinton (2016), Layer normalization, eq. 3–4.
    """

    eps: float | int = 1e-5

    def __post_init__(self) -> None:
        check_number("eps", self.eps, above=0)

    def initialize(self, key: Key, input_shape: Shape) -> Params:
        """Return `{"scale": ones, "shift": zeros}`, one number a feature."""
        return first_scale_and_shift(input_shape)

    def forward(self, params: Params, x: Float[Array, "batch ..."]) -> tuple[Float[Array, "batch ..."], Cache]:
        """Return `y`; and `x̂` with `1/√(v + ε)`."""
        check_features("LayerNorm", params, x)
        deviations = x - jnp.mean(x, axis=-1, keepdims=True)
        variance = jnp.mean(jnp.square(deviations), axis=-1, keepdims=True)
        over_deviation = lax.rsqrt(variance + self.eps)
        normalized = deviations * over_deviation
        return scale_and_shift(params, normalized), (normalized, over_deviation)

    def backward(
        self, params: Params, cache: Cache, dy: Float[Array, "batch ..."]
    ) -> tuple[Params, Float[Array, "batch ..."]]:
        """Return `dγ`, `dβ`, and `dx`.

        With `dx̂ = γ dy`, means over the features, and `∂μ/∂xᵢ = 1/n`, `∂v/∂xᵢ = 2 (xᵢ − μ)/n`:

            dx = (dx̂ − mean(dx̂) − x̂ mean(dx̂ x̂)) / √(v + ε).
        """
        normalized, over_deviation = cache
        d_normalized = as_features(params["scale"], dy) * dy
        through_mean = jnp.mean(d_normalized, axis=-1, keepdims=True)
        through_variance = normalized * jnp.mean(d_normalized * normalized, axis=-1, keepdims=True)
        dx = (d_normalized - through_mean - through_variance) * over_deviation
        return scale_and_shift_gradients(normalized, dy), dx
