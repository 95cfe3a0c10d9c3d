"""Layers: the backward pass is the derivative of the forward pass, and both are torch's."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cases
import downslope as ds
from cases import assert_trees_close, every_activation, every_layer, every_plain_layer, refused
from downslope import layers
from downslope.core import CustomPartError, SettingError, ShapeError, UnknownNameError, rebuild, render
from downslope.layers import Context, forward_in
from downslope.reference import finite_differences, vjp_layer

ROOMS = {"layers": layers, "initializers": layers.initializers}


@partial(jax.jit, static_argnums=(0, 1))
def forward(layer, context, params, x):
    """Return a layer's output, cache and next state; it starts from its first state."""
    return forward_in(layer, context(), params, cases.first_state(layer), x)


def both_ways(layer, context, params, x, dy):
    """Return a layer's output, its gradients and its next state."""
    y, cache, state = forward_in(layer, context(), params, cases.first_state(layer), x)
    return y, layer.backward(params, cache, dy), state


compiled = jax.jit(both_ways, static_argnums=(0, 1))


@partial(jax.jit, static_argnums=(0, 1))
def judged(layer, context, params, x, dy):
    """Return what a layer's gradients should be."""
    return tuple(vjp_layer(layer, params, x, dy, state=cases.first_state(layer), context=context()))


@pytest.mark.product(share=1 / 2)
@every_layer
@pytest.mark.parametrize("context", [Context, cases.training], ids=["predicting", "training"])
def test_backward_is_the_vjp(layer, context):
    for scale in (0.1, 2, 30):
        case = cases.layer_case(layer, scale=scale)
        assert_trees_close(compiled(layer, context, *case)[1], judged(layer, context, *case), atol=1e-13)


@pytest.mark.product
@every_layer
def test_backward_is_the_limit_of_differences(layer):
    params, x, dy = cases.layer_case(layer)
    expected = finite_differences(lambda point: jnp.vdot(forward(layer, cases.training, *point)[0], dy), (params, x))
    assert_trees_close(compiled(layer, cases.training, params, x, dy)[1], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.product
@every_layer
def test_compiled_equals_not_compiled(layer):
    case = cases.layer_case(layer)
    settings = {"rtol": 1e-12, "atol": 1e-14}
    assert_trees_close(compiled(layer, cases.training, *case), both_ways(layer, cases.training, *case), **settings)


@pytest.mark.product
@every_layer
def test_what_a_forward_pass_keeps_may_leave_compiled_code(layer):
    params, x, dy = cases.layer_case(layer)
    _, cache, _ = forward(layer, cases.training, params, x)
    expected = compiled(layer, cases.training, params, x, dy)[1]
    assert_trees_close(jax.jit(layer.backward)(params, cache, dy), expected, rtol=1e-11)


@pytest.mark.product
@every_layer
def test_a_batch_equals_its_rows_one_by_one(layer):
    params, x, _ = cases.layer_case(layer)
    one_by_one = [forward(layer, Context, params, row)[0] for row in np.split(np.asarray(x), len(x))]
    together = forward(layer, Context, params, x)[0]
    np.testing.assert_allclose(together, np.concatenate(one_by_one), rtol=1e-12, atol=1e-14)


@pytest.mark.product
@every_layer
def test_precision_follows_the_parameters(layer, float32):
    results = compiled(layer, cases.training, *cases.layer_case(layer))
    assert {leaf.dtype for leaf in jax.tree.leaves(results)} == {np.dtype(np.float32)}


@every_layer
def test_gradients_have_the_shapes_of_what_they_belong_to(layer):
    params, x, dy = cases.layer_case(layer)
    y, (d_params, dx), state = compiled(layer, cases.training, params, x, dy)
    assert jax.tree.map(jnp.shape, d_params) == jax.tree.map(jnp.shape, params)
    assert jax.tree.map(jnp.shape, state) == jax.tree.map(jnp.shape, cases.first_state(layer))
    assert dx.shape == x.shape
    assert y.shape == (len(x), *layers.output_shape(layer, x.shape[1:]))


@every_layer
def test_predicting_leaves_the_state_as_it_is(layer):
    params, x, _ = cases.layer_case(layer)
    after = forward(layer, Context, params, x)[2]
    jax.tree.map(np.testing.assert_array_equal, after, cases.first_state(layer))


@pytest.mark.product
@every_plain_layer
def test_a_layer_without_context_passes_its_state_on(layer):
    params, x, _ = cases.layer_case(layer)
    y, _, state = forward_in(layer, Context(training=True), params, {}, x)
    np.testing.assert_array_equal(y, layer.forward(params, x)[0])
    assert state == layers.initial_state(layer, x.shape[1:]) == {}


@every_layer
def test_what_is_rendered_can_be_built_again(layer):
    assert rebuild(render(layer), ROOMS) == layer


TORCH_ACTIVATIONS = {
    "relu": lambda f, z: f.relu(z),
    "leaky_relu": lambda f, z: f.leaky_relu(z),
    "leaky_relu, steep": lambda f, z: f.leaky_relu(z, 0.3),
    "tanh": lambda f, z: f.tanh(z),
    "scaled_tanh": lambda f, z: 1.7159 * f.tanh(2 * z / 3),
    "sigmoid": lambda f, z: f.sigmoid(z),
    "softplus": lambda f, z: f.softplus(z, threshold=1000),
    "elu": lambda f, z: f.elu(z),
    "gelu": lambda f, z: f.gelu(z),
    "silu": lambda f, z: f.silu(z),
    "identity": lambda f, z: z * 1,
}


@pytest.mark.product
@pytest.mark.parametrize("name", cases.ACTIVATIONS)
def test_activations_are_those_of_torch(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    z = np.linspace(-40, 40, 801).reshape(-1, 1)  # holds 0, where relu and its kin have their kink
    dy = np.asarray(cases.normal(3, *z.shape))
    theirs = torch.tensor(z, requires_grad=True)
    output = TORCH_ACTIVATIONS[name](torch.nn.functional, theirs)
    output.backward(torch.tensor(dy))

    layer = cases.ACTIVATIONS[name]
    y, cache = layer.forward({}, jnp.asarray(z))
    _, dz = layer.backward({}, cache, jnp.asarray(dy))
    np.testing.assert_allclose(y, output.detach().numpy(), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(dz, theirs.grad.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("bias", [True, False], ids=["with bias", "without bias"])
def test_dense_is_the_linear_layer_of_torch(bias):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    layer = ds.Dense(3, bias=bias)
    params, x, dy = cases.layer_case(layer)
    theirs = torch.nn.Linear(cases.FEATURES, 3, bias=bias, dtype=torch.float64)
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            parameter.copy_(torch.tensor(np.asarray(params[name]).T))
    inputs = torch.tensor(np.asarray(x), requires_grad=True)
    output = theirs(inputs)
    output.backward(torch.tensor(np.asarray(dy)))

    y, cache = layer.forward(params, x)
    d_params, dx = layer.backward(params, cache, dy)
    np.testing.assert_allclose(y, output.detach().numpy(), rtol=1e-10)
    np.testing.assert_allclose(dx, inputs.grad.numpy(), rtol=1e-10)
    for name, parameter in theirs.named_parameters():
        np.testing.assert_allclose(d_params[name], parameter.grad.numpy().T, rtol=1e-10, atol=1e-14, err_msg=name)


@pytest.mark.product
@every_activation
def test_large_inputs_stay_finite(activation):
    z = jnp.asarray([[-1e4, -800.0, 800.0, 1e4]])
    y, cache = activation.forward({}, z)
    _, dz = activation.backward({}, cache, jnp.ones_like(z))
    assert np.isfinite(y).all()
    assert np.isfinite(dz).all()


@pytest.mark.product
@every_activation
def test_not_a_number_stays_so(activation):
    y, _ = activation.forward({}, jnp.asarray([[np.nan]]))
    assert np.isnan(y).all()


@pytest.mark.product
@every_activation
def test_a_centered_activation_is_odd(activation):
    z = jnp.linspace(0.1, 5, 20)[None, :]
    odd = np.allclose(activation.forward({}, z)[0], -activation.forward({}, -z)[0])
    assert activation.centered == odd


def test_scaled_tanh_keeps_one_where_it_is():
    y, _ = ds.ScaledTanh().forward({}, jnp.asarray([[-1.0, 0.0, 1.0]]))
    np.testing.assert_allclose(y, [[-1, 0, 1]], atol=1e-4)


def test_every_activation_has_a_name():
    assert {type(layers.as_activation(name)) for name in layers.activation_names()} == {
        type(activation) for activation in cases.ACTIVATIONS.values()
    }


def test_an_activation_stays_as_it_is():
    steep = ds.LeakyReLU(slope=0.3)
    assert layers.as_activation(steep) is steep


def test_an_unknown_activation_offers_close_names():
    with refused(UnknownNameError, match="Did you mean 'relu'"):
        layers.as_activation("relo")


@pytest.mark.parametrize("wrong", [3, None, ds.Dense(3), jnp.tanh], ids=["3", "None", "Dense", "a function"])
def test_what_is_no_activation_is_refused(wrong):
    with refused(SettingError, match="`activation` must be a name"):
        layers.as_activation(wrong)


@pytest.mark.parametrize("units", [0, -3, 2.5, "8", True, None])
def test_units_are_a_whole_number_from_one(units):
    with refused(SettingError, match="`units` must be a whole number, 1 or more"):
        ds.Dense(units)


def test_dense_refuses_images():
    with refused(ShapeError, match=r"vectors.*\(28, 28, 1\)"):
        ds.Dense(3).output_shape((28, 28, 1))


@pytest.mark.parametrize("shape", [(2, 5), (2, 3), (4,), (2, 4, 4)], ids=str)
def test_dense_refuses_other_features(shape):
    params = ds.Dense(3).initialize(0, (4,))
    with refused(ShapeError, match="rows of 4 features"):
        ds.Dense(3).forward(params, jnp.ones(shape))


def test_biases_start_at_zero():
    assert not ds.Dense(3).initialize(0, (4,))["bias"].any()
    assert set(ds.Dense(3, bias=False).initialize(0, (4,))) == {"weight"}


def test_a_slope_is_a_number():
    with refused(SettingError, match="`slope` must be a number"):
        ds.LeakyReLU(slope="steep")


@pytest.mark.parametrize("layer", [ds.Conv1D, ds.Conv2D], ids=["1d", "2d"])
def test_settings_of_convolutions_are_checked(layer):
    axes = 1 if layer is ds.Conv1D else 2
    with refused(SettingError, match="`channels` must be a whole number, 1 or more"):
        layer(0, 3)
    with refused(SettingError, match="`kernel` must be a whole number, 1 or more"):
        layer(8, 2.5)
    with refused(SettingError, match=r"`kernel` .* must be a whole number or one for each|`kernel` must be a whole"):
        layer(8, (3, 3, 3))
    with refused(SettingError, match=f"`stride` of {layer.__name__} must be a whole number or {axes} of them"):
        layer(8, 3, stride=(2,) * (3 - axes))
    with refused(UnknownNameError, match="Did you mean 'same'"):
        layer(8, 3, padding="sam")
    with refused(UnknownNameError, match="Did you mean 'he_normal'"):
        layer(8, 3, initializer="he_norma")


def test_sizes_given_as_lists_are_the_same_layer():
    assert ds.Conv2D(8, [3, 2], stride=[1, 2]) == ds.Conv2D(8, (3, 2), stride=(1, 2))
    assert hash(ds.MaxPool([2, 2])) == hash(ds.MaxPool((2, 2)))


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (ds.Conv2D(8, 3), (28, 28), r"images, such as \(28, 28, 1\), got examples of shape \(28, 28\)"),
        (ds.Conv2D(8, 3), (784,), "Conv2D expects examples that are images"),
        (ds.Conv1D(8, 3), (28, 28, 1), r"sequences, such as \(40, 1\)"),
        (ds.Conv2D(8, 5, padding="valid"), (7, 4, 1), r"window of \(5, 5\) over inputs of \(7, 4\), which are smaller"),
        (ds.Conv1D(8, 5, padding="valid"), (4, 1), "window of .* which are smaller"),
        (ds.MaxPool(3), (5, 2, 1), "MaxPool slides a window of"),
        (ds.AvgPool((2, 2)), (5, 1), "one number for each of 2 axes, for inputs of"),
        (ds.MaxPool(2), (5,), "MaxPool expects examples that are images.*or sequences"),
        (ds.Residual([ds.Flatten(), ds.Dense(4)]), (2, 2), "No stride leads the skip"),
        (ds.Residual([ds.Conv1D(4, 3, padding="valid")]), (7, 4), "No stride leads the skip.*padding='same'"),
        (ds.Residual([ds.Dense(3)], projection=ds.Dense(2)), (4,), r"leads to examples of shape \(2,\)"),
    ],
    ids=str,
)
def test_shapes_that_do_not_fit_are_refused(layer, shape, message):
    with refused(ShapeError, match=message):
        layer.output_shape(shape)


def test_other_channels_are_refused():
    layer = ds.Conv2D(3, 3)
    with refused(ShapeError, match="Conv2D expects 2 channels"):
        layer.forward(layer.initialize(0, (5, 5, 2)), jnp.ones((1, 5, 5, 3)))
    norm = ds.BatchNorm()
    with refused(ShapeError, match="BatchNorm expects 4 features along the last axis"):
        forward_in(norm, Context(), norm.initialize(0, (4,)), norm.initial_state((4,)), jnp.ones((2, 5)))


@pytest.mark.parametrize("wrong", [1, 1.5, -0.1, "0.5", None, np.nan])
def test_a_dropout_rate_is_a_share(wrong):
    with refused(SettingError, match="`rate` must be a number of at least 0 and below 1"):
        ds.Dropout(wrong)


def test_settings_of_norms_are_checked():
    with refused(SettingError, match="`momentum` must be a number of at least 0 and below 1"):
        ds.BatchNorm(momentum=1.0)
    with refused(SettingError, match="`eps` must be a number above 0"):
        ds.LayerNorm(eps=0)


def test_settings_of_skips_are_checked():
    with refused(SettingError, match="at place 0; did you mean ReLU"):
        ds.Residual([ds.ReLU])
    with refused(SettingError, match="one layer at least"):
        ds.Residual([])
    with refused(SettingError, match="`projection` must be 'auto' or a layer"):
        ds.Residual([ds.Dense(3)], projection="none")


# ── Dropout ──────────────────────────────────────────────────────────────────────────────────────


def dropped(rate, key, *, training=True, rows=20_000):
    y, _, state = forward_in(ds.Dropout(rate), Context(training, key), {}, {}, jnp.ones((rows, 5)))
    assert state == {}
    return np.asarray(y)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean_and_drops_its_share(rate):
    y = dropped(rate, jax.random.PRNGKey(0))
    assert set(np.unique(y)) == {0, 1 / (1 - rate)}
    deviation = (rate / (1 - rate) / y.size) ** 0.5
    assert abs(y.mean() - 1) < 4 * deviation


def test_dropout_follows_its_key_and_every_number_is_drawn_by_itself():
    one, other = jax.random.PRNGKey(0), jax.random.PRNGKey(1)
    np.testing.assert_array_equal(dropped(0.5, one), dropped(0.5, one))
    assert 0.45 < np.mean(dropped(0.5, one) != dropped(0.5, other)) < 0.55
    y = dropped(0.5, one) - 1
    assert np.abs(np.corrcoef(y.T) - np.eye(5)).max() < 0.05


@pytest.mark.parametrize("settings", [{"training": False}, {"key": None}, {"rate": 0}], ids=str)
def test_dropout_is_off_in_prediction_and_without_a_key(settings):
    settings = {"rate": 0.5, "key": jax.random.PRNGKey(0), "rows": 3} | settings
    np.testing.assert_array_equal(dropped(settings.pop("rate"), settings.pop("key"), **settings), 1)


# ── Norms, pools and skips ───────────────────────────────────────────────────────────────────────


def test_batch_norm_keeps_its_state_where_no_row_counts():
    layer = ds.BatchNorm()
    params, state = layer.initialize(0, (4,)), layer.initial_state((4,))
    y, _, after = forward_in(layer, Context(True, None, jnp.zeros(3)), params, state, cases.normal(0, 3, 4))
    assert np.isfinite(y).all()
    jax.tree.map(np.testing.assert_array_equal, after, state)


def test_batch_norm_of_one_row_is_its_shift():
    layer = ds.BatchNorm()
    params, state = layer.initialize(0, (4,)), layer.initial_state((4,))
    y, _, after = forward_in(layer, Context(True), params, state, cases.normal(0, 1, 4))
    np.testing.assert_allclose(y, 0, atol=1e-12)
    np.testing.assert_allclose(after["variance"], 0.9)


def test_pools_keep_what_is_not_a_number():
    x = jnp.ones((1, 4, 4, 1)).at[0, 1, 2, 0].set(jnp.nan)
    for layer in (ds.MaxPool(2), ds.AvgPool(2)):
        y, _ = layer.forward({}, x)
        assert np.isnan(y).ravel().tolist() == [False, True, False, False]


def test_a_skip_has_a_projection_where_shapes_differ_only():
    shapes = {
        (4,): {},
        (3,): {"weight": (3, 4)},
    }
    for shape, expected in shapes.items():
        params = ds.Residual([ds.Dense(4)]).initialize(0, shape)
        assert {name: array.shape for name, array in params["projection"].items()} == expected
    strided = ds.Residual([ds.Conv2D(8, 3, stride=(2, 3))]).initialize(0, (9, 9, 4))
    assert strided["projection"]["weight"].shape == (1, 1, 4, 8)


def test_the_activation_that_follows_decides_within_skips_and_after_them():
    def deviation(net, place):
        weight = net.init(0, (100,)).params[place]["body"][-1]["weight"]
        return float(weight.std())

    he, glorot = (2 / 100) ** 0.5, (2 / 500) ** 0.5
    inside = [ds.Dense(400)]
    assert deviation(ds.Sequential([ds.Residual(inside), ds.ReLU()]), 0) == pytest.approx(he, rel=0.02)
    assert deviation(ds.Sequential([ds.Residual(inside), ds.Tanh()]), 0) == pytest.approx(glorot, rel=0.02)
    assert deviation(ds.Sequential([ds.Residual(inside), ds.Dense(3), ds.ReLU()]), 0) == pytest.approx(glorot, rel=0.02)
    chain = ds.Sequential([ds.Dense(400), ds.Residual([ds.BatchNorm(), ds.ReLU(), ds.Dense(400)])])
    assert float(chain.init(0, (100,)).params[0]["weight"].std()) == pytest.approx(he, rel=0.02)


def test_a_layer_of_a_users_own_is_rendered_by_name_only():
    spec = render(cases.NoisyCounter())
    assert spec["custom"].endswith("cases.NoisyCounter")
    with refused(CustomPartError, match="Pass it again"):
        rebuild(spec, ROOMS)
