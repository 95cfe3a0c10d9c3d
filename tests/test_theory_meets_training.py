"""What theory predicts for a measured surface, beside what training on it then does."""

import numpy as np
import pytest

import downslope as ds
from downslope.core import SettingError
from downslope.curvature import quadratic
from downslope.diagnosis import predict_descent

ROWS = 272
LINE = ds.mlp([], outputs=1)
ERUPTIONS = ds.load("old_faithful")
"""Raw: the condition number is 159."""

START = ds.Variables(({"weight": np.array([[3.0]]), "bias": np.array([10.0])},), ({},))
"""Off the axes, so that both directions have an error to shrink."""


def descend(optimizer, epochs, **changes):
    settings = {"batch_size": ROWS, "start": START, "loss": "mean_squared_error", "progress": False} | changes
    return ds.train(LINE, ERUPTIONS, optimizer=optimizer, epochs=epochs, **settings)


@pytest.fixture(scope="module")
def bowl():
    """The theory of the measured surface, by its two eigenvalues."""
    surface = descend(ds.sgd(1e-3), 1).surface()
    return quadratic(ds.eigenvalues(surface, START.params, k=2))


def excess(run):
    """Return the loss above its minimum, which for a line through Old Faithful is 9443.38705 / 272."""
    line, target = np.stack([ERUPTIONS.x[:, 0], np.ones(ROWS)], axis=1), np.asarray(ERUPTIONS.y).ravel()
    lowest = np.linalg.lstsq(line, target, rcond=None)[1][0] / ROWS
    return run.history["batch_loss"] - lowest


def test_the_measured_bowl_is_that_of_old_faithful(bowl):
    np.testing.assert_allclose([bowl.smallest, bowl.largest], [0.180617, 28.7445], rtol=1e-5)


def test_the_hessian_of_a_linear_model_is_covariance_plus_mean_outer_mean():
    data, net = ds.load("diabetes"), ds.mlp([], outputs=1)
    x = np.asarray(data.x) * [3.0, *np.ones(9)] + np.arange(10.0)
    surface = ds.surface_of(net, "squared_error", ds.Dataset(x, data.y), net.init(0, (10,)))
    zero = ({"weight": np.zeros((10, 1)), "bias": np.zeros(1)},)

    def column(j):
        weight = np.zeros((10, 1))
        weight[j] = 1
        return np.asarray(surface.hvp(zero, ({"weight": weight, "bias": np.zeros(1)},))[0]["weight"])[:, 0]

    hessian = np.stack([column(j) for j in range(10)])
    mean = x.mean(axis=0)
    np.testing.assert_allclose(hessian, 2 * (np.cov(x.T, bias=True) + np.outer(mean, mean)), rtol=1e-10)


@pytest.mark.product
@pytest.mark.parametrize(
    "momentum, nesterov", [(0.0, False), (0.5, False), (0.5, True)], ids=["plain", "momentum", "Nesterov"]
)
def test_loss_and_rate_are_as_predicted(bowl, momentum, nesterov):
    rate = 0.3 * bowl.limit(momentum=momentum, nesterov=nesterov)
    run = descend(ds.sgd(rate, momentum=momentum, nesterov=nesterov), 400)
    found = predict_descent(run)
    np.testing.assert_allclose(found.predicted, found.observed, rtol=1e-9)
    np.testing.assert_allclose(found.rate_predicted, bowl.factor(rate, momentum=momentum, nesterov=nesterov), rtol=1e-9)
    np.testing.assert_allclose(1 - found.rate_observed, 1 - found.rate_predicted, rtol=0.01)
    np.testing.assert_allclose(found.lowest, 9443.38705 / ROWS, rtol=1e-7)
    assert f"{found.rate_predicted:.6g}" in str(found)


@pytest.mark.product
@pytest.mark.parametrize(
    "momentum, nesterov", [(0.0, False), (0.9, False), (0.9, True)], ids=["plain", "momentum", "Nesterov"]
)
def test_descent_diverges_just_above_its_limit_and_converges_just_below(bowl, momentum, nesterov):
    limit = bowl.limit(momentum=momentum, nesterov=nesterov)

    def end(share):
        losses = excess(descend(ds.sgd(share * limit, momentum=momentum, nesterov=nesterov), 300))
        return losses[-1] / losses[100]

    assert end(1.001) > 2
    assert end(0.999) < 0.5


@pytest.mark.slow
def test_steps_to_a_target_are_as_many_as_predicted(bowl):
    best = bowl.best()
    losses = excess(descend(ds.sgd(best.learning_rate), 400))
    error = np.linalg.eigh([[2 * np.mean(ERUPTIONS.x**2), 2 * np.mean(ERUPTIONS.x)], [2 * np.mean(ERUPTIONS.x), 2.0]])
    minimum = np.array([10.7296414, 33.4743970])
    first = error[1].T @ (np.array([3.0, 10.0]) - minimum)
    predicted = quadratic(error[0]).steps(best.learning_rate, 1e-4, start=first)
    assert abs(int(np.flatnonzero(losses <= 1e-4 * losses[0])[0]) - predicted) <= 1


@pytest.mark.parametrize("momentum, nesterov", [(0.0, False), (0.8, False), (0.8, True)])
def test_a_later_epoch_predicts_with_the_velocity_that_was_left(momentum, nesterov):
    every = ds.Record(parameters_every=1)
    run = descend(ds.sgd(0.01, momentum=momentum, nesterov=nesterov), 60, record=every)
    found = predict_descent(run, epoch=20)
    assert found.epoch == 20
    assert len(found.steps) == 40
    np.testing.assert_allclose(found.predicted, found.observed, rtol=1e-8)


@pytest.mark.slow
def test_a_network_near_its_minimum_is_a_bowl():
    data, net = ds.load("old_faithful"), ds.mlp([2], outputs=1, activation="tanh")
    settings = {"normalize": "standard", "normalize_targets": "standard", "record": ds.Record(parameters_every=1)}
    run = ds.train(net, data, optimizer=ds.sgd(0.2), batch_size=ROWS, epochs=300, progress=False, **settings)
    found = predict_descent(run, epoch=260)
    assert found.worst < 0.02
    assert predict_descent(run).worst > 0.1  # at the start it is none


@pytest.mark.parametrize(
    "changes, told",
    [
        ({"optimizer": ds.adam(1e-3)}, "ds.sgd"),
        ({"batch_size": 16}, "batches of 16 of 272 rows"),
        ({"optimizer": ds.sgd(ds.schedules.exponential_decay(0.1, 0.9))}, "constant"),
    ],
)
def test_what_theory_does_not_cover_is_refused(changes, told):
    settings = {"optimizer": ds.sgd(1e-3), "batch_size": ROWS, "epochs": 2, "progress": False} | changes
    with pytest.raises(SettingError, match=told):
        predict_descent(ds.train(LINE, ERUPTIONS, **settings))


def test_an_epoch_that_was_not_recorded_is_refused():
    with pytest.raises(SettingError, match="Record"):
        predict_descent(descend(ds.sgd(1e-3), 3), epoch=2)
