"""Layers: the backward pass is the derivative of the forward pass, and both are torch's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cases
import downslope as ds
from cases import assert_trees_close, every_activation, every_layer, refused
from downslope import layers
from downslope.core import CustomPartError, SettingError, ShapeError, UnknownNameError, rebuild, render
from downslope.layers import Context, forward_in
from downslope.reference import finite_differences, vjp_layer

ROOMS = {"layers": layers, "initializers": layers.initializers}


@every_layer
@pytest.mark.parametrize("scale", [0.1, 2, 30], ids="inputs of about {}".format)
def test_backward_is_the_vjp(layer, scale):
    params, x, dy = cases.layer_case(layer, scale=scale)
    _, cache = layer.forward(params, x)
    assert_trees_close(layer.backward(params, cache, dy), tuple(vjp_layer(layer, params, x, dy)))


@every_layer
def test_backward_is_the_limit_of_differences(layer):
    params, x, dy = cases.layer_case(layer)
    _, cache = layer.forward(params, x)
    expected = finite_differences(lambda point: jnp.sum(layer.forward(*point)[0] * dy), (params, x))
    assert_trees_close(layer.backward(params, cache, dy), expected, rtol=1e-7, atol=1e-8)


@every_layer
def test_compiled_equals_not_compiled(layer):
    params, x, dy = cases.layer_case(layer)

    def both_ways(params, x, dy):
        y, cache = layer.forward(params, x)
        return y, layer.backward(params, cache, dy)

    assert_trees_close(jax.jit(both_ways)(params, x, dy), both_ways(params, x, dy), rtol=1e-13)


@every_layer
def test_a_batch_equals_its_rows_one_by_one(layer):
    params, x, _ = cases.layer_case(layer)
    one_by_one = [layer.forward(params, row[None, :])[0] for row in x]
    np.testing.assert_allclose(layer.forward(params, x)[0], jnp.concatenate(one_by_one), rtol=1e-13, atol=1e-15)


@every_layer
def test_precision_follows_the_parameters(layer, float32):
    params, x, dy = cases.layer_case(layer)
    y, cache = layer.forward(params, x)
    d_params, dx = layer.backward(params, cache, dy)
    assert {leaf.dtype for leaf in jax.tree.leaves((y, d_params, dx))} == {np.dtype(np.float32)}


@every_layer
def test_gradients_have_the_shapes_of_what_they_belong_to(layer):
    params, x, dy = cases.layer_case(layer)
    y, cache = layer.forward(params, x)
    d_params, dx = layer.backward(params, cache, dy)
    assert jax.tree.map(jnp.shape, d_params) == jax.tree.map(jnp.shape, params)
    assert dx.shape == x.shape
    assert y.shape == (len(x), *layers.output_shape(layer, x.shape[1:]))


@every_layer
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


@every_activation
def test_large_inputs_stay_finite(activation):
    z = jnp.asarray([[-1e4, -800.0, 800.0, 1e4]])
    y, cache = activation.forward({}, z)
    _, dz = activation.backward({}, cache, jnp.ones_like(z))
    assert np.isfinite(y).all()
    assert np.isfinite(dz).all()


@every_activation
def test_not_a_number_stays_so(activation):
    y, _ = activation.forward({}, jnp.asarray([[np.nan]]))
    assert np.isnan(y).all()


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


def test_a_layer_of_a_users_own_is_rendered_by_name_only():
    spec = render(cases.NoisyCounter())
    assert spec["custom"].endswith("cases.NoisyCounter")
    with refused(CustomPartError, match="Pass it again"):
        rebuild(spec, ROOMS)
