"""The parameters that both estimators take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import optax
from numpy.random import RandomState
from numpy.typing import ArrayLike

from downslope.core import Shape
from downslope.data import DropLast
from downslope.layers import Layer
from downslope.layers.initializers import Initializer
from downslope.losses import Loss
from downslope.networks import Sequential
from downslope.optimizers import Optimizer
from downslope.schedules import Schedule

Real = float | int
Widths = int | Iterable[int]
Solver = str | Optimizer | optax.GradientTransformation
RandomSource = int | RandomState | None
ClassWeight = str | Mapping | None
SampleWeight = ArrayLike | Real | None
"""A weight for each row, or one for all."""


class Parameters:
    """The parameters of an estimator by name, as scikit-learn sets them: checked when it is fitted, not before.

    `NetworkClassifier` explains each of them.
    """

    hidden_layer_sizes: Widths
    activation: str | Layer
    network: Sequential | None
    input_shape: Shape | None
    initializer: Initializer | str
    norm: str | None
    skip: bool
    dropout: Real
    loss: str | Loss
    solver: Solver
    alpha: Real
    batch_size: int | str
    drop_last: DropLast | None
    learning_rate: str | Schedule
    learning_rate_init: Real
    power_t: Real
    max_iter: int
    shuffle: bool
    random_state: RandomSource
    tol: Real
    n_iter_no_change: Real
    verbose: bool
    warm_start: bool
    momentum: Real
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: Real
    beta_1: Real
    beta_2: Real
    epsilon: Real
    normalize: str | None
    n_restarts: int
