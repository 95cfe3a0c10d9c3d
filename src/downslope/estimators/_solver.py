"""Optimizers and schedules from scikit-learn's parameters."""

from __future__ import annotations

import math

from downslope.core import Setting, SettingError, check_choice, check_integer, check_number
from downslope.data import DropLast
from downslope.estimators._inverse_scaling import InverseScaling
from downslope.estimators._parameters import Parameters, Real
from downslope.optimizers import OPTIMIZERS, Facts, Optimizer, as_optimizer, l2
from downslope.schedules import Schedule

RATES = ("constant", "invscaling", "adaptive")

SCIKIT_LEARN = {"b1": "beta_1", "b2": "beta_2", "eps": "epsilon"}
"""What scikit-learn calls numbers of optimizers."""


def optimizer_of(parameters: Parameters, *, rows: int, steps: int, weight: float | int) -> Optimizer:
    """Return the optimizer that an estimator's parameters describe.

    Args:
        parameters: of the estimator.
        rows: how many it learns from.
        steps: how many a pass has.
        weight: the sum of the weights of a batch, on average: what `alpha` is divided by.

    Raises:
        SettingError: a parameter is out of bounds.
    """
    if not isinstance(parameters.solver, str):
        return as_optimizer(parameters.solver)
    facts = OPTIMIZERS[check_choice("solver", parameters.solver, OPTIMIZERS)]
    rate = _rate(parameters, rows, steps)
    alpha = check_number("alpha", parameters.alpha, at_least=0)
    check_number("momentum", parameters.momentum, at_least=0, below=1)
    optimizer = facts.maker(rate, **_settings(facts, parameters))
    return optimizer if facts.decouples_decay or not alpha else l2(alpha / weight, optimizer, decay_biases=False)


def check_descent(parameters: Parameters) -> None:
    """Check an estimator's parameters about descent, except those that the optimizer checks.

    Raises:
        SettingError: a parameter is out of bounds.
    """
    check_integer("max_iter", parameters.max_iter)
    check_integer("n_restarts", parameters.n_restarts)
    check_number("tol", parameters.tol, at_least=0)
    check_number("validation_fraction", parameters.validation_fraction, above=0, below=1)
    if parameters.n_iter_no_change != math.inf:
        check_integer("n_iter_no_change", parameters.n_iter_no_change)
    if not isinstance(parameters.learning_rate, Schedule):
        check_choice("learning_rate", parameters.learning_rate, RATES)
    if parameters.learning_rate == "adaptive" and parameters.n_restarts > 1:
        raise SettingError(
            Setting("learning_rate"),
            f"'adaptive' follows one descent, got {parameters.n_restarts} restarts. Choose another.",
        )


def batch_rows(batch_size: int | str, rows: int) -> int:
    """Return how many rows a batch has: of `"auto"`, 200, or all if there are fewer."""
    if isinstance(batch_size, str) and batch_size == "auto":
        return min(200, rows)
    return min(check_integer("batch_size", batch_size, advice="Or 'auto', for min(200, rows)."), rows)


def last_batch_of(parameters: Parameters) -> DropLast:
    """Return which last batches are left out: a single row too few for batch norm where the size is `"auto"`."""
    if parameters.drop_last is not None:
        return parameters.drop_last
    return "lone" if isinstance(parameters.batch_size, str) else False


def _rate(parameters: Parameters, rows: int, steps: int) -> Real | Schedule:
    """Return the learning rate, a number or a schedule."""
    if isinstance(parameters.learning_rate, Schedule):
        return parameters.learning_rate
    start = check_number("learning_rate_init", parameters.learning_rate_init, above=0)
    if parameters.learning_rate != "invscaling":
        return start
    return InverseScaling(start, rows, steps, check_number("power_t", parameters.power_t, at_least=0))


def _settings(facts: Facts, parameters: Parameters) -> dict[str, Real | bool]:
    """Return the arguments of an optimizer besides its rate; momentum is that of descent without divisions."""
    names = {number.name for number in facts.hyperparams}
    settings: dict[str, Real | bool] = {
        name: getattr(parameters, theirs) for name, theirs in SCIKIT_LEARN.items() if name in names
    }
    if facts.decouples_decay:
        settings["weight_decay"] = parameters.alpha
    if not facts.scale_invariant and "momentum" in names:
        settings["momentum"] = parameters.momentum
        if "nesterov" in facts.choices:
            settings["nesterov"] = bool(parameters.nesterovs_momentum) and parameters.momentum > 0
    return settings
