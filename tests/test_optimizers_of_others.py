"""Transformations of optax train as the loop that one writes with optax, whatever of the loss they ask for."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import downslope as ds
from downslope import figures
from downslope.core import fold
from downslope.explorer.subjects.surface_stepper import SurfaceStepper
from downslope.optimizers import as_optimizer, from_optax

contrib = optax.contrib
RANDOM = np.random.default_rng(0)
X, Y = RANDOM.normal(size=(24, 3)), RANDOM.normal(size=(24, 2))
DATA = ds.Dataset(X, Y)
NET = ds.Sequential([ds.Dense(4), ds.BatchNorm(), ds.Tanh(), ds.Dropout(0.25), ds.Dense(2)])
SETTINGS = {"loss": "squared_error", "batch_size": 8, "progress": False}


@pytest.fixture(autouse=True)
def promotions_of_optax():
    """Allow the silent promotions that optax's own code relies on."""
    with jax.numpy_dtype_promotion("standard"):
        yield


def sharpness_aware(**settings):
    return contrib.sam(optax.sgd(0.01), optax.chain(contrib.normalize(), optax.sgd(0.05)), **settings)


def per_example():
    """Return a rule for gradients of each example; optax warns of how it makes its own key."""
    with pytest.warns(DeprecationWarning, match="seed"):
        return contrib.dpsgd(0.01, 1.0, 0.1, 0)


def by_rank(params):
    return jax.tree.map(lambda leaf: "weights" if leaf.ndim > 1 else "others", params)


QUICK = {
    "lbfgs": optax.lbfgs,
    "polyak": optax.polyak_sgd,
    "plateau": lambda: optax.chain(optax.sgd(0.1), contrib.reduce_on_plateau(patience=1, cooldown=1)),
    "many steps": lambda: optax.MultiSteps(optax.adam(0.01), 2),
    "sharpness-aware in a chain": lambda: optax.chain(optax.clip(1.0), sharpness_aware(opaque_mode=True)),
    "noise": lambda: optax.chain(optax.add_noise(0.1, 0.5, key=jax.random.key(3)), optax.sgd(0.1)),
}
RULES = QUICK | {
    "lbfgs, backtracking": lambda: optax.lbfgs(linesearch=optax.scale_by_backtracking_linesearch(10)),
    "clip, lbfgs": lambda: optax.chain(optax.clip(1.0), optax.lbfgs()),
    "lbfgs by name": lambda: optax.named_chain(("clip", optax.clip(1.0)), ("lbfgs", optax.lbfgs())),
    "plateau alone": lambda: optax.chain(contrib.reduce_on_plateau(patience=1), optax.scale(-0.01)),
    "many steps of lbfgs": lambda: optax.MultiSteps(optax.lbfgs(), 2),
    "many steps, transformed": lambda: optax.MultiSteps(optax.adam(0.01), 2).gradient_transformation(),
    "schedule-free": lambda: contrib.schedule_free_adamw(0.01),
    "sharpness-aware": sharpness_aware,
    "prodigy": contrib.prodigy,
    "dadapt": contrib.dadapt_adamw,
    "muon": lambda: contrib.muon(0.01),
    "mechanic": lambda: contrib.mechanize(optax.sgd(0.1)),
    "momo": lambda: contrib.momo_adam(0.1),
    "dog": lambda: contrib.dog(1.0),
    "sophia": lambda: contrib.sophia(0.01),
    "cocob": contrib.cocob,
    "numbers within": lambda: optax.inject_hyperparams(optax.adam)(optax.cosine_decay_schedule(0.01, 50)),
    "polyak, numbers within": lambda: optax.inject_hyperparams(optax.polyak_sgd)(max_learning_rate=0.1),
    "masked": lambda: optax.masked(optax.adam(0.01), lambda p: jax.tree.map(lambda leaf: leaf.ndim > 1, p)),
    "parts": lambda: optax.partition({"weights": optax.adam(0.01), "others": optax.sgd(0.1)}, by_rank),
    "if finite": lambda: optax.apply_if_finite(optax.adam(0.01), 3),
    "by the loss": lambda: optax.conditionally_mask(
        optax.sgd(0.1), lambda step, value: value < 30.0, forward_extra_args=True
    ),
    "in half precision": lambda: optax.adam(0.01, mu_dtype=jnp.bfloat16),
    "a pair": lambda: (lambda p: (), lambda g, s, p, *, value: (jax.tree.map(lambda leaf: -0.01 * value * leaf, g), s)),
}


def by_hand(transformation, epochs):
    """Return the variables after a loop as one writes it with optax."""
    init, update = transformation if isinstance(transformation, tuple) else (transformation.init, transformation.update)
    variables = jax.tree.map(jnp.asarray, NET.init(fold(0, "initialize"), (3,)))
    state, key, batches, count = init(variables.params), fold(0, "train"), ds.Batches(24, 8, seed=0), 0

    @jax.jit
    def step(variables, state, x, t, weights, key):
        def loss(params):
            forward = NET.forward(ds.Variables(params, variables.state), x, training=True, key=key, row_weights=weights)
            return ds.losses.squared_error.value(forward.output, t, weights)

        result = ds.loss_and_gradients(
            NET, variables, x, t, "squared_error", training=True, key=key, row_weights=weights
        )
        offered = {"value": result.loss, "grad": result.params, "value_fn": loss, "obj_fn": loss}
        for names in (offered, ("value", "grad", "value_fn"), ("value",), ()):
            try:
                arguments = {name: offered[name] for name in names}
                updates, following = update(result.params, state, variables.params, **arguments)
                break
            except TypeError:
                continue
        else:
            updates, following = update(
                result.params, state, variables.params, grad_fn=lambda params, _: jax.grad(loss)(params)
            )
        return ds.Variables(optax.apply_updates(variables.params, updates), result.state), following

    for epoch in range(epochs):
        for rows, weights in zip(*batches.epoch(epoch), strict=True):
            step_key = jax.random.fold_in(key, np.int32(count))
            variables, state = step(variables, state, X[rows], Y[rows], weights, step_key)
            count += 1
    return variables


OPAQUE = ("sharpness-aware in a chain",)
CASES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in RULES if name not in OPAQUE]


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_d2_a_transformation_trains_as_by_hand(name):
    run = ds.train(NET, DATA, optimizer=RULES[name](), epochs=2, **SETTINGS)
    expected = by_hand(RULES[name](), 2)
    for ours, theirs in zip(*map(jax.tree.leaves, (run.last.params, expected.params)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in RULES]
)
def test_d2_resumed_is_uninterrupted(name, tmp_path):
    optimizer = RULES[name]()
    whole = ds.train(NET, DATA, optimizer=optimizer, epochs=3, **SETTINGS)
    ds.train(NET, DATA, optimizer=optimizer, epochs=2, store=tmp_path / "run", **SETTINGS)
    resumed = ds.resume(tmp_path / "run", DATA, optimizer=optimizer, epochs=3, progress=False)
    for ours, theirs in zip(*map(jax.tree.leaves, (resumed.last, whole.last)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in RULES]
)
def test_d2_members_of_a_population_train_as_alone(name):
    optimizer = RULES[name]()
    swept = ds.sweep(NET, DATA, optimizer=optimizer, seed=[0, 1], epochs=2, **SETTINGS)
    for seed, run in zip((0, 1), swept.runs, strict=True):
        alone = ds.train(NET, DATA, optimizer=optimizer, seed=seed, epochs=2, **SETTINGS)
        for ours, theirs in zip(*map(jax.tree.leaves, (run.last.params, alone.last.params)), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8)


@pytest.mark.slow
def test_d2_recording_and_wrapping_give_the_loss_too():
    run = ds.train(
        NET,
        DATA,
        optimizer=ds.clip(1.0, optax.polyak_sgd()),
        epochs=1,
        record=ds.Record(statistics_every=1),
        **SETTINGS,
    )
    expected = by_hand(optax.chain(optax.clip_by_global_norm(1.0), optax.polyak_sgd()), 1)
    for ours, theirs in zip(*map(jax.tree.leaves, (run.last.params, expected.params)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-8)


def test_d2_the_averages_of_schedule_free_are_in_the_memory():
    run = ds.train(NET, DATA, optimizer=contrib.schedule_free_sgd(0.1), epochs=1, **SETTINGS)
    averaged = contrib.schedule_free_eval_params(run.optimizer_state.memory, run.last.params)
    assert jax.tree.structure(averaged) == jax.tree.structure(run.last.params)


@pytest.mark.parametrize(
    "transformation, message",
    [
        (lambda: optax.lookahead(optax.sgd(0.1), 3, 0.5), "optax.lookahead cannot: 'tuple' object has no attribute"),
        (lambda: per_example(), "cannot: Unlike other transforms"),
        (lambda: optax.chain(optax.sgd(0.1), optax.monitor({"norm": lambda updates, **_: 1.0})), "keep the form"),
        (lambda: unable(), "cannot: .*'other'"),
    ],
)
def test_d2_what_cannot_train_is_one_sentence(transformation, message):
    with pytest.raises(ds.SettingError, match=message) as error:
        ds.train(NET, DATA, optimizer=transformation(), epochs=1, **SETTINGS)
    assert "\n" not in str(error.value)


def unable():
    """Return a transformation that asks for what no training has."""
    return optax.GradientTransformation(lambda p: (), lambda g, s, p, *, other: (g, s))


def bowl(**parts):
    return ds.FunctionSurface(lambda p, *batch: jnp.sum(jnp.array([1.0, 9.0]) * p**2), np.ones(2), **parts)


@pytest.mark.parametrize("make", [optax.polyak_sgd, optax.lbfgs, lambda: ds.clip(1e3, optax.lbfgs())])
def test_d2_what_asks_for_the_loss_descends_a_bare_surface(make):
    surface = bowl()
    path = ds.landscape.descend(surface, np.ones(2), optimizer=make(), steps=6)
    assert path.losses[-1] < 0.1 * path.losses[0]
    stepper = SurfaceStepper(surface, np.ones(2), as_optimizer(make()))
    assert stepper.advance(6) == 6
    np.testing.assert_array_equal(stepper.params, np.asarray(path.params)[-1])


def test_d2_line_searches_on_a_surface_of_batches_say_what_they_lack():
    with pytest.raises(ds.SettingError, match="chain cannot"):
        ds.landscape.descend(bowl(batches=[np.ones(3)]), np.ones(2), optimizer=optax.lbfgs(), steps=3)


def test_d5_a_race_reports_the_optimizer_that_cannot_train():
    racers = {"sgd": ds.sgd(0.01), "lost": unable()}
    race = ds.race(NET, DATA, optimizers=racers, epochs=1, **SETTINGS)
    assert list(race.runs) == ["sgd"]
    assert [unfit.settings for unfit in race.unfit] == [{"optimizer": "lost"}]
    assert race.table()["stop_reason"].to_list() == [race.runs["sgd"].stop_reason, "unfit"]
    assert figures.alt_text(figures.race(race)).endswith("lost cannot be trained.")
    with pytest.raises(ds.SettingError, match="must step with parameters"):
        ds.race(NET, DATA, optimizers={"lost": unable()}, epochs=1, **SETTINGS)
    with pytest.raises(ds.SettingError, match="got 'sgdd'"):
        ds.race(NET, DATA, optimizers={"sgd": ds.sgd(0.1), "other": "sgdd"}, epochs=1, **SETTINGS)


def test_d2_ours_and_theirs_in_each_other():
    optimizer = from_optax(optax.polyak_sgd())
    assert from_optax(optimizer) is optimizer
    with pytest.raises(ds.SettingError, match="must be an optax transformation"):
        from_optax((1, 2))
    with pytest.raises(ds.SettingError, match="must be an optimizer"):
        ds.train(NET, DATA, optimizer=optax.MultiSteps, epochs=1, **SETTINGS)
