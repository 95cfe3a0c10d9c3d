"""Anything that can serve as an optimizer, made one."""

from __future__ import annotations

from typing import Any

from downslope.core import Setting, SettingError, check_choice
from downslope.optimizers._adadelta import adadelta
from downslope.optimizers._adagrad import adagrad
from downslope.optimizers._adam import adam, adamw
from downslope.optimizers._foreign import from_optax, is_pair
from downslope.optimizers._nadam import nadam
from downslope.optimizers._optimizer import Optimizer
from downslope.optimizers._rmsprop import rmsprop
from downslope.optimizers._sgd import sgd

DEFAULTS = {
    "sgd": (sgd, 0.01),
    "rmsprop": (rmsprop, 1e-3),
    "adagrad": (adagrad, 0.01),
    "adadelta": (adadelta, 1.0),
    "adam": (adam, 1e-3),
    "adamw": (adamw, 1e-3),
    "nadam": (nadam, 1e-3),
}


def as_optimizer(value: Any) -> Optimizer:
    """Return an optimizer as it is, an optax transformation as one, and a name as the one of that name.

    A name stands for a default rate. 0.01 for `"sgd"` and 0.001 for `"rmsprop"`, `"adam"`, `"adamw"` and `"nadam"` are
    Keras's; 0.01 for `"adagrad"` and 1 for `"adadelta"` are torch's.

    Args:
        value: an optimizer, an optax transformation or a name.

    Raises:
        UnknownNameError: no optimizer has that name.
        SettingError: it is nothing of the kind.

    Example:
        >>> as_optimizer("adam")
        adam(0.001)
    """
    if isinstance(value, str):
        maker, rate = DEFAULTS[check_choice("optimizer", value, DEFAULTS)]
        return maker(rate)
    if is_pair(value):
        return from_optax(value)
    raise SettingError(
        Setting("optimizer"),
        f"must be an optimizer such as adam(1e-3), an optax transformation or a name, got {value!r}.",
    )
