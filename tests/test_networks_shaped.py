"""Networks with convolutions, norms, dropout and skips: gradients of every order, builders, training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cases
import downslope as ds
from cases import ROWS, assert_trees_close, every_shaped_network, refused
from downslope.core import SettingError, ShapeError, UnknownNameError, fold
from downslope.reference import finite_differences


def start(net, shape):
    """Return variables whose biases are not zero, an input and targets."""
    x = cases.normal(20, ROWS, *shape)
    return cases.moved(net.init(0, shape)), x, cases.normal(6, ROWS, *net.output_shape(shape))


def step_settings(training):
    """Return what the gradients of a step depend on besides."""
    if not training:
        return {"training": False}
    weights = jnp.asarray([1.0, 2, 0.5, 1, 1.5, 0])
    return {"training": True, "key": jax.random.PRNGKey(2), "row_weights": weights}


both_modes = pytest.mark.parametrize("training", [False, True], ids=["predicting", "training"])


@pytest.mark.product
@every_shaped_network
@both_modes
def test_gradients_are_those_of_the_loss_of_the_output(net, shape, training):
    variables, x, t = start(net, shape)
    settings = step_settings(training)

    def value(params, x):
        output = net.forward(ds.Variables(params, variables.state), x, **settings).output
        return ds.losses.squared_error.value(output, t, settings.get("row_weights"))

    def gradients(params, x):
        here = ds.Variables(params, variables.state)
        result = ds.loss_and_gradients(net, here, x, t, "squared_error", **settings)
        return result.loss, (result.params, result.activations[0])

    expected = jax.jit(jax.value_and_grad(value, argnums=(0, 1)))(variables.params, x)
    assert_trees_close(jax.jit(gradients)(variables.params, x), expected, atol=1e-12)


@pytest.mark.slow
@every_shaped_network
def test_every_gradient_passes_the_public_check(net, shape):
    report = ds.check_gradients(net, input_shape=shape)
    assert report.passed, report


@pytest.mark.product
@pytest.mark.parametrize("dimensions", [1, 2])
def test_small_networks_have_the_gradient_of_differences(dimensions):
    shape = (5, 2) if dimensions == 1 else (4, 3, 1)
    net = ds.cnn([2], outputs=1, dimensions=dimensions, activation="tanh", norm="batch")
    variables, x, t = start(net, shape)
    settings = step_settings(True)

    @jax.jit
    def value(params):
        output = net.forward(ds.Variables(params, variables.state), x, **settings).output
        return ds.losses.squared_error.value(output, t, settings["row_weights"])

    gradients = ds.loss_and_gradients(net, variables, x, t, "squared_error", **settings).params
    assert_trees_close(gradients, finite_differences(value, variables.params), rtol=1e-6, atol=1e-8)


@pytest.mark.product
@every_shaped_network
def test_what_init_returns_is_ready_to_use(net, shape):
    variables = net.init(0, shape)
    assert net.apply(variables, np.ones((2, *shape))).shape == (2, *net.output_shape(shape))


@pytest.mark.product
@every_shaped_network
def test_a_padded_batch_equals_the_rows_it_holds(net, shape):
    net = ds.Sequential([layer for layer in net.layers if not isinstance(layer, (ds.Dropout, ds.Residual))][:3])
    variables, x, _ = start(net, shape)
    weights = jnp.asarray([1.0, 1, 1, 1, 0, 0])
    padded = net.forward(variables, x, training=True, row_weights=weights)
    held = net.forward(variables, x[:4], training=True)
    np.testing.assert_allclose(padded.output[:4], held.output, rtol=1e-11)
    assert_trees_close(padded.state, held.state, rtol=1e-11)


# ── Builders ─────────────────────────────────────────────────────────────────────────────────────


def names(net):
    return " ".join(type(layer).__name__ for layer in net.layers)


def test_layers_of_a_perceptron_stand_in_order():
    assert names(ds.mlp([4, 4], outputs=2, norm="layer", dropout=0.1)) == (
        "Dense LayerNorm ReLU Dropout Dense LayerNorm ReLU Dropout Dense"
    )
    net = ds.mlp([4, 4], outputs=2, norm="batch", skip=True, dropout=0.1)
    assert names(net) == "Dense Residual BatchNorm ReLU Dropout Dense"
    assert [type(layer).__name__ for layer in net.layers[1].layers] == ["BatchNorm", "ReLU", "Dropout", "Dense"]
    assert names(ds.mlp([], outputs=2, norm="batch", skip=True, dropout=0.1)) == "Dense"


def test_a_plain_perceptron_stays_what_it_was():
    assert ds.mlp([3], outputs=2) == ds.Sequential([ds.Dense(3), ds.ReLU(), ds.Dense(2)])


def test_no_bias_stands_before_batch_norm():
    params = ds.mlp([3, 3], outputs=2, norm="batch").init(0, (4,)).params
    assert [sorted(layer) for layer in params if layer] == [
        ["weight"], ["scale", "shift"], ["weight"], ["scale", "shift"], ["bias", "weight"]
    ]  # fmt: skip


@pytest.mark.product
@pytest.mark.parametrize("norm", [None, "batch", "layer"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_deep_network_with_skips_keeps_the_size_of_signals_and_gradients(norm, activation):
    net = ds.mlp([64] * 30, outputs=1, skip=True, norm=norm, activation=activation)
    variables, x = net.init(0, (64,)), cases.normal(1, 200, 64)
    forward = net.forward(variables, x, training=True)
    backward = net.backward(variables, forward, cases.normal(2, 200, 1))
    signals = [float(jnp.mean(jnp.square(h))) for h in forward.activations[1:31]]
    gradients = [float(jnp.mean(jnp.square(h))) for h in backward.activations[1:31]]
    assert max(signals) < 5 * min(signals)
    assert max(gradients) < 5 * min(gradients)


def test_layers_of_a_convolutional_network_stand_in_order():
    net = ds.cnn([4, 8], outputs=3, dense=[16], norm="batch", dropout=0.2, pooling="average")
    assert names(net) == (
        "Conv2D BatchNorm ReLU AvgPool Conv2D BatchNorm ReLU AvgPool Flatten Dropout Dense BatchNorm ReLU Dropout Dense"
    )
    assert names(ds.cnn([4, 8], outputs=3, dimensions=1, skip=True, pool=None)) == "Conv1D Residual ReLU Flatten Dense"


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"norm": "bach"}, UnknownNameError, "Did you mean 'batch'"),
        ({"pooling": "mean"}, UnknownNameError, "`pooling` must be one of average, max"),
        ({"dimensions": 3}, SettingError, "`dimensions` must be 1"),
        ({"channels": []}, SettingError, "Without any, use ds.mlp"),
        ({"channels": [0]}, SettingError, "`channels` must be a whole number"),
        ({"pool": 0}, SettingError, "`window` must be a whole number"),
        ({"dropout": 1}, SettingError, "`rate` must be"),
        ({"kernel": 0}, SettingError, "`kernel` must be a whole number"),
    ],
    ids=str,
)
def test_settings_of_builders_are_checked(settings, error, message):
    with refused(error, match=message):
        ds.cnn(**({"channels": [4], "outputs": 2} | settings))


def test_only_plain_dense_chains_read_as_lists():
    net = ds.cnn([4], outputs=2)
    with pytest.raises(ShapeError, match=r"plain chain of dense layers.*Conv2D at place 0"):
        ds.weights(net, net.init(0, (8, 8, 1)).params)
    flat = ds.Sequential([ds.Flatten(), ds.Dense(2)])
    assert [W.shape for W in ds.weights(flat, flat.init(0, (2, 2)).params).W] == [(4, 2)]


# ── Training ─────────────────────────────────────────────────────────────────────────────────────


def images(rows=70, seed=0):
    random = fold(seed, "images")
    x = np.asarray(cases.normal(int(random[0]), rows, 8, 8, 1))
    return ds.Dataset(x, np.where(x.mean(axis=(1, 2, 3)) > 0, "light", "dark"))


EVERYTHING = ds.cnn([3, 4, 4], outputs=2, dense=[6], norm="batch", skip=True, dropout=0.2)


def assert_bitwise_equal(one, other):
    jax.tree.map(np.testing.assert_array_equal, one.last, other.last)
    assert one.history.keys() == other.history.keys()
    for name in one.history:
        np.testing.assert_array_equal(one.history[name], other.history[name], err_msg=name)


@pytest.mark.slow
def test_training_with_everything_is_repeatable_and_undisturbed(float32):
    settings = {"batch_size": 16, "epochs": 3, "seed": 3, "validation": 0.2, "progress": False}
    run = ds.train(EVERYTHING, images(), **settings)
    assert {leaf.dtype for leaf in jax.tree.leaves(run.variables)} == {np.dtype(np.float32)}
    assert_bitwise_equal(run, ds.train(EVERYTHING, images(), **settings))
    recorded = ds.train(EVERYTHING, images(), record=ds.Record(parameters_every=1), **settings)
    assert recorded.trajectory is not None
    assert_bitwise_equal(run, recorded)


@pytest.mark.slow
def test_training_moves_running_statistics_and_prediction_uses_them(float32):
    run = ds.train(EVERYTHING, images(), batch_size=16, epochs=2, progress=False)
    start_of_run = EVERYTHING.init(0, (8, 8, 1)).state
    moved = jax.tree.map(lambda a, b: bool(np.any(a != b)), run.last.state, start_of_run)
    assert all(jax.tree.leaves(moved))
    x = images(12).x
    np.testing.assert_allclose(run.outputs(x)[:5], run.outputs(x[:5]), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_stored_run_with_everything_opens_again(tmp_path):
    run = ds.train(EVERYTHING, images(), batch_size=16, epochs=1, store=tmp_path / "run", progress=False)
    again = ds.open_run(tmp_path / "run")
    assert again.net == EVERYTHING
    x = images(9, seed=4).x
    np.testing.assert_array_equal(again.outputs(x), run.outputs(x))


@pytest.mark.parametrize(
    ("rows", "batch_size", "message"),
    [
        (65, 16, "65 training rows the last batch holds one. Sizes that do not divide 64 work: 14, 15, 17"),
        (65, 1, "every batch holds one. Sizes that do not divide 64 work: 3, 5, 6"),
        (1, 32, "needs 2 training rows or more, got 1"),
    ],
    ids=["the last batch", "every batch", "one row"],
)
@pytest.mark.parametrize(
    "net",
    [ds.mlp([3], outputs=1, norm="batch"), ds.mlp([3, 3], outputs=1, norm="batch", skip=True)],
    ids=["in the chain", "in a skip"],
)
def test_batch_norm_of_one_row_is_refused_before_training(net, rows, batch_size, message):
    data = ds.Dataset(np.asarray(cases.normal(0, rows, 3)), np.asarray(cases.normal(1, rows)))
    with pytest.raises(SettingError, match=message):
        ds.train(net, data, batch_size=batch_size, epochs=1, progress=False)


@pytest.mark.slow
def test_batches_that_leave_two_rows_or_two_places_are_accepted():
    y = np.asarray(cases.normal(1, 5))
    vectors = ds.Dataset(np.asarray(cases.normal(0, 5, 3)), y)
    assert ds.train(ds.mlp([3], outputs=1, norm="batch"), vectors, batch_size=3, epochs=1, progress=False)
    pictures = ds.Dataset(np.asarray(cases.normal(0, 5, 4, 4, 1)), y)
    assert ds.train(ds.cnn([2], outputs=1, norm="batch"), pictures, batch_size=2, epochs=1, progress=False)
