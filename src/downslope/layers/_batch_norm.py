"""Batch normalization: every feature to mean 0 and variance 1 over the batch."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from downslope.core import Key, Params, Shape, check_number, float_dtype
from downslope.layers._protocol import Cache, Context
from downslope.layers._scale_and_shift import (
    all_but_features,
    as_features,
    check_features,
    first_scale_and_shift,
    scale_and_shift,
    scale_and_shift_gradients,
)

Batch = Float[Array, "batch ..."]


@dataclass(frozen=True)
class BatchNorm:
    """Normalize every feature over the batch, then scale and shift it: `y = γ x̂ + β`, `x̂ = (x − μ) / √(v + ε)`.

    In training, `μ = Σ pᵢ xᵢ` and `v = Σ pᵢ (xᵢ − μ)²` over the rows of the batch, and over all places of an image or a
    sequence, channel by channel; `pᵢ` is a row's weight as a share of all, so a row of weight 0 counts as if it were
    not there. `v` is the biased variance. The state follows by

        mean ← m · mean + (1 − m) μ,    variance ← m · variance + (1 − m) v n/(n − 1),

    with `n` the number of values of a feature in rows of nonzero weight. Otherwise `μ` and `v` are the state's.

    `m` weighs the old value, as in Keras and Flax; torch's `momentum` weighs the new one, so ours is `1 −` torch's.
    Variances and `ε` are as torch's.

    Attributes:
        momentum: `m`, at least 0 and below 1.
        eps: `ε`, above 0.

    References:
        Ioffe, Szegedy (2015), Batch normalization, algorithms 1 and 2; the backward pass, §3.
    """

    momentum: float | int = 0.9
    eps: float | int = 1e-5

    def __post_init__(self) -> None:
        check_number("momentum", self.momentum, at_least=0, below=1, advice="It weighs the old value.")
        check_number("eps", self.eps, above=0)

    def initialize(self, key: Key, input_shape: Shape) -> Params:
        """Return `{"scale": ones, "shift": zeros}`, one number a feature."""
        return first_scale_and_shift(input_shape)

    def initial_state(self, input_shape: Shape) -> Params:
        """Return `{"mean": zeros, "variance": ones}`, one number a feature."""
        dtype = float_dtype()
        return {"mean": np.zeros(input_shape[-1:], dtype), "variance": np.ones(input_shape[-1:], dtype)}

    def forward_in(self, context: Context, params: Params, state: Params, x: Batch) -> tuple[Batch, Cache, Params]:
        """Return `y`; `x̂`, `1/√(v + ε)` and the shares `p`, if the statistics are the batch's; and the next state."""
        check_features("BatchNorm", params, x)
        shares, mean, variance = None, state["mean"], state["variance"]
        if context.training:
            shares, count = _shares(x, context.row_weights)
            mean = jnp.sum(shares * x, axis=all_but_features(x))
            variance = jnp.sum(shares * jnp.square(x - as_features(mean, x)), axis=all_but_features(x))
            state = self._next_state(state, mean, variance, count)
        over_deviation = as_features(lax.rsqrt(variance + self.eps), x)
        normalized = (x - as_features(mean, x)) * over_deviation
        return scale_and_shift(params, normalized), (normalized, over_deviation, shares), state

    def backward(self, params: Params, cache: Cache, dy: Batch) -> tuple[Params, Batch]:
        """Return `dγ`, `dβ`, and `dx`.

        With `dx̂ = γ dy`, and `μ` and `v` changing with every `xᵢ`: `∂μ/∂xᵢ = pᵢ`, `∂v/∂xᵢ = 2 pᵢ (xᵢ − μ)`, hence

            dxᵢ = (dx̂ᵢ − pᵢ Σⱼ dx̂ⱼ − pᵢ x̂ᵢ Σⱼ dx̂ⱼ x̂ⱼ) / √(v + ε).

        With the state's statistics, which do not depend on `x`, `dx = dx̂ / √(v + ε)`.
        """
        normalized, over_deviation, shares = cache
        gradients = scale_and_shift_gradients(normalized, dy)
        scale = as_features(params["scale"], dy)
        d_normalized = scale * dy
        if shares is not None:
            # Σ dx̂ = γ dβ and Σ dx̂ x̂ = γ dγ, so no sum is made twice
            through_mean = scale * as_features(gradients["shift"], dy)
            through_variance = scale * as_features(gradients["scale"], dy) * normalized
            d_normalized = d_normalized - shares * (through_mean + through_variance)
        return gradients, d_normalized * over_deviation

    def _next_state(self, state: Params, mean: Array, variance: Array, count: Array) -> Params:
        """Return the running statistics; a batch whose rows all have weight 0 leaves them as they are."""
        share = jnp.where(count > 0, self.momentum, 1).astype(mean.dtype)
        unbiased = variance * (count / jnp.maximum(count - 1, 1))
        return {
            "mean": share * state["mean"] + (1 - share) * mean,
            "variance": share * state["variance"] + (1 - share) * unbiased,
        }


def _shares(x: Batch, row_weights: Float[Array, " batch"] | None) -> tuple[Array, Array]:
    """Return what every value of a feature counts, as a share of all, shaped to go with `x`; and `n`."""
    positions = int(np.prod(x.shape[1:-1]))
    weights = jnp.ones(len(x), x.dtype) if row_weights is None else row_weights.astype(x.dtype)
    total = jnp.maximum(jnp.sum(weights), np.finfo(x.dtype).tiny)  # leaves 0 of 0 weights
    shares = weights / (positions * total)
    return shares.reshape((-1,) + (1,) * (x.ndim - 1)), positions * jnp.sum(weights != 0).astype(x.dtype)
