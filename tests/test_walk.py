"""A training walked by hand is the training of `ds.train`."""

import jax
import numpy as np
import pytest

import downslope as ds
from downslope.training import Walk

IRIS = ds.load("iris")
CASES = {
    "sgd with momentum": (ds.mlp([6], outputs=3), {"optimizer": ds.sgd(0.05, momentum=0.9), "batch_size": 32}),
    "adam, scheduled, dropped and normed": (
        ds.mlp([6, 6], outputs=3, norm="batch", dropout=0.2),
        {"optimizer": ds.adam(ds.schedules.cosine_decay(0.02, 12)), "batch_size": 40},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_every_number_is_that_of_train_however_steps_are_divided(name):
    net, settings = CASES[name]
    run = ds.train(net, IRIS, epochs=3, normalize="standard", seed=1, progress=False, **settings)
    walk = Walk(run.recipe.problem())
    for steps in (1, 2, 3, 100):
        walk.advance(min(steps, 3 * walk.epoch_steps - walk.step))
    assert (walk.epoch, walk.place) == (3, 0)
    for ours, theirs in zip(jax.tree.leaves(walk.variables), jax.tree.leaves(run.last), strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    assert walk.loss() == run.history["train_loss"][-1]


def test_numbers_change_on_the_way_and_nothing_is_reset():
    net, settings = CASES["sgd with momentum"]
    recipe = ds.train(net, IRIS, epochs=1, normalize="standard", progress=False, **settings).recipe
    walk, slow = Walk(recipe.problem()), Walk(recipe.problem())
    walk.advance(4)
    before = jax.tree.map(np.asarray, walk.params)
    slow.advance(4)
    slow.set(learning_rate=0.0)
    walk.set(learning_rate=0.1)
    assert walk.step == 4
    walk.advance(1)
    slow.advance(2)
    assert (walk.hyperparams["learning_rate"], walk.hyperparams["momentum"]) == (0.1, 0.9)
    for new, old, step in zip(*map(jax.tree.leaves, (walk.params, before, walk.velocity)), strict=True):
        np.testing.assert_allclose(np.asarray(new) - old, step)
        assert np.any(step)
    for new, old in zip(jax.tree.leaves(slow.params), jax.tree.leaves(before), strict=True):
        np.testing.assert_array_equal(np.asarray(new), old)
    with pytest.raises(ds.UnknownNameError, match="b1"):
        walk.set(b1=0.5)


def test_a_walk_begins_where_it_is_told_and_stays_where_it_diverged():
    net = ds.mlp([], outputs=3)
    settings = {"optimizer": ds.sgd(1e308), "batch_size": 50}
    recipe = ds.train(net, IRIS, epochs=1, progress=False, **settings).recipe
    start = net.init(7, (4,))
    walk = Walk(recipe.problem(), start)
    np.testing.assert_array_equal(walk.params[0]["weight"], start.params[0]["weight"])
    made = walk.advance(100)
    assert walk.diverged
    assert made == walk.step < 100
    assert walk.advance(5) == 0


def test_another_optimizer_goes_on_where_one_was():
    net, settings = CASES["sgd with momentum"]
    recipe = ds.train(net, IRIS, epochs=1, normalize="standard", progress=False, **settings).recipe
    walk, plain = Walk(recipe.problem()), Walk(recipe.problem())
    for one in (walk, plain):
        one.advance(4)
    walk.adopt(ds.l2(0.5, ds.sgd(0.9, momentum=0.1)))
    assert walk.hyperparams == plain.hyperparams | {"weight_decay": 0.5}
    walk.set(weight_decay=0.0)
    for one in (walk, plain):
        one.advance(4)
    assert walk.step == plain.step == 8
    for ours, theirs in zip(jax.tree.leaves(walk.params), jax.tree.leaves(plain.params), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
