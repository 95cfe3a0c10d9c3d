"""How long each layer takes, forward and backward, compiled on its own at the shapes it meets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from downslope.core import Shape, float_dtype, fold, generator
from downslope.efficiency._stopwatch import Deadline, compile_loop, time_loop
from downslope.layers import Context, Flatten, forward_in, initial_state, initialize
from downslope.networks import Site, with_cheap_weights


class LayerSeconds(NamedTuple):
    """Seconds of one forward and one backward pass of a layer."""

    forward: float
    backward: float


class Source(NamedTuple):
    """Where a part of a cache comes from: `"input"` or `"result"` with a number, or `"constant"` with the part."""

    kind: str
    part: Any


def time_layer(site: Site, rows: int, *, seed: int, deadline: Deadline) -> LayerSeconds:
    """Return how long a layer takes for a batch of so many rows, as in training.

    The backward pass makes what training needs: the gradients of the parameters, if there are any, and that of the
    input, if something before learns. Weights and inputs are drawn; times do not depend on them. A residual block
    stands for its addition; `Flatten` takes no time, for compiled with others it only reads the same memory otherwise.
    """
    if isinstance(site.layer, Flatten):
        return LayerSeconds(0.0, 0.0)
    if site.is_block:
        return _time_addition(site, rows, seed=seed, deadline=deadline)
    layer = with_cheap_weights(site.layer, "lecun_normal")
    params = jax.device_put(initialize(layer, fold(seed, "weights"), site.input_shape))
    state = jax.device_put(initial_state(layer, site.input_shape))
    inputs = params, state, drawn(rows, site.input_shape, seed), fold(seed, "step"), jnp.ones(rows, float_dtype())
    kept: dict[str, Any] = {}

    def forward(params: Any, state: Any, x: Any, key: Any, row_weights: Any) -> list[jax.Array]:
        y, cache, next_state = forward_in(layer, Context(True, key, row_weights), params, state, x)
        parts, kept["tree"] = jax.tree.flatten(cache)
        given = jax.tree.leaves((params, state, x, key, row_weights))
        results, kept["sources"] = _new_arrays([y, *jax.tree.leaves(next_state)], parts, given)
        return results

    forward_seconds, results = time_loop(compile_loop(forward, *inputs), *inputs, deadline=deadline)
    if not site.parameters and not site.feeds:
        return LayerSeconds(forward_seconds, 0.0)
    cache = _collected(kept["sources"], jax.tree.leaves(inputs), results)
    constants = [None if isinstance(part, jax.Array | np.ndarray) else part for part in cache]
    arrays = [part if constant is None else None for part, constant in zip(cache, constants, strict=True)]

    def backward(params: Any, arrays: Any, dy: Any) -> list[jax.Array]:
        parts = [array if fixed is None else fixed for array, fixed in zip(arrays, constants, strict=True)]
        d_params, dx = layer.backward(params, jax.tree.unflatten(kept["tree"], parts), dy)
        wanted = [d_params if site.parameters else (), dx if site.feeds else ()]
        return _new_arrays(jax.tree.leaves(wanted), [], jax.tree.leaves((params, arrays, dy)))[0]

    own = params, arrays, drawn(rows, site.output_shape, seed + 1)
    return LayerSeconds(forward_seconds, time_loop(compile_loop(backward, *own), *own, deadline=deadline)[0])


def drawn(rows: int, shape: Shape, seed: int) -> jax.Array:
    """Return a batch of normal random numbers on the device."""
    return jax.device_put(generator(seed, "profile").standard_normal((rows, *shape)).astype(float_dtype()))


def _time_addition(site: Site, rows: int, *, seed: int, deadline: Deadline) -> LayerSeconds:
    """Return how long a residual block takes to add its two ways up: outputs forward, gradients of the input back."""

    def time(shape: Shape) -> float:
        terms = drawn(rows, shape, seed), drawn(rows, shape, seed + 1)
        return time_loop(compile_loop(jnp.add, *terms), *terms, deadline=deadline)[0]

    return LayerSeconds(time(site.output_shape), time(site.input_shape) if site.feeds else 0.0)


def _new_arrays(
    wanted: Sequence[Any], parts: Sequence[Any], given: Sequence[Any]
) -> tuple[list[jax.Array], list[Source]]:
    """Return what a pass has to compute, each array once, and where each part of its cache comes from.

    Inputs that a layer hands on or keeps are no results: the loop would copy them in every run.
    """
    places = {id(array): Source("input", number) for number, array in enumerate(given)}
    results: list[jax.Array] = []
    for array in [*wanted, *parts]:
        if isinstance(array, jax.Array) and id(array) not in places:
            places[id(array)] = Source("result", len(results))
            results.append(array)
    return results, [places.get(id(part), Source("constant", part)) for part in parts]


def _collected(sources: Sequence[Source], inputs: Sequence[Any], results: Sequence[Any]) -> list[Any]:
    """Return the parts of a cache from where they are."""
    found = {"input": inputs, "result": results}
    return [found[kind][part] if kind in found else part for kind, part in sources]
