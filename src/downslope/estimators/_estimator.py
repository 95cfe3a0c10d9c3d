"""The base of both estimators: scikit-learn's arguments to `ds.train`, and its results to scikit-learn's attributes."""

from __future__ import annotations

import math
import numbers
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state, validation
from sklearn.utils.validation import check_is_fitted

from downslope.core import (
    DataError,
    PyTree,
    RunWarning,
    Setting,
    SettingError,
    Shape,
    ShapeError,
    Variables,
    float_dtype,
)
from downslope.data import Scaling
from downslope.estimators._callbacks import CallbackSupportMixin, FitTask, with_callbacks
from downslope.estimators._descent import on_host, one_pass, trained
from downslope.estimators._network import network_of, shape_of
from downslope.estimators._parameters import Parameters, RandomSource, Real, SampleWeight
from downslope.estimators._patience import Patience, converged
from downslope.estimators._predict import link_of, means_of
from downslope.estimators._rows import Rows
from downslope.estimators._scales import fit_scale
from downslope.estimators._solver import check_descent
from downslope.estimators._watch import Watch
from downslope.losses import Loss
from downslope.networks import Sequential, WeightLists, weights
from downslope.optimizers import OptimizerState
from downslope.training import Restarts, Run

validate_data: Callable[..., Any] = validation.validate_data
"""Untyped: the types that are inferred from its defaults are strings."""

Estimator = TypeVar("Estimator", bound="NetworkEstimator")


class NetworkEstimator(CallbackSupportMixin, BaseEstimator, Parameters, ABC):
    """A network with scikit-learn's face; `NetworkClassifier` and `NetworkRegressor` are its two kinds.

    All fitted attributes are NumPy arrays and plain descriptions, so that an estimator is copied, pickled and sent to
    other processes as any of scikit-learn's. Nothing compiled is kept; the run, which knows the rows that the network
    saw, stays in this process: copies and pickles leave it out, and are as small as they were.

    The precision is that of the rows, as elsewhere in scikit-learn: float32 stays float32, all else becomes float64,
    whatever JAX is set to.
    """

    network_: Sequential
    variables_: Variables
    restarts_: Restarts | None
    _inputs: Scaling | None
    _targets: Scaling | None
    _optimizer_state: OptimizerState | None
    _run: Run | None

    @with_callbacks
    def fit(
        self: Estimator,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: SampleWeight = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: SampleWeight = None,
    ) -> Estimator:
        """Fit the network to rows and their targets.

        Args:
            X: `(rows, features)`: an array or a data frame of numbers.
            y: targets, `(rows,)` or `(rows, outputs)`.
            sample_weight: how much each row counts, 0 or more; a weight of 2 is the same as the row twice.
            X_val: rows of your own to choose the best parameters by, and to stop by if `early_stopping` is on. Without
                them, `early_stopping` holds out `validation_fraction` of `X`.
            y_val: their targets.
            sample_weight_val: how much each of them counts.

        Returns:
            The estimator.
        """
        check_descent(self)
        onward = bool(self.warm_start) and hasattr(self, "variables_")
        rows = self._rows(X, y, sample_weight, onward=onward)
        held_out = self._own_validation(X_val, y_val, sample_weight_val)
        seed = _seed(self.random_state)
        if held_out is None and self.early_stopping:
            rows, held_out = rows.split(self.validation_fraction, seed)
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        with jax.enable_x64(self._wide):
            loss = self._prepared(rows, seed, onward=onward)
            task = FitTask(self, self.max_iter if self.n_restarts == 1 else 0, X=X, y=y, metadata=metadata)
            watch = self._watch(task, held_out)
            run = trained(
                self,
                self.network_,
                loss,
                self._scaled(rows),
                None if held_out is None else self._scaled(held_out),
                class_weights=self._class_weights(rows),
                seed=seed,
                start=self.variables_ if onward else None,
                watch=watch,
            )
        self._keep(run, watch)
        self.t_ += run.epochs * len(rows)
        task.ended(dict)
        return self

    def _fit_once(self, X: ArrayLike, y: ArrayLike, sample_weight: SampleWeight, classes: ArrayLike | None) -> None:
        """Make one pass over rows, going on from the parameters and the optimizer's state as they are."""
        check_descent(self)
        if self.early_stopping:
            raise SettingError(
                Setting("early_stopping"), "watches many passes, and", Setting("partial_fit"), "makes one. Turn it off."
            )
        onward = hasattr(self, "variables_")
        rows = self._rows(X, y, sample_weight, onward=onward, classes=classes)
        with jax.enable_x64(self._wide):
            loss = self._prepared(rows, 0 if onward else _seed(self.random_state), onward=onward)
            stepper = one_pass(
                self,
                self.network_,
                loss,
                self._scaled(rows),
                class_weights=self._class_weights(rows),
                seed=self._seed,
                start=self.variables_ if onward else None,
                optimizer_state=self._optimizer_state,
                epoch=self._passes,
            )
            loss_after = stepper.loss()
        if stepper.diverged:
            warnings.warn(
                f"The loss stopped being a number at step {stepper.step}; the parameters before it are kept. "
                "Lower `learning_rate_init`, or scale the inputs.",
                ConvergenceWarning,
                stacklevel=3,
            )
        self._run = None
        self.variables_, self._optimizer_state = _plain(stepper.variables), _plain(stepper.state.optimizer)
        self.n_iter_ = self.best_iter_ = 1
        self.t_, self._passes = self.t_ + len(rows), self._passes + 1
        self.loss_curve_.append(loss_after)
        self.loss_ = self.loss_curve_[-1]
        self.best_loss_ = min(self.best_loss_, self.loss_)
        self.stop_reason_ = "diverged" if stepper.diverged else "partial_fit"

    @property
    def run_(self) -> Run:
        """The run of the last `fit`: history, surface, what `ds.diagnose` asks for.

        Its rows are the network's, after the normalization that `normalize` asks for; so `run_.predict` takes such
        rows, unlike `predict`. It is not pickled or copied.

        Raises:
            AttributeError: there was no `fit`, or it was not here.

        Example:
            >>> import downslope as ds
            >>> iris = ds.load("iris")
            >>> classifier = ds.estimators.NetworkClassifier((8,), max_iter=500, tol=1e-2, random_state=0)
            >>> run = classifier.fit(iris.x, iris.y).run_
            >>> len(ds.eigenvalues(run.surface(), run.params, k=2, tol=0.1))
            2
        """
        check_is_fitted(self)
        run: Run | None = self.__dict__.get("_run")
        if run is None:
            raise AttributeError(
                "run_ is there after fit, in the process that fitted, got an estimator that was copied, pickled or "
                "went on by partial_fit. Fit it here."
            )
        return run

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied and pickled: all but the run, which holds the rows."""
        state: Any = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_run"}

    @property
    def coefs_(self) -> list[np.ndarray]:
        """The weights of each layer, `(inputs, units)`, where all parameters of the network are in dense layers."""
        return [np.asarray(weight) for weight in self._dense().W]

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """The biases of each layer, `(units,)`, where all parameters of the network are in dense layers."""
        return [np.asarray(bias) for bias in self._dense().B]

    @property
    def n_layers_(self) -> int:
        """How many layers there are where all of them are dense; the input is counted, as scikit-learn does."""
        return len(self.coefs_) + 1

    def _dense(self) -> WeightLists:
        """Return the parameters as lists.

        Raises:
            AttributeError: they do not read as lists.
        """
        check_is_fitted(self)
        try:
            return weights(self.network_, self.variables_.params)
        except ShapeError as error:
            raise AttributeError(f"{error} All parameters are in variables_.") from error

    def _rows(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: SampleWeight,
        *,
        onward: bool,
        classes: ArrayLike | None = None,
    ) -> Rows:
        """Return checked rows with encoded targets; those that count nothing are left out."""
        x, targets = validate_data(self, X, y, reset=not onward, **self._validation())
        if not onward:
            self._wide = x.dtype == np.float64
        t, count = self._encoded(self._column(targets), onward=onward, classes=classes)
        weights = None if sample_weight is None else _checked_weights(sample_weight, len(x))
        return Rows(x, t, weights, count).counted()

    def _own_validation(self, X: ArrayLike | None, y: ArrayLike | None, sample_weight: SampleWeight) -> Rows | None:
        """Return validation rows that were given, or None."""
        if X is None and y is None:
            return None
        if X is None or y is None:
            raise DataError(
                Setting("X_val"), "and", Setting("y_val"), "go together, got one of them. Pass both, or neither."
            )
        return self._rows(X, y, sample_weight, onward=True)

    def _prepared(self, rows: Rows, seed: int, *, onward: bool) -> Loss:
        """Choose shapes, scales and network if this is a fit from the start; return the loss to descend."""
        shape = shape_of(self, rows.x.shape[1])
        loss, outputs = self._loss_and_outputs(shape)
        if onward:
            return loss
        self._shape = shape
        self.network_ = network_of(self, outputs)
        shaped = rows.x.reshape(len(rows), *shape)
        self._inputs = fit_scale(shaped, self.normalize, rows.weights, setting="normalize")
        self._targets = self._fit_targets(rows, loss)
        self.n_outputs_, self._link = outputs, link_of(loss)
        self.out_activation_ = "identity" if self._link is None else self._link
        self._seed, self._passes, self.t_ = seed, 0, 0
        self._optimizer_state = None
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_: list[float] | None = None
        self.best_loss_, self.restarts_ = math.inf, None
        return loss

    def _scaled(self, rows: Rows) -> Rows:
        """Return rows as the network sees them."""
        t = rows.t if self._targets is None else self._targets.apply(rows.t)
        return Rows(self._as_inputs(rows.x), t, rows.weights, rows.classes)

    def _as_inputs(self, x: np.ndarray) -> np.ndarray:
        """Return inputs as the network sees them."""
        shaped = x.reshape(len(x), *self._shape)
        return (shaped if self._inputs is None else self._inputs.apply(shaped)).astype(float_dtype())

    def _watch(self, task: FitTask, held_out: Rows | None) -> Watch:
        """Return the observer of a fit."""
        return Watch(
            patience=Patience(self.tol, self.n_iter_no_change),
            watched="validation_loss" if self.early_stopping and held_out is not None else "batch_loss",
            adaptive=self.learning_rate == "adaptive",
            task=task,
            fitted=lambda moment: {"variables_": _plain(moment.variables), "n_iter_": moment.epoch},
            verbose=bool(self.verbose),
        )

    def _keep(self, run: Run, watch: Watch) -> None:
        """Set the fitted attributes, and warn of a fit that did not end well."""
        self._run = on_host(run)
        self.variables_, self._optimizer_state = _plain(run.variables), _plain(run.optimizer_state)
        self.n_iter_, self._passes = run.epochs, self._passes + run.epochs
        history = {name: values.tolist() for name, values in run.history.items()}
        self.loss_curve_ = self.loss_curve_ + history.get("batch_loss", [])
        watched = history.get("validation_loss")
        self.validation_loss_curve_ = None if watched is None else (self.validation_loss_curve_ or []) + watched
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else math.nan
        self.best_loss_ = min(self.loss_curve_ if watched is None else watched, default=math.inf)
        self.best_iter_, self.restarts_ = run.best_epoch, run.restarts
        self.stop_reason_ = self._reason(run, watch)
        self._warn(run)

    def _reason(self, run: Run, watch: Watch) -> str:
        """Return why the fit ended, in the words of `stop_reason_`."""
        if run.stop_reason in ("interrupted", "diverged"):
            return run.stop_reason
        if watch.ended:
            return watch.ended
        if run.stop_reason == "early_stopping":
            return "converged"
        losses = run.history.get("batch_loss", np.zeros(0))
        settled = run.restarts is not None and converged(losses, tol=self.tol, passes=self.n_iter_no_change)
        return "converged" if settled else "max_iter"

    def _warn(self, run: Run) -> None:
        """Warn of a fit that did not end well."""
        messages = {
            "max_iter": f"Maximum iterations ({self.max_iter}) reached and the optimization hasn't converged yet.",
            "diverged": f"{run.divergence} The parameters before it are kept.",
            "interrupted": f"Interrupted by the user after {run.epochs} passes; what was learned is kept.",
        }
        if self.stop_reason_ in messages:
            kind = RunWarning if self.stop_reason_ == "interrupted" else ConvergenceWarning
            warnings.warn(messages[self.stop_reason_], kind, stacklevel=5)

    def _means(self, X: ArrayLike) -> np.ndarray:
        """Return the means that the outputs stand for, in the units of the network, `(rows, outputs)`."""
        check_is_fitted(self)
        x = validate_data(self, X, reset=False, dtype=FLOATS)
        with jax.enable_x64(self._wide):
            return means_of(self.network_, self.variables_, self._link, self._as_inputs(x))

    def _column(self, y: np.ndarray) -> np.ndarray:
        """Return one column of targets as `(rows,)`, with scikit-learn's warning."""
        from sklearn.utils import column_or_1d

        return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _validation(self) -> dict[str, object]:
        """Return the settings of scikit-learn's checks of rows and targets."""
        return {"multi_output": True, "dtype": FLOATS}

    @abstractmethod
    def _encoded(self, y: np.ndarray, *, onward: bool, classes: ArrayLike | None) -> tuple[np.ndarray, int]:
        """Return targets as a loss takes them, and how many classes there are."""

    @abstractmethod
    def _loss_and_outputs(self, shape: Shape) -> tuple[Loss, int]:
        """Return the loss to descend, and how many outputs the network has."""

    @abstractmethod
    def _fit_targets(self, rows: Rows, loss: Loss) -> Scaling | None:
        """Return the scaling of the targets, or None."""

    @abstractmethod
    def _class_weights(self, rows: Rows) -> dict[int, float] | None:
        """Return how much each class counts, or None."""


FLOATS = [np.float64, np.float32]
"""Inputs of other types become the first."""


def _checked_weights(sample_weight: ArrayLike | Real, rows: int) -> np.ndarray:
    """Return a weight for each row, shape `(rows,)`: finite, 0 or more, not all 0. One number counts for all rows.

    Raises:
        ShapeError: they are not one a row.
        DataError: one is negative, or all of them are zero.
        ValueError: one is no finite number, in scikit-learn's words.
    """
    expanded = np.full(rows, sample_weight) if isinstance(sample_weight, numbers.Real) else sample_weight
    weights = check_array(expanded, ensure_2d=False, dtype="float64", input_name="sample_weight")
    if weights.shape != (rows,):
        raise ShapeError(
            Setting("sample_weight"), f"must have the shape ({rows},), one weight a row, got {weights.shape}."
        )
    if weights.min() < 0:
        raise DataError(Setting("sample_weight"), f"must be 0 or more for every row, got {weights.min():g}.")
    if not weights.any():
        raise DataError(
            Setting("sample_weight"), f"must be above zero for some row, got {rows} weights that are all zero."
        )
    return weights


def _seed(random_state: RandomSource) -> int:
    """Return a seed drawn as scikit-learn draws: the same for a number, a new one for a generator or None."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def _plain(tree: PyTree) -> PyTree:
    """Return a tree with its arrays as NumPy's."""
    return jax.tree.map(np.asarray, tree)
