"""Several starts at once: equal to one after another, the best kept."""

import subprocess
import sys

import jax
import numpy as np
import pytest

import downslope as ds
from downslope.core import fold

pytestmark = pytest.mark.optimized

RNG = np.random.default_rng(0)
DATA = ds.Dataset(RNG.normal(size=(60, 4)), RNG.normal(size=60))
HELD_OUT = ds.Dataset(RNG.normal(size=(30, 4)), RNG.normal(size=30))
NET = ds.mlp([12, 6], outputs=1, activation="tanh")


def trained(net=NET, **settings):
    defaults = {"epochs": 25, "batch_size": 16, "seed": 3, "optimizer": ds.adam(1e-2), "progress": False}
    return ds.train(net, DATA, **defaults | settings)


def start(number):
    purpose = ("initialize", number) if number else ("initialize",)
    return NET.init(fold(3, *purpose), (4,))


SETTINGS = {
    "plain": {},
    "early stopping": {"validation": HELD_OUT, "early_stopping": 2},
    "momentum and a schedule": {"optimizer": ds.sgd(ds.schedules.cosine_decay(0.05, 60), momentum=0.9)},
    "plateau": {"optimizer": ds.adam(ds.schedules.reduce_on_plateau(0.05, 0.5, 1)), "validation": HELD_OUT},
    "clipped": {"optimizer": ds.clip(0.5, ds.rmsprop(1e-2))},
    "sum of squares": {"loss": "sum_squared_error", "optimizer": ds.adam(1e-3)},
}


@pytest.mark.product
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_restarts_equal_the_same_starts_one_after_another(settings):
    together = trained(restarts=4, **settings)
    alone = [trained(start=start(number), **settings) for number in range(4)]
    last = [
        run.history["validation_loss"].min() if "validation" in settings else run.history["train_loss"][-1]
        for run in alone
    ]
    np.testing.assert_allclose(together.restarts.losses, last, rtol=1e-10)
    assert together.restarts.best == np.argmin(last)
    assert together.restarts.epochs.tolist() == [run.epochs for run in alone]
    assert list(together.restarts.stop_reasons) == [run.stop_reason for run in alone]
    best = alone[together.restarts.best]
    for a, b in zip(
        jax.tree.leaves((together.variables, together.last)), jax.tree.leaves((best.variables, best.last)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)
    for name, values in best.history.items():
        np.testing.assert_allclose(together.history[name], values, rtol=1e-10)
    assert (together.stop_reason, together.best_epoch) == (best.stop_reason, best.best_epoch)


def test_the_spread_is_told_and_the_best_is_no_worse_than_the_median():
    run = trained(restarts=8)
    assert len(run.restarts) == 8
    assert run.evaluate(DATA)["loss"] == pytest.approx(run.restarts.losses.min(), rel=1e-10)
    assert run.restarts.losses.min() < np.median(run.restarts.losses)
    assert run.restarts.table()["restart"][0] == run.restarts.best
    assert "8 starts: lowest loss" in str(run.restarts)


@pytest.mark.slow
def test_one_that_diverges_does_not_harm_the_others():
    class OneHugeStart(ds.Sequential):
        def init(self, key, input_shape):
            start = super().init(key, input_shape)
            factor = 1e200 if np.array_equal(key, fold(3, "initialize", 2)) else 1.0
            return ds.Variables(jax.tree.map(lambda p: factor * p, start.params), start.state)

    calm = trained(restarts=2)
    run = trained(OneHugeStart(NET.layers), restarts=3)
    assert run.restarts.stop_reasons == ("completed", "completed", "diverged")
    np.testing.assert_allclose(run.restarts.losses[:2], calm.restarts.losses, rtol=1e-10)
    assert np.isnan(run.restarts.losses[2])
    assert "1 diverged" in str(run.restarts)


def test_when_all_diverge_that_is_a_result():
    run = ds.train(
        ds.mlp([], outputs=1), DATA, optimizer=ds.sgd(100.0), epochs=800, batch_size=16, restarts=3, progress=False
    )
    assert run.stop_reason == "diverged"
    assert "learning rate 100" in str(run.divergence)
    assert np.all(np.isfinite(run.params[0]["weight"]))


@pytest.mark.slow
def test_a_stored_run_tells_its_restarts(tmp_path):
    run = trained(restarts=3, validation=HELD_OUT, early_stopping=3, store=tmp_path / "run")
    opened = ds.open_run(tmp_path / "run")
    np.testing.assert_array_equal(opened.restarts.losses, run.restarts.losses)
    assert opened.restarts.stop_reasons == run.restarts.stop_reasons
    np.testing.assert_array_equal(opened.restarts.table()["loss"], run.restarts.table()["loss"])
    np.testing.assert_array_equal(opened.predict(DATA.x), run.predict(DATA.x))
    for name in run.history:
        np.testing.assert_array_equal(opened.history[name], run.history[name])


def test_what_does_not_go_with_restarts_is_refused():
    with pytest.raises(ds.SettingError, match="start"):
        trained(restarts=2, start=start(0))
    with pytest.raises(ds.SettingError, match="record"):
        trained(restarts=2, record=ds.Record(parameters_every=1))
    with pytest.raises(ds.SettingError, match="restarts"):
        trained(restarts=0)


@pytest.mark.slow
def test_restarts_spread_over_several_devices():
    script = """
import jax, numpy as np
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_enable_x64", True)
import downslope as ds
rng = np.random.default_rng(0)
data = ds.Dataset(rng.normal(size=(60, 4)), rng.normal(size=60))
net = ds.mlp([12, 6], outputs=1, activation="tanh")
run = ds.train(net, data, epochs=25, batch_size=16, seed=3, optimizer=ds.adam(1e-2), restarts=4, progress=False)
assert len(jax.devices()) == 2
print(*map(float.hex, run.restarts.losses.tolist()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    losses = [float.fromhex(word) for word in done.stdout.split()]
    np.testing.assert_allclose(losses, trained(restarts=4).restarts.losses, rtol=1e-10)
