"""Sweeps and races: each run is what `ds.train` makes of the same settings."""

from dataclasses import replace

import numpy as np
import pytest

import downslope as ds
from cases import assert_trees_close
from downslope.core import RunError
from downslope.training.grid import grid_points, population_groups

RNG = np.random.default_rng(0)
DATA = ds.Dataset(RNG.normal(size=(60, 3)), RNG.normal(size=60))
HELD_OUT = ds.Dataset(RNG.normal(size=(20, 3)), RNG.normal(size=20))
NET = ds.mlp([5], outputs=1, activation="tanh")
COMMON = {"epochs": 5, "batch_size": 16, "progress": False}


DECAYS = {repr(ds.sgd(rate)): rate for rate in (ds.schedules.cosine_decay(c, 20) for c in (0.1, 0.01))}
CASES = {
    "rates and momenta": (
        {"optimizer": ds.sgd(0.1), "learning_rate": [0.01, 0.1], "momentum": [0, 0.5, 0.9]},
        lambda s: {"optimizer": ds.sgd(s["learning_rate"], momentum=s["momentum"])},
    ),
    "seeds": ({"seed": [0, 1, 5], "learning_rate": [1e-3, 1e-2]}, lambda s: {"optimizer": ds.adam(s["learning_rate"])}),
    "seeds that split": ({"seed": [0, 1], "validation": 0.25}, lambda s: {}),
    "batch sizes": (
        {"batch_size": [8, 60], "learning_rate": [1e-3, 1e-2]},
        lambda s: {"optimizer": ds.adam(s["learning_rate"])},
    ),
    "patience": (
        {"early_stopping": [1, 3], "learning_rate": [0.1, 0.3], "validation": HELD_OUT, "epochs": 20},
        lambda s: {"optimizer": ds.adam(s["learning_rate"])},
    ),
    "within a wrapper": (
        {"optimizer": ds.clip(1.0, ds.adam(0.1)), "max_norm": [0.1, 1.0], "b1": [0.5, 0.9]},
        lambda s: {"optimizer": ds.clip(s["max_norm"], ds.adam(0.1, b1=s["b1"]))},
    ),
    "within two wrappers": (
        {"optimizer": ds.ema(0.9, ds.clip(1.0, ds.sgd(0.1))), "learning_rate": [0.01, 0.1]},
        lambda s: {"optimizer": ds.ema(0.9, ds.clip(1.0, ds.sgd(s["learning_rate"])))},
    ),
    "dropout, by seed": ({"net": ds.mlp([6], outputs=1, dropout=0.3), "seed": [2, 3]}, lambda s: {}),
    "schedules": (
        {"optimizer": [ds.sgd(rate) for rate in DECAYS.values()]},
        lambda s: {"optimizer": ds.sgd(DECAYS[s["optimizer"]])},
    ),
}


@pytest.mark.product
@pytest.mark.parametrize("swept, alone", CASES.values(), ids=CASES)
def test_each_run_of_a_sweep_equals_training_alone(swept, alone):
    settings = COMMON | swept
    net = settings.pop("net", NET)
    found = ds.sweep(net, DATA, **settings)
    assert len(found) == np.prod([len(value) for value in swept.values() if isinstance(value, list)])
    plain = {name: value for name, value in settings.items() if not isinstance(value, list)}
    for run, label, loss in zip(found.runs, found.settings, found.losses, strict=True):
        changed = {name: value for name, value in label.items() if name in ("seed", "batch_size", "early_stopping")}
        own = alone(label) or {"optimizer": "adam"}
        expected = ds.train(net, DATA, **plain | changed | own)
        assert_trees_close((run.variables, run.last), (expected.variables, expected.last), rtol=1e-9, atol=1e-10)
        assert run.history.keys() == expected.history.keys()
        for name in run.history:
            np.testing.assert_allclose(run.history[name], expected.history[name], rtol=1e-9)
        watched = expected.history.get("validation_loss", expected.history["train_loss"][-1:])
        assert loss == pytest.approx(watched.min(), rel=1e-9)
        assert (run.stop_reason, run.best_epoch) == (expected.stop_reason, expected.best_epoch)


def test_numbers_and_seeds_are_trained_as_one_population():
    common = {"optimizer": "adam", "epochs": 5, "batch_size": 16}
    numbers = {"net": NET, "learning_rate": [1e-3, 1e-2, 1e-1], "b1": [0.8, 0.9], "seed": [0, 1]}
    nets = {"net": {"one": NET, "two": ds.mlp([7], outputs=1)}, "learning_rate": [1e-3, 1e-2]}
    sizes = [[len(group) for group in population_groups(grid_points(common | swept))] for swept in (numbers, nets)]
    assert sizes == [[12], [2, 2]]


@pytest.mark.slow
def test_the_best_is_told_and_listed_first():
    found = ds.sweep(NET, DATA, **COMMON, learning_rate=[10.0**k for k in range(-4, 0)], seed=[0, 1])
    assert found.best is found.runs[np.argmin(found.losses)]
    assert found.table()["loss"].is_sorted()
    assert found.table().row(0, named=True)["learning_rate"] == found.best_settings["learning_rate"]
    assert f"learning_rate {found.best_settings['learning_rate']}" in str(found)


@pytest.mark.slow
def test_a_setting_that_diverges_does_not_harm_the_others():
    linear = ds.mlp([], outputs=1)
    found = ds.sweep(linear, DATA, optimizer=ds.sgd(0.1), learning_rate=[0.1, 1e6], **COMMON | {"epochs": 60})
    assert [run.stop_reason for run in found.runs] == ["completed", "diverged"]
    assert found.best_settings == {"learning_rate": 0.1}
    assert "1 diverged" in str(found)
    assert repr(found) == f"Sweep({str(found).removesuffix('.')})"
    lost = replace(found, losses=np.full(2, np.nan))
    assert str(lost) == "None of 2 runs has a loss: 1 completed, 1 diverged."
    with pytest.raises(RunError, match="No run has a loss to compare"):
        _ = lost.best
    assert np.isfinite(found.runs[1].params[0]["weight"]).all()


REFUSED = {
    "an unknown number": ({"learning_rat": [0.1]}, "learning_rate"),
    "an empty list": ({"learning_rate": []}, "one value at least"),
    "losses that do not compare": ({"loss": ["huber", "squared_error"]}, "would not compare"),
    "what is for one run": ({"store": "runs/x"}, "for one run"),
    "a rate out of bounds": ({"learning_rate": [0.1, -1.0]}, "learning_rate"),
}


@pytest.mark.parametrize("settings, words", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_swept_is_refused(settings, words):
    with pytest.raises(ds.SettingError, match=words):
        ds.sweep(NET, DATA, **settings)


def test_a_race_has_one_start_and_the_same_batches():
    racers = {"sgd": ds.sgd(0.01), "adam": ds.adam(0.01)}
    found = ds.race(NET, DATA, optimizers=racers, record=ds.Record(parameters_every=1), **COMMON)
    starts = [run.trajectory.at(0) for run in found.runs.values()]
    assert_trees_close(starts[0], starts[1], rtol=0, atol=0)
    for name, optimizer in racers.items():
        alone = ds.train(NET, DATA, optimizer=optimizer, **COMMON)
        assert_trees_close(found.runs[name].last, alone.last, rtol=0, atol=0)
    assert found.winner == min(found.losses, key=found.losses.get) == found.table()["optimizer"][0]
    assert found.table()["epochs_to_near"][0] <= COMMON["epochs"]
    with pytest.raises(ds.SettingError, match="race"):
        ds.race(NET, DATA, optimizers=racers, optimizer="adam")
    with pytest.raises(ds.SettingError, match="one optimizer"):
        ds.race(NET, DATA, optimizers={})
