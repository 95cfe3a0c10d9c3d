"""Conjugate gradients: `(H + δ I)⁻¹ b` from products of the Hessian with vectors."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from downslope.core import unit_of
from downslope.curvature._operator import Operator

_RESTARTS = 5
"""The residual that the iteration carries along drifts from the true one: it begins anew from that so often at most."""


@dataclass(frozen=True)
class Solution:
    """A solution of `(H + δ I) x = b`.

    Attributes:
        x: the solution, as far as it got.
        residual: `‖b − (H + δ I) x‖ / ‖b‖`, computed at the end, not carried along.
        converged: whether that is within the tolerance.
        indefinite: the curvature of a direction along which `H + δ I` was not positive, which ended the search; None
            where there was none.
    """

    x: Float[np.ndarray, " size"]
    residual: float
    converged: bool
    indefinite: float | None


def conjugate_gradients(
    operator: Operator, b: Float[np.ndarray, " size"], *, damping: float, tol: float, max_products: int
) -> Solution:
    """Solve `(H + δ I) x = b` for a matrix known by its products.

    With `A = H + δ I`, `r = b − A x` and `p = r` at first,

        α = rᵀr / pᵀA p      x ← x + α p      r′ = r − α A p      p ← r′ + (r′ᵀr′ / rᵀr) p

    All but the products are computed in float64, with `b` divided by a power of two near its largest number.

    Args:
        operator: `H`.
        b: the right-hand side.
        damping: `δ`.
        tol: stop where `‖r‖ ≤ tol ‖b‖`, in truth.
        max_products: give up after so many.

    References:
        Hestenes and Stiefel, "Methods of conjugate gradients for solving linear systems" (1952).
    """
    unit = unit_of(b)
    b = b / unit

    def damped(v: np.ndarray) -> np.ndarray:
        return np.asarray(operator(jnp.asarray(v, operator.dtype)), np.float64) + damping * v

    x, r, length = np.zeros_like(b), b, float(np.linalg.norm(b))
    if length == 0:
        return Solution(x, 0.0, converged=True, indefinite=None)
    last, residual = operator.products + max_products, 1.0
    for _ in range(_RESTARTS):
        p, squared, start = r, float(r @ r), x
        while squared > (tol * length / 2) ** 2 and operator.products < last - 1:
            Ap = damped(p)
            curvature = float(p @ Ap)
            if not curvature > 0:
                return Solution(x * unit, residual, converged=False, indefinite=curvature / float(p @ p))
            step = squared / curvature
            x, r = x + step * p, r - step * Ap
            squared, before = float(r @ r), squared
            p = r + squared / before * p
        r = b - damped(x)
        improved, residual = float(np.linalg.norm(r)) / length < residual / 2, float(np.linalg.norm(r)) / length
        if residual <= tol or operator.products >= last or not improved or start is x:
            break
    return Solution(x * unit, residual, converged=residual <= tol, indefinite=None)
