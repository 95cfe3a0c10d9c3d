"""The peak rate of the machine: that of one large matrix product."""

from __future__ import annotations

import jax.numpy as jnp

from downslope.efficiency._layer_times import drawn
from downslope.efficiency._stopwatch import Deadline, compile_loop, time_loop

SIDES = (512, 1024, 2048, 4096)
LONG_ENOUGH = 0.01
"""Seconds that a product may take for nothing but itself to count."""


def matrix_product_rate(deadline: Deadline) -> float:
    """Return the FLOP/s of a product of two square matrices, in the precision of the moment.

    The best of larger and larger ones, until one takes 10 ms.
    """
    best = 0.0
    for side in SIDES:
        a = drawn(side, (side,), 0)
        seconds, _ = time_loop(compile_loop(jnp.matmul, a, a), a, a, deadline=deadline)
        best = max(best, 2 * side**3 / seconds)
        if seconds > LONG_ENOUGH:
            break
    return best
