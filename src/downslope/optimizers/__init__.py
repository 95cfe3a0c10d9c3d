"""Update rules as optax pairs whose hyper-parameters are state."""

from downslope.optimizers._adam import adam, adamw
from downslope.optimizers._clip import clip
from downslope.optimizers._foreign import from_optax
from downslope.optimizers._named import as_optimizer
from downslope.optimizers._optimizer import Optimizer
from downslope.optimizers._rmsprop import rmsprop
from downslope.optimizers._rule import Rule
from downslope.optimizers._sgd import sgd
from downslope.optimizers._state import OptimizerState, apply_rule, initial_state, observe_loss, set_hyperparam

__all__ = [
    "Optimizer",
    "OptimizerState",
    "Rule",
    "adam",
    "adamw",
    "apply_rule",
    "as_optimizer",
    "clip",
    "from_optax",
    "initial_state",
    "observe_loss",
    "rmsprop",
    "set_hyperparam",
    "sgd",
]
