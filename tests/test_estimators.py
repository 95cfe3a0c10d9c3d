"""Estimators: `ds.train` in scikit-learn's clothes, and scikit-learn's networks where the words are the same."""

import io
import pickle
import warnings
from contextlib import redirect_stdout

import jax
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import cases
import downslope as ds
from downslope.core import DataError, RunWarning, SettingError, ShapeError, UnknownNameError
from downslope.estimators import NetworkClassifier, NetworkRegressor
from downslope.estimators._patience import Patience
from downslope.estimators._rows import round_size

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RANDOM = np.random.RandomState(0)
X = RANDOM.randn(40, 4)
NUMBERS = X @ RANDOM.randn(4) + 0.1 * RANDOM.randn(40)
TARGETS = {
    "two classes": (X[:, 0] > 0).astype(int),
    "three classes": np.digitize(X[:, 0], [-0.5, 0.5]),
    "several labels": (X[:, :3] > 0).astype(int),
    "numbers": NUMBERS,
    "columns of numbers": np.stack([NUMBERS, -X[:, 1]], axis=1),
}
SMALL = {"hidden_layer_sizes": 5, "max_iter": 4, "random_state": 0}


def pair(target, **settings):
    """Return our estimator for a target, unnormalized, and scikit-learn's."""
    if "numbers" in target:
        return NetworkRegressor(normalize=None, normalize_targets=None, **settings), MLPRegressor(**settings)
    return NetworkClassifier(normalize=None, **settings), MLPClassifier(**settings)


def leaves(estimator):
    """Return the arrays of all parameters."""
    return jax.tree.leaves(estimator.variables_)


def same(one, other):
    """Return whether two estimators have the same parameters, bit by bit."""
    return all(np.array_equal(a, b) for a, b in zip(leaves(one), leaves(other), strict=True))


def with_weights_of(ours, theirs):
    """Give our estimator the weights of scikit-learn's, which is of the same widths."""
    layers = iter(zip(theirs.coefs_, theirs.intercepts_, strict=True))
    params = tuple(
        dict(zip(("weight", "bias"), map(np.copy, next(layers)), strict=True)) if layer else layer
        for layer in ours.variables_.params
    )
    ours.variables_ = ours.variables_._replace(params=params)


@pytest.mark.product
@pytest.mark.parametrize("target", TARGETS)
def test_from_equal_weights_it_descends_as_scikit_learn_does(target):
    y, shared = TARGETS[target], {"hidden_layer_sizes": 5, "activation": "tanh", "solver": "sgd", "alpha": 0.5}
    shared |= {"shuffle": False, "batch_size": 10, "random_state": 0, "learning_rate": "invscaling", "power_t": 0.3}
    ours, theirs = pair(target, **shared, learning_rate_init=0.05, momentum=0, max_iter=1, warm_start=True)
    ours.fit(X, y)
    theirs.fit(X, y)
    with_weights_of(ours, theirs)
    theirs.t_ = 0  # it goes on counting the rows it has seen where ours begins anew
    for estimator in (ours, theirs):
        estimator.set_params(max_iter=3).fit(X, y)
    for mine, other in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-8)
    if "numbers" not in target:
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-8)
    assert (ours.out_activation_, ours.n_layers_, ours.n_outputs_) == (
        theirs.out_activation_,
        theirs.n_layers_,
        theirs.n_outputs_,
    )


def test_momentum_is_that_of_scikit_learn_too():
    y = TARGETS["three classes"]
    ours, theirs = pair("three classes", hidden_layer_sizes=5, solver="sgd", shuffle=False, alpha=0.1, random_state=0)
    for estimator in (ours, theirs):
        estimator.partial_fit(X, y, classes=[0, 1, 2])
    ours._optimizer_state = None
    theirs._optimizer.velocities = [np.zeros_like(each) for each in theirs._optimizer.velocities]
    with_weights_of(ours, theirs)
    for _ in range(4):
        ours.partial_fit(X, y)
        theirs.partial_fit(X, y)
    for mine, other in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-9)


def test_it_is_ds_train():
    x, y = X[:32], TARGETS["three classes"][:32]
    ours = NetworkClassifier(
        5, normalize=None, alpha=0, batch_size=8, max_iter=3, random_state=np.random.RandomState(7)
    )
    seed = int(np.random.RandomState(7).randint(np.iinfo(np.int32).max))
    settings = {"optimizer": ds.adam(1e-3), "batch_size": 8, "epochs": 3, "seed": seed, "progress": False}
    run = ds.train(ds.mlp([5], outputs=3, initializer="glorot_uniform"), ds.Dataset(x, y), **settings)
    ours.fit(x, y)
    assert all(np.array_equal(a, b) for a, b in zip(leaves(ours), jax.tree.leaves(run.variables), strict=True))
    np.testing.assert_array_equal(ours.loss_curve_, run.history["batch_loss"])
    np.testing.assert_allclose(ours.predict_proba(x), run.predict_proba(x), rtol=1e-12)


@pytest.mark.product
@pytest.mark.parametrize("target", ["three classes", "columns of numbers"])
def test_passes_by_partial_fit_are_those_of_fit(target):
    settings = {"hidden_layer_sizes": 5, "dropout": 0.2, "batch_size": 16, "random_state": 3}
    kind, more = (NetworkRegressor, {}) if "numbers" in target else (NetworkClassifier, {"classes": [0, 1, 2]})
    whole, parts = kind(**settings, max_iter=3).fit(X, TARGETS[target]), kind(**settings)
    for _ in range(3):
        parts.partial_fit(X, TARGETS[target], **more)
    assert same(whole, parts)
    assert (parts.n_iter_, parts.t_, len(parts.loss_curve_)) == (1, 120, 3)
    parts.partial_fit(X[:3], TARGETS[target][:3])
    assert parts.predict(X).shape == TARGETS[target].shape


def test_a_block_of_rows_need_not_hold_all_classes():
    estimator = NetworkClassifier(5).partial_fit(X[:4], ["a", "b", "a", "a"], classes=["c", "b", "a"])
    assert estimator.classes_.tolist() == ["a", "b", "c"]
    assert estimator.predict_proba(X).shape == (40, 3)
    with pytest.raises(DataError, match=r"got \['d'\]"):
        estimator.partial_fit(X[:1], ["d"])
    with pytest.raises(SettingError, match="`partial_fit` makes one"):
        estimator.set_params(early_stopping=True).partial_fit(X[:1], ["a"])


def test_warm_start_goes_on_and_a_fit_without_begins_anew():
    estimator = NetworkRegressor(**SMALL, warm_start=True).fit(X, NUMBERS)
    first = estimator.loss_curve_
    estimator.fit(X, NUMBERS)
    assert len(estimator.loss_curve_) == 8
    assert estimator.loss_curve_[:4] == first
    assert estimator.loss_curve_[4] < first[3]
    assert same(estimator.set_params(warm_start=False).fit(X, NUMBERS), NetworkRegressor(**SMALL).fit(X, NUMBERS))


def test_random_state_is_a_number_a_generator_or_none():
    y = TARGETS["two classes"]
    fits = [NetworkClassifier(**SMALL | {"random_state": state}) for state in (1, 1, 2)]
    one, again, other = (estimator.fit(X, y) for estimator in fits)
    assert same(one, again)
    assert not same(one, other)
    generator = NetworkClassifier(**SMALL | {"random_state": np.random.RandomState(1)})
    assert same(pickle.loads(pickle.dumps(generator.fit(X, y))), one)  # noqa: S301
    assert not same(generator.fit(X, y), one)


@pytest.mark.slow
def test_early_stopping_uses_the_best_parameters():
    settings = {"hidden_layer_sizes": 20, "learning_rate_init": 0.03, "max_iter": 60, "random_state": 0}
    estimator = NetworkRegressor(**settings, early_stopping=True, n_iter_no_change=5, normalize_targets=None)
    x, y = X[:30], NUMBERS[:30]
    estimator.fit(x, y, X_val=X[30:], y_val=NUMBERS[30:])
    assert estimator.stop_reason_ == "converged"
    assert len(estimator.validation_loss_curve_) == estimator.n_iter_ == len(estimator.loss_curve_) < 60
    assert estimator.best_loss_ == min(estimator.validation_loss_curve_)
    assert estimator.validation_loss_curve_[estimator.best_iter_ - 1] == estimator.best_loss_
    reached = np.mean((estimator.predict(X[30:]) - NUMBERS[30:]) ** 2) / 2
    assert reached == pytest.approx(estimator.best_loss_, rel=1e-9)
    whole = NetworkRegressor(**settings, tol=0, n_iter_no_change=np.inf, normalize_targets=None)
    whole.fit(x, y, X_val=X[30:], y_val=NUMBERS[30:])
    assert (whole.n_iter_, whole.stop_reason_) == (60, "max_iter")
    assert whole.best_loss_ == min(whole.validation_loss_curve_)


def test_an_adaptive_rate_is_lowered_before_it_stops():
    settings = {"learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1, "max_iter": 100, "random_state": 0}
    settings |= {"hidden_layer_sizes": 3, "solver": "sgd", "learning_rate_init": 1e-3}
    estimator, theirs = NetworkRegressor(**settings).fit(X, NUMBERS), MLPRegressor(**settings).fit(X, NUMBERS)
    rate = float(estimator._optimizer_state.hyperparams["learning_rate"])
    assert (estimator.stop_reason_, rate) == ("converged", pytest.approx(1e-3 / 5**5))
    assert estimator.n_iter_ == theirs.n_iter_


def test_patience_counts_as_scikit_learn_does():
    losses = [1.0, 0.9, 0.89, 0.885, 0.7, 0.69, 0.688, 0.687]
    patience = Patience(tol=0.05, passes=2)
    assert [patience.exhausted_by(loss) for loss in losses] == [False] * 7 + [True]


def test_class_weights_are_weights_of_their_rows():
    y = TARGETS["three classes"]
    by_class = NetworkClassifier(**SMALL, class_weight={0: 3.0, 2: 0.5}).fit(X, y)
    by_row = NetworkClassifier(**SMALL).fit(X, y, sample_weight=np.array([3.0, 1.0, 0.5])[y])
    by_row._inputs = by_class._inputs  # weights of rows enter the statistics of the inputs, too
    plain = NetworkClassifier(**SMALL).fit(X, y)
    assert not same(by_class, plain)
    uneven = NetworkClassifier(**SMALL, normalize=None, class_weight={0: 3.0, 2: 0.5}).fit(X, y)
    rows = NetworkClassifier(**SMALL, normalize=None).fit(X, y, sample_weight=np.array([3.0, 1.0, 0.5])[y])
    assert same(uneven, rows)
    balanced = NetworkClassifier(**SMALL, class_weight="balanced").fit(X, y)
    weights = {label: 40 / (3 * np.sum(y == label)) for label in range(3)}
    assert same(balanced, NetworkClassifier(**SMALL, class_weight=weights).fit(X, y))
    with pytest.raises(SettingError, match="one label a row"):
        NetworkClassifier(class_weight="balanced").fit(X, TARGETS["several labels"])


@pytest.mark.parametrize(
    "weights, sentence",
    [
        (np.ones(39), r"`sample_weight` must have the shape \(40,\), one weight a row, got \(39,\)"),
        (np.ones((40, 1)), r"`sample_weight` must have the shape \(40,\), one weight a row, got \(40, 1\)"),
        ([-1.0] + [1.0] * 39, "`sample_weight` must be 0 or more for every row, got -1"),
        (np.zeros(40), "`sample_weight` must be above zero for some row, got 40 weights that are all zero"),
        ([np.nan] + [1.0] * 39, "sample_weight contains NaN"),
    ],
    ids=["too few", "a column", "negative", "all zero", "NaN"],
)
def test_sample_weights_that_cannot_be_are_refused(weights, sentence):
    with pytest.raises(ValueError, match=sentence):
        NetworkClassifier(**SMALL).fit(X, TARGETS["two classes"], sample_weight=weights)


def test_one_weight_counts_for_every_row():
    y = TARGETS["two classes"]
    one = NetworkClassifier(**SMALL).fit(X, y, sample_weight=2.0)
    assert same(one, NetworkClassifier(**SMALL).fit(X, y, sample_weight=np.full(40, 2.0)))


def test_precision_is_that_of_the_rows():
    y = TARGETS["two classes"]
    for dtype in (np.float32, np.float64):
        estimator = NetworkClassifier(**SMALL).fit(X.astype(dtype), y)
        assert {leaf.dtype for leaf in leaves(estimator)} == {np.dtype(dtype)}
        assert estimator.predict_proba(X).dtype == dtype


@pytest.mark.product
@pytest.mark.parametrize("norm, skip", [("batch", True), ("layer", False)])
def test_state_is_plain_and_is_copied_as_it_is(norm, skip):
    estimator = NetworkClassifier((6, 6), norm=norm, skip=skip, dropout=0.1, max_iter=2, n_restarts=2, random_state=0)
    estimator.fit(X, TARGETS["two classes"])
    assert not any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(vars(estimator)))
    copied = pickle.loads(pickle.dumps(estimator))  # noqa: S301
    np.testing.assert_array_equal(copied.predict_proba(X), estimator.predict_proba(X))
    assert not hasattr(clone(estimator), "variables_")
    assert estimator.restarts_.losses.shape == (2,)
    assert estimator.best_loss_ <= estimator.loss_curve_[0]
    assert not hasattr(estimator, "coefs_")


@pytest.mark.parametrize("frame", ["pandas", "polars"])
def test_data_frames_bring_their_names(frame):
    frames = pytest.importorskip(frame, reason=f"{frame} is not installed")
    table = frames.DataFrame({name: X[:, place] for place, name in enumerate("abcd")})
    estimator = NetworkRegressor(**SMALL).fit(table, NUMBERS)
    assert estimator.feature_names_in_.tolist() == list("abcd")
    without = NetworkRegressor(**SMALL).fit(X, NUMBERS)
    np.testing.assert_allclose(estimator.predict(table), without.predict(X), rtol=1e-10)
    with pytest.raises(ValueError, match="feature names"):
        estimator.predict(table[["b", "a", "c", "d"]])


@pytest.mark.slow
def test_a_network_of_ones_own_sees_images():
    x, y = load_digits(n_class=3, return_X_y=True)
    net = ds.Sequential([ds.Conv2D(4, 3), ds.ReLU(), ds.MaxPool(2), ds.Flatten(), ds.Dense(3)])
    settings = {"network": net, "input_shape": (8, 8, 1), "learning_rate_init": 0.01, "max_iter": 5, "random_state": 0}
    estimator = make_pipeline(StandardScaler(), NetworkClassifier(**settings, normalize=None)).fit(x, y)
    assert estimator.score(x, y) > 0.9
    with pytest.raises(ShapeError, match="must hold the 4 features"):
        NetworkClassifier(**settings).fit(X, TARGETS["three classes"])
    with pytest.raises(SettingError, match="`network` of your own"):
        NetworkClassifier(input_shape=(8, 8, 1)).fit(x, y)


@pytest.mark.slow
def test_counts_have_a_loss_of_their_own():
    counts = np.random.RandomState(1).poisson(np.exp(X[:, 0] / 2))
    settings = {"loss": "poisson", "learning_rate_init": 0.02, "max_iter": 100, "random_state": 0}
    estimator = NetworkRegressor(5, **settings).fit(X, counts)
    assert estimator.out_activation_ == "exp"
    assert (estimator.predict(X) > 0).all()
    assert estimator.predict(X).mean() == pytest.approx(counts.mean(), rel=0.1)


@pytest.mark.slow
def test_losses_without_probabilities_offer_none():
    estimator = NetworkClassifier(5, loss="hinge", max_iter=20, learning_rate_init=0.05, random_state=0)
    for target in ("two classes", "three classes"):
        assert estimator.fit(X, TARGETS[target]).score(X, TARGETS[target]) > 0.5
    assert not hasattr(estimator, "predict_proba")


class InterruptedInTheThirdPass(io.StringIO):
    def write(self, text):
        if text.startswith("Iteration 3,"):
            raise KeyboardInterrupt
        return super().write(text)


def test_ctrl_c_keeps_what_was_learned():
    estimator = NetworkClassifier(**SMALL, verbose=True)
    with redirect_stdout(InterruptedInTheThirdPass()) as lines, pytest.warns(RunWarning, match="Interrupted"):
        estimator.fit(X, TARGETS["two classes"])
    assert "Iteration 2, batch loss" in lines.getvalue()
    assert estimator.stop_reason_ == "interrupted"
    assert estimator.predict(X).shape == (40,)


def test_a_fit_that_diverges_says_so_and_keeps_finite_parameters():
    estimator = NetworkRegressor(5, activation="identity", solver="sgd", learning_rate_init=1e3, random_state=0)
    with pytest.warns(ConvergenceWarning, match=r"Diverged at step .* learning rate"):
        estimator.fit(100 * X, NUMBERS)
    assert estimator.stop_reason_ == "diverged"
    assert all(np.isfinite(leaf).all() for leaf in leaves(estimator))


def test_the_end_of_iterations_is_told_as_by_scikit_learn():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(4\) reached"):
        NetworkRegressor(**SMALL).fit(X, NUMBERS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NetworkRegressor(**SMALL | {"max_iter": 100}, tol=10.0).fit(X, NUMBERS)


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"solver": "adma"}, UnknownNameError, "Did you mean 'adam'"),
        ({"activation": "rely"}, UnknownNameError, "Did you mean 'relu'"),
        ({"normalize": "standart"}, UnknownNameError, "'standard'"),
        ({"hidden_layer_sizes": (5, 0)}, SettingError, "`hidden_layer_sizes` must be whole numbers"),
        ({"max_iter": 0}, SettingError, "`max_iter`"),
        ({"alpha": -1}, SettingError, "`alpha`"),
        ({"batch_size": "all"}, SettingError, "Or 'auto'"),
        ({"learning_rate": "adaptive", "n_restarts": 3}, SettingError, "follows one descent"),
        ({"network": "mlp"}, SettingError, "must be a ds.Sequential"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(settings, error, message):
    with cases.refused(error, match=message):
        NetworkClassifier(**settings).fit(X, TARGETS["two classes"])


def test_sizes_that_rows_are_filled_up_to_are_few():
    sizes = [round_size(rows) for rows in range(1, 1001)]
    assert all(rows <= size <= 1.15 * rows for rows, size in enumerate(sizes, start=1))
    assert len(set(sizes)) < 70


@pytest.mark.slow
def test_rows_that_fill_up_count_nothing():
    settings = {"hidden_layer_sizes": 5, "norm": "batch", "normalize": None, "max_iter": 3, "random_state": 0}
    short = NetworkRegressor(**settings).fit(X[:33], NUMBERS[:33])
    run = ds.train(
        ds.mlp([5], outputs=1, initializer="glorot_uniform", norm="batch"),
        ds.Dataset(X[:33], (NUMBERS[:33] - NUMBERS[:33].mean()) / NUMBERS[:33].std()),
        loss=ds.losses.huber_with(delta=1e9),
        optimizer=ds.adam(1e-3),
        batch_size=33,
        epochs=3,
        seed=short._seed,
        progress=False,
    )
    for mine, other in zip(leaves(short), jax.tree.leaves(run.variables), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-6)  # but for the penalty on weights


class Listener:
    """A callback of scikit-learn's protocol."""

    def __init__(self, stop_after=None):
        self.stop_after, self.said, self.scores = stop_after, [], []

    def setup(self, estimator, context):
        self.said.append("setup")

    def teardown(self, estimator, context):
        self.said.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.said.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.said.append(f"end {context.task_name}")
        if fitted_estimator is not None:
            self.scores.append(fitted_estimator.score(X, y))
        return len(self.scores) == self.stop_after


def test_callbacks_see_every_pass_and_may_stop():
    pytest.importorskip("sklearn.callback", reason="this scikit-learn has no callbacks")
    y, listener = TARGETS["two classes"], Listener()
    estimator = NetworkClassifier(**SMALL).set_callbacks(listener).fit(X, y)
    passes = ["begin pass", "end pass"] * 4
    assert listener.said == ["setup", "begin fit", *passes, "end fit", "teardown"]
    assert listener.scores[-1] == estimator.score(X, y)
    assert same(estimator, NetworkClassifier(**SMALL).fit(X, y))
    stopped = NetworkClassifier(**SMALL).set_callbacks(Listener(stop_after=2)).fit(X, y)
    assert (stopped.n_iter_, stopped.stop_reason_) == (2, "callback")


@pytest.mark.slow
def test_early_stopping_beats_training_to_the_end_on_noise():
    settings = {"learning_rate_init": 0.01, "max_iter": 100, "random_state": 0}
    stopped = NetworkRegressor(**settings, early_stopping=True, validation_fraction=0.2)
    to_the_end = NetworkRegressor(**settings, tol=0, n_iter_no_change=np.inf)
    scores = []
    for seed in range(3):
        x, y = make_regression(600, 30, n_informative=30, random_state=seed)
        y = y / y.std() + np.random.RandomState(seed).randn(600)
        scores.append([each.fit(x[:200], y[:200]).score(x[200:], y[200:]) for each in (stopped, to_the_end)])
    with_it, without = np.median(scores, axis=0)
    assert with_it > without + 0.05


@pytest.mark.slow
def test_several_labels_are_learned_each_by_itself():
    x, y = make_multilabel_classification(150, n_features=10, n_classes=4, random_state=0)
    estimator = NetworkClassifier(20, learning_rate_init=0.03, max_iter=80, random_state=0).fit(x, y)
    chances = estimator.predict_proba(x)
    assert chances.shape == y.shape
    np.testing.assert_array_equal(estimator.predict(x), chances > 0.5)
    assert np.mean(estimator.predict(x) == y) > 0.9


@pytest.mark.slow
def test_searches_in_several_processes():
    x, y = load_iris(return_X_y=True)
    grid = {"networkclassifier__hidden_layer_sizes": [(4,), (16,)]}
    pipeline = make_pipeline(StandardScaler(), NetworkClassifier(learning_rate_init=0.05, max_iter=20, random_state=0))
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(x, y)
    alone = GridSearchCV(pipeline, grid, cv=3).fit(x, y)
    assert search.best_score_ > 0.9
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert cross_val_score(search.best_estimator_, x, y, cv=3).mean() > 0.9
