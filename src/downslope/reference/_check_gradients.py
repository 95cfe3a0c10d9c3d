"""Check every backward pass of a network: layer by layer, the loss, and the whole."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from downslope.core import (
    Params,
    PyTree,
    Setting,
    SettingError,
    Shape,
    Variables,
    check_integer,
    check_number,
    fold,
    generator,
    named_leaves,
    tree_norm,
)
from downslope.layers import AnyLayer, Context, forward_in
from downslope.losses import Loss, as_loss
from downslope.networks import Sequential, loss_and_gradients
from downslope.reference._gradient_report import SMALL, Comparison, GradientReport, compare
from downslope.reference._vjp import Gradients, vjp_layer

_STEPS = (1e-4, 1e-5, 1e-6)  # the first resolves most; the others step over fewer kinks
_RESOLUTION = 1e-11  # what a difference quotient resolves in float64, as a share of the loss
_DIRECTIONS = 3


def check_gradients(
    net: Sequential,
    x: ArrayLike | None = None,
    t: ArrayLike | None = None,
    *,
    input_shape: Shape | None = None,
    loss: str | Loss = "auto",
    variables: Variables | None = None,
    rows: int = 4,
    training: bool = True,
    seed: int = 0,
    tolerance: float = 1e-7,
) -> GradientReport:
    """Compare every hand-derived gradient of a network with a judge, in float64 whatever JAX's x64 mode is.

    Each layer's `backward` is compared with `jax.vjp` of its `forward`, for a random `∂l/∂y` and the input it gets in
    the network; the loss's `derivative` with `jax.vjp` of its `value`; and the gradient of the whole network with
    central differences of the loss along random directions. Rows have random weights.

    A derivative is not defined at a kink, where the judges may say otherwise than we do: relu at exactly 0, for one.
    Variables that are drawn here are therefore moved off such points by a little noise.

    Args:
        net: the network.
        x: examples, `(B, …)`; drawn from a normal distribution by default.
        t: targets, as the loss takes them; drawn by default.
        input_shape: the shape of one example, where `x` is not given.
        loss: a name or a loss. `"auto"`: cross-entropy for class indices, squared error otherwise.
        variables: where to check; drawn by default.
        rows: how many rows to draw, or to take from the start of `x`.
        training: whether layers behave as in training.
        seed: all that is drawn follows from it.
        tolerance: the largest relative error that passes.

    Returns:
        A report: `.passed`, `.worst`, `.rows`; as text, a table that says where gradients differ.

    Raises:
        SettingError: neither `x` nor `input_shape` is given.

    Example:
        >>> import downslope as ds
        >>> report = check_gradients(ds.mlp([8], outputs=3), input_shape=(4,), loss="cross_entropy")
        >>> report.passed, len(report.rows)
        (True, 9)
    """
    check_integer("rows", rows)
    check_number("tolerance", tolerance, above=0)
    with jax.enable_x64(True):
        examples = _examples(x, input_shape, rows, seed)
        point = _float64(variables) if variables is not None else _drawn_variables(net, examples.shape[1:], seed)
        row_weights = jnp.asarray(generator(seed, "row weights").uniform(0.5, 1.5, len(examples)))
        comparisons, output = _check_layers(net, point, examples, Context(training, fold(seed, "layers"), row_weights))
        if not any(math.isinf(row.error) for row in comparisons):
            chosen, targets = _loss_and_targets(loss, t, output, seed)
            comparisons.append(_check_loss(chosen, output, targets, row_weights))
            settings = {"training": training, "key": fold(seed, "network"), "row_weights": row_weights}
            comparisons.append(_check_network(net, point, examples, targets, chosen, settings, seed, tolerance))
    return GradientReport(tuple(comparisons), tolerance)


def _check_layers(
    net: Sequential, point: Variables, x: jax.Array, context: Context
) -> tuple[list[Comparison], jax.Array]:
    """Return the comparisons of all layers, each where the chain leads to, and the network's output."""
    comparisons, h = [], x
    for index, (layer, params, state) in enumerate(zip(net.layers, *point, strict=True)):
        own = context._replace(key=fold(context.key, index))  # pyright: ignore[reportArgumentType]
        y, by_hand, judge = _both(layer, own, params, state, h)
        comparisons += _compare_layer(layer, index, by_hand, judge)
        h = y
    return comparisons, h


def _both(
    layer: AnyLayer, context: Context, params: Params, state: Params, x: jax.Array
) -> tuple[jax.Array, Gradients, Gradients]:
    """Return a layer's output, and its gradients by hand and by the judge, for a random `∂l/∂y`."""
    shape = jax.eval_shape(lambda: forward_in(layer, context, params, state, x)[0])
    noise = generator(context.key, "cotangent").standard_normal(shape.shape)  # pyright: ignore[reportArgumentType]

    @jax.jit
    def gradients(params: Params, x: jax.Array) -> tuple[jax.Array, Gradients, Gradients]:
        y, cache, _ = forward_in(layer, context, params, state, x)
        dy = jnp.asarray(noise).astype(y.dtype)
        by_hand = Gradients(*layer.backward(params, cache, dy))
        return y, by_hand, vjp_layer(layer, params, x, dy, state=state, context=context)

    return gradients(params, x)


def _compare_layer(layer: AnyLayer, index: int, by_hand: Gradients, judge: Gradients) -> list[Comparison]:
    """Return the comparisons of one layer, parameter by parameter, then of its input."""
    ours, theirs = named_leaves(by_hand.params), named_leaves(judge.params)
    results = {
        name: compare(ours[name], theirs[name])
        if name in ours and name in theirs
        else (math.inf, "is missing" if name in theirs else "is no parameter")
        for name in {**theirs, **ours}
    }
    results["input"] = compare(by_hand.input, judge.input)
    name = type(layer).__name__
    return [Comparison(name, index, quantity, "jax.vjp", *result) for quantity, result in results.items()]


def _check_loss(loss: Loss, output: jax.Array, targets: jax.Array, row_weights: jax.Array) -> Comparison:
    """Return how the loss's derivative compares with `jax.vjp` of its value."""
    value, pull_back = jax.vjp(lambda y: loss.value(y, targets, row_weights), output)
    result = compare(loss.derivative(output, targets, row_weights), pull_back(jnp.ones_like(value))[0])
    return Comparison(loss.name, None, "output", "jax.vjp", *result)


def _check_network(
    net: Sequential,
    point: Variables,
    x: jax.Array,
    t: jax.Array,
    loss: Loss,
    settings: dict[str, Any],
    seed: int,
    tolerance: float,
) -> Comparison:
    """Return how the slopes of the loss along random directions compare with difference quotients.

    Of several steps the quotient nearest to ours counts: one is blurred by rounding, another crosses a kink, but none
    comes near to a wrong slope.
    """

    @jax.jit
    def loss_at(params: tuple[Params, ...]) -> jax.Array:
        return loss.value(net.forward(Variables(params, point.state), x, **settings).output, t, row_weights)

    def value(distance: float, direction: PyTree) -> float:
        return float(loss_at(jax.tree_util.tree_map(lambda p, d: p + distance * d, point.params, direction)))

    row_weights = settings["row_weights"]
    result = jax.jit(lambda params: loss_and_gradients(net, Variables(params, point.state), x, t, loss, **settings))(
        point.params
    )
    slopes, quotients = [], []
    for number in range(_DIRECTIONS if jax.tree_util.tree_leaves(point.params) else 0):
        direction = _direction(point.params, seed, number)
        slope = _inner_product(result.params, direction)
        tried = [(value(step, direction) - value(-step, direction)) / (2 * step) for step in _STEPS]
        slopes.append(slope)
        quotients.append(min(tried, key=lambda quotient: abs(quotient - slope)))
    size = max(abs(float(result.loss)), float(jnp.max(jnp.abs(result.output))))  # a loss of 0 may be a difference
    small = SMALL + _RESOLUTION * size / tolerance
    return Comparison("network", None, "directions", "finite differences", *compare(slopes, quotients, small=small))


def _examples(x: ArrayLike | None, input_shape: Shape | None, rows: int, seed: int) -> jax.Array:
    """Return the first rows of `x`, or random ones."""
    if x is not None:
        return jnp.asarray(np.asarray(x)[:rows], jnp.float64)
    if input_shape is None:
        raise SettingError(
            Setting("input_shape"), "must be given where there are no examples: the shape of one, such as (64,)."
        )
    return jnp.asarray(generator(seed, "examples").standard_normal((rows, *input_shape)))


def _drawn_variables(net: Sequential, input_shape: Shape, seed: int) -> Variables:
    """Return a network's first variables, with noise: zeros would put every unit on its kink."""
    drawn = _float64(net.init(fold(seed, "variables"), input_shape))
    noise = generator(seed, "noise")
    params = jax.tree_util.tree_map(lambda p: p + 0.1 * noise.standard_normal(p.shape), drawn.params)
    return Variables(params, drawn.state)


def _loss_and_targets(loss: str | Loss, t: ArrayLike | None, output: jax.Array, seed: int) -> tuple[Loss, jax.Array]:
    """Return the loss, and targets that suit it."""
    if t is not None:
        targets = jnp.asarray(np.asarray(t)[: len(output)])
        indices = targets.ndim < output.ndim and jnp.issubdtype(targets.dtype, jnp.integer) and output.shape[-1] > 1
        return as_loss(loss, task="classification" if indices else "regression"), targets
    chosen, random = as_loss(loss, task="regression"), generator(seed, "targets")
    if chosen.targets == "numbers":
        return chosen, jnp.asarray(random.standard_normal(output.shape))
    if chosen.targets == "counts":
        return chosen, jnp.asarray(random.poisson(2.0, output.shape).astype(float))
    if chosen.targets == "shares":
        return chosen, jnp.asarray(random.uniform(0, 1, output.shape))
    return chosen, jnp.asarray(random.integers(0, max(output.shape[-1], 2), output.shape[:-1]))


def _direction(params: tuple[Params, ...], seed: int, number: int) -> PyTree:
    """Return a random direction of length 1 through all parameters."""
    random = generator(seed, "direction", number)
    direction = jax.tree_util.tree_map(lambda p: random.standard_normal(p.shape), params)
    length = tree_norm(direction)
    return jax.tree_util.tree_map(lambda d: d / length, direction)


def _inner_product(a: PyTree, b: PyTree) -> float:
    """Return the sum of the products of all entries."""
    products = jax.tree_util.tree_map(lambda x, y: jnp.sum(x * y), a, b)
    return float(sum(jax.tree_util.tree_leaves(products)))


def _float64(variables: Variables) -> Variables:
    """Return variables with every real number in double precision."""

    def widened(leaf: jax.Array | np.ndarray) -> jax.Array:
        array = jnp.asarray(leaf)
        return array.astype(jnp.float64) if jnp.issubdtype(array.dtype, jnp.floating) else array

    return jax.tree_util.tree_map(widened, variables)
