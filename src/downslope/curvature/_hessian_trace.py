"""The trace of the Hessian: its top part exactly, the rest by random probes, always with a standard error."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from downslope.core import Key, LossSurface, PyTree, check_integer
from downslope.curvature._dense import dense_matrix
from downslope.curvature._eigenvalues import RESOLUTION, Progress, eigenpairs_of
from downslope.curvature._intervals import interval, mean_and_error
from downslope.curvature._operator import Operator, Vector, operator_at


@dataclass(frozen=True)
class TraceEstimate:
    """The trace of the Hessian, `tr H = Σ λᵢ`.

    Attributes:
        value: the estimate.
        standard_error: of the estimate; 0 where every column was computed.
        probes: how many random probes it is the mean of; 0 where every column was computed.
        top: the Rayleigh quotients of the directions that were taken out, the largest magnitude first.
        hvps: how many products with the operator were computed.
    """

    value: float
    standard_error: float
    probes: int
    top: Float[np.ndarray, " deflated"]
    hvps: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval, by Student's t."""
        return interval(self.value, self.standard_error, max(self.probes - 1, 1))

    def __str__(self) -> str:
        if not self.probes:
            return f"Trace {self.value:.6g}, exact, {self.hvps} products."
        low, high = self.interval
        return (
            f"Trace {self.value:.6g} ± {self.standard_error:.2g} (95 %: {low:.6g} to {high:.6g}), "
            f"{self.probes} probes, {len(self.top)} directions taken out, {self.hvps} products."
        )


def hessian_trace(
    surface: LossSurface,
    params: PyTree,
    *,
    probes: int = 50,
    deflate: int = 5,
    operator: str = "hessian",
    key: Key | None = None,
    progress: Progress | None = None,
) -> TraceEstimate:
    """Return the trace of the Hessian at a point, with a standard error.

    The few largest eigenvalues make most of a probe's variance. Their directions `Q` are found first, and

        tr H = Σ qᵢᵀ H qᵢ + tr (1 − QQᵀ) H (1 − QQᵀ)

    holds exactly for any orthonormal `Q`: the first part needs no estimate, the second is Hutchinson's mean of
    `zᵀ H z` over random signs `z`, made orthogonal to `Q`. The number of probes is fixed beforehand: stopping when a
    running mean looks steady would bias it. With no more parameters than products allowed every column is computed, and
    the result is exact.

    Args:
        surface: the loss.
        params: the point.
        probes: how many random probes; the standard error falls with their square root.
        deflate: how many directions of largest magnitude are taken out; 0 for plain Hutchinson.
        operator: `"hessian"` or `"gauss_newton"`.
        key: of the probes.
        progress: as for `eigenvalues`, while the directions are looked for.

    Raises:
        SettingError: a setting that cannot be, or a Hessian that is not finite at this point.

    Example:
        >>> from downslope.core import FunctionSurface
        >>> bowl = FunctionSurface(lambda p: jnp.sum(p**4), np.ones(500))
        >>> found = hessian_trace(bowl, np.ones(500))
        >>> bool(abs(found.value - 6000) < 4 * found.standard_error)
        True
        >>> print(hessian_trace(bowl, np.ones(500), probes=500))
        Trace 6000, exact, 500 products.

    References:
        Hutchinson, "A stochastic estimator of the trace of the influence matrix" (1989).
        Meyer et al., "Hutch++: optimal stochastic trace estimation" (2021): why to take the top out.
    """
    matrix = operator_at(surface, params, operator)
    probes, deflate = check_integer("probes", probes, at_least=2), check_integer("deflate", deflate, at_least=0)
    return trace_of(matrix, probes=probes, deflate=deflate, name=operator, key=0 if key is None else key, tell=progress)


def trace_of(
    operator: Operator, *, probes: int, deflate: int, name: str, key: Key, tell: Progress | None = None
) -> TraceEstimate:
    """Return the trace of an operator; `hessian_trace` explains the arguments."""
    before = operator.products
    if operator.size <= probes + deflate:
        return TraceEstimate(float(np.trace(dense_matrix(operator))), 0.0, 0, np.empty(0), operator.products - before)
    Q, top = _top(operator, deflate, name, key, tell)
    draws = np.array([_probe(operator, Q, operator.signs(key, "trace", index)) for index in range(probes)])
    rest, error = mean_and_error(draws)
    # each product carries rounding errors of its own, in proportion to what it is a sum of
    rounding = RESOLUTION * operator.eps * (np.sum(np.abs(top)) + float(np.max(np.abs(draws))))
    return TraceEstimate(
        float(np.sum(top)) + rest, float(np.hypot(error, rounding)), probes, top, operator.products - before
    )


def _top(
    operator: Operator, deflate: int, name: str, key: Key, tell: Progress | None
) -> tuple[Float[np.ndarray, "deflated size"], Float[np.ndarray, " deflated"]]:
    """Return orthonormal directions of largest curvature in rows, and their Rayleigh quotients.

    The trace is exact for any directions, so a loose tolerance serves.
    """
    if not deflate:
        return np.empty((0, operator.size)), np.empty(0)
    pairs = eigenpairs_of(
        operator, k=deflate, which="magnitude", tol=0.03, max_hvps=10 * deflate + 50, name=name, key=key, progress=tell
    )
    vectors = np.array([np.asarray(operator.flatten(vector), np.float64) for vector in pairs.vectors])
    return np.linalg.qr(vectors.T)[0].T, pairs.values


def _probe(operator: Operator, Q: Float[np.ndarray, "deflated size"], signs: Vector) -> float:
    """Return `zᵀ H z` for signs made orthogonal to `Q`."""
    z = np.asarray(signs, np.float64)
    z = z - Q.T @ (Q @ z)
    return float(z @ np.asarray(operator(jnp.asarray(z, operator.dtype)), np.float64))
