"""Losses for targets that are numbers, counts among them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import xlogy

from downslope.core import check_number
from downslope.losses._loss import Loss


def _over_outputs(y: jax.Array) -> tuple[int, ...]:
    """Return all axes but that of the rows."""
    return tuple(range(1, y.ndim))


def _squared(y: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.sum(jnp.square(y - t), axis=_over_outputs(y))


def _squared_derivative(y: jax.Array, t: jax.Array) -> jax.Array:
    return 2 * (y - t)


def _mean_squared(y: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.mean(jnp.square(y - t), axis=_over_outputs(y))


def _mean_squared_derivative(y: jax.Array, t: jax.Array) -> jax.Array:
    return 2 * (y - t) / (y.size // y.shape[0])


def _huber(y: jax.Array, t: jax.Array, *, delta: float) -> jax.Array:
    e = jnp.abs(y - t)
    return jnp.sum(jnp.where(e <= delta, jnp.square(e) / 2, delta * (e - delta / 2)), axis=_over_outputs(y))


def _huber_derivative(y: jax.Array, t: jax.Array, *, delta: float) -> jax.Array:
    return jnp.clip(y - t, -delta, delta)


def _poisson(y: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.sum(jnp.exp(y) - t * y, axis=_over_outputs(y))


def _poisson_derivative(y: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.exp(y) - t


def _poisson_lowest(y: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.sum(t - xlogy(t, t), axis=_over_outputs(y))  # at exp(y) = t


def _absolute(y: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.sum(jnp.abs(y - t), axis=_over_outputs(y))


def _absolute_derivative(y: jax.Array, t: jax.Array) -> jax.Array:
    return jnp.sign(y - t)


def _pinball(y: jax.Array, t: jax.Array, *, level: float) -> jax.Array:
    return jnp.sum(jnp.maximum(level * (t - y), (level - 1) * (t - y)), axis=_over_outputs(y))


def _pinball_derivative(y: jax.Array, t: jax.Array, *, level: float) -> jax.Array:
    return jnp.where(y < t, -level, jnp.where(y > t, 1 - level, 0.5 - level))  # at the kink their mean, as JAX's


def _median(t: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return _quantile(t, weights, level=0.5)


def _quantile(t: np.ndarray, weights: np.ndarray, *, level: float) -> np.ndarray:
    """Return the least number of each column that targets with a share `level` of the weight do not exceed."""
    order = np.argsort(t, axis=0, kind="stable")
    reached = np.cumsum(weights[order], axis=0)
    first = np.argmax(reached >= level * reached[-1] * (1 - 1e-12), axis=0)
    return np.take_along_axis(np.take_along_axis(t, order, axis=0), first[None], axis=0)[0]


def quantile_with(*, level: float | int = 0.5) -> Loss:
    """Return the quantile or pinball loss: the answer that a share `q` of the targets lies below has the lowest.

        e = t − y        l = Σᵢⱼ max(q e, (q − 1) e) / B        ∂l/∂y = −q / B         where y < t
                                                                        (1 − q) / B    where y > t

    Mean over rows of the sum over outputs. At `q = ½` it is half the absolute error. Two networks, one for 0.05 and one
    for 0.95, say between which numbers nine in ten targets lie. At the kink the derivative is the mean of both sides.

    Args:
        level: `q`, above 0 and below 1.

    Raises:
        SettingError: `level` is out of bounds.

    Example:
        >>> y, t = jnp.array([[1.0], [4.0]]), jnp.array([[3.0], [3.0]])
        >>> quantile_with(level=0.75).value(y, t).item(), quantile_with(level=0.75).derivative(y, t).tolist()
        (0.875, [[-0.375], [0.125]])

    References:
        Koenker, Bassett, Regression quantiles (1978), §2.
    """
    settings = (("level", check_number("level", level, above=0, below=1)),)
    return Loss("quantile", _pinball, _pinball_derivative, settings=settings, one_answer=_quantile)


def huber_with(*, delta: float | int = 1.0) -> Loss:
    """Return Huber's loss: squared for errors up to `δ`, in proportion to the error beyond.

        e = y − t        l = Σᵢⱼ ½ e²              ∂l/∂y = e / B             where |e| ≤ δ
                             δ (|e| − ½ δ)                 δ sign(e) / B     elsewhere

    Mean over rows of the sum over outputs. torch's `HuberLoss` takes the mean over outputs too; its `SmoothL1Loss` is
    this divided by `δ`. The half is there, so that within `δ` it is half our `squared_error`.

    Args:
        delta: `δ`, above 0, in the units of the targets as the network sees them. As `δ` grows, half the squared error;
            as it shrinks, `δ` times the absolute error.

    Raises:
        SettingError: `delta` is not above 0.

    Example:
        >>> y, t = jnp.array([[0.5], [5.0]]), jnp.array([[0.0], [0.0]])
        >>> float(huber_with(delta=2.0).value(y, t)), huber_with(delta=2.0).derivative(y, t).tolist()
        (4.0625, [[0.25], [1.0]])

    References:
        P. J. Huber, Robust estimation of a location parameter (1964), §1.
    """
    settings = (("delta", check_number("delta", delta, above=0)),)
    return Loss("huber", _huber, _huber_derivative, settings=settings)


squared_error = Loss("squared_error", _squared, _squared_derivative)
"""`l = Σᵢ ‖yᵢ − tᵢ‖² / B`: mean over rows of the sum over outputs; `∂l/∂y = 2 (y − t) / B`.

Libraries that call the mean over rows *and* outputs by this name differ by the number of outputs: see
`mean_squared_error`."""

sum_squared_error = Loss("sum_squared_error", _squared, _squared_derivative, reduction="sum")
"""`l = Σᵢ ‖yᵢ − tᵢ‖²`: sum over rows and outputs, the classic error of line fitting; `∂l/∂y = 2 (y − t)`."""

mean_squared_error = Loss("mean_squared_error", _mean_squared, _mean_squared_derivative)
"""`l = Σᵢⱼ (yᵢⱼ − tᵢⱼ)² / (B k)`: mean over rows and `k` outputs, torch's `MSELoss`; `∂l/∂y = 2 (y − t) / (B k)`."""

huber = huber_with()
"""Huber's loss with `δ = 1`: squared for small errors, so that few large ones do not rule. See `huber_with`."""

absolute_error = Loss("absolute_error", _absolute, _absolute_derivative, one_answer=_median)
"""`l = Σᵢⱼ |yᵢⱼ − tᵢⱼ| / B`: mean over rows of the sum over outputs; `∂l/∂y = sign(y − t) / B`, 0 where they are equal.

Its answers are medians, which few large errors do not move. torch's `L1Loss` takes the mean over outputs too."""

quantile = quantile_with()
"""The quantile loss of level ½, half the absolute error. For other levels see `quantile_with`."""

poisson = Loss(
    "poisson", _poisson, _poisson_derivative, targets="counts", inverse_link=jnp.exp, lowest_rows=_poisson_lowest
)
"""`l = Σᵢⱼ (exp(yᵢⱼ) − tᵢⱼ yᵢⱼ) / B`, for counts whose mean is `exp(y)`; `∂l/∂y = (exp(y) − t) / B`.

The negative logarithm of Poisson's distribution without `ln t!`, which no output changes; the loss may be negative.
Mean over rows of the sum over outputs: torch's `PoissonNLLLoss(log_input=True, full=False)` takes the mean over outputs
too. Targets are 0 or more, whole or not; predictions are `exp(y)`."""
