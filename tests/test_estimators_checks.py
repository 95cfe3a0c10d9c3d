"""scikit-learn's own checks of its contract, on both estimators."""

import jaxtyping
import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from downslope.estimators import NetworkClassifier, NetworkRegressor

SHORT = {"hidden_layer_sizes": 8, "learning_rate_init": 0.03, "max_iter": 25}
"""Fits so short that the checks are cheap; the checks themselves do not know."""

SOME = (
    "check_classifiers_classes",
    "check_estimators_nan_inf",
    "check_estimators_pickle",
    "check_fit2d_1sample",
    "check_sample_weights_list",
)
"""Those that break first; the others run with the slow tests."""

ESTIMATORS = (NetworkClassifier(**SHORT), NetworkRegressor(**SHORT))
ignoring_the_end_of_iterations = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def types_as_for_users():
    """Let wrong arguments reach the estimators: only tests check types at run time, and scikit-learn passes many."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def some():
    """Return some of the checks, each with one of the two estimators: what they share is in one class."""
    known = {check.func.__name__: (one, check) for one in ESTIMATORS for _, check in estimator_checks_generator(one)}
    return [pytest.param(*known[name], id=name) for name in SOME]


@pytest.mark.slow
@ignoring_the_end_of_iterations
@pytest.mark.parametrize("estimator, check", some())
def test_some_of_the_contract(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.optimized
@ignoring_the_end_of_iterations
@parametrize_with_checks(list(ESTIMATORS))
def test_the_contract_as_users_compile_it(float32, estimator, check):
    check(estimator)
