"""scikit-learn's own checks of its contract, on both estimators."""

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from downslope.estimators import NetworkClassifier, NetworkRegressor

SHORT = {"hidden_layer_sizes": 8, "learning_rate_init": 0.03, "max_iter": 25}
"""Fits so short that the checks are cheap; the checks themselves do not know."""

DEAR = {
    "check_class_weight_classifiers",
    "check_classifiers_multilabel_representation_invariance",
    "check_classifiers_train-True",
    "check_classifiers_train-True-float32",
    "check_estimators_dtypes",
    "check_estimators_overwrite_params",
    "check_regressors_train-True",
    "check_regressors_train-True-float32",
}
"""Those that take longest, or come in three kinds; they run with the slow tests."""

ignoring_the_end_of_iterations = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def once_each():
    """Return every check there is, with one of the two estimators: what they share is in one class."""
    checks = {}
    for estimator in (NetworkClassifier(**SHORT), NetworkRegressor(**SHORT)):
        checks |= {_id(check): (estimator, check) for _, check in estimator_checks_generator(estimator)}
    marks = {name: pytest.mark.slow if name in DEAR else () for name in checks}
    return [pytest.param(*checks[name], id=name, marks=marks[name]) for name in checks]


def _id(check):
    """Return the name of a check with its settings."""
    return "-".join([check.func.__name__, *map(str, check.keywords.values())])


@ignoring_the_end_of_iterations
@pytest.mark.parametrize("estimator, check", once_each())
def test_the_contract(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.optimized
@ignoring_the_end_of_iterations
@parametrize_with_checks([NetworkClassifier(), NetworkRegressor()])
def test_the_contract_as_users_have_it(float32, estimator, check):
    check(estimator)
