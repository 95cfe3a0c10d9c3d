"""Update rules as optax pairs whose hyper-parameters are state."""

from downslope.optimizers._adadelta import adadelta
from downslope.optimizers._adagrad import adagrad
from downslope.optimizers._adam import adam, adamw
from downslope.optimizers._clip import clip
from downslope.optimizers._ema import averaged_params, ema, keeps_average
from downslope.optimizers._facts import Facts, FormulaLine, Hyperparam
from downslope.optimizers._foreign import from_optax, loss_arguments, takes_loss
from downslope.optimizers._linear_step import LinearStep, linear_step_of
from downslope.optimizers._nadam import nadam
from downslope.optimizers._named import OPTIMIZERS, as_optimizer, facts_of
from downslope.optimizers._optimizer import Optimizer, OptimizerLike, linear_step
from downslope.optimizers._rmsprop import rmsprop
from downslope.optimizers._rule import Rule
from downslope.optimizers._sgd import sgd
from downslope.optimizers._state import OptimizerState, apply_rule, initial_state, observe_loss, set_hyperparam
from downslope.optimizers._weight_decay import decoupled_weight_decay, l2

__all__ = [
    "OPTIMIZERS",
    "Facts",
    "FormulaLine",
    "Hyperparam",
    "LinearStep",
    "Optimizer",
    "OptimizerLike",
    "OptimizerState",
    "Rule",
    "adadelta",
    "adagrad",
    "adam",
    "adamw",
    "apply_rule",
    "as_optimizer",
    "averaged_params",
    "clip",
    "decoupled_weight_decay",
    "ema",
    "facts_of",
    "from_optax",
    "initial_state",
    "keeps_average",
    "l2",
    "linear_step",
    "linear_step_of",
    "loss_arguments",
    "nadam",
    "observe_loss",
    "rmsprop",
    "set_hyperparam",
    "sgd",
    "takes_loss",
]
