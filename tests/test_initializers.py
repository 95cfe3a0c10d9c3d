"""Initializers: the variance that each formula says, and the same numbers from the same key."""

import math

import jax
import numpy as np
import pytest

import downslope as ds
from cases import refused
from downslope import initializers, layers
from downslope.core import SettingError, UnknownNameError, fold, rebuild, render

VARIANCES = {
    "lecun": lambda n_in, n_out: 1 / n_in,
    "fan_out": lambda n_in, n_out: 1 / n_out,
    "glorot": lambda n_in, n_out: 2 / (n_in + n_out),
    "he": lambda n_in, n_out: 2 / n_in,
}
SHAPES = {  # with the inputs and outputs that each weight connects
    "wide": ((150, 600), 150, 600),
    "tall": ((700, 120), 700, 120),
    "window of 5": ((5, 60, 200), 300, 1000),
    "window of 3 × 3": ((3, 3, 80, 100), 720, 900),
}
MADE = {
    "constant": initializers.constant(0.5),
    "normal": initializers.normal(0.1),
    "uniform": initializers.uniform(0.1),
    **{name: initializers.named(name) for name in initializers.names()},
}

every_shape = pytest.mark.parametrize(("shape", "n_in", "n_out"), SHAPES.values(), ids=SHAPES.keys())
every_initializer = pytest.mark.parametrize("initializer", MADE.values(), ids=MADE.keys())


def assert_variance(numbers, variance, *, kurtosis):
    """Fail where mean or variance are further from 0 and `variance` than five standard errors."""
    count = numbers.size
    assert abs(numbers.mean()) < 5 * math.sqrt(variance / count)
    assert abs(np.mean(numbers**2) / variance - 1) < 5 * math.sqrt((kurtosis - 1) / count)


@pytest.mark.parametrize("name", VARIANCES)
@every_shape
def test_normals_have_the_variance_of_their_formula(name, shape, n_in, n_out):
    drawn = initializers.named(f"{name}_normal")(0, shape)
    assert_variance(drawn, VARIANCES[name](n_in, n_out), kurtosis=3)
    assert abs(drawn).max() > 3.5 * drawn.std()  # not truncated


@pytest.mark.parametrize("name", VARIANCES)
@every_shape
def test_uniforms_have_the_variance_of_their_formula_and_its_bounds(name, shape, n_in, n_out):
    variance = VARIANCES[name](n_in, n_out)
    drawn = initializers.named(f"{name}_uniform")(0, shape)
    assert_variance(drawn, variance, kurtosis=9 / 5)
    bound = math.sqrt(3 * variance)
    assert 0.999 * bound < abs(drawn).max() <= bound


def test_normal_has_the_deviation_given():
    assert_variance(initializers.normal(0.3)(0, (300, 300)), 0.09, kurtosis=3)


def test_uniform_has_the_bounds_given():
    drawn = initializers.uniform(0.3)(0, (300, 300))
    assert_variance(drawn, 0.03, kurtosis=9 / 5)
    assert 0.299 < abs(drawn).max() <= 0.3


@pytest.mark.product
@every_shape
def test_an_orthogonal_weight_has_orthonormal_rows_or_columns(shape, n_in, n_out):
    W = initializers.orthogonal(0, shape).reshape(-1, shape[-1])
    smaller = W.T @ W if W.shape[0] >= W.shape[1] else W @ W.T
    np.testing.assert_allclose(smaller, np.eye(len(smaller)), atol=1e-12)


def test_orthogonal_is_uniform_among_rotations():
    traces = np.array([np.trace(initializers.orthogonal(seed, (3, 3))) for seed in range(2000)])
    assert abs(traces.mean()) < 5 / math.sqrt(2000)  # E tr Q = 0 and E (tr Q)² = 1 under Haar's measure
    assert abs(np.mean(traces**2) - 1) < 0.2


def test_zeros_and_constants():
    assert not initializers.zeros(0, (3, 4)).any()
    assert (initializers.constant(-0.5)(0, (3, 4)) == -0.5).all()


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_xavier_is_glorot(distribution):
    xavier, glorot = (initializers.named(f"{author}_{distribution}") for author in ("xavier", "glorot"))
    np.testing.assert_array_equal(xavier(3, (4, 5)), glorot(3, (4, 5)))


@every_initializer
def test_the_same_key_draws_the_same_numbers(initializer):
    np.testing.assert_array_equal(initializer(fold(7, "a"), (4, 6)), initializer(fold(7, "a"), (4, 6)))


@pytest.mark.parametrize("name", sorted(MADE.keys() - {"zeros", "constant"}))
def test_other_keys_draw_other_numbers(name):
    drawn = [MADE[name](key, (4, 6)) for key in (0, 1, fold(0, 0), fold(0, 1), jax.random.key(1), jax.random.key(2))]
    for place, one in enumerate(drawn):
        assert not any(np.any(one == other) for other in drawn[:place])


@every_initializer
@pytest.mark.parametrize("shape", [(4, 6), (3, 4, 6), (3, 3, 4, 6), (1, 1)], ids=str)
def test_shape_and_precision(initializer, shape):
    drawn = initializer(0, shape)
    assert drawn.shape == shape
    assert drawn.dtype == np.float64
    assert initializer(0, shape, np.float32).dtype == np.float32


@every_initializer
def test_single_precision_holds_the_same_numbers_rounded(initializer, float32):
    single = initializer(0, (4, 6))
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, initializer(0, (4, 6), np.float64).astype(np.float32))


@every_initializer
def test_what_is_rendered_can_be_built_again(initializer):
    again = rebuild(render(initializer), {"initializers": initializers})
    np.testing.assert_array_equal(again(3, (4, 6)), initializer(3, (4, 6)))


@every_initializer
def test_a_layer_takes_it_and_can_be_built_again(initializer):
    layer = ds.Dense(6, initializer=initializer)
    again = rebuild(render(layer), {"layers": layers, "initializers": initializers})
    np.testing.assert_array_equal(layer.initialize(3, (4,))["weight"], initializer(3, (4, 6)))
    np.testing.assert_array_equal(again.initialize(3, (4,))["weight"], initializer(3, (4, 6)))


def test_the_functions_of_jax_are_accepted():
    glorot = jax.nn.initializers.glorot_uniform()
    key = fold(0, "initialize", 0)
    weight = ds.Sequential([ds.Dense(5, initializer=glorot)]).init(0, (3,)).params[0]["weight"]
    np.testing.assert_array_equal(weight, glorot(key, (3, 5), np.float64))


def chosen(net):
    """Return, for each dense layer, which initializer drew its weight."""
    variables = net.init(0, (8,))
    made = []
    for place, params in enumerate(variables.params):
        if "weight" in params:
            key, weight = fold(0, "initialize", place), params["weight"]
            made += [name for name in initializers.names() if (MADE[name](key, weight.shape) == weight).all()][:1]
    return made


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "softplus", "elu", "gelu", "silu"])
def test_auto_is_he_before_the_relu_family(name):
    assert chosen(ds.mlp([6, 5], outputs=3, activation=name)) == ["he_normal", "he_normal", "glorot_normal"]


@pytest.mark.parametrize("name", ["tanh", "scaled_tanh", "sigmoid", "identity"])
def test_auto_is_glorot_before_other_activations(name):
    assert chosen(ds.mlp([6, 5], outputs=3, activation=name)) == ["glorot_normal"] * 3


def test_auto_looks_no_further_than_the_next_layer_with_weights():
    assert chosen(ds.Sequential([ds.Dense(6), ds.Dense(5), ds.ReLU()])) == ["glorot_normal", "he_normal"]


def test_a_named_initializer_is_not_changed_by_what_follows():
    net = ds.mlp([6, 5], outputs=3, activation="relu", initializer="lecun_uniform")
    assert chosen(net) == ["lecun_uniform"] * 3


@pytest.mark.parametrize(("name", "close"), [("he_norml", "he_normal"), ("glorot", "glorot_normal"), ("zero", "zeros")])
def test_unknown_names_offer_close_ones(name, close):
    with refused(UnknownNameError, match=f"Did you mean .*'{close}'"):
        initializers.named(name)
    with refused(UnknownNameError, match=f"Did you mean .*'{close}'"):
        ds.Dense(3, initializer=name)


@pytest.mark.parametrize("wrong", [3, None, np.ones(3)], ids=repr)
def test_what_is_no_initializer_is_refused(wrong):
    with refused(SettingError, match="`initializer` must be a name or a function"):
        ds.Dense(3, initializer=wrong)


@pytest.mark.parametrize("make", [initializers.normal, initializers.uniform], ids=["normal", "uniform"])
@pytest.mark.parametrize("s", [-0.1, math.nan, math.inf, "0.1", True])
def test_a_deviation_is_a_number_from_zero(make, s):
    with refused(SettingError, match="`s` must be a number .*at least 0"):
        make(s)
