"""Finding a learning rate: limits of stability, the range test, short trainings, the curvature line, `"auto"`."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import downslope as ds
from downslope.core import FunctionSurface, SettingError
from downslope.curvature import preconditioned_sharpness, stability_limit
from downslope.optimizers import apply_rule, initial_state
from downslope.training import RangeTest, RateTrials, TrainingSettings, find_learning_rate, prepare
from downslope.training.finders.learning_rate.find import _next_rates, _suggestions
from downslope.training.finders.learning_rate.range_test import range_test
from downslope.training.finders.learning_rate.stability_line import curvature_line
from jobs import Failing

HUGE = 1e6  # as `eps` beside tiny gradients it is all that adaptive optimizers divide by
FORMS = {
    "descent": (ds.sgd(1.0), {}),
    "momentum": (ds.sgd(1.0, momentum=0.8), {"momentum": 0.8}),
    "nesterov": (ds.sgd(1.0, momentum=0.8, nesterov=True), {"momentum": 0.8, "nesterov": True}),
    "averaged": (ds.sgd(1.0, momentum=0.8, averaged=True), {"momentum": 0.8, "averaged": True}),
    "adam": (ds.adam(1.0, b1=0.8, eps=HUGE), {"momentum": 0.8, "averaged": True}),
    "nadam": (
        ds.nadam(1.0, b1=0.8, eps=HUGE, momentum_decay=1e6),
        {"momentum": 0.8, "averaged": True, "nesterov": True},
    ),
    "rmsprop": (ds.rmsprop(1.0, momentum=0.8, eps=HUGE, eps_in_sqrt=False), {"momentum": 0.8}),
}
QUICK = {"steps": 20, "progress": False}


@pytest.mark.product
@pytest.mark.parametrize("name", FORMS)
def test_descent_diverges_just_above_the_limit_and_converges_just_below(name):
    optimizer, form = FORMS[name]
    curvature, start = 3.0, jnp.array([1e-40])
    divisor = HUGE if name in ("adam", "nadam", "rmsprop") else 1.0
    limit = stability_limit(curvature / divisor, **form)

    @jax.jit
    def growth(rate):
        state = initial_state(optimizer, start)
        state = state._replace(hyperparams=state.hyperparams | {"learning_rate": rate})

        def step(_, carried):
            e, state = carried
            updates, state = apply_rule(optimizer.rule, curvature * e, state, e)
            return e + updates, state

        settled = jax.lax.fori_loop(0, 150, step, (start, jax.tree.map(jnp.asarray, state)))
        return jnp.abs(jax.lax.fori_loop(0, 150, step, settled)[0][0] / settled[0][0])

    assert growth(jnp.asarray(0.99 * limit)) < 0.5
    assert growth(jnp.asarray(1.01 * limit)) > 2


def test_without_upward_curvature_there_is_no_limit():
    assert stability_limit(-1.0) == stability_limit(0.0) == np.inf


def test_preconditioned_sharpness_is_the_largest_eigenvalue_of_the_divided_hessian():
    random = np.random.default_rng(0)
    half, P = random.standard_normal((5, 5)), np.exp(random.standard_normal(5))
    H = half + half.T
    surface = FunctionSurface(lambda p: 0.5 * p @ jnp.asarray(H) @ p, np.zeros(5))
    found = preconditioned_sharpness(surface, np.zeros(5), P, tol=1e-10)
    np.testing.assert_allclose(found.values[0], np.linalg.eigvals(H / P[:, None]).real.max(), rtol=1e-9)
    with pytest.raises(SettingError, match="above 0"):
        preconditioned_sharpness(surface, np.zeros(5), 0 * P)


def problem_of(net, data, optimizer, **settings):
    usual = {"batch_size": 8, "normalize": "standard"}
    return prepare(net, data, TrainingSettings(optimizer=optimizer, **usual | settings))


def test_range_test_steps_at_rising_rates_until_the_loss_blows_up():
    problem = problem_of(ds.mlp([], outputs=1), ds.load("old_faithful"), ds.sgd(1.0))
    found = range_test(problem, low=1e-4, high=1e4, steps=80)
    count = len(found.rates)
    assert 20 < count < 80
    np.testing.assert_allclose(found.rates, np.geomspace(1e-4, 1e4, 80)[:count])
    assert found.blow_up == found.rates[-1]
    assert found.steepest < found.lowest < found.blow_up
    rows = problem.batches.at(epoch=0, step=0)
    batch = problem.train.x[rows], problem.train.t[rows]
    first = ds.loss_and_gradients(problem.net, problem.start, *batch, "squared_error")
    np.testing.assert_allclose(found.losses[0], first.loss)
    np.testing.assert_allclose(found.smoothed[0], found.losses[0])


def test_steepest_is_where_the_loss_falls_not_where_the_average_begins():
    rates = np.geomspace(1e-6, 1, 120)
    smoothed = 2 - np.tanh((np.arange(120) - 80) / 8)
    smoothed[:2] = 2.9, 4.5  # the average of the first few batches jumps
    found = RangeTest(rates, smoothed, smoothed, None)
    assert rates[60] < found.steepest < rates[85]
    assert RangeTest(rates[:5], smoothed[:5], smoothed[:5], None).steepest in rates[:5]


def trials(losses, rates=(1e-3, 2e-3, 5e-3, 1e-2), *, untrained=4.0, constant=4.0):
    by_start = np.array([losses, losses], float) + np.array([[-0.001], [0.001]])
    return RateTrials(np.array(rates), by_start, np.full(2, untrained), constant, 1, 10, "training loss")


def test_rates_are_added_beyond_an_end_that_is_not_clearly_worse():
    assert _next_rates(trials([1.1, 1.0, 1.0, 2.0])) == [1e-4, 2e-4, 5e-4]
    assert _next_rates(trials([3.0, 2.0, 1.0, 1.1])) == [0.02, 0.05, 0.1]
    assert _next_rates(trials([3.0, 1.0, 2.0, np.inf])) == []
    assert _next_rates(trials([np.inf] * 4)) == [1e-4, 2e-4, 5e-4]
    assert _next_rates(trials([3.99999, 3.99999, 4.0, 4.0])) == [0.02, 0.05, 0.1]  # nothing fell
    assert _next_rates(trials([4.0, 4.0, 4.0, np.inf])) == []


@pytest.mark.parametrize("offset", [-1000.0, -5.0, 0.0, 1000.0])
def test_what_counts_as_close_does_not_depend_on_an_offset_of_the_loss(offset):
    test = RangeTest(np.geomspace(1e-4, 1, 50), np.ones(50), np.ones(50), None)

    def best(losses, **settings):
        levels = {"untrained": 4.0 + offset, "constant": 3.0 + offset} | settings
        return _suggestions(test, trials(np.array(losses) + offset, **levels), None, high=10.0)["best"]

    close = best([2.0, 1.03, 1.0, np.inf])
    assert close.rate == 2e-3  # 0.03 is less than 2 % of the 2 that can be learned
    assert "close to the lowest" in close.why
    assert best([2.0, 1.05, 1.0, np.inf]).rate == 5e-3
    assert best([3.9, 3.6, 3.5, 3.7]).rate == 5e-3  # none as low as one answer: by how much it fell


def test_the_rate_stays_within_the_range_unless_little_is_learned_there():
    test = RangeTest(np.geomspace(1e-4, 1, 50), np.ones(50), np.ones(50), None)
    within = _suggestions(test, trials([3.0, 2.0, 1.0, 0.5]), None, high=5e-3)
    assert list(within) == ["best", "steepest", "tenth"]
    assert within["best"].rate == 5e-3
    assert "higher rates learn more (0.01" in within["best"].why
    beyond = _suggestions(test, trials([3.99, 3.9, 3.0, 0.5]), None, high=2e-3)["best"]
    assert beyond.rate == 1e-2
    assert "Up to 0.002 hardly anything is learned" in beyond.why


@pytest.mark.slow
def test_curvature_line_of_a_line_is_that_of_its_covariance():
    data = ds.load("old_faithful")
    net, full = ds.mlp([], outputs=1), 272
    line = curvature_line(problem_of(net, data, ds.sgd(1.0, momentum=0.5), normalize=None))
    np.testing.assert_allclose(line.sharpness, 28.7445, rtol=1e-4)
    np.testing.assert_allclose(line.limit, 3 / line.sharpness)
    decayed = curvature_line(problem_of(net, data, ds.l2(2.0, ds.sgd(1.0)), normalize=None))
    np.testing.assert_allclose(decayed.limit, 2 / (line.sharpness + 2), rtol=1e-9)
    summed = problem_of(net, data, ds.sgd(1.0), normalize=None, loss="sum_squared_error", batch_size=full)
    np.testing.assert_allclose(curvature_line(summed).sharpness, full * line.sharpness, rtol=1e-6)


def test_curvature_line_of_adam_divides_by_the_moments_at_the_start():
    data = ds.load("old_faithful")
    problem = problem_of(ds.mlp([], outputs=1), data, ds.adam(1.0, b1=0.5, eps=HUGE), batch_size=272)
    line = curvature_line(problem)
    assert line.preconditioned
    np.testing.assert_allclose(line.sharpness * HUGE, 2.0, rtol=1e-3)  # the round bowl of standardized inputs
    np.testing.assert_allclose(line.factor, 6.0, rtol=1e-9)
    np.testing.assert_allclose(line.limit, 6 / line.sharpness, rtol=1e-9)


@pytest.mark.slow
def test_curvature_line_with_batch_norm_is_that_of_training():
    net, data = ds.Sequential([ds.BatchNorm(), ds.Dense(3)]), ds.load("iris")
    problem = problem_of(net, data, ds.sgd(1.0), batch_size=10, normalize=None)
    line = curvature_line(problem)
    flat, unravel = jax.flatten_util.ravel_pytree(problem.start.params)

    def loss(vector):
        variables = ds.Variables(unravel(vector), problem.start.state)
        given = {"training": True}
        return ds.loss_and_gradients(net, variables, problem.train.x, problem.train.t, "cross_entropy", **given).loss

    top = np.linalg.eigvalsh(jax.jit(jax.hessian(loss))(flat))[-1]
    np.testing.assert_allclose(line.sharpness, top, rtol=0.02)


@pytest.mark.slow
@pytest.mark.optimized
def test_finding_touches_nothing_and_repeats_itself():
    net, data = ds.mlp([], outputs=3), ds.load("iris")
    settings = {"normalize": "standard", "seed": 3, "validation": 0.2}
    given = ds.clip(1.0, ds.sgd(0.1, momentum=0.9))
    before = data.x.copy()
    first = ds.train(net, data, optimizer=given, epochs=3, progress=False, **settings)
    found = find_learning_rate(net, data, optimizer=given, **QUICK, **settings)
    again = ds.train(net, data, optimizer=given, epochs=3, progress=False, **settings)
    assert all(np.array_equal(first.history[name], again.history[name]) for name in first.history)
    np.testing.assert_array_equal(data.x, before)
    assert find_learning_rate(net, data, optimizer=given, **QUICK, **settings).suggestions == found.suggestions
    assert found.optimizer == ds.clip(1.0, ds.sgd(found.suggestion, momentum=0.9))
    assert found.trials.measured == "validation loss"
    assert list(found.suggestions) == ["best", "steepest", "tenth", "stability"]
    assert found.suggestions["stability"].rate == pytest.approx(0.99 * found.limit / 2)
    assert f"Learning rate {found.suggestion:g} for clip" in str(found)
    assert found.table()["learning_rate"].to_list() == found.trials.rates.tolist()


def test_a_long_epoch_is_cut_to_a_draw_of_rows():
    problem = problem_of(ds.mlp([], outputs=10), ds.load("digits"), ds.sgd(1.0), batch_size=32)
    short = problem.limited_to(20)
    assert (len(short.train), short.batches.rows, short.batches.steps) == (640, 640, 20)
    assert short.subset is problem.subset
    assert problem.limited_to(100) is problem


@pytest.mark.slow
def test_a_schedule_is_left_out_and_said_so():
    net, data = ds.mlp([], outputs=3), ds.load("iris")
    schedule = ds.schedules.cosine_decay(0.1, 100)
    found = find_learning_rate(net, data, optimizer=ds.sgd(schedule), curvature=False, **QUICK)
    assert "schedule" in found.notes[0]
    assert found.curvature is None


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"optimizer": optax.sgd(0.1)}, "show its learning rate"),
        ({"low": 1.0, "high": 5.0}, "ten times"),
        ({"steps": 5}, "`steps` must be"),
        ({"low": 0.0}, "`low` must be"),
    ],
)
def test_what_cannot_be_searched_is_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        find_learning_rate(ds.mlp([], outputs=3), ds.load("iris"), progress=False, **settings)


@pytest.mark.slow
def test_an_optimizer_without_a_known_limit_is_found_a_rate_without_the_line():
    found = find_learning_rate(ds.mlp([], outputs=3), ds.load("iris"), optimizer="adadelta", **QUICK)
    assert found.curvature is None
    assert "adadelta" in found.notes[0]


@pytest.mark.slow
@pytest.mark.optimized
def test_auto_trains_as_the_number_that_it_found_and_keeps_it(tmp_path):
    net, data = ds.mlp([], outputs=3), ds.load("iris")
    settings = {"epochs": 3, "normalize": "standard", "progress": False}
    run = ds.train(net, data, optimizer=ds.l2(1e-3, ds.sgd("auto")), store=tmp_path / "run", **settings)
    chosen = run.recipe.settings["optimizer"]
    rate = chosen.hyperparams["learning_rate"]
    assert isinstance(rate, float)
    same = ds.train(net, data, optimizer=chosen, **settings)
    for one, other in zip(jax.tree.leaves(run.last), jax.tree.leaves(same.last), strict=True):
        np.testing.assert_array_equal(one, other)
    assert f"Learning rate {rate:g}, found: of" in run.notes[-1]
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert str(rate) in json.dumps(record["configuration"]["optimizer"])
    assert ds.open_run(tmp_path / "run").notes == run.notes


def test_auto_is_for_training_only():
    with pytest.raises(SettingError, match=r"ds\.find_learning_rate"):
        ds.adam("auto").init(np.zeros(2))
    with pytest.raises(SettingError, match="learning_rate"):
        ds.sgd("fast")
    with pytest.raises(SettingError, match="momentum"):
        ds.sgd(0.1, momentum="auto")


@pytest.mark.slow
def test_interrupted_trials_are_judged_as_they_stood():
    net, data = ds.mlp([], outputs=3), ds.load("iris")
    found = find_learning_rate(net, data, **QUICK | {"progress": Failing(at_epoch=4)})
    assert found.trials.interrupted
    assert found.suggestion in found.trials.rates
    assert np.isfinite(found.trials.losses).any()
    assert "Interrupted" in found.notes[0]
    assert found.curvature is None
    with pytest.raises(KeyboardInterrupt):
        ds.train(net, data, optimizer=ds.adam("auto"), progress=Failing(at_epoch=4))
