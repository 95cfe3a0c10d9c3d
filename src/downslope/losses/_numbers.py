"""Losses for targets that are numbers."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from downslope.losses._loss import Loss


def _squared(y: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.sum(jnp.square(y - t), axis=tuple(range(1, y.ndim)))


def _squared_derivative(y: jax.Array, t: jax.Array) -> jax.Array:
    return 2 * (y - t)


def _mean_squared(y: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.mean(jnp.square(y - t), axis=tuple(range(1, y.ndim)))


def _mean_squared_derivative(y: jax.Array, t: jax.Array) -> jax.Array:
    return 2 * (y - t) / (y.size // y.shape[0])


squared_error = Loss("squared_error", _squared, _squared_derivative)
"""`l = Σᵢ ‖yᵢ − tᵢ‖² / B`: mean over rows of the sum over outputs; `∂l/∂y = 2 (y − t) / B`.

Libraries that call the mean over rows *and* outputs by this name differ by the number of outputs: see
`mean_squared_error`."""

sum_squared_error = Loss("sum_squared_error", _squared, _squared_derivative, reduction="sum")
"""`l = Σᵢ ‖yᵢ − tᵢ‖²`: sum over rows and outputs, the classic error of line fitting; `∂l/∂y = 2 (y − t)`."""

mean_squared_error = Loss("mean_squared_error", _mean_squared, _mean_squared_derivative)
"""`l = Σᵢⱼ (yᵢⱼ − tᵢⱼ)² / (B k)`: mean over rows and `k` outputs, torch's `MSELoss`; `∂l/∂y = 2 (y − t) / (B k)`."""
