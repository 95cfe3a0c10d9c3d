"""Classes by a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

from downslope.core import DataError, Setting, SettingError, Shape
from downslope.data import DropLast
from downslope.estimators._estimator import NetworkEstimator
from downslope.estimators._network import LOG_LOSS, classifier_loss
from downslope.estimators._parameters import ClassWeight, RandomSource, Real, SampleWeight, Solver, Widths
from downslope.estimators._rows import Rows
from downslope.layers import Layer
from downslope.layers.initializers import Initializer
from downslope.losses import Loss, as_loss
from downslope.networks import Sequential
from downslope.schedules import Schedule


def _gives_probabilities(classifier: NetworkClassifier) -> bool:
    """Return whether a classifier's loss reads outputs as probabilities."""
    return classifier.loss == LOG_LOSS or as_loss(classifier.loss).inverse_link is not None


class NetworkClassifier(ClassifierMixin, NetworkEstimator):
    """A network that tells classes apart, for scikit-learn's pipelines, searches and cross-validation.

    Parameters that `MLPClassifier` has too mean the same as there; what differs is said here, and why in
    docs/estimators.md. `max_fun` and the solver `"lbfgs"` are left out: training here is by mini-batches.

    `y` holds labels of any kind, or 0 and 1 in a column for each of several labels that a row may have at once.

    Args:
        hidden_layer_sizes: the widths of the hidden layers; () for a linear model.
        activation: `"relu"`, `"logistic"`, `"tanh"`, `"identity"`, any name that `ds.mlp` takes, or a layer.
        network: a `ds.Sequential` of your own with its output layer, in place of the two above.
        input_shape: the shape of one input as `network` takes it, such as `(8, 8, 1)`; rows of `X` are read so.
        initializer: how weights start, one of `ds.initializers` or its name; `"auto"` is `"glorot_uniform"`, as in
            `MLPClassifier`, and with skips what `ds.mlp` makes of it. Biases start at 0.
        norm: `"batch"`, `"layer"`, or None: normalization in hidden layers.
        skip: whether there are skips around hidden layers.
        dropout: the share of hidden activations to drop in training.
        loss: `"log_loss"`, another of `ds.losses` by name, such as `"hinge"`, or a `ds.losses.Loss`.
        solver: the name of any optimizer in `ds.optimizers.OPTIMIZERS`, such as `"adam"` or `"sgd"`; or an optimizer
            such as `ds.adam(1e-3)` or one of optax, taken as it is: `alpha`, rates and momenta here are not used.
        alpha: the penalty `½ α Σ ‖W‖²` on weights, over the rows of a batch; with `"adamw"` its decoupled decay.
        batch_size: rows a step; `"auto"` is 200, or all if there are fewer.
        drop_last: whether a pass leaves out its last batch where that has fewer rows than the others (True), or only
            where it is a single row, of which batch norm can learn nothing (`"lone"`); None is `"lone"` with
            `batch_size="auto"`, else False.
        learning_rate: `"constant"`, `"invscaling"`, `"adaptive"`, with every solver; or a schedule of `ds.schedules`,
            called with the step, in place of `learning_rate_init`.
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
        validation_fraction: the share that is held out, of each class; unless `fit` is given `X_val`, `y_val`.
        beta_1: of `"adam"` and its relatives.
        beta_2: of the same.
        epsilon: what keeps a step finite, of all but `"sgd"`.
        normalize: inputs to mean 0 and deviation 1 (`"standard"`), to [0, 1] (`"minmax"`), to [−1, 1]
            (`"symmetric"`), or as they are (None, as in `MLPClassifier`).
        class_weight: `"balanced"`, or weights by label: how much rows count in what descends, times their own weight.
        n_restarts: how many starting weights to try, all at once; the best is kept.

    Attributes:
        classes_: the labels, sorted; of several labels at once their numbers.
        n_features_in_: how many features there are.
        feature_names_in_: their names, if `X` had any.
        network_: the network.
        variables_: its parameters and state, NumPy arrays.
        coefs_: the weights of each layer, where all layers are dense.
        intercepts_: the biases of each layer, where all layers are dense.
        loss_curve_: the mean loss of the batches of each pass, without the penalty.
        validation_loss_curve_: the loss on validation rows after each pass, or None.
        best_loss_: the lowest of `validation_loss_curve_` if there is one, else of `loss_curve_`.
        best_iter_: after how many passes of the last fit the parameters were reached.
        n_iter_: how many passes the last call made.
        t_: how many rows were learned from in all passes.
        out_activation_: `"softmax"`, `"logistic"`, `"identity"` for a loss without probabilities, or the function that
            a loss of your own has for it.
        stop_reason_: `"converged"`, `"max_iter"`, `"callback"`, `"interrupted"`, `"diverged"` or `"partial_fit"`.
        restarts_: how each of several starts ended, or None.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from downslope.estimators import NetworkClassifier
        >>> x, y = load_iris(return_X_y=True)
        >>> classifier = NetworkClassifier((16,), learning_rate_init=0.01, tol=1e-3, random_state=0).fit(x, y)
        >>> bool(classifier.score(x, y) > 0.95), classifier.predict(x[:2]).tolist()
        (True, [0, 0])
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
        loss: str | Loss = "log_loss",
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
        class_weight: ClassWeight = None,
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
        self.class_weight = class_weight
        self.n_restarts = n_restarts

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: SampleWeight = None,
        classes: ArrayLike | None = None,
    ) -> NetworkClassifier:
        """Make one pass over rows, going on from the parameters and the optimizer's state as they are.

        Args:
            X: as for `fit`. The first call settles the normalization.
            y: as for `fit`; it need not hold all classes.
            sample_weight: as for `fit`.
            classes: all labels there will be; needed in the first call.

        Returns:
            The estimator.
        """
        self._fit_once(X, y, sample_weight, classes)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the label of each row; of several at once 0 or 1 for each, `(rows, labels)`."""
        means = self._means(X)
        middle = 0 if self._link is None else 0.5
        if self._multilabel:
            return (means > middle).astype(int)
        single_output = means.shape[1] == 1
        return self.classes_[(means[:, 0] > middle).astype(int) if single_output else np.argmax(means, axis=1)]

    @available_if(_gives_probabilities)
    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class, `(rows, classes)`, in the order of `classes_`."""
        means = self._means(X)
        return np.concatenate([1 - means, means], axis=1) if means.shape[1] == 1 and not self._multilabel else means

    @available_if(_gives_probabilities)
    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the logarithms of the probabilities, `(rows, classes)`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Tags:
        """Return scikit-learn's tags: rows may have several labels."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _encoded(self, y: np.ndarray, *, onward: bool, classes: ArrayLike | None) -> tuple[np.ndarray, int]:
        check_classification_targets(y)
        multilabel = type_of_target(y).startswith("multilabel")
        if y.ndim > 1 and not multilabel:
            raise DataError(Setting("y"), f"must hold one label a row, or columns of 0 and 1, got the shape {y.shape}.")
        if not onward:
            self._multilabel = multilabel
            self.classes_ = np.arange(y.shape[1]) if multilabel else unique_labels(y if classes is None else classes)
        if multilabel != self._multilabel or (multilabel and y.shape[1] != len(self.classes_)):
            raise DataError(Setting("y"), f"must be of the kind of the fit before, got the shape {y.shape}. Fit anew.")
        if multilabel:
            return y.astype(np.float64), 0
        if len(self.classes_) < 2:
            raise DataError(
                Setting("y"), f"must hold two classes or more, got one class: {self.classes_.tolist()[0]!r}."
            )
        strange = np.setdiff1d(y, self.classes_)
        if len(strange):
            raise DataError(
                Setting("y"),
                f"must hold the classes {self.classes_.tolist()}, got {strange.tolist()}. Fit anew, or name all",
                Setting("classes"),
                "in the first call of partial_fit.",
            )
        return np.searchsorted(self.classes_, y), len(self.classes_)

    def _loss_and_outputs(self, shape: Shape) -> tuple[Loss, int]:
        classes = len(self.classes_)
        return classifier_loss(self, classes, classes if self._multilabel else 0, shape)

    def _fit_targets(self, rows: Rows, loss: Loss) -> None:
        return None

    def _class_weights(self, rows: Rows) -> dict[int, float] | None:
        if self.class_weight is None:
            return None
        if self._multilabel:
            raise SettingError(
                Setting("class_weight"), "is for one label a row, got several. Use", Setting("sample_weight"), "."
            )
        from sklearn.utils.class_weight import compute_class_weight

        present = np.unique(rows.t)
        labels = self.classes_[present]
        balanced = compute_class_weight(self.class_weight, classes=labels, y=self.classes_[rows.t])
        weights = dict.fromkeys(range(len(self.classes_)), 1.0)
        return weights | dict(zip(present.tolist(), balanced.tolist(), strict=True))
