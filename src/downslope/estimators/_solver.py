"""From scikit-learn's words about descent to optimizers and schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from downslope.core import Setting, SettingError, check_choice, check_integer, check_number
from downslope.estimators._inverse_scaling import InverseScaling
from downslope.estimators._weight_penalty import penalized_weights
from downslope.optimizers import Optimizer, adadelta, adagrad, adam, adamw, as_optimizer, nadam, rmsprop, sgd
from downslope.schedules import Schedule

RATES = ("constant", "invscaling", "adaptive")

Maker = Callable[[Any, Any], Optimizer]

SOLVERS: dict[str, Maker] = {
    "sgd": lambda rate, own: sgd(
        rate, momentum=own.momentum, nesterov=bool(own.nesterovs_momentum) and own.momentum > 0
    ),
    "adam": lambda rate, own: adam(rate, **_moments(own)),
    "adamw": lambda rate, own: adamw(rate, weight_decay=own.alpha, **_moments(own)),
    "nadam": lambda rate, own: nadam(rate, **_moments(own)),
    "rmsprop": lambda rate, own: rmsprop(rate, eps=own.epsilon),
    "adagrad": lambda rate, own: adagrad(rate, eps=own.epsilon),
    "adadelta": lambda rate, own: adadelta(rate, eps=own.epsilon),
}
"""By name, what makes an optimizer of a rate and an estimator's parameters."""


def optimizer_of(own: Any, *, rows: int, steps: int, weight: float | int) -> Optimizer:
    """Return the optimizer that an estimator's parameters describe.

    Args:
        own: the estimator.
        rows: how many it learns from.
        steps: how many a pass has.
        weight: the sum of the weights of a batch, on average: what `alpha` is divided by.

    Raises:
        SettingError: a parameter is out of bounds.
    """
    if not isinstance(own.solver, str):
        return as_optimizer(own.solver)
    maker, rate = SOLVERS[check_choice("solver", own.solver, SOLVERS)], _rate(own, rows, steps)
    alpha = check_number("alpha", own.alpha, at_least=0)
    check_number("momentum", own.momentum, at_least=0, below=1)
    optimizer = maker(rate, own)
    return optimizer if own.solver == "adamw" else penalized_weights(alpha / weight, optimizer)


def check_descent(own: Any) -> None:
    """Check what an estimator was told about its descent, but for what the optimizer checks.

    Raises:
        SettingError: a parameter is out of bounds.
    """
    check_integer("max_iter", own.max_iter)
    check_integer("n_restarts", own.n_restarts)
    check_number("tol", own.tol, at_least=0)
    check_number("validation_fraction", own.validation_fraction, above=0, below=1)
    if own.n_iter_no_change != math.inf:
        check_integer("n_iter_no_change", own.n_iter_no_change)
    if not isinstance(own.learning_rate, Schedule):
        check_choice("learning_rate", own.learning_rate, RATES)
    if own.learning_rate == "adaptive" and own.n_restarts > 1:
        raise SettingError(
            Setting("learning_rate"),
            f"'adaptive' follows one descent, got {own.n_restarts} restarts. Choose another.",
        )


def batch_rows(batch_size: Any, rows: int) -> int:
    """Return how many rows a batch has: of `"auto"`, 200, or all if there are fewer."""
    if isinstance(batch_size, str) and batch_size == "auto":
        return min(200, rows)
    return min(check_integer("batch_size", batch_size, advice="Or 'auto', for min(200, rows)."), rows)


def _rate(own: Any, rows: int, steps: int) -> Any:
    """Return the learning rate, a number or a schedule."""
    if isinstance(own.learning_rate, Schedule):
        return own.learning_rate
    start = check_number("learning_rate_init", own.learning_rate_init, above=0)
    if own.learning_rate != "invscaling":
        return start
    return InverseScaling(start, rows, steps, check_number("power_t", own.power_t, at_least=0))


def _moments(own: Any) -> dict[str, Any]:
    """Return what Adam and its like take."""
    return {"b1": own.beta_1, "b2": own.beta_2, "eps": own.epsilon}
