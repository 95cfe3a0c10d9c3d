"""How long each layer takes, forward and backward, compiled on its own at the shapes it meets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from downslope.core import Params, Shape, float_dtype, fold, generator
from downslope.efficiency._stopwatch import Deadline, compile_loop, time_loop
from downslope.layers import Context, Flatten, forward_in, initial_state, initialize
from downslope.networks import Site, with_cheap_weights


class LayerSeconds(NamedTuple):
    """Seconds of one forward and one backward pass of a layer."""

    forward: float
    backward: float


class Source(NamedTuple):
    """Where a part of a cache comes from: `"input"` or `"result"` by its index, or `"constant"`, the part itself."""

    kind: Literal["input", "result", "constant"]
    index: int = 0
    constant: object = None


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
    structure, sources = jax.tree.structure(()), list[Source]()

    def forward(params: Params, state: Params, x: jax.Array, key: jax.Array, row_weights: jax.Array) -> list[jax.Array]:
        nonlocal structure, sources
        y, cache, next_state = forward_in(layer, Context(True, key, row_weights), params, state, x)
        parts, structure = jax.tree.flatten(cache)
        arguments = jax.tree.leaves((params, state, x, key, row_weights))
        results, sources = _new_arrays([y, *jax.tree.leaves(next_state)], parts, arguments)
        return results

    forward_seconds, results = time_loop(compile_loop(forward, *inputs), *inputs, deadline=deadline)
    if not site.parameters and not site.feeds:
        return LayerSeconds(forward_seconds, 0.0)
    cache = _collected(sources, jax.tree.leaves(inputs), results)
    constants = [None if isinstance(part, jax.Array | np.ndarray) else part for part in cache]
    arrays = [part if constant is None else None for part, constant in zip(cache, constants, strict=True)]

    def backward(params: Params, arrays: list[jax.Array | None], dy: jax.Array) -> list[jax.Array]:
        parts = [array if constant is None else constant for array, constant in zip(arrays, constants, strict=True)]
        d_params, dx = layer.backward(params, jax.tree.unflatten(structure, parts), dy)
        gradients = [d_params if site.parameters else (), dx if site.feeds else ()]
        return _new_arrays(jax.tree.leaves(gradients), [], jax.tree.leaves((params, arrays, dy)))[0]

    backward_inputs = params, arrays, drawn(rows, site.output_shape, seed + 1)
    program = compile_loop(backward, *backward_inputs)
    return LayerSeconds(forward_seconds, time_loop(program, *backward_inputs, deadline=deadline)[0])


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
    outputs: Sequence[object], parts: Sequence[object], arguments: Sequence[object]
) -> tuple[list[jax.Array], list[Source]]:
    """Return the arrays that a pass has to compute, each once, and where each part of its cache comes from.

    Inputs that a layer hands on or keeps are no results: the loop would copy them in every run.
    """
    sources = {id(array): Source("input", index) for index, array in enumerate(arguments)}
    results: list[jax.Array] = []
    for array in [*outputs, *parts]:
        if isinstance(array, jax.Array) and id(array) not in sources:
            sources[id(array)] = Source("result", len(results))
            results.append(array)
    return results, [sources.get(id(part), Source("constant", constant=part)) for part in parts]


def _collected(sources: Sequence[Source], inputs: Sequence[object], results: Sequence[object]) -> list[object]:
    """Return the parts of a cache from their sources."""
    arrays = {"input": inputs, "result": results}
    return [source.constant if source.kind == "constant" else arrays[source.kind][source.index] for source in sources]
