"""Frozen layers: bitwise as they were whatever trains the others, and no part of what descends."""

import json

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import cases
import downslope as ds
from cases import NoisyCounter, assert_bitwise, assert_trees_close
from downslope import layers, networks
from downslope.core import rebuild, render
from downslope.reference import vjp_network

RNG = np.random.default_rng(0)
DATA = ds.Dataset(RNG.normal(size=(50, 3)), RNG.integers(0, 3, 50))
NET = ds.Sequential([ds.Dense(6), ds.Tanh(), ds.Dense(5), ds.ReLU(), ds.Dense(3)])
OPTIMIZERS = {
    "sgd": ds.sgd(0.1, momentum=0.9, weight_decay=0.1),
    "nesterov": ds.sgd(0.1, momentum=0.9, nesterov=True),
    "rmsprop": ds.rmsprop(1e-2),
    "adam": ds.adam(1e-2),
    "adamw": ds.adamw(1e-2, weight_decay=0.3),
    "clip": ds.clip(0.1, ds.adamw(1e-2, weight_decay=0.3)),
    "optax": optax.chain(optax.add_decayed_weights(0.1), optax.lion(1e-2)),
}


def trained(net=NET, data=DATA, **settings):
    return ds.train(net, data, **{"epochs": 3, "batch_size": 8, "progress": False} | settings)


def numbers(variables, place):
    """Return the params of a layer, frozen or not."""
    return variables.params[place] or variables.state[place]["frozen_params"]


@pytest.mark.product
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_frozen_layers_are_bitwise_unchanged_and_the_others_learn(optimizer):
    start = trained().variables
    run = trained(ds.freeze(NET, [0, 4]), start=start, optimizer=optimizer)
    for place in (0, 4):
        assert_bitwise(numbers(run.variables, place), numbers(start, place))
    assert not np.array_equal(run.params[2]["weight"], start.params[2]["weight"])
    assert not np.array_equal(run.params[2]["bias"], start.params[2]["bias"])


@pytest.mark.product
@pytest.mark.parametrize("optimizer", ["adamw", "clip"])
def test_training_behind_frozen_layers_is_training_on_what_they_put_out(optimizer):
    start = NET.init(1, (3,))
    whole = trained(ds.freeze(NET, range(4)), start=start, optimizer=OPTIMIZERS[optimizer])
    features = NET.forward(start, DATA.x).activations[4]
    last = ds.Sequential(NET.layers[4:])
    alone = trained(
        last,
        ds.Dataset(np.asarray(features), DATA.y),
        start=ds.Variables(start.params[4:], start.state[4:]),
        optimizer=OPTIMIZERS[optimizer],
    )
    assert_trees_close(whole.params[4], alone.params[0], rtol=1e-12)
    np.testing.assert_allclose(whole.history["train_loss"], alone.history["train_loss"], rtol=1e-12)


def test_frozen_or_not_a_network_computes_the_same():
    frozen, variables = ds.freeze(NET, [0, 2]), NET.init(1, (3,))
    np.testing.assert_array_equal(
        frozen.apply(networks.rearranged(frozen, variables), DATA.x), NET.apply(variables, DATA.x)
    )
    assert_bitwise(networks.rearranged(NET, networks.rearranged(frozen, variables)), variables)
    assert_bitwise(networks.rearranged(frozen, NET.init(7, (3,))), frozen.init(7, (3,)))


@pytest.mark.slow
def test_no_gradient_is_computed_for_what_is_frozen_and_the_others_are_right():
    frozen, x = ds.freeze(NET, [2]), jnp.asarray(DATA.x[:6])
    variables, d_output = cases.moved(frozen.init(1, (3,))), cases.normal(3, 6, 3)
    backward = frozen.backward(variables, frozen.forward(variables, x), d_output)
    assert backward.params[2] == {}
    judge = vjp_network(frozen, variables, x, d_output)
    assert_trees_close(backward.params, judge.params)
    np.testing.assert_allclose(backward.input, judge.input, rtol=1e-10)
    assert ds.check_gradients(frozen, input_shape=(3,), loss="cross_entropy").passed


def test_a_layer_with_state_keeps_it_and_behaves_as_when_predicting():
    net = ds.Sequential([ds.Frozen(NoisyCounter()), ds.Dense(3)])
    variables = net.init(0, (3,))
    forward = net.forward(variables, DATA.x, training=True, key=np.array([1, 2], np.uint32))
    np.testing.assert_array_equal(forward.activations[1], DATA.x)
    assert_bitwise(forward.state, variables.state)


@pytest.mark.slow
def test_frozen_batch_norm_keeps_its_statistics():
    net = ds.Sequential([ds.Dense(4), ds.BatchNorm(), ds.ReLU(), ds.Dropout(0.5), ds.Dense(3)])
    start = trained(net).variables
    run = trained(ds.freeze(net, [1, 3]), start=start, optimizer=ds.adamw(1e-2, weight_decay=0.3))
    assert_bitwise(run.variables.state[1]["frozen_state"], start.state[1])
    assert_bitwise(run.variables.state[1]["frozen_params"], start.params[1])


def test_fine_tuning_thaws_as_well():
    tuned = trained(ds.freeze(NET, [0, 2]), start=trained().variables)
    thawed = trained(NET, start=tuned.variables, optimizer=ds.sgd(0.0), epochs=1)
    for place in (0, 2, 4):
        assert_bitwise(thawed.params[place], numbers(tuned.variables, place))


def test_a_frozen_network_is_stored_and_opened(tmp_path):
    run = trained(ds.freeze(NET, [0]), store=tmp_path / "run")
    opened = ds.open_run(tmp_path / "run")
    assert opened.net == run.net
    assert_bitwise(opened.variables, run.variables)
    np.testing.assert_array_equal(opened.predict(DATA.x), run.predict(DATA.x))


def test_frozen_layers_are_rendered_and_built_again():
    rooms = {"layers": layers, "networks": networks}
    net = ds.freeze(NET, [0, -1])
    assert rebuild(json.loads(json.dumps(render(net))), rooms) == net
    assert hash(net) == hash(ds.freeze(NET, [4, 0]))


def test_what_holds_no_numbers_is_not_wrapped():
    assert ds.freeze(NET, range(5)).layers[1] == ds.Tanh()
    assert ds.freeze(ds.freeze(NET, [0]), [0, 2]) == ds.freeze(NET, [0, 2])


@pytest.mark.parametrize("place", [5, -6, 1.5, "first"])
def test_places_where_there_is_no_layer_are_refused(place):
    with cases.refused(ds.SettingError, match="from 0 to 4, got"):
        ds.freeze(NET, [place])


@pytest.mark.parametrize("layer", [ds.Dense, ds.Frozen(ds.Dense(3)), 3], ids=["a type", "frozen already", "3"])
def test_what_cannot_be_frozen_is_refused(layer):
    with cases.refused(ds.SettingError, match="`layer` must be a layer that is not frozen"):
        ds.Frozen(layer)
