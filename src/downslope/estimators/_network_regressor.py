"""Numbers by a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils import Tags

from downslope.core import DataError, Setting, Shape, check_choice
from downslope.data import DropLast, Scaling
from downslope.estimators._estimator import NetworkEstimator
from downslope.estimators._network import regressor_loss
from downslope.estimators._parameters import RandomSource, Real, SampleWeight, Solver, Widths
from downslope.estimators._rows import Rows
from downslope.estimators._scales import fit_scale
from downslope.layers import Layer
from downslope.layers.initializers import Initializer
from downslope.losses import Loss
from downslope.networks import Sequential
from downslope.schedules import Schedule

AUTO = "auto"


class NetworkRegressor(RegressorMixin, NetworkEstimator):
    """A network that predicts numbers, for scikit-learn's pipelines, searches and cross-validation.

    Parameters that `MLPRegressor` has too mean the same as there; those it shares with `NetworkClassifier` are
    explained there, and what differs, and why, in docs/estimators.md.

    `y` holds numbers, `(rows,)` or `(rows, outputs)`.

    Args:
        hidden_layer_sizes: the widths of the hidden layers; () for a linear model.
        activation: of the hidden layers.
        network: a `ds.Sequential` of your own with its output layer.
        input_shape: the shape of one input as `network` takes it.
        initializer: how weights start.
        norm: `"batch"`, `"layer"`, or None.
        skip: whether there are skips around hidden layers.
        dropout: the share of hidden activations to drop in training.
        loss: `"squared_error"` (half of it, as in `MLPRegressor`, and over several outputs the sum), `"poisson"` for
            counts, `"huber"`, another of `ds.losses` by name, or a `ds.losses.Loss`.
        solver: the optimizer, by name or as it is.
        alpha: the penalty on weights.
        batch_size: rows a step; `"auto"` is 200, or all if there are fewer.
        drop_last: whether a pass leaves out its last batch where that has fewer rows than the others (True), or only
            where it is a single row, of which batch norm can learn nothing (`"lone"`); None is `"lone"` with
            `batch_size="auto"`, else False.
        learning_rate: `"constant"`, `"invscaling"`, `"adaptive"`, or a schedule.
        learning_rate_init: the first learning rate.
        power_t: the power of `"invscaling"`.
        max_iter: passes over the rows, at most.
        shuffle: whether rows come in a new order in each pass.
        random_state: decides the starting weights, the rows held out, and the order of rows.
        tol: by how much a pass must lower the loss to count as progress.
        n_iter_no_change: how many passes in a row without progress are forgiven.
        verbose: whether to print a line for each pass.
        warm_start: whether `fit` goes on from the parameters of the last one.
        momentum: of `"sgd"`, below 1.
        nesterovs_momentum: whether that looks ahead.
        early_stopping: whether to stop by the loss on rows held out, and use the parameters that were best on them.
        validation_fraction: the share that is held out, unless `fit` is given `X_val`, `y_val`.
        beta_1: of `"adam"` and its relatives.
        beta_2: of the same.
        epsilon: what keeps a step finite, of all but `"sgd"`.
        normalize: `"standard"`, `"minmax"`, `"symmetric"`, or None: of the inputs.
        normalize_targets: `"standard"` for targets of mean 0 and deviation 1, undone in predictions; None as they are
            (as in `MLPRegressor`); `"auto"`: standard, but for counts.
        n_restarts: how many starting weights to try, all at once; the best is kept.

    Attributes:
        n_features_in_: how many features there are.
        feature_names_in_: their names, if `X` had any.
        n_outputs_: how many numbers are predicted for a row.
        out_activation_: `"identity"`, or `"exp"` for counts.

    The other attributes are those of `NetworkClassifier`. Losses are in the units that the network sees.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> from downslope.estimators import NetworkRegressor
        >>> x, y = load_diabetes(return_X_y=True)
        >>> settings = {"learning_rate_init": 0.01, "early_stopping": True, "random_state": 0}
        >>> regressor = NetworkRegressor((16,), **settings).fit(x, y)
        >>> regressor.score(x, y) > 0.4, regressor.predict(x[:2]).shape
        (True, (2,))
    """

    def __init__(
        self,
        hidden_layer_sizes: Widths = (100,),
        activation: str | Layer = "relu",
        *,
        network: Sequential | None = None,
        input_shape: Shape | None = None,
        initializer: Initializer | str = "auto",
        norm: str | None = None,
        skip: bool = False,
        dropout: Real = 0.0,
        loss: str | Loss = "squared_error",
        solver: Solver = "adam",
        alpha: Real = 1e-4,
        batch_size: int | str = "auto",
        drop_last: DropLast | None = None,
        learning_rate: str | Schedule = "constant",
        learning_rate_init: Real = 1e-3,
        power_t: Real = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: RandomSource = None,
        tol: Real = 1e-4,
        n_iter_no_change: Real = 10,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: Real = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: Real = 0.1,
        beta_1: Real = 0.9,
        beta_2: Real = 0.999,
        epsilon: Real = 1e-8,
        normalize: str | None = "standard",
        normalize_targets: str | None = "auto",
        n_restarts: int = 1,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.network = network
        self.input_shape = input_shape
        self.initializer = initializer
        self.norm = norm
        self.skip = skip
        self.dropout = dropout
        self.loss = loss
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.normalize = normalize
        self.normalize_targets = normalize_targets
        self.n_restarts = n_restarts

    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: SampleWeight = None) -> NetworkRegressor:
        """Make one pass over rows, going on from the parameters and the optimizer's state as they are.

        Args:
            X: as for `fit`. The first call settles the normalization.
            y: as for `fit`.
            sample_weight: as for `fit`.

        Returns:
            The estimator.
        """
        self._fit_once(X, y, sample_weight, None)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the predicted numbers in their own units, `(rows,)` or `(rows, outputs)`, as `y` was."""
        means = self._means(X)
        numbers = means if self._targets is None else self._targets.undo(means).astype(means.dtype)
        return numbers if self._columns else numbers[:, 0]

    def __sklearn_tags__(self) -> Tags:
        """Return scikit-learn's tags: there may be several targets."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _validation(self) -> dict[str, object]:
        return {**super()._validation(), "y_numeric": True}

    def _encoded(self, y: np.ndarray, *, onward: bool, classes: ArrayLike | None) -> tuple[np.ndarray, int]:
        columns = 0 if y.ndim == 1 else y.shape[1]
        if not onward:
            self._columns = columns
        if columns != self._columns:
            raise DataError(
                Setting("y"), f"must have the columns of the fit before, got the shape {y.shape}. Fit anew."
            )
        return np.asarray(y, np.float64).reshape(len(y), columns or 1), 0

    def _loss_and_outputs(self, shape: Shape) -> tuple[Loss, int]:
        return regressor_loss(self), self._columns or 1

    def _fit_targets(self, rows: Rows, loss: Loss) -> Scaling | None:
        how = self.normalize_targets
        if how == AUTO:
            how = "standard" if loss.targets == "numbers" else None
        if how is not None:
            check_choice("normalize_targets", how, (AUTO, "standard"))
        return fit_scale(rows.t, how, rows.weights, setting="normalize_targets")

    def _class_weights(self, rows: Rows) -> None:
        return None
