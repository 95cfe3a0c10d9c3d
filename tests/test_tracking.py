"""Curvature and noise tracked while training: right, within the budget, and without changing a bit of the result."""

from dataclasses import fields, replace
from itertools import count

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import downslope as ds
from cases import SHAPED_NETWORKS, assert_bitwise, assert_trees_close, refused
from downslope import reference
from downslope.core import SettingError, tree_norm
from downslope.curvature import eigenvalues, noise_scale, step_model
from downslope.training import Track, phases
from downslope.training.engine.progress import Silent
from downslope.training.job import run_job
from downslope.training.monitor.curvature_step import Solvers
from downslope.training.monitor.curvature_tracker import Tracker
from downslope.training.monitor.stability_limit import edge_of
from downslope.training.surfaces.network import MeanGradients, mean_surface, network_surface
from jobs import training_job

RNG = np.random.default_rng(0)
ROWS = ds.Dataset(RNG.normal(size=(50, 4)), RNG.normal(size=(50, 2)))
EVERYTHING, SHAPE = SHAPED_NETWORKS["conv2d with everything"]
IMAGES = ds.Dataset(RNG.normal(size=(40, *SHAPE)), RNG.integers(0, 3, 40))
PLAIN = ds.mlp([6, 5], outputs=2, activation="tanh")
ALWAYS = Track(curvature_every=3, budget=None)


DEFAULTS = {"epochs": 3, "batch_size": 8, "seed": 1, "optimizer": ds.adam(1e-2)}


def trained(net=PLAIN, data=ROWS, **settings):
    return ds.train(net, data, **DEFAULTS | {"progress": False} | settings)


def tracked_by(tracker, progress=None, **settings):
    """Train with a tracker of one's own, made from the problem."""
    job = training_job(PLAIN, ROWS, **DEFAULTS | settings)
    job.tracker = tracker(job.problem)
    return run_job(job, folder=None, progress=progress or Silent())


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


@pytest.mark.optimized
@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize(
    "net, data",
    [
        pytest.param(PLAIN, ROWS, id="dense"),
        pytest.param(
            SHAPED_NETWORKS["batch norm and skips"][0], ROWS, id="batch norm, skips, dropout", marks=pytest.mark.slow
        ),
        pytest.param(EVERYTHING, IMAGES, id="everything", marks=pytest.mark.long),
    ],
)
def test_tracking_does_not_change_a_bit(net, data):
    plain = trained(net, data)
    tracked = trained(net, data, track=ALWAYS, record=ds.Record(statistics_every=2))
    assert_bitwise((plain.last, plain.history), (tracked.last, tracked.history))
    assert len(tracked.tracking) == -(-3 * -(-len(data) // 8) // 3)
    assert tracked.tracking.converged.all()
    assert plain.tracking is None


@pytest.mark.slow
def test_what_is_tracked_is_what_the_library_measures_at_those_parameters():
    track, record = Track(curvature_every=4, budget=None, tol=1e-8, max_hvps=100), ds.Record(parameters_every=1)
    run = trained(track=track, record=record, optimizer=ds.sgd(0.05, momentum=0.5))
    found, surface = run.tracking, run.surface()
    assert found.steps.tolist() == [0, 4, 8, 12, 16, 20]
    np.testing.assert_allclose(found.epochs, found.steps / 7)
    assert (found.learning_rate == 0.05).all()
    for place in (0, 5):
        step = int(found.steps[place])
        params, after = run.trajectory.at(step), run.trajectory.at(step + 1)
        model = step_model(surface, params, 0.05, k=0)
        dense = np.linalg.eigvalsh(reference.dense_hessian(surface.gradient, params))[-1]
        np.testing.assert_allclose(found.sharpness[place], dense, rtol=1e-7)
        np.testing.assert_allclose(found.loss[place], model.loss, rtol=1e-10)
        np.testing.assert_allclose(found.gradient_norm[place], tree_norm(surface.gradient(params)), rtol=1e-10)
        for name in ("ratio", "best_step", "predicted_ratio", "observed_ratio"):
            np.testing.assert_allclose(getattr(found, name)[place], getattr(model, name) or np.nan, rtol=1e-9)
        np.testing.assert_allclose(found.made_ratio[place], surface.value(after) / model.loss, rtol=1e-10)
        noise = noise_scale(surface, params, batch_size=2)
        np.testing.assert_allclose(found.noise_scale[place], noise.value or np.nan, rtol=1e-9)
        np.testing.assert_allclose(found.noise_scale_low[place], noise.interval[0], rtol=1e-9)
    np.testing.assert_allclose(found.limit, (2 + 2 * 0.5) / 0.05)
    np.testing.assert_allclose(found.stability, found.sharpness / found.limit)
    assert np.isnan(found.preconditioned_sharpness).all()


@pytest.mark.slow
@pytest.mark.parametrize("weighted", [False, True], ids=["equal rows", "weighted rows"])
def test_the_surface_that_moves_is_the_surface_of_the_run(weighted):
    net, shape = SHAPED_NETWORKS["batch norm and skips"]
    data = ds.Dataset(
        RNG.normal(size=(30, *shape)), RNG.normal(size=(30, 2)), row_weights=RNG.uniform(size=30) if weighted else None
    )
    run = trained(net, data, epochs=1)
    rows, variables = run.training_rows, run.last
    ours = mean_surface(net, run.loss, rows.weighted(), net.init(0, shape)).with_state(variables.state)
    theirs = network_surface(net, run.loss, rows, variables, rows_a_block=4)
    assert (len(ours.whole.batches), len(theirs.whole.batches)) == (1, 8)
    p, v = variables.params, jax.tree.map(np.ones_like, variables.params)
    np.testing.assert_allclose(ours.value(p), theirs.value(p), rtol=1e-12)
    assert_trees_close(ours.gradient(p), theirs.gradient(p), rtol=1e-9)
    assert_trees_close(ours.hvp(p, v), theirs.hvp(p, v), rtol=1e-8, atol=1e-12)
    (whole,) = MeanGradients(ours).batch_gradients(p, batch_size=30)
    assert_trees_close(whole, theirs.gradient(p), rtol=1e-9)
    np.testing.assert_allclose(ours.values(jax.tree.map(lambda a: np.stack([a, a + 1]), p))[0], theirs.value(p))


@pytest.mark.slow
def test_a_sum_over_rows_is_measured_as_a_batch_descends_it():
    mean, total = (
        trained(loss=loss, optimizer=ds.sgd(rate), batch_size=25, track=ALWAYS).tracking
        for loss, rate in (("squared_error", 0.025), ("sum_squared_error", 0.001))
    )
    for name in ("stability", "ratio", "observed_ratio", "made_ratio", "agreement"):
        np.testing.assert_allclose(getattr(total, name), getattr(mean, name), rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(total.loss, 25 * mean.loss)


@pytest.mark.slow
def test_agreement_is_the_mean_product_over_the_mean_square_of_gradients():
    run = trained(track=Track(curvature_every=100, budget=None), batch_size=4)
    surface = MeanGradients(mean_surface(PLAIN, run.loss, run.training_rows, run.last))
    start = PLAIN.init(ds.core.fold(1, "initialize"), (4,)).params
    products, squares = [], []
    for key in range(100):
        gradients = np.stack([flat(g) for g in surface.batch_gradients(start, batch_size=4, key=key)])
        gram = gradients @ gradients.T
        squares.append(np.mean(np.diag(gram)))
        products.append((gram.sum() - np.trace(gram)) / (len(gram) * (len(gram) - 1)))
    np.testing.assert_allclose(run.tracking.agreement[0], np.mean(products) / np.mean(squares), atol=0.04)


SETTLED = {"decay": 1 - 1e-14, "eps": 0.25}
EDGES = {
    "sgd": ds.sgd(0.1),
    "momentum": ds.sgd(0.1, momentum=0.7),
    "Nesterov's momentum": ds.sgd(0.1, momentum=0.7, nesterov=True),
    "averaged": ds.sgd(0.1, momentum=0.7, averaged=True),
    "averaged, corrected": ds.sgd(0.1, momentum=0.7, averaged=True, bias_correction=True),
    "a held effective rate": ds.sgd(0.1, momentum=0.7, hold_effective_rate=True),
    "weight decay": ds.sgd(0.1, momentum=0.7, weight_decay=0.5),
    "weight decay around": ds.l2(0.5, ds.sgd(0.1)),
    "decoupled weight decay": ds.decoupled_weight_decay(0.5, ds.sgd(0.1, momentum=0.7)),
    "within others": ds.ema(0.9, ds.clip(1e9, ds.sgd(0.1, momentum=0.5))),
    "adam": ds.adam(0.1, b2=1 - 1e-14, eps=0.25, bias_correction=False),
    "adam, averaged": ds.ema(0.9, ds.adam(0.1, b2=1 - 1e-14, eps=0.25, eps_in_sqrt=True, bias_correction=False)),
    "adamw": ds.adamw(0.1, weight_decay=0.5, b2=1 - 1e-14, eps=0.25, bias_correction=False),
    "rmsprop": ds.rmsprop(0.1, **SETTLED),
    "rmsprop with momentum": ds.rmsprop(0.1, momentum=0.6, eps_in_sqrt=False, **SETTLED),
}


@jax.jit(static_argnames=("optimizer", "steps"))
def descended(optimizer, curvature, steps=400):
    """Return how far a descent on `½ λ θ²` is from 0 at each step, and its last state; the moments stand still."""

    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(curvature * params, state, params)
        return (params + updates, state), jnp.abs(params[0])

    start = jnp.ones(1)
    (_, state), distances = jax.lax.scan(step, (start, jax.tree.map(jnp.asarray, optimizer.init(start))), length=steps)
    return distances, state


@pytest.mark.parametrize("optimizer", EDGES.values(), ids=EDGES.keys())
def test_a_descent_is_stable_just_below_its_edge_and_not_above(optimizer):
    edge = edge_of(optimizer, descended(optimizer, 1e-3)[1])
    scale = 1.0 if edge.preconditioner is None else float(edge.preconditioner[0])
    assert descended(optimizer, 0.98 * edge.limit * scale)[0][-1] < 1
    assert descended(optimizer, 1.02 * edge.limit * scale)[0].max() > 10


@pytest.mark.parametrize(
    "optimizer",
    [
        ds.adam(0.1),
        ds.adam(0.1, eps_in_sqrt=True, eps=1e-3),
        ds.rmsprop(0.1),
        ds.rmsprop(0.1, centered=True, eps_in_sqrt=False),
        ds.adagrad(0.1),
    ],
    ids=str,
)
def test_the_preconditioner_is_what_a_step_is_divided_by(optimizer):
    g, state = np.array([3.0, -0.2]), optimizer.init(np.zeros(2))
    for factor in (1.0, 0.5, -2.0):
        updates, state = optimizer.update(factor * g, state, np.zeros(2))
    above = state.memory["m"] if optimizer.maker is ds.adam else factor * g
    np.testing.assert_allclose(-0.1 * above / edge_of(optimizer, state).preconditioner, updates, rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(
    "optimizer", [ds.nadam(0.1), ds.adadelta(), ds.l2(0.1, ds.adam(0.1)), optax.sgd(0.1)], ids=lambda o: str(type(o))
)
def test_an_edge_that_is_not_known_is_left_open(optimizer):
    found = trained(optimizer=optimizer, epochs=1, track=ALWAYS).tracking
    assert np.isnan(found.limit).all()
    assert np.isnan(found.stability).all()
    assert np.isfinite(found.sharpness).all()
    assert np.isfinite(found.made_ratio).all()
    assert np.isnan(found.learning_rate).all() == (
        "learning_rate" not in ds.optimizers.as_optimizer(optimizer).hyperparams
    )


@pytest.mark.slow
def test_adam_is_tracked_by_its_preconditioned_sharpness():
    track = Track(curvature_every=1, budget=None, tol=1e-7, max_hvps=200)
    run = trained(track=track, record=ds.Record(parameters_every=1), optimizer=ds.adam(0.01, eps=1e-2), batch_size=50)
    surface, (b1, b2), v, found = run.surface(), (0.9, 0.999), 0.0, []
    for t in (1, 2, 3):  # full batches: each step's gradient is that of the surface
        params = run.trajectory.at(t - 1)
        v = b2 * v + (1 - b2) * flat(surface.gradient(params)) ** 2
        P = (1 - b1**t) * (np.sqrt(v / (1 - b2**t)) + 1e-2)
        H = reference.dense_hessian(surface.gradient, params)
        found.append(np.linalg.eigvalsh(H / np.sqrt(np.outer(P, P)))[-1])
    np.testing.assert_allclose(run.tracking.preconditioned_sharpness, found, rtol=1e-6)
    np.testing.assert_allclose(run.tracking.limit, (2 + 2 * b1) / ((1 - b1) * 0.01))
    np.testing.assert_allclose(run.tracking.stability, found / run.tracking.limit, rtol=1e-6)
    assert "Preconditioned sharpness" in str(run.tracking)


PHASES = {
    "sure all along": ([0.9, 0.8, 0.2], [2, 20, 90], [5, 40, 200], 64, ["drift", "drift", "diffusion"]),
    "unsure keeps what was": ([0.9, 0.4, 0.2], [2, 90, 30], [5, 200, 100], 64, ["drift", "diffusion", "diffusion"]),
    "back again": ([0.2, 0.9, 0.2], [90, 2, 90], [200, 5, 200], 64, ["diffusion", "drift", "diffusion"]),
    "unsure at first": ([0.4, 0.6], [10, 10], [np.inf, np.inf], 64, ["diffusion", "diffusion"]),
    "nothing known": ([np.nan], [np.nan], [np.nan], 64, ["drift"]),
    "a batch of all rows": ([np.nan, np.nan], [3000, 3000], [np.inf, np.inf], 1000, ["drift", "drift"]),
}


@pytest.mark.parametrize("agreement, low, high, size, expected", PHASES.values(), ids=PHASES.keys())
def test_the_phase_changes_only_where_the_measurement_is_sure(agreement, low, high, size, expected):
    bounds = np.array(low, float), np.array(high, float)
    found = phases(np.array(agreement), *bounds, np.full(len(agreement), size), training_rows=1000)
    assert list(found) == expected


def test_the_change_of_phase_is_the_first_step_of_noise_for_good():
    found = trained(track=ALWAYS, epochs=2).tracking
    low = np.array([1.0, 90, 1, 90, 90])
    noisy = replace(found, noise_scale_low=low, noise_scale_high=2 * low, batch_size=np.full(5, 16))
    assert noisy.phase == ("drift", "diffusion", "drift", "diffusion", "diffusion")
    assert noisy.phase_change == found.steps[3] == 9
    assert "from step 9 on" in str(noisy)
    calm = replace(noisy, noise_scale_low=low[::-1], noise_scale_high=2 * low[::-1])
    assert calm.phase_change is None


@pytest.mark.slow
def test_noise_takes_over_as_a_network_comes_to_fit_its_data():
    net, digits = ds.mlp([16], outputs=10), ds.load("digits")
    data, track = ds.Dataset(digits.x[:600], digits.y[:600]), Track(curvature_every=10, budget=None)
    settings = {"optimizer": ds.sgd(0.05, momentum=0.9), "batch_size": 128, "epochs": 16, "normalize": "standard"}
    found = trained(net, data, track=track, **settings).tracking
    assert found.phase[0] == "drift"
    assert found.phase[-1] == "diffusion"
    assert 0 < found.phase_change < 70
    assert found.agreement[0] > 0.5 > found.agreement[-1]


@pytest.mark.slow
def test_the_rows_are_those_of_the_training_loss():
    data = ds.Dataset(RNG.normal(size=(2100, 4)), RNG.normal(size=(2100, 2)))
    found = trained(data=data, batch_size=500, track=Track(budget=None))
    np.testing.assert_allclose(found.tracking.loss[1:], found.history["train_loss"][:-1], rtol=1e-12)
    assert (found.tracking.rows, found.tracking.training_rows) == (2000, 2100)
    assert found.tracking.epochs.tolist() == [0, 1, 2]


class Ticking(Silent):
    """Time as a tracker sees it: a chunk of steps takes a second, whatever else 0.05 seconds."""

    now = 0.0

    def chunk(self, epoch, share):
        self.now += 1

    def clock(self):
        self.now += 0.05
        return self.now


@pytest.mark.slow
def test_a_budget_is_kept_by_the_clock_and_changes_no_bit():
    whole, budget = trained(epochs=12, track=Track(curvature_every=4, budget=None)), 0.05
    time, track = Ticking(), Track(curvature_every=4, budget=budget)
    run = tracked_by(lambda problem: Tracker(problem, track, clock=time.clock), progress=time, epochs=12)
    found = run.tracking
    assert_bitwise(run.last, whole.last)
    assert (whole.tracking.due, len(whole.tracking), found.due, found.steps[0]) == (21, 21, 21, 0)
    assert 4 < len(found) < 21
    assert 0.5 * budget < found.time_share <= budget
    np.testing.assert_allclose(found.sharpness, whole.tracking.sharpness[found.steps // 4], rtol=0.05)


def test_what_was_tracked_is_stored_and_told(tmp_path):
    run = trained(track=ALWAYS, store=tmp_path / "run")
    opened = ds.open_run(tmp_path / "run").tracking
    for field in fields(opened):
        ours, theirs = getattr(run.tracking, field.name), getattr(opened, field.name)
        assert type(ours) is type(theirs), field.name
        np.testing.assert_array_equal(ours, theirs, err_msg=field.name)
    assert opened.table().height == len(opened) == 7
    assert str(opened) == str(run.tracking)
    assert "Tracked 7 of 7 due steps, on all 50 training rows" in str(opened)
    trained(store=tmp_path / "run", overwrite=True)
    assert ds.open_run(tmp_path / "run").tracking is None


@pytest.mark.slow
def test_a_run_that_diverges_keeps_what_it_tracked():
    run = trained(ds.mlp([], outputs=2), optimizer=ds.sgd(50.0), epochs=60, track=Track(20, budget=None))
    assert run.stop_reason == "diverged"
    assert len(run.tracking) > 2
    assert run.tracking.steps[-1] <= run.divergence.step
    assert run.tracking.stability[0] > 10


@pytest.mark.parametrize("where", ["between", "in the search"])
def test_control_c_while_measuring_ends_the_training(where):
    calls, track = count(), Track(curvature_every=5, budget=None)

    def interrupted(*arguments, **settings):
        if next(calls) < 3:
            return eigenvalues(*arguments, **settings)
        if where == "between":
            raise KeyboardInterrupt
        return replace(eigenvalues(*arguments, **settings), status="interrupted")

    run = tracked_by(lambda problem: Tracker(problem, track, solvers=Solvers(eigenvalues=interrupted)))
    assert (run.stop_reason, run.epochs) == ("interrupted", 1)
    assert run.tracking.steps.tolist() == [0, 5]
    assert int(run.trajectory is None)


def test_a_surface_that_is_not_finite_is_said_to_be_so():
    def refuses(*arguments, **settings):
        raise SettingError("The Hessian times a vector must be finite.")

    solvers = Solvers(eigenvalues=refuses, step_model=refuses)
    tracker = lambda problem: Tracker(problem, ALWAYS, solvers=solvers)  # noqa: E731
    found = tracked_by(tracker, epochs=1, optimizer=ds.sgd(0.1)).tracking
    assert set(found.status) == {"not finite"}
    assert np.isnan(found.sharpness).all()
    assert np.isnan(found.gradient_norm).all()
    assert not found.converged.any()


def test_two_rows_are_too_few_for_noise_but_not_for_curvature():
    found = trained(data=ds.Dataset(ROWS.x[:2], ROWS.y[:2]), batch_size=1, track=ALWAYS).tracking
    assert np.isnan(found.noise_scale_low).all()
    assert np.isnan(found.agreement).all()
    assert np.isfinite(found.sharpness).all()
    assert "not defined" in str(found)


def test_a_warm_start_needs_fewer_products():
    hvps = []

    def counted(*arguments, **settings):
        pairs = eigenvalues(*arguments, **settings)
        hvps.append(pairs.hvps)
        return pairs

    track, solvers = Track(curvature_every=1, budget=None), Solvers(eigenvalues=counted)
    tracked_by(lambda problem: Tracker(problem, track, solvers=solvers), optimizer=ds.sgd(0.01))
    assert np.mean(hvps[2:]) < hvps[0]


@pytest.mark.parametrize(
    "setting, value",
    [("curvature_every", 0), ("budget", 0.0), ("budget", 1.0), ("rows", 0), ("tol", 0.0), ("max_hvps", 1)],
)
def test_settings_that_cannot_be_are_refused(setting, value):
    with refused(SettingError, f"`{setting}` must be"):
        Track(**{setting: value})


def test_many_descents_are_not_tracked():
    with refused(SettingError, "`track` follows one descent, got 2 restarts"):
        trained(restarts=2, track=ALWAYS)
    with refused(SettingError, "`track` is for one run, not for a sweep"):
        ds.sweep(PLAIN, ROWS, track=ALWAYS)


@pytest.mark.long
def test_full_batch_descent_rises_to_the_edge_of_stability_and_stays_there():
    moons = ds.load("moons")
    data = ds.Dataset(moons.x[:200], 2.0 * (moons.y[:200] == moons.classes[1]) - 1, task="regression")
    net, rate = ds.mlp([32, 32], outputs=1, activation="tanh"), 0.05
    settings = {"loss": "squared_error", "optimizer": ds.sgd(rate), "batch_size": 200, "epochs": 3000, "seed": 0}
    run = ds.train(net, data, **settings, track=Track(curvature_every=25, budget=None), progress=False)
    found = run.tracking
    assert (found.limit == 2 / rate).all()
    assert found.converged.all()
    assert found.stability[0] < 0.5
    reached = int(np.argmax(found.stability >= 1))
    assert 0 < found.steps[reached] < 2000
    assert np.abs(found.stability[reached:] - 1).max() < 0.1
    assert run.history["train_loss"][-1] < 0.6 * found.loss[reached]
    assert np.any(np.diff(run.history["train_loss"]) > 0)
