"""The loss of a linear model on normalized inputs, the least of networks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from downslope.core import bounded_jit, float_dtype
from downslope.losses import Loss
from downslope.training import Part

RIDGE = 1e-3
"""`l + RIDGE · ‖W‖²` descends: enough to keep weights finite on separable classes."""

_STEPS = 100
_MOST_WEIGHTS = 50_000


@dataclass(frozen=True)
class LinearModel:
    """A linear model `y = z W + b` of inputs `z` at zero mean and unit deviation.

    Attributes:
        W: the weights, the bias in the last row, `(features + 1, outputs)`.
        mean: of each feature.
        scale: what each is divided by; infinite for one that is constant.
    """

    W: Float[np.ndarray, "inputs outputs"]
    mean: Float[np.ndarray, " features"]
    scale: Float[np.ndarray, " features"]

    def outputs(self, part: Part) -> Float[Array, "rows outputs"]:
        """Return its outputs for some rows."""
        z = (np.asarray(part.x, np.float64).reshape(len(part), -1) - self.mean) / self.scale
        return _design(z, float_dtype()) @ jnp.asarray(self.W, float_dtype())


def linear_model(loss: Loss, part: Part) -> LinearModel | None:
    """Return the linear model with the lowest loss over some rows, by L-BFGS; None if it is too large to fit quickly.

    Args:
        loss: what descends.
        part: rows to learn from.

    Example:
        >>> from downslope.losses import squared_error
        >>> x = np.linspace(-1, 1, 20)[:, None]
        >>> part = Part(x, 3 * x + 1, None, 3 * x + 1)
        >>> outputs = linear_model(squared_error, part).outputs(part)
        >>> bool(np.max(np.abs(np.asarray(outputs) - part.t)) < 0.01)
        True
    """
    from scipy.optimize import minimize

    x, t = np.asarray(part.x, np.float64).reshape(len(part), -1), np.asarray(part.t)
    outputs = _outputs(loss, t)
    if x.shape[1] * outputs > _MOST_WEIGHTS:
        return None
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    scale = np.where(deviation > 1e-6 * np.abs(mean), deviation, np.inf)
    dtype = float_dtype()
    design = _design((x - mean) / scale, dtype)
    w = jnp.asarray(part.weighted().weights, dtype)

    def value_and_slope(flat: np.ndarray) -> tuple[float, np.ndarray]:
        W = jnp.asarray(flat.reshape(-1, outputs), dtype)
        value, slope = _penalized(loss, W, design, jnp.asarray(t), w)
        return float(value), np.asarray(slope, np.float64).reshape(-1)

    start = np.zeros((design.shape[1], outputs))
    if t.ndim == 2 and t.shape[1] == outputs:
        start[-1] = np.average(t, axis=0, weights=np.asarray(w))
    if loss.one_answer is not None:
        start[-1] = loss.one_answer(t.reshape(len(t), outputs), np.asarray(w), **dict(loss.settings))
    if loss.targets == "counts":
        start[-1] = np.log(np.maximum(start[-1], 1e-6))
    with np.errstate(all="ignore"):  # a line search may go too far
        fit = minimize(value_and_slope, start.reshape(-1), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    return LinearModel(fit.x.reshape(-1, outputs), mean, scale) if np.isfinite(fit.fun) else None


@partial(bounded_jit, static_argnames="loss")
def _penalized(
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
