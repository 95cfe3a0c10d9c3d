"""How long each layer takes, forward and backward, compiled on its own at the shapes it meets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from downslope.core import Params, Shape, float_dtype, fold, generator
from downslope.efficiency._stopwatch import Loop, compile_loop
from downslope.efficiency._timing import NO_TIME, Deadline, Timing, in_rounds, together
from downslope.layers import Context, Flatten, forward_in, initial_state, initialize
from downslope.networks import Site, with_cheap_weights


class LayerTimes(NamedTuple):
    """The times of one forward and one backward pass of a layer."""

    forward: Timing
    backward: Timing

    @property
    def both(self) -> Timing:
        """The time of both."""
        return together(self)


class LayerLoops(NamedTuple):
    """A forward and a backward pass of a layer, ready to be timed; None where it takes no time."""

    forward: Loop | None
    backward: Loop | None

    def times(self, timings: Mapping[Loop, Timing]) -> LayerTimes:
        """Return the times of both, found among those of all."""
        return LayerTimes(*(NO_TIME if loop is None else timings[loop] for loop in self))


class Source(NamedTuple):
    """Where a part of a cache comes from: `"input"` or `"result"` by its index, or `"constant"`, the part itself."""

    kind: Literal["input", "result", "constant"]
    index: int = 0
    constant: object = None


def time_in_rounds(loops: Iterable[Loop | None], *, deadline: Deadline) -> dict[Loop, Timing]:
    """Return the times of all loops, measured in the same rounds."""
    distinct = list(dict.fromkeys(loop for loop in loops if loop is not None))
    return dict(zip(distinct, in_rounds(distinct, deadline=deadline), strict=True))


def layer_loops(site: Site, rows: int, *, seed: int) -> LayerLoops:
    """Return the passes of a layer on a batch of so many rows, as in training, compiled and warmed up.

    The backward pass makes what training needs: the gradients of the parameters, if there are any, and that of the
    input, if something before learns. Weights and inputs are drawn; times do not depend on them. A residual block
    stands for its addition; `Flatten` takes no time, for compiled with others it only reads the same memory otherwise.
    """
    if isinstance(site.layer, Flatten):
        return LayerLoops(None, None)
    if site.is_block:
        return _additions(site, rows, seed=seed)
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

    forward_loop = Loop.of(compile_loop(forward, *inputs), *inputs)
    if not site.parameters and not site.feeds:
        return LayerLoops(forward_loop, None)
    # copies: the next run of the loop takes the memory of its results
    results = jax.tree.map(jnp.copy, forward_loop.results)
    cache = _collected(sources, jax.tree.leaves(inputs), results)
    constants = [None if isinstance(part, jax.Array | np.ndarray) else part for part in cache]
    arrays = [part if constant is None else None for part, constant in zip(cache, constants, strict=True)]

    def backward(params: Params, arrays: list[jax.Array | None], dy: jax.Array) -> list[jax.Array]:
        parts = [array if constant is None else constant for array, constant in zip(arrays, constants, strict=True)]
        d_params, dx = layer.backward(params, jax.tree.unflatten(structure, parts), dy)
        gradients = [d_params if site.parameters else (), dx if site.feeds else ()]
        return _new_arrays(jax.tree.leaves(gradients), [], jax.tree.leaves((params, arrays, dy)))[0]

    backward_inputs = params, arrays, drawn(rows, site.output_shape, seed + 1)
    return LayerLoops(forward_loop, Loop.of(compile_loop(backward, *backward_inputs), *backward_inputs))


def drawn(rows: int, shape: Shape, seed: int) -> jax.Array:
    """Return a batch of normal random numbers on the device."""
    return jax.device_put(generator(seed, "profile").standard_normal((rows, *shape)).astype(float_dtype()))


def _additions(site: Site, rows: int, *, seed: int) -> LayerLoops:
    """Return how a residual block adds its two ways up: outputs forward, gradients of the input back."""

    def addition(shape: Shape) -> Loop:
        terms = drawn(rows, shape, seed), drawn(rows, shape, seed + 1)
        return Loop.of(compile_loop(jnp.add, *terms), *terms)

    return LayerLoops(addition(site.output_shape), addition(site.input_shape) if site.feeds else None)


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
