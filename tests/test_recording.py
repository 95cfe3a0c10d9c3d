"""What is recorded inside the compiled chunk: right, and without changing a bit of the result."""

from functools import partial

import jax
import numpy as np
import pytest

import downslope as ds
from cases import SHAPED_NETWORKS, assert_bitwise, assert_trees_close
from downslope.networks import signal_layers
from downslope.training.engine.progress import Silent
from downslope.training.job import run_job
from downslope.training.monitor.recorder import Recorder
from jobs import train_in_chunks, training_job

pytestmark = pytest.mark.optimized

RNG = np.random.default_rng(0)
ROWS = ds.Dataset(RNG.normal(size=(50, 4)), RNG.normal(size=(50, 2)))
EVERYTHING, SHAPE = SHAPED_NETWORKS["conv2d with everything"]
IMAGES = ds.Dataset(RNG.normal(size=(40, *SHAPE)), RNG.integers(0, 3, 40))
PLAIN = ds.mlp([6, 5], outputs=2, activation="tanh")


DEFAULTS = {"epochs": 3, "batch_size": 8, "seed": 1, "optimizer": ds.adam(1e-2)}


def trained(net=PLAIN, data=ROWS, **settings):
    return ds.train(net, data, **DEFAULTS | {"progress": False} | settings)


@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize(
    "net, data",
    [
        pytest.param(PLAIN, ROWS, id="dense"),
        pytest.param(EVERYTHING, IMAGES, id="everything", marks=pytest.mark.slow),
    ],
)
def test_recording_does_not_change_a_bit(net, data):
    plain = trained(net, data)
    recorded = trained(net, data, record=ds.Record(parameters_every=3, statistics_every=2))
    assert_bitwise((plain.last, plain.history), (recorded.last, recorded.history))
    assert_bitwise(trained(net, data).last, plain.last)


def test_the_parameters_are_those_before_each_step():
    settings = {"data": ROWS, "batch_size": 50, "epochs": 6}
    run = trained(record=ds.Record(parameters_every=2), **settings)
    recorded = run.trajectory
    assert repr(recorded) == "Trajectory(4 points, steps 0 to 6, 77 parameters)"
    assert repr(run) == f"Run(4-6-5-2, 6 epochs, kept 6, train_loss {run.history['train_loss'][-1]:.4g})"
    assert recorded.steps.tolist() == [0, 2, 4, 6]
    for place, epochs in enumerate([2, 4, 6], start=1):
        assert_bitwise(recorded.at(place), trained(**settings | {"epochs": epochs}).last.params)


@pytest.mark.product
@pytest.mark.parametrize("every", [1, 4, 7, 100])
def test_steps_due_in_several_chunks_and_epochs(every):
    record = ds.Record(parameters_every=every, statistics_every=3)
    run = train_in_chunks(PLAIN, ROWS, chunk=5, record=record, **DEFAULTS)
    steps = 3 * 7
    assert run.trajectory.steps.tolist() == list(range(0, steps + 1, every))
    assert run.statistics.steps.tolist() == list(range(0, steps, 3))
    whole = trained(record=ds.Record(parameters_every=1)).trajectory
    assert_bitwise(run.trajectory.params, jax.tree.map(lambda values: values[::every], whole.params))


def test_a_path_that_fills_its_memory_is_thinned_and_stays_whole():
    whole = trained(record=ds.Record(parameters_every=1)).trajectory
    size = sum(leaf.nbytes for leaf in jax.tree.leaves(whole.at(0)))
    thinned = trained(record=ds.Record(parameters_every=1, memory_limit=7 * size)).trajectory
    assert thinned.steps.tolist() == [0, 4, 8, 12, 16, 20]
    assert_bitwise(thinned.params, jax.tree.map(lambda values: values[thinned.steps], whole.params))


@pytest.mark.slow
def test_statistics_are_those_of_the_steps_own_batch():
    record = ds.Record(parameters_every=1, statistics_every=5)
    run = trained(record=record, order="sequential", optimizer=ds.sgd(0.1))
    found, step = run.statistics, 5
    assert found.layers == ("0 Dense", "1 Tanh", "2 Dense", "3 Tanh", "4 Dense")
    x, t = ROWS.x[40:48], ROWS.y[40:48]
    variables = ds.Variables(run.trajectory.at(step), run.last.state)
    forward = PLAIN.forward(variables, x)
    result = ds.loss_and_gradients(PLAIN, variables, x, t, "squared_error")
    for place in range(5):
        h, dh = np.asarray(forward.activations[place + 1]), np.asarray(result.activations[place + 1])
        np.testing.assert_allclose(found.mean[1, place], h.mean(), rtol=1e-10)
        np.testing.assert_allclose(found.deviation[1, place], h.std(), rtol=1e-10)
        np.testing.assert_allclose(found.activation_gradient[1, place], np.sqrt((dh**2).mean()), rtol=1e-10)
    weights, gradients = run.trajectory.at(step)[2], result.params[2]
    flat = np.concatenate([np.ravel(gradients[name]) for name in weights])
    size = np.sqrt(sum(np.sum(np.square(leaf)) for leaf in weights.values()))
    np.testing.assert_allclose(found.weight_gradient[1, 2], np.sqrt(np.mean(flat**2)), rtol=1e-10)
    np.testing.assert_allclose(found.update_ratio[1, 2], 0.1 * np.linalg.norm(flat) / size, rtol=1e-10)
    assert np.isnan(found.weight_gradient[:, 1]).all()


@pytest.mark.slow
def test_dead_and_saturated_units_are_counted():
    params = (
        {"weight": np.ones((1, 4)), "bias": np.array([-100.0, -100.0, 1.0, 1.0])},
        {},
        {"weight": np.full((4, 2), 50.0), "bias": np.array([0.0, -100.0])},
        {},
        {"weight": np.ones((2, 1)), "bias": np.zeros(1)},
    )
    net = ds.Sequential([ds.Dense(4), ds.ReLU(), ds.Dense(2), ds.Tanh(), ds.Dense(1)])
    data = ds.Dataset(np.zeros((8, 1)), np.zeros(8), task="regression")
    start = ds.Variables(params, ({},) * 5)
    run = ds.train(net, data, epochs=1, start=start, record=ds.Record(statistics_every=1), progress=False)
    np.testing.assert_allclose(run.statistics.dead[0], [0, 0.5, 0, 0.5, 0])
    np.testing.assert_allclose(run.statistics.saturated[0], [0, 0, 0, 0.5, 0])


@pytest.mark.slow
def test_what_is_inside_blocks_is_seen_too():
    net, shape = SHAPED_NETWORKS["batch norm and skips"]
    data = ds.Dataset(RNG.normal(size=(40, *shape)), RNG.normal(size=(40, 2)))
    found = trained(net, data, record=ds.Record(statistics_every=4)).statistics
    places = [layer.place for layer in signal_layers(net, shape)]
    assert [name.split()[0] for name in found.layers] == places
    assert "1.0 BatchNorm" in found.layers
    place = found.layers.index("1.0 BatchNorm")
    np.testing.assert_allclose(found.mean[:, place], 0, atol=0.1)
    assert np.isfinite(found.activation_gradient).all()


def test_a_stored_run_tells_its_statistics(tmp_path):
    run = trained(record=ds.Record(statistics_every=4), store=tmp_path / "run")
    opened = ds.open_run(tmp_path / "run")
    assert opened.trajectory is None
    assert opened.statistics.layers == run.statistics.layers
    assert_bitwise(opened.statistics.values, run.statistics.values)
    assert run.statistics.table().height == len(run.statistics) * len(run.statistics.layers)


def test_a_run_that_diverges_keeps_what_it_recorded():
    run = trained(
        ds.mlp([], outputs=2),
        optimizer=ds.sgd(50.0),
        epochs=60,
        record=ds.Record(parameters_every=2, statistics_every=5),
    )
    assert run.stop_reason == "diverged"
    assert len(run.trajectory) > 2
    assert run.trajectory.steps[-1] <= run.divergence.step
    assert np.isfinite(run.trajectory.params[0]["weight"]).all()


def test_what_was_queued_when_control_c_came_is_not_recorded():
    class Interrupted(Recorder):
        def record_parameters(self, step, params):
            if step == 9:  # in the second epoch, with two of its seven steps queued
                raise KeyboardInterrupt
            super().record_parameters(step, params)

    job = training_job(PLAIN, ROWS, **DEFAULTS)
    job.recorder = Interrupted(ds.Record(parameters_every=1, statistics_every=1))
    run = run_job(job, folder=None, progress=Silent())
    assert (run.stop_reason, run.epochs) == ("interrupted", 1)
    assert run.trajectory.steps.tolist() == list(range(8))
    assert run.statistics.steps.tolist() == list(range(8))
    assert_bitwise(run.trajectory.at(7), run.last.params)


@pytest.mark.slow
@pytest.mark.usefixtures("float32")
def test_everything_trained_twice_from_one_seed_is_bitwise_equal():
    settings = {"optimizer": ds.ema(0.9, ds.clip(1.0, ds.sgd(0.05, momentum=0.9))), "metrics": ("accuracy",)}
    first, second = (trained(EVERYTHING, IMAGES, **settings) for _ in range(2))
    assert_bitwise((first.last, first.history, first.averaged), (second.last, second.history, second.averaged))


@pytest.mark.parametrize("around", [lambda optimizer: optimizer, partial(ds.clip, 1e9)], ids=["alone", "clipped"])
def test_the_average_of_the_weights_is_told_and_kept(around, tmp_path):
    run = trained(
        optimizer=around(ds.ema(0.5, ds.sgd(0.1))), record=ds.Record(parameters_every=1), store=tmp_path / "run"
    )
    shares = 0.5 ** np.arange(len(run.trajectory) - 1)[::-1]
    average = jax.tree.map(lambda values: np.tensordot(shares / shares.sum(), values[1:], 1), run.trajectory.params)
    assert_trees_close(run.averaged.params, average, rtol=1e-10)
    assert_bitwise(ds.open_run(tmp_path / "run").averaged, run.averaged)
    assert trained().averaged is None
