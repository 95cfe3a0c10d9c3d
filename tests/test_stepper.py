"""A training made step by step is the training of `ds.train`."""

import jax
import numpy as np
import pytest

import downslope as ds
from downslope.training import Stepper

IRIS = ds.load("iris")
CASES = {
    "sgd with momentum": (ds.mlp([6], outputs=3), {"optimizer": ds.sgd(0.05, momentum=0.9), "batch_size": 32}),
    "adam, scheduled, dropped and normed": (
        ds.mlp([6, 6], outputs=3, norm="batch", dropout=0.2),
        {"optimizer": ds.adam(ds.schedules.cosine_decay(0.02, 12)), "batch_size": 40},
    ),
}


@pytest.mark.product
@pytest.mark.parametrize("name", CASES)
def test_every_number_is_that_of_train_however_steps_are_divided(name):
    net, settings = CASES[name]
    run = ds.train(net, IRIS, epochs=3, normalize="standard", seed=1, progress=False, **settings)
    stepper = Stepper(run.recipe.problem())
    for steps in (1, 2, 3, 100):
        stepper.advance(min(steps, 3 * stepper.epoch_steps - stepper.step))
    assert (stepper.epoch, stepper.step_in_epoch) == (3, 0)
    for ours, theirs in zip(jax.tree.leaves(stepper.variables), jax.tree.leaves(run.last), strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    assert stepper.loss() == run.history["train_loss"][-1]


def test_numbers_change_on_the_way_and_nothing_is_reset():
    net, settings = CASES["sgd with momentum"]
    recipe = ds.train(net, IRIS, epochs=1, normalize="standard", progress=False, **settings).recipe
    stepper, slow = Stepper(recipe.problem()), Stepper(recipe.problem())
    stepper.advance(4)
    before = jax.tree.map(np.asarray, stepper.params)
    slow.advance(4)
    slow.set(learning_rate=0.0)
    stepper.set(learning_rate=0.1)
    assert stepper.step == 4
    stepper.advance(1)
    slow.advance(2)
    assert (stepper.hyperparams["learning_rate"], stepper.hyperparams["momentum"]) == (0.1, 0.9)
    for new, old, step in zip(*map(jax.tree.leaves, (stepper.params, before, stepper.velocity)), strict=True):
        np.testing.assert_allclose(np.asarray(new) - old, step)
        assert np.any(step)
    for new, old in zip(jax.tree.leaves(slow.params), jax.tree.leaves(before), strict=True):
        np.testing.assert_array_equal(np.asarray(new), old)
    with pytest.raises(ds.UnknownNameError, match="b1"):
        stepper.set(b1=0.5)


def test_it_begins_at_its_start_and_stays_before_the_batch_that_diverged():
    net = ds.mlp([], outputs=3)
    settings = {"optimizer": ds.sgd(1e308), "batch_size": 50}
    recipe = ds.train(net, IRIS, epochs=1, progress=False, **settings).recipe
    start = net.init(7, (4,))
    stepper = Stepper(recipe.problem(), start)
    np.testing.assert_array_equal(stepper.params[0]["weight"], start.params[0]["weight"])
    made = stepper.advance(100)
    assert stepper.diverged
    assert made == stepper.step < 100
    assert stepper.advance(5) == 0


def test_another_optimizer_goes_on_where_one_was():
    net, settings = CASES["sgd with momentum"]
    recipe = ds.train(net, IRIS, epochs=1, normalize="standard", progress=False, **settings).recipe
    stepper, plain = Stepper(recipe.problem()), Stepper(recipe.problem())
    for one in (stepper, plain):
        one.advance(4)
    stepper.switch_optimizer(ds.l2(0.5, ds.sgd(0.9, momentum=0.1)))
    assert stepper.hyperparams == plain.hyperparams | {"weight_decay": 0.5}
    stepper.set(weight_decay=0.0)
    for one in (stepper, plain):
        one.advance(4)
    assert stepper.step == plain.step == 8
    for ours, theirs in zip(jax.tree.leaves(stepper.params), jax.tree.leaves(plain.params), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
