"""Weight decay for any optimizer, of either kind."""

from __future__ import annotations

from downslope.core import Advice, NumberOrSchedule, Setting, SettingError
from downslope.optimizers._decay_rules import L2, DecoupledWeightDecay
from downslope.optimizers._limits import check_hyperparam
from downslope.optimizers._named import as_optimizer
from downslope.optimizers._optimizer import Optimizer, OptimizerLike, make


def l2(weight_decay: NumberOrSchedule, optimizer: OptimizerLike, *, decay_biases: bool = True) -> Optimizer:
    """Return an optimizer that descends `l + ½ λ ‖θ‖²`: weight decay in the gradient.

        g ← g + λ θ
        θ, … ← the optimizer's step with g

    Definitions differ: `λ θ` is added, as by torch's `weight_decay`; Keras's `L2(λ)` adds `λ ‖θ‖²` to the loss, twice
    as much. All parameters decay, biases too, unless told otherwise, for which torch needs groups of parameters.
    `sgd(…, weight_decay=λ)` is a short form. Optimizers that divide by the size of gradients also divide the decay:
    take `decoupled_weight_decay` for those.

    Args:
        weight_decay: `λ`, 0 or more: a number or a schedule.
        optimizer: ours, any of optax, or a name.
        decay_biases: whether biases, and scales and shifts of norms, decay too: parameters by the names `bias`, `scale`
            and `shift`.

    Raises:
        SettingError: the number is out of bounds, or the optimizer decays weights already.

    Example:
        >>> import numpy as np
        >>> from downslope.optimizers import sgd
        >>> optimizer, params = l2(0.5, sgd(1.0)), np.array([4.0])
        >>> updates, state = optimizer.update(np.array([3.0]), optimizer.init(params), params)
        >>> float(updates[0])
        -5.0

    References:
        Krogh and Hertz, "A Simple Weight Decay Can Improve Generalization", 1991.
    """
    weight_decay, optimizer = check_hyperparam("weight_decay", weight_decay), _undecayed(optimizer)
    numbers = {**optimizer.hyperparams, "weight_decay": weight_decay}
    settings = {"weight_decay": weight_decay, "optimizer": optimizer, "decay_biases": decay_biases}
    return make(l2, L2(optimizer.rule, decay_biases), numbers, settings)


def decoupled_weight_decay(
    weight_decay: NumberOrSchedule, optimizer: OptimizerLike, *, decay_biases: bool = True
) -> Optimizer:
    """Return an optimizer that also shrinks the weights at each step, past its averages and divisions.

        Δ = the optimizer's step
        θ ← θ + Δ − η λ θ

    Definitions differ: the decay is multiplied by the rate, as in torch and optax, so that a schedule shrinks both; in
    the paper it has a schedule of its own. All parameters decay, biases too, unless told otherwise. `adamw` is a short
    form for `adam`.

    Args:
        weight_decay: `λ`, 0 or more: a number or a schedule.
        optimizer: one that shows its rate: ours, or a name.
        decay_biases: whether biases, and scales and shifts of norms, decay too: parameters by the names `bias`, `scale`
            and `shift`.

    Raises:
        SettingError: the number is out of bounds, or the optimizer shows no rate, decays weights already, or averages
            them.

    Example:
        >>> import numpy as np
        >>> from downslope.optimizers import sgd
        >>> optimizer, params = decoupled_weight_decay(0.5, sgd(0.25)), np.array([4.0])
        >>> updates, state = optimizer.update(np.array([3.0]), optimizer.init(params), params)
        >>> float(updates[0])
        -1.25

    References:
        Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019, Algorithms 1 and 2.
    """
    weight_decay, optimizer = check_hyperparam("weight_decay", weight_decay), _undecayed(optimizer)
    if "learning_rate" not in optimizer.hyperparams:
        raise SettingError(
            Setting("optimizer"),
            f"must show its rate, which multiplies the decay, got {optimizer!r}.",
            Advice("add {} to the transformation itself", code="`optax.add_decayed_weights`"),
        )
    if "ema_decay" in optimizer.hyperparams:
        raise SettingError(
            Setting("optimizer"),
            f"must not average the weights before they decay, got {optimizer!r}.",
            Advice("put the average outside:", code="`ema(…, decoupled_weight_decay(…))`"),
        )
    numbers = {**optimizer.hyperparams, "weight_decay": weight_decay}
    rule = DecoupledWeightDecay(optimizer.rule, decay_biases)
    settings = {"weight_decay": weight_decay, "optimizer": optimizer, "decay_biases": decay_biases}
    return make(decoupled_weight_decay, rule, numbers, settings)


def _undecayed(optimizer: OptimizerLike) -> Optimizer:
    """Return an optimizer that does not decay weights yet.

    Raises:
        SettingError: it does, or it is no optimizer.
    """
    optimizer = as_optimizer(optimizer)
    if "weight_decay" in optimizer.hyperparams:
        raise SettingError(
            Setting("optimizer"), f"must be one that does not decay weights yet, got {optimizer!r}. Decay once."
        )
    return optimizer
