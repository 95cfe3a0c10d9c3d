"""Anything that can serve as an optimizer, made one."""

from __future__ import annotations

from downslope.core import Setting, SettingError, check_choice
from downslope.optimizers._adadelta import ADADELTA
from downslope.optimizers._adagrad import ADAGRAD
from downslope.optimizers._adam import ADAM, ADAMW
from downslope.optimizers._facts import Facts
from downslope.optimizers._foreign import from_optax, is_pair
from downslope.optimizers._nadam import NADAM
from downslope.optimizers._optimizer import Optimizer, OptimizerLike
from downslope.optimizers._rmsprop import RMSPROP
from downslope.optimizers._sgd import SGD

OPTIMIZERS = {facts.name: facts for facts in (SGD, RMSPROP, ADAM, ADAMW, NADAM, ADAGRAD, ADADELTA)}
"""All optimizers that have a name, in the order in which they are offered."""


def facts_of(optimizer: Optimizer) -> Facts | None:
    """Return the facts of an optimizer, those of the one within all that is wrapped around it; None for foreign ones.

    Example:
        >>> from downslope.optimizers import adam, clip
        >>> facts_of(clip(1.0, adam(1e-3))).momentum
        'b1'
    """
    return OPTIMIZERS.get(optimizer.base.maker.__name__)


def as_optimizer(value: OptimizerLike) -> Optimizer:
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
        facts = OPTIMIZERS[check_choice("optimizer", value, OPTIMIZERS)]
        return facts.maker(facts.learning_rate)
    if is_pair(value):
        return from_optax(value)
    raise SettingError(
        Setting("optimizer"),
        f"must be an optimizer such as adam(1e-3), an optax transformation or a name, got {value!r}.",
    )
