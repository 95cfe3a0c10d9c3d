"""The loss of a linear model on normalized inputs, the least of networks."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from downslope.core import float_dtype
from downslope.losses import Loss
from downslope.training import Part

RIDGE = 1e-3
"""`l + RIDGE · ‖W‖²` descends: enough to keep weights finite on separable classes."""

_STEPS = 100
_MOST_WEIGHTS = 50_000


def linear_loss(loss: Loss, fitted: Part, judged: Part) -> float | None:
    """Return the loss over some rows of a linear model fitted to others; None if it is too large to fit quickly.

    `y = z W + b` with `z` the inputs at zero mean and unit deviation, by L-BFGS.

    Args:
        loss: what descends.
        fitted: rows to learn from.
        judged: rows to measure the loss on.

    Example:
        >>> from downslope.losses import squared_error
        >>> x = np.linspace(-1, 1, 20)[:, None]
        >>> part = Part(x, 3 * x + 1, None, 3 * x + 1)
        >>> bool(linear_loss(squared_error, part, part) < 1e-3)
        True
    """
    from scipy.optimize import minimize

    x, t = np.asarray(fitted.x, np.float64).reshape(len(fitted), -1), np.asarray(fitted.t)
    outputs = _outputs(loss, t)
    if x.shape[1] * outputs > _MOST_WEIGHTS:
        return None
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    scale = np.where(deviation > 1e-6 * (np.abs(mean) + 1e-30), deviation, np.inf)
    dtype = float_dtype()
    design = _design((x - mean) / scale, dtype)
    w = jnp.ones(len(fitted), dtype) if fitted.weights is None else jnp.asarray(fitted.weights, dtype)

    def value_and_slope(flat: np.ndarray) -> tuple[float, np.ndarray]:
        W = jnp.asarray(flat.reshape(-1, outputs), dtype)
        value, slope = _linear(loss, W, design, jnp.asarray(t), w)
        return float(value), np.asarray(slope, np.float64).reshape(-1)

    start = np.zeros((design.shape[1], outputs))
    if t.ndim == 2 and t.shape[1] == outputs:
        start[-1] = np.average(t, axis=0, weights=np.asarray(w))
    if loss.name == "poisson":
        start[-1] = np.log(np.maximum(start[-1], 1e-6))
    fit = minimize(value_and_slope, start.reshape(-1), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    if not np.isfinite(fit.fun):
        return None
    z = (np.asarray(judged.x, np.float64).reshape(len(judged), -1) - mean) / scale
    W = fit.x.reshape(-1, outputs)
    w = jnp.ones(len(judged), dtype) if judged.weights is None else jnp.asarray(judged.weights, dtype)
    value, _ = _linear(loss, jnp.asarray(W, dtype), _design(z, dtype), jnp.asarray(judged.t), w)
    return float(value) - RIDGE * float(np.sum(W[:-1] ** 2))


@partial(jax.jit, static_argnames="loss")
def _linear(
    loss: Loss,
    W: Float[Array, "inputs outputs"],
    z: Float[Array, "rows inputs"],
    t: Shaped[Array, "rows ..."],
    w: Float[Array, " rows"],
) -> tuple[Float[Array, ""], Float[Array, "inputs outputs"]]:
    """Return the penalized loss and its gradient; the last row of `W` is the bias, which is not penalized."""
    y = z @ W
    ridge = W.at[-1].set(0) * RIDGE
    return loss.value(y, t, w) + jnp.sum(ridge * W), z.T @ loss.derivative(y, t, w) + 2 * ridge


def _design(z: np.ndarray, dtype: np.dtype) -> Float[Array, "rows inputs"]:
    """Return inputs with a column of ones."""
    return jnp.asarray(np.concatenate([z, np.ones((len(z), 1))], axis=1).astype(dtype))


def _outputs(loss: Loss, t: np.ndarray) -> int:
    """Return how many outputs these targets need."""
    if t.ndim == 2:
        return t.shape[1]
    return int(t.max()) + 1 if loss.targets == "classes" else 1
