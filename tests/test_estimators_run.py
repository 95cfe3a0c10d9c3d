"""What a fitted estimator knows of its training: the run, for diagnosis and surfaces; in this process only."""

import copy
import pickle

import jax
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import downslope as ds
from downslope.core import check_offers_surface
from downslope.estimators import NetworkClassifier, NetworkRegressor

X, Y = load_iris(return_X_y=True)


def fitted(kind=NetworkClassifier, x=X, **settings):
    return kind((4,), max_iter=200, tol=1e-2, n_iter_no_change=3, random_state=0, **settings).fit(x, Y)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [NetworkClassifier, NetworkRegressor])
@pytest.mark.parametrize("dtype, wide", [(np.float32, False), (np.float64, True), (np.float64, False)])
def test_d4_an_estimator_offers_its_run(kind, dtype, wide):
    estimator = fitted(kind, X.astype(dtype))
    run = estimator.run_
    assert run.epochs == estimator.n_iter_
    np.testing.assert_array_equal(run.history["batch_loss"], estimator.loss_curve_)
    np.testing.assert_array_equal(run.params[0]["weight"], estimator.variables_.params[0]["weight"])
    with jax.enable_x64(wide):
        surface = run.surface()
        assert surface.value(run.params) == pytest.approx(run.history["train_loss"][-1], rel=1e-5)
        assert np.isfinite(ds.eigenvalues(surface, run.params, k=2, tol=0.1).values).all()


@pytest.mark.slow
def test_d4_an_estimator_can_be_diagnosed():
    estimator = fitted()
    report, expected = (ds.diagnose(it, starts=0, progress=False) for it in (estimator, estimator.run_))
    assert str(report) == str(expected)


def test_d4_what_stands_around_an_estimator_says_what_to_pass():
    pipeline = make_pipeline(StandardScaler(), fitted())
    for it, run in (
        (NetworkClassifier(), "estimator.run_"),
        (pipeline, "pipeline[-1].run_"),
        (GridSearchCV(fitted(), {}), "search.best_estimator_.run_"),
        (GridSearchCV(pipeline, {}), "search.best_estimator_[-1].run_"),
    ):
        with pytest.raises(ds.SettingError, match="must be a run or a loss surface") as error:
            ds.diagnose(it)
        assert f"({run})" in str(error.value)
        with pytest.raises(ds.SettingError, match="must be a loss surface") as error:
            check_offers_surface(it)
        assert f"{run}.surface()" in str(error.value)


@pytest.mark.parametrize("copied", [copy.deepcopy, clone, lambda it: pickle.loads(pickle.dumps(it))])  # noqa: S301
def test_d4_copies_leave_the_run_out(copied):
    estimator = fitted()
    other = copied(estimator)
    if copied is not clone:
        np.testing.assert_array_equal(other.predict(X), estimator.predict(X))
        assert not [name for name in vars(other) if "run" in name and name != "_run"]
        with pytest.raises(AttributeError, match="run_ is there after fit, in the process that fitted"):
            _ = other.run_
    assert not hasattr(other, "run_")
    assert estimator.run_ is not None


@pytest.mark.slow
def test_d4_a_pickle_does_not_grow_with_the_rows():
    few, many = fitted(), NetworkClassifier((4,), max_iter=1, random_state=0)
    with pytest.warns(ConvergenceWarning):
        many.fit(np.tile(X, (50, 1)), np.tile(Y, 50))
    assert len(pickle.dumps(many)) < len(pickle.dumps(few)) + 2000


def test_d4_going_on_pass_by_pass_leaves_no_run():
    estimator = fitted().partial_fit(X, Y)
    assert not hasattr(estimator, "run_")
