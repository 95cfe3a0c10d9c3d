"""The peak rate of the machine: that of one large matrix product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp

from downslope.efficiency._layer_times import drawn
from downslope.efficiency._stopwatch import Loop, compile_loop
from downslope.efficiency._timing import Timing

SIDES = (512, 1024, 2048, 4096)
LONG_ENOUGH = 0.01
"""Seconds that a product may take for nothing but itself to count."""


class Peak(NamedTuple):
    """FLOP/s of the fastest product: in the fastest round, and at least, within the spread."""

    flops_per_second: float
    least: float


def matrix_products() -> dict[int, Loop]:
    """Return products of two square matrices, by the side, in the precision of the moment, ready to be timed.

    Larger and larger ones, until one takes 10 ms.
    """
    loops: dict[int, Loop] = {}
    for side in SIDES:
        a = drawn(side, (side,), 0)
        loops[side] = Loop.of(compile_loop(jnp.matmul, a, a), a, a)
        if loops[side]() > LONG_ENOUGH:
            break
    return loops


def peak_of(products: Mapping[int, Loop], timings: Mapping[Loop, Timing]) -> Peak:
    """Return the rate of the fastest of some products."""
    rates = [(2 * side**3 / timings[loop].seconds, 2 * side**3 / timings[loop].most) for side, loop in products.items()]
    return Peak(*max(rates))
