"""Which start is best: the runs behind the answer, and how the answer is worded."""

from dataclasses import replace

import numpy as np
import pytest

import downslope as ds
from downslope.diagnosis import StartComparison, compare_initializations
from downslope.diagnosis.starts.compare import _by_name
from downslope.networks import with_initializer
from downslope.training import Restarts

SETTINGS = {
    "restarts": 3,
    "epochs": 10,
    "optimizer": ds.adam(1e-2),
    "validation": 0.2,
    "normalize": "standard",
    "progress": False,
}
NET = ds.mlp([12], outputs=3)


@pytest.fixture(scope="module")
def compared():
    return compare_initializations(NET, ds.load("iris"), initializers=["zeros", "he_normal"], **SETTINGS)


def test_a_working_start_beats_zeros(compared):
    assert compared.best == "he_normal"
    assert compared.as_good == ("he_normal",)
    assert compared.medians["zeros"] == pytest.approx(np.log(3), rel=0.02)
    assert compared.answer.startswith("he_normal is best: median validation loss")
    assert "larger difference than between restarts" in compared.answer
    assert compared.diverged == {"zeros": 0, "he_normal": 0}


def test_the_runs_are_those_of_train(compared):
    run = ds.train(with_initializer(NET, "he_normal"), ds.load("iris"), **SETTINGS)
    assert np.array_equal(run.restarts.losses, compared.losses["he_normal"])
    for ours, theirs in zip(run.params, compared.runs["he_normal"].params, strict=True):
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_a_comparison_is_deterministic(compared):
    again = compare_initializations(NET, ds.load("iris"), initializers=["zeros", "he_normal"], **SETTINGS)
    assert str(again) == str(compared)
    assert all(np.array_equal(again.losses[name], compared.losses[name]) for name in compared.losses)


def test_it_tabulates_and_prints(compared):
    table = compared.table()
    assert table["initializer"].to_list() == ["he_normal", "zeros"]
    assert table["as_good"].to_list() == [True, False]
    lines = str(compared).splitlines()
    assert lines[0] == "validation loss of 3 restarts each:"
    assert lines[2].startswith("he_normal")
    assert lines[-1] == compared.answer


@pytest.mark.slow
def test_starts_that_diverge_are_counted():
    diverges = {"restarts": 2, "epochs": 2, "optimizer": ds.sgd(1e12), "progress": False}
    compared = compare_initializations(ds.mlp([8], outputs=1), ds.load("diabetes"), initializers=["zeros"], **diverges)
    assert compared.diverged == {"zeros": 2}
    assert compared.measured == "training loss"
    assert compared.answer.startswith("No start works here")


def made(compared, **losses):
    """Return a comparison in which starts reached these losses."""
    run = compared.runs["zeros"]

    def ended(values):
        reasons = tuple("diverged" if np.isinf(value) else "completed" for value in values)
        return Restarts(np.array(values), int(np.argmin(values)), np.ones(len(values), int), reasons, {})

    runs = {name: replace(run, restarts=ended(values)) for name, values in losses.items()}
    return StartComparison(runs, "validation loss")


def test_differences_within_the_spread_do_not_count(compared):
    close = made(compared, a=[0.10, 0.12, 0.14], b=[0.11, 0.13, 0.15])
    assert close.as_good == ("a", "b")
    assert close.answer.startswith(
        "How the weights start makes no difference here: the medians of all 2 lie within 0.01"
    )
    some = made(compared, c=[0.9, 0.91, 0.92], a=[0.10, 0.12, 0.14], b=[0.11, 0.13, 0.15])
    assert some.answer == (
        "a reaches the lowest median validation loss 0.12, but b cannot be told from it: restarts differ by as much. "
        "c is worse by more than that."
    )
    assert made(compared, a=[0.1, 0.2]).answer.endswith("there is nothing to compare it with.")


def test_a_start_that_often_diverges_is_not_as_good(compared):
    mixed = made(compared, a=[0.1, 0.1, 0.1], b=[0.1, np.inf, np.inf])
    assert mixed.as_good == ("a",)
    assert mixed.diverged == {"a": 0, "b": 2}
    assert np.isnan(mixed.spreads["b"])


def test_every_initializer_is_replaced():
    net = ds.Sequential(
        [
            ds.Frozen(ds.Dense(4)),
            ds.Residual([ds.Dense(6), ds.Residual([ds.Dense(6)])], projection=ds.Dense(6)),
            ds.ReLU(),
            ds.Dense(2, initializer="orthogonal"),
        ]
    )
    started = with_initializer(net, "he_uniform")
    assert str(started).count("'he_uniform'") == 5
    assert str(started).replace("he_uniform", "auto") == str(net).replace("orthogonal", "auto")


def test_names_come_from_functions():
    initializers = [ds.initializers.constant(0.5), ds.initializers.he_normal, lambda key, shape, dtype: np.ones(shape)]
    assert list(_by_name(initializers)) == ["constant(c=0.5)", "he_normal", "<lambda>"]
    assert _by_name({"mine": "zeros"}) == {"mine": "zeros"}


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"restarts": 1}, "`restarts` must be a whole number, 2 or more"),
        ({"initializers": "zeros"}, "`initializers` must be several"),
        ({"initializers": []}, "`initializers` must hold one or more"),
        ({"initializers": ["zeros", "zeros"]}, "each of its own name"),
        ({"initializers": ["he_norm"]}, "Did you mean 'he_normal'"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ds.SettingError, match=message):
        compare_initializations(NET, ds.load("iris"), **settings)
