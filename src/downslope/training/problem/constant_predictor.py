"""The losses between which every useful network lies: that of one answer for all rows, and that of one for each row."""

from __future__ import annotations

from functools import partial

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from downslope.core import bounded_jit, float_dtype
from downslope.losses import Loss
from downslope.training.problem.part import Part
from downslope.training.problem.problem import Problem

_STEPS = 100
"""Of the search for the best answer, at most."""


def constant_predictor(loss: Loss, part: Part, outputs: int) -> Float[np.ndarray, " outputs"]:
    """Return the output `y`, the same for all rows, whose loss over some rows is lowest.

    For squared error it is the mean of the targets, for absolute error their median, for cross-entropy the logarithms
    of the classes' shares; where a loss does not say, it is searched for.

    Args:
        loss: the loss.
        part: the rows.
        outputs: how many outputs the network has.

    Example:
        >>> import downslope as ds
        >>> from downslope.losses import squared_error
        >>> from downslope.training import Part
        >>> t = np.array([[1.0], [3.0]])
        >>> constant_predictor(squared_error, Part(t, t, None, t), 1).round(6).tolist()
        [2.0]
    """
    from scipy.optimize import minimize

    dtype, weights = float_dtype(), _weights(part)
    if loss.one_answer is not None:
        targets = np.asarray(part.t, np.float64).reshape(len(part), outputs)
        return loss.one_answer(targets, np.asarray(weights, np.float64), **dict(loss.settings))

    def value_and_slope(y: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = _value_and_slope(loss, jnp.asarray(y, dtype), jnp.asarray(part.t), weights)
        return float(value), np.asarray(slope, np.float64)

    start = _start(loss, np.asarray(part.t), outputs)
    with np.errstate(all="ignore"):  # a line search may go too far
        return minimize(value_and_slope, start, jac=True, method="BFGS", options={"maxiter": _STEPS}).x


def constant_predictor_loss(loss: Loss, part: Part, outputs: int) -> float:
    """Return the loss over some rows of the output, the same for all of them, whose loss is lowest.

    Example:
        >>> import downslope as ds
        >>> from downslope.losses import squared_error
        >>> from downslope.training import Part
        >>> t = np.array([[1.0], [3.0]])
        >>> round(constant_predictor_loss(squared_error, Part(t, t, None, t), 1), 6)
        1.0
    """
    y = jnp.asarray(constant_predictor(loss, part, outputs), float_dtype())
    return float(_value_and_slope(loss, y, jnp.asarray(part.t), _weights(part))[0])


def one_answer_loss(problem: Problem, part: Part | None = None) -> float:
    """Return the loss of one answer for all rows, what a network must beat; see `constant_predictor_loss`.

    Args:
        problem: what is learned.
        part: the rows; None for those that a training is judged by.
    """
    return constant_predictor_loss(problem.loss, problem.judged if part is None else part, problem.outputs)


def saturated_loss(loss: Loss, part: Part, outputs: int) -> float:
    """Return the lowest loss that any outputs could have over some rows, one answer a row; see `Loss.lowest`.

    Args:
        loss: the loss.
        part: the rows.
        outputs: how many outputs the network has.
    """
    template = jnp.zeros((len(part), outputs), float_dtype())
    return float(loss.lowest(template, jnp.asarray(part.t), _weights(part)))


def _weights(part: Part) -> Float[Array, " rows"]:
    """Return the rows' weights, ones where they have none."""
    return jnp.asarray(part.weighted().weights, float_dtype())


@partial(bounded_jit, static_argnames="loss")
def _value_and_slope(
    loss: Loss, y: Float[Array, " outputs"], t: Shaped[Array, "rows ..."], weights: Float[Array, " rows"]
) -> tuple[Float[Array, ""], Float[Array, " outputs"]]:
    """Return the loss of the answer `y` to every row, and its derivative."""
    answers = jnp.broadcast_to(y, (len(t), len(y)))
    return loss.value(answers, t, weights), jnp.sum(loss.derivative(answers, t, weights), axis=0)


def _start(loss: Loss, t: np.ndarray, outputs: int) -> np.ndarray:
    """Return where the search begins: at the mean of numbers, at the logarithm of mean counts, of shares of classes."""
    if t.ndim == 2 and t.shape[1] == outputs:
        mean = t.mean(axis=0).astype(np.float64)
        return np.log(np.maximum(mean, 1e-6)) if loss.targets == "counts" else mean
    if t.ndim == 1 and outputs > 1:
        return np.log((np.bincount(t.astype(int), minlength=outputs) + 0.5) / len(t))
    return np.zeros(outputs)
