"""What follows every normalization: a scale and a shift for each feature, `y = γ x̂ + β`."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from downslope.core import Params, Shape, ShapeError, float_dtype


def first_scale_and_shift(input_shape: Shape) -> Params:
    """Return `{"scale": 1, "shift": 0}`, one number a feature: the last axis of an example."""
    dtype = float_dtype()
    return {"scale": np.ones(input_shape[-1:], dtype), "shift": np.zeros(input_shape[-1:], dtype)}


def check_features(layer: str, params: Params, x: Array) -> None:
    """Check that examples have as many features as the parameters were made for.

    Raises:
        ShapeError: they have others.
    """
    if x.ndim < 2 or x.shape[-1] != params["scale"].shape[0]:
        raise ShapeError(
            f"{layer} expects {params['scale'].shape[0]} features along the last axis, as its scale was made for, got "
            f"an array of shape {x.shape}. Select the same columns, or make new variables with net.init."
        )


def scale_and_shift(params: Params, normalized: Float[Array, "batch ..."]) -> Float[Array, "batch ..."]:
    """Return `y = γ x̂ + β`."""
    return as_features(params["scale"], normalized) * normalized + as_features(params["shift"], normalized)


def scale_and_shift_gradients(normalized: Float[Array, "batch ..."], dy: Float[Array, "batch ..."]) -> Params:
    """Return `dγ = Σ dy x̂` and `dβ = Σ dy`, over rows and places."""
    axes = all_but_features(dy)
    return {"scale": jnp.sum(dy * normalized, axis=axes), "shift": jnp.sum(dy, axis=axes)}


def as_features(vector: Float[Array | np.ndarray, " features"], like: Float[Array, "batch ..."]) -> Array:
    """Return a vector with one number a feature, shaped to go with a batch."""
    return jnp.asarray(vector).reshape((1,) * (like.ndim - 1) + (-1,))


def all_but_features(x: Float[Array, "batch ..."]) -> tuple[int, ...]:
    """Return the axes of rows and places."""
    return tuple(range(x.ndim - 1))
