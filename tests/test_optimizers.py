"""Optimizers: torch's and optax's steps where they mean the same, plain NumPy elsewhere, and the same laws for all."""

import copy
import json
import pickle
from contextlib import contextmanager
from functools import cache, partial
from inspect import signature
from itertools import product
from types import FunctionType

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import cases
from downslope import core, optimizers, schedules
from downslope.core import CustomPartError, SettingError, UnknownNameError, named_leaves, rebuild, render
from downslope.optimizers import (
    adadelta,
    adagrad,
    adam,
    adamw,
    apply_rule,
    as_optimizer,
    averaged_params,
    clip,
    decoupled_weight_decay,
    ema,
    from_optax,
    initial_state,
    l2,
    nadam,
    observe_loss,
    rmsprop,
    set_hyperparam,
    sgd,
)

STEPS = 20
ROOMS = {"optimizers": optimizers, "schedules": schedules}

DECAY = schedules.step_decay(0.1, 0.5, 7)
CYCLE = schedules.cyclic(0.85, 0.95, 10)
OPTIMIZERS = {
    "sgd": sgd(0.1),
    "sgd, momentum": sgd(0.1, momentum=0.9),
    "sgd, nesterov": sgd(0.1, momentum=0.9, nesterov=True),
    "sgd, averaged": sgd(0.1, momentum=0.9, averaged=True),
    "sgd, averaged, corrected": sgd(0.1, momentum=0.9, averaged=True, bias_correction=True),
    "sgd, weight decay": sgd(0.1, momentum=0.9, weight_decay=0.02),
    "sgd, scheduled": sgd(DECAY, momentum=CYCLE),
    "sgd, nesterov, effective rate held": sgd(0.1, momentum=CYCLE, nesterov=True, hold_effective_rate=True),
    "rmsprop": rmsprop(0.01),
    "rmsprop, outside, centered, momentum": rmsprop(0.01, eps_in_sqrt=False, centered=True, momentum=0.8),
    "adam": adam(0.01),
    "adam, uncorrected, inside": adam(0.01, b1=0.8, b2=0.99, eps=1e-3, eps_in_sqrt=True, bias_correction=False),
    "adam, scheduled": adam(schedules.warmup(5, DECAY)),
    "adamw": adamw(0.01, weight_decay=0.1),
    "nadam, scheduled": nadam(DECAY, b1=CYCLE, momentum_decay=0.1),
    "adagrad": adagrad(0.1, initial_accumulator=0.1),
    "adadelta": adadelta(),
    "l2, scheduled": l2(schedules.constant(0.1), adagrad(0.1)),
    "decoupled weight decay": decoupled_weight_decay(0.1, rmsprop(0.01, momentum=0.9)),
    "ema": ema(0.9, adamw(0.01)),
    "clip, ema, scheduled": clip(4, ema(schedules.warmup(5, schedules.constant(0.9)), sgd(DECAY))),
    "clip, sgd": clip(0.5, sgd(0.1, momentum=0.9)),
    "clip, scheduled": clip(schedules.exponential_decay(2, 0.9), adam(DECAY)),
}
FOREIGN = {
    "from_optax": from_optax(optax.lamb(0.01)),
    "clip, from_optax": clip(0.5, optax.chain(optax.add_decayed_weights(0.1), optax.adam(0.01))),
    "ema, l2, from_optax": ema(0.9, l2(0.1, optax.lion(0.01))),
}

every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
ours_and_foreign = pytest.mark.parametrize(
    "optimizer", [*OPTIMIZERS.values(), *FOREIGN.values()], ids=[*OPTIMIZERS.keys(), *FOREIGN.keys()]
)


def start():
    """Return parameters as a network has them."""
    generator = np.random.default_rng(0)
    return ({"weight": generator.normal(size=(4, 3)), "bias": generator.normal(size=3)}, {})


@cache
def gradients_at(step):
    """Return gradients that do not depend on the parameters."""
    generator = np.random.default_rng((1, step))
    return jax.tree.map(lambda p: generator.normal(size=p.shape), start())


def one_step(update, gradients, state, params):
    """Return the parameters and the state after a step."""
    updates, state = update(gradients, state, params)
    return optax.apply_updates(params, updates), state


def walk(optimizer, steps=STEPS):
    """Return the parameters after each step, and the last state. Few steps are quicker made than compiled."""
    params = start()
    state, path = optimizer.init(params), []
    for step in range(steps):
        params, state = one_step(optimizer.update, gradients_at(step), state, params)
        path.append(params)
    return path, state


@contextmanager
def jax_as_optax_needs_it():
    """Allow the silent promotions that optax's own code relies on."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def assert_trees_close(got, expected, rtol=1e-12, atol=1e-14):
    """Compare two trees of arrays, saying which array differs."""
    got, expected = named_leaves(got), named_leaves(expected)
    assert got.keys() == expected.keys()
    for name in got:
        np.testing.assert_allclose(got[name], expected[name], rtol=rtol, atol=atol, err_msg=name)


def assert_paths_close(got, expected):
    """Compare two lists of trees."""
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert_trees_close(one, other)


def assert_trees_equal(got, expected):
    """Compare two trees bit by bit."""
    assert_trees_close(got, expected, rtol=0, atol=0)


# --- agreement with torch ---

TORCH = {
    "sgd": (sgd(0.1), lambda o, p: o.SGD(p, 0.1)),
    "sgd, weight decay": (sgd(0.1, weight_decay=0.02), lambda o, p: o.SGD(p, 0.1, weight_decay=0.02)),
    "sgd, momentum": (sgd(0.1, momentum=0.9), lambda o, p: o.SGD(p, 0.1, momentum=0.9)),
    "sgd, momentum, weight decay": (
        sgd(0.1, momentum=0.9, weight_decay=0.02),
        lambda o, p: o.SGD(p, 0.1, momentum=0.9, weight_decay=0.02),
    ),
    "sgd, nesterov, weight decay": (
        sgd(0.1, momentum=0.8, nesterov=True, weight_decay=0.02),
        lambda o, p: o.SGD(p, 0.1, momentum=0.8, nesterov=True, weight_decay=0.02),
    ),
    "rmsprop": (
        rmsprop(0.01, decay=0.99, eps=1e-3, eps_in_sqrt=False),
        lambda o, p: o.RMSprop(p, 0.01, alpha=0.99, eps=1e-3),
    ),
    "rmsprop, centered": (
        rmsprop(0.01, eps_in_sqrt=False, centered=True),
        lambda o, p: o.RMSprop(p, 0.01, alpha=0.9, centered=True),
    ),
    "rmsprop, momentum": (
        rmsprop(0.01, eps_in_sqrt=False, momentum=0.9),
        lambda o, p: o.RMSprop(p, 0.01, alpha=0.9, momentum=0.9),
    ),
    "rmsprop, centered, momentum": (
        rmsprop(0.01, eps_in_sqrt=False, momentum=0.9, centered=True),
        lambda o, p: o.RMSprop(p, 0.01, alpha=0.9, momentum=0.9, centered=True),
    ),
    "adam": (adam(0.01), lambda o, p: o.Adam(p, 0.01)),
    "adam, other numbers": (
        adam(0.01, b1=0.7, b2=0.95, eps=1e-2),
        lambda o, p: o.Adam(p, 0.01, betas=(0.7, 0.95), eps=1e-2),
    ),
    "adam, l2": (l2(0.1, adam(0.01)), lambda o, p: o.Adam(p, 0.01, weight_decay=0.1)),
    "adamw": (adamw(0.01), lambda o, p: o.AdamW(p, 0.01)),
    "adamw, other numbers": (
        adamw(0.01, weight_decay=0.3, b1=0.7),
        lambda o, p: o.AdamW(p, 0.01, betas=(0.7, 0.999), weight_decay=0.3),
    ),
    "nadam": (nadam(0.01), lambda o, p: o.NAdam(p, 0.01)),
    "nadam, l2": (
        l2(0.1, nadam(0.01, b1=0.8, b2=0.95, eps=1e-2, momentum_decay=0.5)),
        lambda o, p: o.NAdam(p, 0.01, betas=(0.8, 0.95), eps=1e-2, momentum_decay=0.5, weight_decay=0.1),
    ),
    "nadam, decoupled weight decay": (
        decoupled_weight_decay(0.1, nadam(0.01)),
        lambda o, p: o.NAdam(p, 0.01, weight_decay=0.1, decoupled_weight_decay=True),
    ),
    "adagrad": (adagrad(0.1), lambda o, p: o.Adagrad(p, 0.1)),
    "adagrad, other numbers": (
        adagrad(0.1, initial_accumulator=0.3, eps=1e-2),
        lambda o, p: o.Adagrad(p, 0.1, initial_accumulator_value=0.3, eps=1e-2),
    ),
    "adadelta": (adadelta(), lambda o, p: o.Adadelta(p)),
    "adadelta, l2": (
        l2(0.1, adadelta(0.5, decay=0.8, eps=1e-3)),
        lambda o, p: o.Adadelta(p, 0.5, rho=0.8, eps=1e-3, weight_decay=0.1),
    ),
}


@contextmanager
def double_precision(torch):
    """Let torch's optimizers keep their own numbers in float64 too."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def torch_path(make, max_norm=None, schedules=None):
    """Return the parameters after each step of a torch optimizer."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    leaves, structure = jax.tree.flatten(start())
    tensors = [torch.tensor(leaf, requires_grad=True) for leaf in leaves]
    optimizer, path = make(torch.optim, tensors), []
    for step in range(STEPS):
        for tensor, gradient in zip(tensors, jax.tree.leaves(gradients_at(step)), strict=True):
            tensor.grad = torch.tensor(gradient)
        if max_norm is not None:
            torch.nn.utils.clip_grad_norm_(tensors, max_norm)
        for name, schedule in (schedules or {}).items():
            optimizer.param_groups[0][name] = float(schedule(step))
        with double_precision(torch):
            optimizer.step()
        path.append(jax.tree.unflatten(structure, [tensor.detach().numpy().copy() for tensor in tensors]))
    return path


@pytest.mark.parametrize("optimizer, make", TORCH.values(), ids=TORCH.keys())
def test_steps_are_those_of_torch(optimizer, make):
    assert_paths_close(walk(optimizer)[0], torch_path(make))


def test_a_scheduled_rate_stays_outside_the_velocity_as_in_torch():
    path, _ = walk(sgd(DECAY, momentum=0.9))
    assert_paths_close(path, torch_path(lambda o, p: o.SGD(p, 0.1, momentum=0.9), schedules={"lr": DECAY}))
    path, _ = walk(rmsprop(DECAY, eps_in_sqrt=False, momentum=0.9))
    assert_paths_close(
        path, torch_path(lambda o, p: o.RMSprop(p, 0.1, alpha=0.9, momentum=0.9), schedules={"lr": DECAY})
    )


@pytest.mark.parametrize("nesterov", [True, False])
def test_holding_the_effective_rate_sets_the_rate_as_one_would_in_torch(nesterov):
    path, _ = walk(sgd(DECAY, momentum=CYCLE, nesterov=nesterov, hold_effective_rate=True))
    theirs = torch_path(
        lambda o, p: o.SGD(p, 0.1, momentum=0.9, nesterov=nesterov),
        schedules={"momentum": CYCLE, "lr": lambda t: DECAY(t) * (1 - CYCLE(t)) / (1 - CYCLE(0))},
    )
    assert_paths_close(path, theirs)


def test_averages_of_weights_are_those_of_torch_apart_from_its_start():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    update, β, theirs = torch.optim.swa_utils.get_ema_multi_avg_fn(0.9), 0.9, None
    for t in (1, 2, 10, STEPS):
        path, state = walk(ema(β, sgd(0.1)), t)
        theirs = [torch.tensor(np.asarray(leaf)) for leaf in jax.tree.leaves(path[0])]
        for params in path[1:]:
            update(theirs, [torch.tensor(np.asarray(leaf)) for leaf in jax.tree.leaves(params)], None)
        ours = averaged_params(state, path[-1])
        with_start = jax.tree.map(lambda a, first, t=t: (1 - β**t) * a + β**t * first, ours, path[0])
        for leaf, tensor in zip(jax.tree.leaves(with_start), theirs, strict=True):
            np.testing.assert_allclose(leaf, tensor.numpy(), rtol=1e-12)


def test_clipping_is_that_of_torch_apart_from_its_1e_6():
    path, _ = walk(clip(0.5, sgd(0.1, momentum=0.9)))
    theirs = torch_path(lambda o, p: o.SGD(p, 0.1, momentum=0.9), max_norm=0.5)
    for one, other in zip(path, theirs, strict=True):
        assert_trees_close(one, other, rtol=0, atol=STEPS * 1e-6)


# --- agreement with optax ---

OPTAX = {
    "sgd": (sgd(0.1), optax.sgd(0.1)),
    "sgd, momentum": (sgd(0.1, momentum=0.9), optax.sgd(0.1, momentum=0.9)),
    "sgd, nesterov": (sgd(0.1, momentum=0.9, nesterov=True), optax.sgd(0.1, momentum=0.9, nesterov=True)),
    "sgd, averaged": (
        sgd(0.1, momentum=0.9, averaged=True),
        optax.chain(optax.ema(0.9, debias=False), optax.scale(-0.1)),
    ),
    "sgd, averaged, corrected": (
        sgd(0.1, momentum=0.9, averaged=True, bias_correction=True),
        optax.chain(optax.ema(0.9), optax.scale(-0.1)),
    ),
    "rmsprop": (rmsprop(0.01), optax.rmsprop(0.01)),
    "rmsprop, other numbers": (rmsprop(0.01, decay=0.7, eps=1e-2), optax.rmsprop(0.01, decay=0.7, eps=1e-2)),
    "rmsprop, momentum": (rmsprop(0.01, momentum=0.8), optax.rmsprop(0.01, momentum=0.8)),
    "rmsprop, centered, outside": (
        rmsprop(0.01, centered=True, eps_in_sqrt=False),
        optax.rmsprop(0.01, centered=True, eps_in_sqrt=False),
    ),
    "adam": (adam(0.01), optax.adam(0.01)),
    "adam, scheduled": (adam(schedules.cosine_decay(0.01, 15)), optax.adam(optax.cosine_decay_schedule(0.01, 15))),
    "adam, inside": (adam(0.01, eps=1e-2, eps_in_sqrt=True), optax.adam(0.01, eps=0, eps_root=1e-2)),
    "adamw": (adamw(0.01, weight_decay=0.1, eps=1e-3), optax.adamw(0.01, weight_decay=0.1, eps=1e-3)),
    "nadam": (nadam(0.01, momentum_decay=1e6), optax.nadam(0.01)),
    "adagrad": (adagrad(0.1, initial_accumulator=0.1 + 1e-7, eps=0), optax.adagrad(0.1)),
    "adadelta": (adadelta(), optax.adadelta(1.0)),
    "l2": (l2(0.1, adam(0.01)), optax.chain(optax.add_decayed_weights(0.1), optax.adam(0.01))),
    "decoupled weight decay": (
        decoupled_weight_decay(0.1, sgd(DECAY, momentum=0.9)),
        optax.chain(optax.trace(0.9), optax.add_decayed_weights(0.1), optax.scale_by_learning_rate(DECAY)),
    ),
    "clip, never": (clip(1e3, sgd(0.1)), optax.sgd(0.1)),
    "clip": (clip(0.5, adam(0.01)), optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.01))),
    "clip, sometimes": (clip(4, sgd(0.1)), optax.chain(optax.clip_by_global_norm(4), optax.sgd(0.1))),
    "clip, foreign": (
        clip(0.5, optax.lion(0.01, weight_decay=0.1)),
        optax.chain(optax.clip_by_global_norm(0.5), optax.lion(0.01, weight_decay=0.1)),
    ),
    "from_optax": (from_optax(optax.lamb(0.01)), optax.lamb(0.01)),
}


@pytest.mark.product
@pytest.mark.parametrize("ours, theirs", OPTAX.values(), ids=OPTAX.keys())
def test_steps_are_those_of_optax(ours, theirs):
    with jax_as_optax_needs_it():
        assert_paths_close(walk(ours)[0], walk(theirs)[0])


def test_averages_of_weights_are_those_of_optax():
    theirs = optax.ema(0.9)
    path, state = walk(ema(0.9, adam(0.01)))
    with jax_as_optax_needs_it():
        their_state = theirs.init(start())
        for params in path:
            average, their_state = theirs.update(params, their_state)
    assert_trees_close(averaged_params(state, path[-1]), average)


# --- agreement with ten lines of NumPy, where neither torch nor optax has the form ---


def numpy_path(step):
    """Return the parameters after each step of `step(g, memory, t) -> update`, array by array."""
    params, memory, path = start(), {}, []
    for t in range(1, STEPS + 1):
        named, g = named_leaves(params), named_leaves(gradients_at(t - 1))
        moved = {name: named[name] + step(g[name], memory.setdefault(name, {"m": 0, "v": 0}), t) for name in named}
        params = core.with_named_leaves(params, moved)
        path.append(params)
    return path


def averaged_step(g, memory, t, *, corrected):
    memory["v"] = 0.9 * memory["v"] + 0.1 * g
    return -0.1 * memory["v"] / (1 - 0.9**t if corrected else 1)


def adam_step(g, memory, t, *, corrected, inside):
    memory["m"] = 0.8 * memory["m"] + (1 - 0.8) * g
    memory["v"] = 0.99 * memory["v"] + (1 - 0.99) * g**2
    m = memory["m"] / (1 - 0.8**t) if corrected else memory["m"]
    v = memory["v"] / (1 - 0.99**t) if corrected else memory["v"]
    return -0.01 * m / (np.sqrt(v + 1e-3) if inside else np.sqrt(v) + 1e-3)


@pytest.mark.parametrize("corrected", [True, False])
def test_averaged_momentum_follows_its_equations(corrected):
    optimizer = sgd(0.1, momentum=0.9, averaged=True, bias_correction=corrected)
    assert_paths_close(walk(optimizer)[0], numpy_path(partial(averaged_step, corrected=corrected)))


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("corrected", [True, False])
def test_adam_follows_its_equations(corrected, inside):
    optimizer = adam(0.01, b1=0.8, b2=0.99, eps=1e-3, eps_in_sqrt=inside, bias_correction=corrected)
    assert_paths_close(walk(optimizer)[0], numpy_path(partial(adam_step, corrected=corrected, inside=inside)))


def test_averaged_momentum_holds_the_effective_rate():
    steady = {"θ": np.ones(2)}
    for momentum, averaged, expected in [(0.5, False, 0.2), (0.8, False, 0.5), (0.5, True, 0.1), (0.8, True, 0.1)]:
        optimizer = sgd(0.1, momentum=momentum, averaged=averaged)
        state = optimizer.init(steady)
        for _ in range(140):
            updates, state = optimizer.update(steady, state)
        np.testing.assert_allclose(updates["θ"], -expected, rtol=1e-12)


def test_centered_rmsprop_survives_constant_gradients():
    optimizer, params = rmsprop(0.1, decay=0.5, eps_in_sqrt=False, centered=True), {"θ": np.zeros(1)}
    state = optimizer.init(params)
    for _ in range(100):
        updates, state = optimizer.update({"θ": np.array([0.1])}, state)
        assert np.isfinite(updates["θ"]).all()


def test_a_held_effective_rate_is_that_of_the_first_momentum():
    steady, optimizer = {"θ": np.ones(2)}, sgd(0.1, momentum=0.5, hold_effective_rate=True)
    state = optimizer.init(steady)
    for momentum in (0.5, 0.8, 0.0):
        state = set_hyperparam(state, momentum=momentum)
        for _ in range(140):
            updates, state = one_step(optimizer.update, steady, state, {"θ": np.zeros(2)})
        np.testing.assert_allclose(updates["θ"], -0.1 / (1 - 0.5), rtol=1e-12)


def test_a_held_effective_rate_changes_nothing_while_the_momentum_stays():
    held = sgd(DECAY, momentum=0.9, weight_decay=0.1, hold_effective_rate=True)
    assert_paths_close(walk(held)[0], walk(sgd(DECAY, momentum=0.9, weight_decay=0.1))[0])


# --- laws ---


def step_each(foreign, gradients, states, params):
    """Return what `one_step` does for each optimizer: one program for all compiles in half the time of many."""
    return {
        name: one_step(optimizer.update, gradients, states[name], params[name])
        for name, optimizer in (FOREIGN if foreign else OPTIMIZERS).items()
    }


compiled_step_each = jax.jit(step_each, static_argnums=0)


@cache
def compiled_walks(foreign):
    """Return for each optimizer the parameters after each compiled step, and the last state."""
    stepped = {name: (start(), o.init(start())) for name, o in (FOREIGN if foreign else OPTIMIZERS).items()}
    paths = {name: [] for name in stepped}
    for step in range(STEPS):
        params, states = ({name: both[which] for name, both in stepped.items()} for which in (0, 1))
        stepped = compiled_step_each(foreign, gradients_at(step), states, params)
        for name, (moved, _) in stepped.items():
            paths[name].append(moved)
    return {name: (paths[name], stepped[name][1]) for name in stepped}


@pytest.mark.product
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_compiled_equals_not_compiled(name):
    path, state = walk(OPTIMIZERS[name])
    compiled_path, compiled_state = compiled_walks(foreign=False)[name]
    assert_paths_close(compiled_path, path)
    assert_trees_close(compiled_state, state)


@pytest.mark.parametrize("name", FOREIGN)
def test_compiled_equals_not_compiled_for_foreign_ones(name):
    with jax_as_optax_needs_it():
        path, state = walk(FOREIGN[name])
        compiled_path, compiled_state = compiled_walks(foreign=True)[name]
    assert_paths_close(compiled_path, path)
    assert_trees_close(compiled_state, state)


@ours_and_foreign
def test_a_scan_keeps_the_types_of_the_state(optimizer):
    params = start()
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *(gradients_at(step) for step in range(6)))

    def body(carry, gradients):
        updates, state = apply_rule(optimizer.rule, gradients, carry[1], carry[0])
        return (optax.apply_updates(carry[0], updates), state), None

    before = (params, initial_state(optimizer, params))
    with jax_as_optax_needs_it():
        after, _ = jax.eval_shape(partial(jax.lax.scan, body), before, stacked)
    assert jax.tree.map(jnp.result_type, after) == jax.tree.map(jnp.result_type, before)


def test_a_scan_walks_the_same_way():
    optimizer = ema(0.9, clip(4, sgd(DECAY, momentum=CYCLE, hold_effective_rate=True)))
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *(gradients_at(step) for step in range(6)))

    def body(carry, gradients):
        return one_step(optimizer.update, gradients, *carry)[::-1], None

    (state, last), _ = jax.lax.scan(body, (optimizer.init(start()), start()), stacked)
    path, expected = walk(optimizer, 6)
    assert_trees_close(last, path[-1])
    assert_trees_close(state, expected)
    assert int(state.step) == 6


@every_optimizer
def test_states_begin_on_the_host(optimizer):
    state = initial_state(optimizer, start())
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(state))
    assert state.step.dtype == np.int32
    assert state.hyperparams.keys() == optimizer.hyperparams.keys()
    assert all(
        float(value) == float(schedules.as_schedule(optimizer.hyperparams[name])(0))
        for name, value in state.hyperparams.items()
    )


@every_optimizer
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_updates_keep_the_type_of_the_parameters(optimizer, dtype):
    params = jax.tree.map(lambda p: jnp.asarray(p, dtype), start())
    state = optimizer.init(params)
    updates, after = jax.eval_shape(optimizer.update, params, state, params)
    assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(updates))
    assert jax.tree.map(jnp.result_type, after) == jax.tree.map(jnp.result_type, state)
    assert all(value.dtype == np.float32 for value in after.hyperparams.values())


@pytest.mark.product
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_single_precision_is_close_to_double(name):
    double, _ = compiled_walks(foreign=False)[name]
    with jax.enable_x64(False):
        single, state = single_precision_walks()[name]
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(state.hyperparams))
    assert_trees_close(single[-1], double[-1], rtol=2e-4, atol=2e-5)


@cache
def single_precision_walks():
    """Return the same as `compiled_walks`, of our own optimizers in float32."""
    return compiled_walks.__wrapped__(foreign=False)


@cache
def stepped_at_once(foreign):
    """Return each optimizer's first step from two starts at once."""
    starts = [start(), jax.tree.map(lambda p: 2 * p, start())]
    stacked, gradients = (
        jax.tree.map(lambda *leaves: np.stack(leaves), *pair) for pair in (starts, (gradients_at(0), gradients_at(1)))
    )
    chosen = FOREIGN if foreign else OPTIMIZERS
    states = {name: jax.vmap(optimizer.init)(stacked) for name, optimizer in chosen.items()}
    return jax.jit(jax.vmap(partial(step_each, foreign)))(gradients, states, dict.fromkeys(chosen, stacked))


@pytest.mark.product
@pytest.mark.parametrize("name, optimizer", [*OPTIMIZERS.items(), *FOREIGN.items()])
def test_many_states_at_once_equal_one_by_one(name, optimizer):
    with jax_as_optax_needs_it():
        params, state = stepped_at_once(name in FOREIGN)[name]
        for index in range(2):
            alone = jax.tree.map(lambda p, i=index: (1 + i) * p, start())
            expected = one_step(optimizer.update, gradients_at(index), optimizer.init(alone), alone)
            assert_trees_close(jax.tree.map(lambda leaf, i=index: leaf[i], (params, state)), expected)


@every_optimizer
def test_what_is_rendered_can_be_built_again(optimizer):
    again = rebuild(json.loads(json.dumps(render(optimizer))), ROOMS)
    assert again == optimizer
    assert hash(again) == hash(optimizer)
    assert again.rule == optimizer.rule
    assert again.hyperparams == optimizer.hyperparams
    assert repr(again) == repr(optimizer)
    assert_trees_equal(walk(again, 5)[0][-1], walk(optimizer, 5)[0][-1])


@every_optimizer
def test_copies_are_equal(optimizer):
    for again in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer)), optimizer._replace()):  # noqa: S301
        assert isinstance(again, optimizers.Optimizer)
        assert again == optimizer
        assert render(again) == render(optimizer)


@pytest.mark.product
@ours_and_foreign
def test_optimizers_are_optax_transformations(optimizer):
    assert isinstance(optimizer, optax.GradientTransformation)
    assert isinstance(optimizer, optax.GradientTransformationExtraArgs)
    init, update = optimizer
    assert init is optimizer.init
    assert update is optimizer.update
    chained, params, gradients = optax.chain(optax.scale(1.0), optimizer, optax.identity()), start(), gradients_at(0)
    with jax_as_optax_needs_it():
        expected, _ = update(gradients, init(params), params)
        assert_trees_equal(chained.update(gradients, chained.init(params), params)[0], expected)
        assert_trees_equal(update(gradients, jax.jit(init)(params), params, value=1.0)[0], expected)


def test_zeros_keep_no_memory():
    params = start()
    assert initial_state(sgd(0.1), params).memory == {}
    assert initial_state(sgd(0.1, momentum=0.0, weight_decay=0.0), params).hyperparams.keys() == {"learning_rate"}
    assert initial_state(rmsprop(0.1), params).memory.keys() == {"v"}
    assert "weight_decay" not in initial_state(adamw(0.1, weight_decay=0), params).hyperparams
    scheduled = initial_state(sgd(0.1, momentum=schedules.constant(0)), params)
    assert scheduled.memory.keys() == {"v"}


# --- one program for all numbers ---


def counted_step():
    """Return a compiled step and the list that grows each time it is traced."""
    traces = []

    @partial(jax.jit, static_argnames="rule")
    def step(rule, gradients, state, params):
        traces.append(rule)
        updates, state = apply_rule(rule, gradients, state, params)
        return optax.apply_updates(params, updates), state

    return step, traces


SAME_PROGRAM = {
    "three rates": [adam(1e-3), adam(1e-2), adam(0)],
    "all numbers": [adam(1e-3, b1=0.8), adam(1e-2, b2=0.9), adam(1, eps=0)],
    "three momenta": [sgd(0.1, momentum=momentum) for momentum in (0.5, 0.9, 0.99)],
    "three decays": [
        sgd(schedules.step_decay(0.1, factor, every)) for factor, every in ((0.5, 3), (0.9, 10), (0.1, 1))
    ],
    "three held rates": [sgd(0.1, momentum=momentum, hold_effective_rate=True) for momentum in (0.5, 0.9, 0.99)],
    "three accumulators": [adagrad(0.1, initial_accumulator=start) for start in (0, 0.1, 1)],
    "three momentum decays": [nadam(0.1, momentum_decay=decay) for decay in (0, 0.004, 1)],
    "three weight decays": [l2(decay, decoupled) for decay, decoupled in ((0, sgd(1)), (0.1, sgd(0.1)), (1, sgd(0)))],
    "three averages": [ema(decay, decoupled_weight_decay(decay, adadelta())) for decay in (0, 0.9, 0.99)],
    "three norms": [clip(norm, rmsprop(0.1)) for norm in (0.1, 1, 10)],
    "three warm-ups": [adamw(schedules.warmup(n, schedules.cosine_decay(0.1, 10 * n))) for n in (1, 10, 100)],
}


@pytest.mark.product
@pytest.mark.parametrize("family", SAME_PROGRAM.values(), ids=SAME_PROGRAM.keys())
def test_numbers_share_one_trace(family):
    step, traces = counted_step()
    assert len({optimizer.rule for optimizer in family}) == 1
    for optimizer in family:
        params = jax.tree.map(jnp.asarray, start())
        state = initial_state(optimizer, params)
        for number in range(3):
            params, state = step(optimizer.rule, gradients_at(number), state, params)
    assert len(traces) == 1


def test_changed_numbers_share_the_trace_and_act_like_a_fresh_optimizer():
    step, traces = counted_step()
    params = jax.tree.map(jnp.asarray, start())
    state = initial_state(sgd(0.1, momentum=0.9), params)
    for number in range(3):
        params, state = step(sgd(1, momentum=0.5).rule, gradients_at(number), state, params)
    changed = set_hyperparam(state, learning_rate=0.01, momentum=0.5)
    fresh = sgd(0.01, momentum=0.5)
    expected, _ = fresh.update(gradients_at(3), initial_state(fresh, params)._replace(memory=state.memory), params)
    got, after = step(fresh.rule, gradients_at(3), changed, params)
    assert_trees_close(got, optax.apply_updates(params, expected))
    assert float(after.hyperparams["learning_rate"]) == 0.01
    assert len(traces) == 1
    assert float(state.hyperparams["learning_rate"]) == 0.1


def test_numbers_may_be_replaced_by_hand():
    optimizer, params = adam(0.1), start()
    state = optimizer.init(params)
    by_hand = state._replace(hyperparams=state.hyperparams | {"learning_rate": 0.02})
    updates, after = optimizer.update(gradients_at(0), by_hand, params)
    expected, _ = adam(0.02).update(gradients_at(0), adam(0.02).init(params), params)
    assert_trees_equal(updates, expected)
    assert after.hyperparams["learning_rate"].dtype == np.float64


def test_schedules_equal_setting_the_rate_by_hand():
    scheduled, _ = walk(adam(DECAY, b1=schedules.cyclic(0.8, 0.9, 6)), 20)
    params, optimizer = start(), adam(1, b1=0.5)
    state, path = optimizer.init(params), []
    for step in range(20):
        b1 = float(schedules.cyclic(0.8, 0.9, 6)(step))
        state = set_hyperparam(state, learning_rate=float(DECAY(step)), b1=b1)
        updates, state = optimizer.update(gradients_at(step), state, params)
        params = optax.apply_updates(params, updates)
        path.append(params)
    assert_paths_close(scheduled, path)


def test_the_state_shows_the_numbers_of_the_last_step():
    _, state = walk(sgd(DECAY), 8)
    assert float(state.hyperparams["learning_rate"]) == float(DECAY(7))
    assert int(state.step) == 8


def test_a_number_that_is_set_drops_its_schedule():
    optimizer, params = sgd(DECAY, momentum=schedules.constant(0.5)), start()
    state = set_hyperparam(optimizer.init(params), learning_rate=0.25)
    assert state.schedules.keys() == {"momentum"}
    updates, state = optimizer.update(gradients_at(0), state, params)
    assert_trees_close(updates, jax.tree.map(lambda g: -0.25 * g, gradients_at(0)))
    assert float(state.hyperparams["learning_rate"]) == 0.25


@pytest.mark.parametrize("wrap", [lambda o: o, partial(clip, 100)], ids=["plain", "inside clip"])
def test_plateaus_reduce_the_rate(wrap):
    step, traces = counted_step()
    optimizer = wrap(sgd(schedules.reduce_on_plateau(0.1, 0.5, 0)))
    params = start()
    state = initial_state(optimizer, params)
    rates = []
    for loss in [1.0, 0.5, 0.5, 0.4, 0.6]:
        _, state = step(optimizer.rule, gradients_at(0), state, params)
        rates.append(float(state.hyperparams["learning_rate"]))
        state = observe_loss(state, loss)
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.1, 0.05, 0.05], rtol=1e-15)
    assert len(traces) == 1


def test_losses_change_nothing_without_a_plateau():
    state = initial_state(sgd(DECAY), start())
    assert observe_loss(state, 1.0) is state


def test_schedules_of_optax_are_accepted():
    theirs = optax.exponential_decay(0.1, 1, 0.9)
    assert_paths_close(walk(sgd(theirs), 10)[0], walk(optax.sgd(theirs), 10)[0])


# --- weight decay ---


def test_short_forms_of_weight_decay_are_the_long_ones():
    for short, long in (
        (sgd(0.1, momentum=0.9, weight_decay=0.2), l2(0.2, sgd(0.1, momentum=0.9))),
        (adamw(0.1, weight_decay=0.2, b1=0.8), decoupled_weight_decay(0.2, adam(0.1, b1=0.8))),
    ):
        assert short.rule == long.rule
        assert short.hyperparams == long.hyperparams


# --- averages of weights ---


@pytest.mark.parametrize(
    "inner",
    [adamw(0.01), sgd(DECAY, momentum=CYCLE), from_optax(optax.lamb(0.01))],
    ids=["adamw", "scheduled sgd", "lamb"],
)
def test_averaging_leaves_the_steps_alone(inner):
    with jax_as_optax_needs_it():
        assert_paths_close(walk(ema(0.9, inner))[0], walk(inner)[0])


def test_averages_follow_their_equation_while_the_decay_changes():
    decay = schedules.cyclic(0.5, 0.9, 6)
    path, state = walk(clip(4, ema(decay, sgd(0.1))), 20)
    total, weight = jax.tree.map(np.zeros_like, start()), 0.0
    for step, params in enumerate(path):
        β = float(decay(step))
        total = jax.tree.map(lambda a, θ, β=β: β * a + (1 - β) * np.asarray(θ), total, params)
        weight = β * weight + (1 - β)
    assert_trees_close(averaged_params(state, path[-1]), jax.tree.map(lambda a: a / weight, total))


def test_averages_begin_with_the_start_and_have_the_types_of_the_parameters():
    params = jax.tree.map(lambda p: jnp.asarray(p, jnp.bfloat16), start())
    state = ema(0.9, "adam").init(params)
    assert_trees_equal(averaged_params(state, params), params)
    params, state = one_step(ema(0.9, "adam").update, params, state, params)
    assert_trees_equal(averaged_params(state, params), params)
    assert state.memory.average[0]["weight"].dtype == np.float32
    assert averaged_params(state, params)[0]["weight"].dtype == jnp.bfloat16


def test_only_optimizers_that_average_have_an_average():
    with pytest.raises(SettingError, match="Train with `ema"):
        averaged_params(adam(0.1).init(start()), start())


# --- clipping ---


def test_clipping_leaves_zero_and_short_gradients_alone():
    optimizer, params = clip(5.0, sgd(1)), {"a": np.zeros(1), "b": np.zeros(1)}
    for gradients in ({"a": [0.0], "b": [0.0]}, {"a": [3.0], "b": [4.0]}):
        gradients = jax.tree.map(np.asarray, {name: np.array(value) for name, value in gradients.items()})
        updates, _ = optimizer.update(gradients, optimizer.init(params))
        assert_trees_equal(updates, jax.tree.map(lambda g: -g, gradients))


@pytest.mark.parametrize("inner", [clip(2, "adam"), l2(0.1, clip(2, "adam"))], ids=repr)
def test_clipping_twice_is_refused(inner):
    with pytest.raises(SettingError, match="Clip once"):
        clip(1, inner)


# --- foreign transformations ---


def test_foreign_transformations_are_given_what_they_take():
    seen = {}

    def update(updates, state, params=None, *, value, **extra_args):
        seen["value"], seen["params"] = value, params
        return updates, state

    curious = from_optax(optax.GradientTransformationExtraArgs(lambda params: (), update))
    curious.update(gradients_at(0), curious.init(start()), start(), value=3.0)
    assert seen["value"] == 3.0
    assert seen["params"] is not None
    plain = from_optax((lambda params: (), lambda updates, state, params=None: (updates, state)))
    updates, _ = plain.update(gradients_at(0), plain.init(start()), start(), value=3.0)
    assert_trees_equal(updates, gradients_at(0))


def test_foreign_transformations_are_equal_by_identity_and_cannot_be_built_from_a_run():
    theirs = optax.adam(0.1)
    assert from_optax(theirs) == from_optax(theirs)
    assert hash(from_optax(theirs).rule) == hash(from_optax(theirs).rule)
    assert from_optax(theirs).rule != from_optax(optax.adam(0.1)).rule
    assert from_optax(theirs).hyperparams == {}
    assert set(render(from_optax(theirs))) == {"custom"}
    assert "0x" not in repr(from_optax(theirs))
    for optimizer in (from_optax(theirs), clip(1, theirs)):
        assert core.is_custom(render(optimizer))
        with pytest.raises(CustomPartError):
            rebuild(render(optimizer), ROOMS)


# --- names and looks ---


def test_anything_becomes_an_optimizer():
    ours = adam(0.1)
    assert as_optimizer(ours) is ours
    assert from_optax(ours) is ours
    assert as_optimizer("sgd") == sgd(0.01)
    assert [as_optimizer(name) for name in ("rmsprop", "adam", "adamw")] == [rmsprop(1e-3), adam(1e-3), adamw(1e-3)]
    assert [as_optimizer(name) for name in ("nadam", "adagrad", "adadelta")] == [nadam(1e-3), adagrad(0.01), adadelta()]
    assert isinstance(as_optimizer(optax.adam(0.1)), optimizers.Optimizer)


def test_optimizers_look_like_their_calls():
    assert repr(adam(0.001)) == "adam(0.001)"
    assert repr(adam(0.001, b1=0.8, bias_correction=False)) == "adam(0.001, b1=0.8, bias_correction=False)"
    assert repr(sgd(0.1, momentum=0.9, nesterov=True)) == "sgd(0.1, momentum=0.9, nesterov=True)"
    assert repr(ema(0.9, l2(0.1, adadelta()))) == "ema(0.9, l2(0.1, adadelta()))"
    assert repr(clip(1, sgd(schedules.constant(0.1)))) == "clip(1.0, sgd(Constant(value=0.1)))"
    assert render(clip(1, sgd(0.5))) == {
        "kind": "optimizers.clip",
        "max_norm": 1.0,
        "optimizer": {
            "kind": "optimizers.sgd",
            "learning_rate": 0.5,
            "momentum": 0.0,
            "nesterov": False,
            "averaged": False,
            "bias_correction": False,
            "hold_effective_rate": False,
            "weight_decay": 0.0,
            "decay_biases": True,
        },
    }


# --- facts ---

every_name = pytest.mark.parametrize("facts", optimizers.OPTIMIZERS.values(), ids=optimizers.OPTIMIZERS.keys())


def updates_of(optimizer, gradients):
    """Return the updates that gradients lead to, one a step."""
    params = jax.tree.map(np.zeros_like, gradients[0])
    state, made = optimizer.init(params), []
    for g in gradients:
        updates, state = optimizer.update(g, state, params)
        made.append(np.asarray(updates))
    return np.array(made), state


def test_every_function_that_takes_a_rate_has_its_facts():
    functions = [getattr(optimizers, name) for name in optimizers.__all__]
    first = {f.__name__: next(iter(signature(f).parameters)) for f in functions if isinstance(f, FunctionType)}
    takers = {name for name, argument in first.items() if argument == "learning_rate"}
    assert takers == set(optimizers.OPTIMIZERS)


@every_name
def test_a_name_is_that_of_the_function_and_stands_for_the_usual_rate(facts):
    assert getattr(optimizers, facts.name) is facts.maker
    assert as_optimizer(facts.name) == facts.maker(facts.learning_rate)
    wrapped = clip(1, ema(0.9, facts.maker(0.1)))
    assert wrapped.base == facts.maker(0.1)
    assert optimizers.facts_of(wrapped) is facts
    assert optimizers.facts_of(from_optax(optax.sgd(0.1))) is None


@every_name
def test_numbers_have_defaults_within_their_limits_and_are_refused_beyond(facts):
    numbers = facts.hyperparams
    assert numbers[0].name == "learning_rate"
    usual = as_optimizer(facts.name)
    assert {number.name: number.default for number in numbers} == {
        name: value for name, value in usual.settings.items() if not isinstance(value, bool)
    }
    for number in numbers:
        for limit, value in number.limits.items():
            beyond = value - 1e-9 if limit == "at_least" else value
            with pytest.raises(SettingError, match=number.name):
                facts.maker(**{"learning_rate": 0.1, number.name: beyond})


@every_name
def test_the_formula_says_what_becomes_of_the_parameters(facts):
    for settings in product((0, 0.5), repeat=len(names := ("weight_decay", "momentum"))):
        lines = [line.text for line in facts.formula if line.holds(dict(zip(names, settings, strict=True)))]
        assert lines[0].startswith("g = ∇L(θ)")
        assert [line.startswith("θ ← θ − η") for line in lines] == [False] * (len(lines) - 1) + [True]


@every_name
def test_formulas_are_in_the_letters_of_the_documentation(facts):
    for number in facts.hyperparams:
        assert f"`{number.facts.letter}`" in facts.maker.__doc__
    for line in facts.formula:
        assert {*line.needs, *line.lacks} <= {*signature(facts.maker).parameters, "weight_decay", "momentum"}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_setting_is_replaced_where_it_is(name):
    optimizer = OPTIMIZERS[name]
    changed = optimizer.replace(learning_rate=0.25)
    assert changed.all_settings == optimizer.all_settings | {"learning_rate": 0.25}
    assert changed.replace(learning_rate=optimizer.all_settings["learning_rate"]) == optimizer
    with pytest.raises(UnknownNameError, match="learning_rate"):
        optimizer.replace(learning_rat=0.25)


def test_a_setting_is_replaced_in_the_outermost_that_has_one_of_its_name():
    assert decoupled_weight_decay(0.5, sgd(0.1)).replace(weight_decay=0.25) == decoupled_weight_decay(0.25, sgd(0.1))


@every_name
def test_weight_decay_is_decoupled_where_the_facts_say_so(facts):
    assert ("weight_decay" in signature(facts.maker).parameters) == facts.decays_weights
    if facts.decays_weights:
        decayed = facts.maker(0.5, weight_decay=0.25)
        decoupled = isinstance(decayed.rule, type(decoupled_weight_decay(0.25, sgd(0.5)).rule))
        assert decoupled == facts.decouples_decay


@every_name
def test_only_momentum_makes_a_step_without_a_gradient(facts):
    number = {} if facts.momentum is None else {facts.momentum: 0.5}
    updates, _ = updates_of(facts.maker(0.1, **number), [np.ones(1), np.zeros(1)])
    assert (updates[1] != 0) == (facts.momentum is not None)


@every_name
def test_only_some_optimizers_see_the_scale_of_gradients(facts):
    gradients = np.random.default_rng(0).normal(size=(10, 3))
    tiny = {number.name: 1e-30 for number in facts.hyperparams if number.name == "eps"}
    optimizer = facts.maker(facts.learning_rate, **tiny)
    small, large = (updates_of(optimizer, list(scale * gradients))[0] for scale in (1.0, 1000.0))
    assert np.allclose(small, large, rtol=1e-9, atol=0) == facts.scale_invariant


@every_name
def test_the_rate_of_some_optimizers_is_the_length_of_a_step(facts):
    lengths = [abs(updates_of(facts.maker(0.01), [np.array([g])])[0][0, 0]) for g in (1e-3, 1.0, 1e3)]
    assert all(0.01 / 4 < length < 0.01 * 4 for length in lengths) == facts.rate_is_length


LINEAR = {
    name: optimizer
    for name, optimizer in OPTIMIZERS.items()
    if optimizer.base.maker not in (nadam, adadelta) and not any(map(callable, optimizer.hyperparams.values()))
} | {"sgd, effective rate held": sgd(0.1, momentum=0.9, hold_effective_rate=True), "adagrad, alone": adagrad(0.1)}


@pytest.mark.product
@pytest.mark.parametrize("name", LINEAR)
def test_the_linear_step_is_the_one_made_along_gradients_that_alternate(name):
    optimizer, g, params = LINEAR[name], np.array([1e-3, -2e-3]), np.array([0.2, -0.3])
    decay = optimizers.linear_step(optimizer, optimizer.update(g, optimizer.init(params), params)[1]).l2

    def step(state, sign):
        updates, state = optimizer.update(sign * g - decay * params, state, params)  # the decay is added to it again
        return state, updates

    start = jax.tree.map(jnp.asarray, optimizer.init(params))
    state, updates = jax.lax.scan(step, start, jnp.tile(jnp.array([1.0, -1.0]), 200))
    linear = optimizers.linear_step(optimizer, state)
    velocity = (1 - linear.momentum if linear.averaged else 1) / (1 + linear.momentum)
    direction = 1 + linear.momentum * velocity if linear.nesterov else velocity
    divided = -g if linear.preconditioner is None else -g / linear.preconditioner
    expected = -linear.rate * (direction * divided + linear.decoupled_weight_decay * params)
    np.testing.assert_allclose(updates[-1], expected, rtol=1e-10)


# --- refusals ---

BAD = {
    "negative rate": (partial(sgd, -0.1), "learning_rate"),
    "rate of text": (partial(adam, "fast"), "learning_rate"),
    "infinite rate": (partial(adam, float("inf")), "learning_rate"),
    "no rate": (partial(rmsprop, None), "learning_rate"),
    "momentum 1": (partial(sgd, 0.1, momentum=1), "momentum"),
    "negative momentum": (partial(sgd, 0.1, momentum=-0.1), "momentum"),
    "negative weight decay": (partial(sgd, 0.1, weight_decay=-1), "weight_decay"),
    "nesterov without momentum": (partial(sgd, 0.1, nesterov=True), "nesterov"),
    "nesterov averaged": (partial(sgd, 0.1, momentum=0.9, nesterov=True, averaged=True), "nesterov"),
    "averaged without momentum": (partial(sgd, 0.1, averaged=True), "averaged"),
    "corrected sum": (partial(sgd, 0.1, momentum=0.9, bias_correction=True), "bias_correction"),
    "held rate without momentum": (partial(sgd, 0.1, hold_effective_rate=True), "hold_effective_rate"),
    "held rate averaged": (
        partial(sgd, 0.1, momentum=0.9, averaged=True, hold_effective_rate=True),
        "hold_effective_rate",
    ),
    "negative accumulator": (partial(adagrad, 0.1, initial_accumulator=-0.1), "initial_accumulator"),
    "decay above 1": (partial(adadelta, decay=1.1), "decay"),
    "negative momentum decay": (partial(nadam, 0.1, momentum_decay=-1), "momentum_decay"),
    "negative l2": (partial(l2, -0.1, "adam"), "weight_decay"),
    "l2 of nothing": (partial(l2, 0.1, None), "optimizer"),
    "l2 twice": (partial(l2, 0.1, sgd(0.1, weight_decay=0.1)), "optimizer"),
    "l2 and decoupled": (partial(l2, 0.1, clip(1, "adamw")), "optimizer"),
    "decay times no rate": (partial(decoupled_weight_decay, 0.1, optax.adam(0.1)), "optimizer"),
    "decay after averaging": (partial(decoupled_weight_decay, 0.1, clip(1, ema(0.9, "adam"))), "optimizer"),
    "average of all time": (partial(ema, 1, "adam"), "ema_decay"),
    "averages of averages": (partial(ema, 0.9, clip(1, ema(0.9, "adam"))), "optimizer"),
    "decay 1": (partial(rmsprop, 0.1, decay=1), "decay"),
    "negative eps": (partial(rmsprop, 0.1, eps=-1e-8), "eps"),
    "b1 of 1": (partial(adam, 0.1, b1=1), "b1"),
    "b2 above 1": (partial(adamw, 0.1, b2=1.5), "b2"),
    "negative decoupled decay": (partial(adamw, 0.1, weight_decay=-0.1), "weight_decay"),
    "norm 0": (partial(clip, 0, "adam"), "max_norm"),
    "clip nothing": (partial(clip, 1, None), "optimizer"),
    "no optimizer": (partial(as_optimizer, 3), "optimizer"),
    "no pair": (partial(from_optax, "adam"), "optimizer"),
}


@pytest.mark.parametrize("call, setting", BAD.values(), ids=BAD.keys())
def test_bad_settings_are_refused(call, setting):
    with pytest.raises(SettingError) as error:
        call()
    assert error.value.setting == setting
    assert not isinstance(error.value, UnknownNameError)
    assert "\n" not in str(error.value)


def test_unknown_names_list_the_close_ones():
    with pytest.raises(UnknownNameError, match="Did you mean 'adam' or 'nadam' or 'adamw'"):
        as_optimizer("adm")
    state = initial_state(adam(0.1), start())
    with pytest.raises(UnknownNameError, match="Did you mean 'learning_rate'"):
        set_hyperparam(state, learning_rat=0.1)
    with pytest.raises(UnknownNameError):
        set_hyperparam(state, momentum=0.9)
    with pytest.raises(SettingError, match="below 1"):
        set_hyperparam(state, b1=1.0)


@pytest.mark.parametrize("optimizer", [sgd(0.1, weight_decay=0.1), clip(1, adamw(0.1)), ema(0.9, adam(1))], ids=repr)
def test_weight_decay_and_averaging_ask_for_the_parameters(optimizer):
    with pytest.raises(SettingError, match="needs the parameters"):
        optimizer.update(gradients_at(0), optimizer.init(start()))


def test_public_names_are_sorted_and_there():
    assert optimizers.__all__ == sorted(optimizers.__all__, key=lambda name: (not name.isupper(), name.islower(), name))
    assert all(hasattr(optimizers, name) for name in optimizers.__all__)


NAMED = {"weight": np.ones((2, 3)), "bias": np.full(3, 2.0), "scale": np.full(3, 3.0), "shift": np.full(3, 4.0)}
MASK = {"weight": True, "bias": False, "scale": False, "shift": False}
SPARING = {
    "l2": (
        l2(0.3, adam(0.01), decay_biases=False),
        optax.chain(optax.add_decayed_weights(0.3, mask=(MASK, {"kernel": True})), optax.adam(0.01)),
    ),
    "sgd": (
        sgd(0.1, momentum=0.9, weight_decay=0.3, decay_biases=False),
        optax.chain(optax.add_decayed_weights(0.3, mask=(MASK, {"kernel": True})), optax.sgd(0.1, momentum=0.9)),
    ),
    "adamw": (
        adamw(0.01, weight_decay=0.3, decay_biases=False),
        optax.adamw(0.01, weight_decay=0.3, mask=(MASK, {"kernel": True})),
    ),
    "decoupled": (
        clip(1e6, decoupled_weight_decay(0.3, adam(0.01), decay_biases=False)),
        optax.adamw(0.01, weight_decay=0.3, mask=(MASK, {"kernel": True})),
    ),
}


def _gradient(step, leaf):
    return np.cos(leaf + step)


@pytest.mark.parametrize("name", SPARING)
def test_d5_decay_that_spares_biases_and_norms_is_the_mask_of_optax(name):
    ours, theirs = SPARING[name]
    params = one = other = (NAMED, {"kernel": np.ones(2)})
    state, their_state = ours.init(params), theirs.init(params)
    for step in range(4):
        gradients = jax.tree.map(partial(_gradient, step), params)
        updates, state = ours.update(gradients, state, one)
        with jax.numpy_dtype_promotion("standard"):
            their_updates, their_state = theirs.update(gradients, their_state, other)
        one, other = optax.apply_updates(one, updates), optax.apply_updates(other, their_updates)
    cases.assert_trees_close(one, other, rtol=1e-6)


@pytest.mark.parametrize("optimizer", [pair[0] for pair in SPARING.values()], ids=SPARING)
def test_d5_that_biases_are_spared_is_rendered_and_can_be_replaced(optimizer):
    assert rebuild(json.loads(json.dumps(render(optimizer))), ROOMS) == optimizer
    assert "decay_biases=False" in repr(optimizer)
    assert optimizer.replace(decay_biases=True) != optimizer
    assert "decay_biases" not in repr(optimizer.replace(decay_biases=True))
