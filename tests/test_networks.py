"""Networks: the hand-derived gradients are those of automatic differentiation, and of the plain network on one page."""

from dataclasses import dataclass
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cases
import downslope as ds
from cases import assert_trees_close, every_loss, every_network, refused
from downslope.core import SettingError, ShapeError, UnknownNameError, named_leaves, with_named_leaves
from downslope.reference import PlainNetwork, squared_error, vjp_network

ROWS, FEATURES = cases.ROWS, cases.FEATURES


def start(net, seed=0, rows=ROWS):
    """Return variables whose biases are not zero, and an input."""
    return cases.moved(net.init(seed, (FEATURES,))), cases.normal(seed + 20, rows, FEATURES)


def descend(net, variables, x, t, *, rate, steps, loss="squared_error"):
    """Return the variables after plain gradient descent by the hand-derived gradients."""
    params = variables.params
    for _ in range(steps):
        gradients = ds.loss_and_gradients(net, ds.Variables(params, variables.state), x, t, loss).params
        params = jax.tree.map(lambda p, g: p - rate * g, params, gradients)
    return ds.Variables(params, variables.state)


# ── Against automatic differentiation ────────────────────────────────────────────────────────────


@pytest.mark.product(share=1 / 6)
@every_network
@every_loss
def test_gradients_are_those_of_the_loss_of_the_output(net, loss):
    variables, x = start(net)
    t = cases.targets(loss, net.output_shape((FEATURES,))[0])
    row_weights = jnp.exp(cases.normal(3, ROWS))

    def value(params, x):
        return loss.value(net.apply(ds.Variables(params, variables.state), x), t, row_weights)

    expected = jax.value_and_grad(value, argnums=(0, 1))(variables.params, x)
    result = ds.loss_and_gradients(net, variables, x, t, loss, row_weights=row_weights)
    assert_trees_close((result.loss, (result.params, result.activations[0])), expected)
    np.testing.assert_array_equal(result.output, net.apply(variables, x))


@every_network
def test_backward_is_the_vjp(net):
    variables, x = start(net)
    forward = net.forward(variables, x)
    d_output = cases.normal(4, *forward.output.shape)
    backward = net.backward(variables, forward, d_output)
    expected = vjp_network(net, variables, x, d_output)
    assert_trees_close((backward.params, backward.input), (expected.params, expected.input))


@pytest.mark.product
@every_network
def test_gradients_of_activations_are_those_of_the_rest_of_the_chain(net):
    variables, x = start(net)
    forward = net.forward(variables, x)
    d_output = cases.normal(4, *forward.output.shape)
    backward = net.backward(variables, forward, d_output)
    for place, d_activation in enumerate(backward.activations[:-1]):
        rest = ds.Sequential(net.layers[place:])
        its_variables = ds.Variables(variables.params[place:], variables.state[place:])
        expected = vjp_network(rest, its_variables, forward.activations[place], d_output).input
        np.testing.assert_allclose(d_activation, expected, rtol=1e-10, atol=1e-14, err_msg=f"activation {place}")
    np.testing.assert_array_equal(backward.activations[-1], d_output)


@every_network
def test_every_activation_is_kept_the_input_first(net):
    variables, x = start(net)
    forward = net.forward(variables, x)
    assert len(forward.activations) == len(net.layers) + 1
    np.testing.assert_array_equal(forward.activations[0], x)
    np.testing.assert_array_equal(forward.activations[-1], forward.output)
    assert tuple(h.shape[1:] for h in forward.activations) == net.shapes((FEATURES,))
    result = ds.loss_and_gradients(net, variables, x, forward.output, "squared_error")
    assert [d.shape for d in result.activations] == [h.shape for h in forward.activations]


@pytest.mark.product
@every_network
def test_compiled_equals_not_compiled(net):
    variables, x = start(net)
    t = cases.normal(6, ROWS, *net.output_shape((FEATURES,)))

    def gradients(variables, x, t):
        return ds.loss_and_gradients(net, variables, x, t, "squared_error")

    assert_trees_close(jax.jit(gradients)(variables, x, t), gradients(variables, x, t), rtol=1e-12)


@pytest.mark.product
@every_network
def test_a_batch_equals_its_rows_one_by_one(net):
    variables, x = start(net)
    t = cases.normal(6, ROWS, *net.output_shape((FEATURES,)))
    together = ds.loss_and_gradients(net, variables, x, t, "sum_squared_error")
    one_by_one = [
        ds.loss_and_gradients(net, variables, x[i : i + 1], t[i : i + 1], "sum_squared_error") for i in range(ROWS)
    ]
    summed = jax.tree.map(lambda *parts: sum(parts[1:], parts[0]), *[one.params for one in one_by_one])
    assert_trees_close(together.params, summed, rtol=1e-12)


@pytest.mark.product
@every_network
def test_a_padded_batch_equals_the_rows_it_holds(net):
    variables, x = start(net)
    t = cases.normal(6, ROWS, *net.output_shape((FEATURES,)))
    row_weights = jnp.asarray([1.0, 1, 1, 1, 0, 0])
    padded = ds.loss_and_gradients(net, variables, x, t, "squared_error", row_weights=row_weights)
    held = ds.loss_and_gradients(net, variables, x[:4], t[:4], "squared_error")
    assert_trees_close((padded.loss, padded.params), (held.loss, held.params), rtol=1e-12)


@pytest.mark.product
@every_network
def test_precision_follows_the_mode(net, float32):
    variables = net.init(0, (FEATURES,))
    x = cases.normal(1, ROWS, FEATURES)
    result = ds.loss_and_gradients(net, variables, x, net.apply(variables, x), "squared_error")
    found = {str(leaf.dtype) for leaf in jax.tree.leaves((variables, result))}
    assert found == {"float32"}


# ── Against the plain network, and torch ─────────────────────────────────────────────────────────


@pytest.mark.product
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "identity"])
@pytest.mark.parametrize("hidden", [[], [5], [7, 6, 5]], ids=str)
def test_the_plain_network_says_the_same(activation, hidden):
    net = ds.mlp(hidden, outputs=3, activation=activation)
    variables, x = start(net)
    t = cases.normal(6, ROWS, 3)
    plain = PlainNetwork(*ds.weights(net, variables.params), activation)
    loss, d_output = squared_error(plain.forward(np.asarray(x)), np.asarray(t))
    plain.backward(d_output)

    A, DW, DB = ds.layer_gradients(net, variables, x, t, "squared_error")
    assert_trees_close((A, DW, DB), (plain.A, plain.DW, plain.DB), rtol=1e-12)
    result = ds.loss_and_gradients(net, variables, x, t, "squared_error")
    np.testing.assert_allclose(result.loss, loss, rtol=1e-13)
    np.testing.assert_allclose(result.output, plain.A[-1], rtol=1e-12)
    assert_trees_close(list(result.activations[::2] + result.activations[-1:])[: len(hidden) + 1], plain.DA[:-1])


def test_losses_of_the_plain_network_and_ours_stay_together_while_descending():
    net = ds.mlp([6, 5], outputs=2, activation="tanh")
    variables, x = start(net)
    t = cases.normal(6, ROWS, 2)
    plain = PlainNetwork(*ds.weights(net, variables.params), "tanh")
    for _ in range(20):
        result = ds.loss_and_gradients(net, variables, x, t, "squared_error")
        loss, d_output = squared_error(plain.forward(np.asarray(x)), np.asarray(t))
        np.testing.assert_allclose(result.loss, loss, rtol=1e-11)
        plain.backward(d_output)
        plain.W = [W - 0.05 * DW for W, DW in zip(plain.W, plain.DW, strict=True)]
        plain.B = [b - 0.05 * DB for b, DB in zip(plain.B, plain.DB, strict=True)]
        variables = descend(net, variables, x, t, rate=0.05, steps=1)


@pytest.mark.parametrize("activation", ["ReLU", "Tanh", "Sigmoid"])
def test_torch_says_the_same(activation):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    net = ds.Sequential([ds.Dense(7), getattr(ds, activation)(), ds.Dense(3)])
    variables, x = start(net)
    t = jnp.asarray([0, 2, 1, 1, 0, 2])
    theirs = torch.nn.Sequential(
        torch.nn.Linear(FEATURES, 7), getattr(torch.nn, activation)(), torch.nn.Linear(7, 3)
    ).double()
    W, B = ds.weights(net, variables.params)
    with torch.no_grad():
        for layer, weight, bias in zip([theirs[0], theirs[2]], W, B, strict=True):
            layer.weight.copy_(torch.tensor(np.asarray(weight).T))
            layer.bias.copy_(torch.tensor(np.asarray(bias)))
    loss = torch.nn.functional.cross_entropy(theirs(torch.tensor(np.asarray(x))), torch.tensor(np.asarray(t)))
    loss.backward()

    result = ds.loss_and_gradients(net, variables, x, t, "cross_entropy")
    np.testing.assert_allclose(result.loss, loss.item(), rtol=1e-12)
    _, DW, DB = ds.layer_gradients(net, variables, x, t, "cross_entropy")
    for layer, dW, db in zip([theirs[0], theirs[2]], DW, DB, strict=True):
        np.testing.assert_allclose(dW, layer.weight.grad.numpy().T, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(db, layer.bias.grad.numpy(), rtol=1e-10, atol=1e-14)


# ── Where descent starts ─────────────────────────────────────────────────────────────────────────


@every_network
def test_the_same_seed_makes_the_same_variables(net):
    jax.tree.map(np.testing.assert_array_equal, net.init(3, (FEATURES,)), net.init(3, (FEATURES,)))


def test_layers_and_seeds_draw_different_numbers():
    net = ds.Sequential([ds.Dense(FEATURES), ds.Tanh(), ds.Dense(FEATURES), ds.Tanh(), ds.Dense(FEATURES)])
    drawn = [W for seed in (0, 1) for W in ds.weights(net, net.init(seed, (FEATURES,)).params).W]
    for place, one in enumerate(drawn):
        assert not any(np.any(one == other) for other in drawn[:place])


@pytest.mark.parametrize("key", [7, jax.random.key(7), jax.random.PRNGKey(7)], ids=["a seed", "a key", "a raw key"])
def test_seeds_and_keys_are_accepted(key):
    assert ds.mlp([3], outputs=1).init(key, (2,)).params[0]["weight"].shape == (2, 3)


@every_network
def test_variables_go_through_names_and_back(net):
    variables = net.init(0, (FEATURES,))
    again = with_named_leaves(variables, {name: np.array(leaf) for name, leaf in named_leaves(variables).items()})
    assert isinstance(again, ds.Variables)
    assert jax.tree.structure(again) == jax.tree.structure(variables)
    jax.tree.map(np.testing.assert_array_equal, again, variables)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_zeros_carry_no_gradient_to_earlier_layers_and_learn_the_mean(activation):
    net = ds.mlp([5, 4], outputs=2, activation=activation, initializer="zeros")
    variables = net.init(0, (FEATURES,))
    x, t = cases.normal(1, ROWS, FEATURES), cases.normal(2, ROWS, 2)
    gradients = ds.loss_and_gradients(net, variables, x, t, "squared_error")
    earlier = (gradients.params[:-1], gradients.params[-1]["weight"], gradients.activations[:-1])
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(earlier))

    after = descend(net, variables, x, t, rate=0.1, steps=200)
    assert not any(np.any(W) for W in ds.weights(net, after.params).W)
    np.testing.assert_allclose(after.params[-1]["bias"], np.mean(t, axis=0), rtol=1e-10)


def test_zeros_through_sigmoid_move_the_last_weights_alone_at_first():
    net = ds.mlp([5], outputs=2, activation="sigmoid", initializer="zeros")
    x, t = cases.normal(1, ROWS, FEATURES), cases.normal(2, ROWS, 2)
    gradients = ds.loss_and_gradients(net, net.init(0, (FEATURES,)), x, t, "squared_error").params
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradients[0]))
    assert np.any(gradients[-1]["weight"])


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_constants_keep_the_units_of_a_layer_identical(activation):
    net = ds.mlp([5, 4], outputs=2, activation=activation, initializer=ds.initializers.constant(0.3))
    variables = net.init(0, (FEATURES,))
    x, t = cases.normal(1, ROWS, FEATURES), cases.normal(2, ROWS, 2)
    after = descend(net, variables, x, t, rate=0.05, steps=10)
    assert np.abs(after.params[0]["weight"] - variables.params[0]["weight"]).max() > 1e-4
    for place in (0, 2):
        weight, bias = after.params[place]["weight"], after.params[place]["bias"]
        np.testing.assert_allclose(weight, np.repeat(weight[:, :1], weight.shape[1], axis=1), rtol=1e-12)
        np.testing.assert_allclose(bias, np.repeat(bias[:1], bias.size), rtol=1e-12, atol=1e-16)


# ── Layers that depend on their context ──────────────────────────────────────────────────────────

NOISY = ds.Sequential([ds.Dense(5), cases.NoisyCounter(), ds.Tanh(), cases.NoisyCounter(), ds.Dense(2)])


def test_state_flows_from_one_pass_to_the_next():
    variables, x = start(NOISY)
    first = NOISY.forward(variables, x, training=True, key=jax.random.PRNGKey(0))
    second = NOISY.forward(ds.Variables(variables.params, first.state), x)
    assert [state.get("calls") for state in second.state] == [None, 2, None, 2, None]
    assert variables.state[1]["calls"] == 0
    assert jax.tree.structure(first.state) == jax.tree.structure(variables.state)


def test_row_weights_reach_the_layers():
    variables, x = start(NOISY)
    row_weights = jnp.asarray([1.0, 1, 0.5, 0, 0, 0])
    t = cases.normal(6, ROWS, 2)
    result = ds.loss_and_gradients(NOISY, variables, x, t, "squared_error", row_weights=row_weights)
    assert result.state[1]["weight_seen"] == 2.5
    assert NOISY.forward(variables, x).state[3]["weight_seen"] == ROWS


def test_noise_follows_the_key_and_differs_between_layers():
    variables, x = start(NOISY)
    key, other = jax.random.PRNGKey(0), jax.random.PRNGKey(1)
    calm = NOISY.forward(variables, x)
    once, again, otherwise = (NOISY.forward(variables, x, training=True, key=k) for k in (key, key, other))
    np.testing.assert_array_equal(once.output, again.output)
    assert np.any(once.output != otherwise.output)
    np.testing.assert_array_equal(NOISY.forward(variables, x, key=key).output, calm.output)
    np.testing.assert_array_equal(NOISY.forward(variables, x, training=True).output, calm.output)
    noises = [
        once.activations[place + 1] - once.activations[place] * variables.params[place]["scale"][None, :]
        for place in (1, 3)
    ]
    assert not np.any(np.isclose(*noises))


def test_gradients_are_those_of_the_noisy_pass():
    variables, x = start(NOISY)
    t, settings = cases.normal(6, ROWS, 2), {"training": True, "key": jax.random.PRNGKey(0)}

    def value(params):
        output = NOISY.forward(ds.Variables(params, variables.state), x, **settings).output
        return ds.losses.squared_error.value(output, t)

    result = ds.loss_and_gradients(NOISY, variables, x, t, "squared_error", **settings)
    assert_trees_close((result.loss, result.params), jax.value_and_grad(value)(variables.params))


def test_a_key_may_be_traced():
    variables, x = start(NOISY)

    def output(key):
        return NOISY.forward(variables, x, training=True, key=key).output

    np.testing.assert_allclose(jax.jit(output)(jax.random.PRNGKey(0)), output(jax.random.PRNGKey(0)), rtol=1e-12)


# ── The reader's lists, and what does not fit ────────────────────────────────────────────────────


def test_weights_are_inputs_in_rows_outputs_in_columns():
    net = ds.mlp([7, 5], outputs=3)
    W, B = ds.weights(net, net.init(0, (FEATURES,)).params)
    assert [w.shape for w in W] == [(4, 7), (7, 5), (5, 3)]
    assert [b.shape for b in B] == [(7,), (5,), (3,)]


def test_lists_hold_the_output_of_the_last_activation_too():
    net = cases.NETWORKS["an activation last"]
    variables, x = start(net)
    A, DW, DB = ds.layer_gradients(net, variables, x, cases.normal(6, ROWS, 3), "squared_error")
    assert [a.shape for a in A] == [(ROWS, 4), (ROWS, 5), (ROWS, 3)]
    np.testing.assert_array_equal(A[-1], net.apply(variables, x))
    assert (len(DW), len(DB)) == (2, 2)


def test_a_layer_without_biases_reads_as_zeros():
    net = cases.NETWORKS["without biases"]
    assert not any(np.any(b) for b in ds.weights(net, net.init(0, (FEATURES,)).params).B)


def test_lists_need_dense_layers():
    with pytest.raises(ShapeError, match="must have dense layers"):
        ds.weights(ds.Sequential([ds.ReLU()]), ({},))


@pytest.mark.parametrize("features", [3, 5])
def test_other_features_are_refused(features):
    net = ds.mlp([5], outputs=2)
    with pytest.raises(ShapeError, match=f"rows of {FEATURES} features.*{features}"):
        net.apply(net.init(0, (FEATURES,)), np.ones((2, features)))


def test_images_are_refused_by_dense_layers():
    with pytest.raises(ShapeError, match="vectors"):
        ds.mlp([5], outputs=2).init(0, (8, 8, 1))


@pytest.mark.parametrize("shape", [(0,), (-3,), (2.5,)], ids=str)
def test_shapes_are_whole_numbers_from_one(shape):
    with refused(SettingError, match="`input_shape` must be a whole number"):
        ds.mlp([5], outputs=2).init(0, shape)


@dataclass
class Unhashable:
    """A layer whose class compares by value, and may change."""

    factor: float

    def forward(self, params, x):
        return self.factor * x, None

    def backward(self, params, cache, gradient):
        return params, self.factor * gradient


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([ds.Dense(3), ds.ReLU], r"at place 1; did you mean ReLU\(\)\?"),
        ([ds.Dense], r"at place 0; did you mean Dense\(\)\?"),
        (["relu"], "got 'relu' at place 0"),
        ([ds.Dense(3), None], "got None at place 1"),
        ([ds.mlp([], outputs=1)], r"at place 0; give its layers instead, `\*net.layers`"),
        ([ds.Dense(3), SimpleNamespace(forward=abs)], r"at place 1, which has no `backward`; see `ds.layers.Layer`\.$"),
        ([SimpleNamespace(backward=abs)], r"at place 0, which has no `forward`; see"),
        ([SimpleNamespace(forward_in=abs)], r"which has no `initial_state` and no `backward`; see"),
        (
            [Unhashable(2.0)],
            r"must be hashable, got Unhashable\(factor=2\.0\) at place 0\. Declare its class with",
        ),
        (ds.Dense(3), r"must be a list of layers, got Dense\(.*\)\. Put them in a list: ds\.Sequential\(\[ds\.Dense"),
    ],
    ids=[
        "class",
        "class with settings",
        "name",
        "nothing",
        "network",
        "no backward",
        "no forward",
        "context",
        "no hash",
        "alone",
    ],
)
def test_what_is_no_layer_is_refused(layers, message):
    with refused(SettingError, match=message):
        ds.Sequential(layers)


@pytest.mark.parametrize(
    ("hidden", "outputs", "setting"),
    [([-3], 1, "hidden"), ([4, 0], 1, "hidden"), ([2.5], 1, "hidden"), ([4], 0, "outputs")],
)
def test_widths_are_whole_numbers_from_one(hidden, outputs, setting):
    with refused(SettingError, match=f"`{setting}` must be a whole number, 1 or more"):
        ds.mlp(hidden, outputs=outputs)


def test_unknown_names_offer_close_ones():
    with pytest.raises(UnknownNameError, match="Did you mean 'tanh'"):
        ds.mlp([3], outputs=1, activation="tahn")
    net = ds.mlp([], outputs=1)
    with pytest.raises(UnknownNameError, match="Did you mean 'squared_error'"):
        ds.loss_and_gradients(net, net.init(0, (1,)), np.ones((1, 1)), np.ones(1), "square_error")
