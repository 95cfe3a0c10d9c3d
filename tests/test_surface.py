"""Loss surfaces from any function of JAX: exact over chunks, repeatable, clear about what they cannot take."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import cases
from downslope.core import (
    BatchGradientsSurface,
    FunctionSurface,
    GaussNewtonSurface,
    LinearizedSurface,
    LossSurface,
    PlaneSurface,
    SettingError,
    ShapeError,
    check_repeats,
    generator,
)

RANDOM = generator(0, "tests", "surface")
X, Y = RANDOM.normal(size=(23, 3)), RANDOM.normal(size=(23, 2))
PARAMS = {"W": RANDOM.normal(size=(3, 4)), "V": RANDOM.normal(size=(4, 2)), "b": RANDOM.normal(size=4)}
V = jax.tree.map(lambda leaf: RANDOM.normal(size=leaf.shape), PARAMS)


def model(params, batch):
    return jnp.tanh(batch[0] @ params["W"] + params["b"][None, :]) @ params["V"]


def loss_of_outputs(outputs, batch):
    return jnp.mean(jnp.sum((outputs - batch[1]) ** 2, axis=1))


def loss(params, batch):
    return loss_of_outputs(model(params, batch), batch)


def chunks(*sizes):
    ends = np.cumsum(sizes)
    return [(X[end - size : end], Y[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


WHOLE = FunctionSurface(loss, PARAMS, chunks(23))
CHUNKED = FunctionSurface(loss, PARAMS, chunks(9, 9, 5))
WITH_MODEL = FunctionSurface(loss_of_outputs, PARAMS, chunks(9, 14), model=model)


def vector(tree):
    return ravel_pytree(tree)[0]


def dense(function):
    """Return the Jacobian of a function of a tree, as a matrix."""
    flat, unravel = ravel_pytree(PARAMS)
    return jax.jacfwd(lambda p: vector(function(unravel(p))))(flat)


HESSIAN = dense(jax.grad(lambda params: loss(params, (X, Y))))


@pytest.mark.product
@pytest.mark.parametrize("surface", [WHOLE, CHUNKED, WITH_MODEL], ids=["whole", "in chunks", "with its model"])
def test_value_gradient_and_products_are_those_of_the_whole_data(surface):
    assert isinstance(surface, LossSurface)
    assert surface.rows == 23
    assert surface.value(PARAMS) == pytest.approx(float(loss(PARAMS, (X, Y))), rel=1e-14)
    cases.assert_trees_close(surface.gradient(PARAMS), jax.grad(loss)(PARAMS, (X, Y)), rtol=1e-12)
    assert isinstance(surface, LinearizedSurface)
    for product in (lambda v: surface.hvp(PARAMS, v), surface.hvp_at(PARAMS)):
        np.testing.assert_allclose(vector(product(V)), HESSIAN @ vector(V), rtol=1e-11)


def test_many_values_are_the_values_one_by_one():
    many = jax.tree.map(lambda leaf, v: leaf[None] + np.linspace(-1, 1, 7).reshape(-1, *[1] * leaf.ndim) * v, PARAMS, V)
    alone = [CHUNKED.value(jax.tree.map(lambda leaf, at=i: leaf[at], many)) for i in range(7)]
    np.testing.assert_allclose(CHUNKED.values(many), alone, rtol=1e-13)


def test_infinite_and_undefined_losses_stay_what_they_are():
    steep = FunctionSurface(lambda p: jnp.log(p[0]), np.ones(1))
    assert steep.value(np.zeros(1)) == -np.inf
    assert np.isnan(steep.value(-np.ones(1)))
    assert np.isnan(steep.values(np.array([[1.0], [-1.0]]))).tolist() == [False, True]


@pytest.mark.slow
def test_the_gauss_newton_product_is_the_first_term_of_the_hessian():
    J = dense(lambda params: model(params, (X, Y)))
    expected = J.T @ (2 / 23 * J) @ vector(V)
    np.testing.assert_allclose(vector(WITH_MODEL.gauss_newton_product(PARAMS, V)), expected, rtol=1e-11)


def test_a_loss_alone_has_no_gauss_newton_product():
    assert isinstance(CHUNKED, GaussNewtonSurface)
    with pytest.raises(SettingError, match="needs a surface that knows its model"):
        CHUNKED.gauss_newton_product(PARAMS, V)


def test_a_given_gradient_is_used_and_differentiated():
    asked = []

    def gradient(params, batch):
        asked.append(1)
        return jax.tree.map(lambda leaf: 3 * leaf, jax.grad(loss)(params, batch))

    surface = FunctionSurface(loss, PARAMS, chunks(9, 14), gradient_fn=gradient)
    np.testing.assert_allclose(vector(surface.hvp(PARAMS, V)), 3 * HESSIAN @ vector(V), rtol=1e-11)
    assert asked


def test_chunk_weights_are_used_as_they_are():
    summed = FunctionSurface(
        lambda p, batch: 23 * loss(p, batch), PARAMS, chunks(9, 14), chunk_weights=[9 / 23, 14 / 23]
    )
    assert summed.value(PARAMS) == pytest.approx(23 * WHOLE.value(PARAMS), rel=1e-13)
    with pytest.raises(ShapeError, match="one number a chunk, 2, got 3"):
        FunctionSurface(loss, PARAMS, chunks(9, 14), chunk_weights=[1.0, 1.0, 1.0])


def test_batch_gradients_are_of_disjoint_random_rows():
    assert isinstance(CHUNKED, BatchGradientsSurface)
    numbered = FunctionSurface(
        lambda p, batch: jnp.mean(batch) * p[0], np.ones(1), [np.arange(5.0), np.arange(5.0, 12.0)]
    )
    whole = [float(g[0]) for g in numbered.batch_gradients(np.ones(1), batch_size=1, key=3)]
    assert sorted(whole) == list(range(12))
    assert whole != sorted(whole)
    threes = [float(g[0]) for g in numbered.batch_gradients(np.ones(1), batch_size=3, key=3)]
    np.testing.assert_allclose(threes, np.mean(np.reshape(whole, (4, 3)), axis=1))
    assert len(list(numbered.batch_gradients(np.ones(1), batch_size=5, key=3))) == 2


@pytest.mark.parametrize("batches", [None, [np.arange(4.0)]])
def test_batch_gradients_need_rows(batches):
    surface = FunctionSurface(lambda p, *batch: p[0] ** 2, np.ones(1), batches)
    with pytest.raises(SettingError, match="Pass `batches`" if batches is None else "at most 4, the rows, got 5"):
        surface.batch_gradients(np.ones(1), batch_size=5)


def test_each_function_is_compiled_once():
    traced = []

    def counted(params):
        traced.append(1)
        return jnp.sum(params**2)

    surface = FunctionSurface(counted, np.ones(3))
    for scale in (1.0, 2.0, 3.0):
        surface.value(scale * np.ones(3))
        surface.hvp(scale * np.ones(3), np.ones(3))
    assert len(traced) == 3  # the value twice, to see that it repeats, and the product


def test_nothing_given_is_changed():
    params = jax.tree.map(np.copy, PARAMS)
    CHUNKED.value(params), CHUNKED.gradient(params), CHUNKED.hvp(params, V)
    cases.assert_trees_close(params, PARAMS, rtol=0, atol=0)


def test_a_function_that_draws_when_traced_is_refused():
    random = np.random.default_rng(0)
    surface = FunctionSurface(lambda p: jnp.sum(p**2) + random.normal(), np.ones(2))
    with pytest.raises(SettingError, match=r"must answer the same .* Fix what is random"):
        surface.gradient(np.ones(2))


def test_a_function_that_counts_its_calls_is_refused():
    calls = itertools.count()

    def counting(p):
        noise = jax.pure_callback(lambda: np.float64(next(calls)), jax.ShapeDtypeStruct((), np.float64))
        return jnp.sum(p**2) + jax.lax.stop_gradient(noise)

    with pytest.raises(SettingError, match="must answer the same"):
        FunctionSurface(counting, np.ones(2)).value(np.ones(2))


@pytest.mark.parametrize(("first", "second"), [(1.0, 1.0 + 1e-15), (np.nan, np.nan), (np.inf, np.inf), (0.0, 0.0)])
def test_the_order_of_sums_is_no_other_answer(first, second):
    check_repeats(first, second, dtype=np.dtype(np.float64))


@pytest.mark.parametrize(("first", "second"), [(1.0, 1.0 + 1e-9), (np.nan, 1.0), (np.inf, 1.0), (1.0, -np.inf)])
def test_another_answer_is_refused(first, second):
    with pytest.raises(SettingError, match="must answer the same"):
        check_repeats(first, second, dtype=np.dtype(np.float64))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: FunctionSurface(jnp.sum, {}), SettingError, "at least one number"),
        (lambda: FunctionSurface(jnp.sum, {"n": np.arange(3)}), SettingError, "numbers, got int64 at 'n'"),
        (lambda: FunctionSurface(loss, PARAMS, []), SettingError, "at least one chunk"),
        (lambda: FunctionSurface(loss, PARAMS, (X, Y)), ShapeError, r"For one chunk .* pass `\[\(x, y\)\]`"),
        (lambda: FunctionSurface(loss, PARAMS, [(X, Y[:5])]), ShapeError, "equally many rows"),
        (lambda: FunctionSurface(lambda p: p**2, np.ones(3)).value(np.ones(3)), ShapeError, "must return one"),
        (lambda: WHOLE.value({**PARAMS, "b": np.ones(5)}), ShapeError, "`params` must be a tree"),
        (lambda: WHOLE.hvp(PARAMS, {"W": V["W"]}), ShapeError, "`v` must be a tree like"),
    ],
    ids=["empty", "whole numbers", "no chunks", "a chunk alone", "rows", "not one number", "other shape", "other v"],
)
def test_what_cannot_be_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_plane_is_an_offer_that_functions_do_not_make():
    assert not isinstance(WHOLE, PlaneSurface)


def test_float32_in_float32_out(float32):
    surface = FunctionSurface(lambda p: jnp.sum(p["a"] ** 3), {"a": np.ones(2)})
    assert surface.gradient({"a": np.ones(2)})["a"].dtype == np.float32
    assert surface.hvp({"a": np.ones(2)}, {"a": np.ones(2)})["a"].tolist() == [6.0, 6.0]
