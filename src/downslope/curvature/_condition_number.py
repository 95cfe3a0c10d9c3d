"""The condition number, over the eigenvalues that can be resolved, and what stands in its way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from downslope.core import Key, LossSurface, PyTree
from downslope.curvature._dense import dense_matrix
from downslope.curvature._eigenpairs import Eigenpairs
from downslope.curvature._eigenvalues import RESOLUTION, Progress, eigenpairs_of
from downslope.curvature._operator import Operator, operator_at


@dataclass(frozen=True)
class ConditionNumber:
    """How unequal the curvatures are.

    Attributes:
        kappa: `κ = λ_max / λ_min` over the resolved eigenvalues; None where it is undefined: with certified negative
            eigenvalues, with none resolved, or with an end that was not found to the tolerance.
        largest: the largest eigenvalue.
        smallest: the smallest resolved one above zero; None where it is unknown.
        floor: magnitudes below it are not told from zero: rounding, or the residual of the smallest found.
        negative: how many eigenvalues are certainly below zero; a lower bound unless `complete`.
        effective_rank: how many eigenvalues have magnitudes above the floor; None unless `complete`.
        complete: whether all eigenvalues are known, so that the counts are exact.
        at_least: a bound on the ratio of the largest eigenvalue to the smallest, `largest / floor`, or from the
            residuals of ends that were not found to the tolerance; None where `κ` is known or undefined.
        hvps: how many products with the operator were computed.
        converged: whether both ends are certified: found to the tolerance, or all eigenvalues are known.
    """

    kappa: float | None
    largest: float
    smallest: float | None
    floor: float
    negative: int
    effective_rank: int | None
    complete: bool
    at_least: float | None
    hvps: int
    converged: bool = True

    def __str__(self) -> str:
        count = "" if self.complete else "at least "
        if self.kappa is not None:
            rank = (
                "" if self.effective_rank is None else f" over {self.effective_rank} eigenvalues above {self.floor:.1g}"
            )
            return f"κ = {self.kappa:.6g}{rank}: from {self.smallest:.6g} to {self.largest:.6g}."
        if self.negative:
            return (
                f"κ is undefined: {count}{self.negative} of the eigenvalues "
                f"{'is' if self.negative == 1 else 'are'} negative. Largest {self.largest:.6g}."
            )
        if not self.converged:
            bound = "" if self.at_least is None else f" It is at least {self.at_least:.3g}."
            return (
                "κ is not resolved: the ends of the spectrum were not found to the tolerance with "
                f"{self.hvps} products. Allow more, or a larger tolerance.{bound} Largest {self.largest:.6g} or more."
            )
        if self.largest <= self.floor:
            return f"κ is undefined: no eigenvalue is above {self.floor:.1g}, the floor of this precision."
        return (
            f"κ is not resolved: the smallest eigenvalues are within {self.floor:.1g} of zero, "
            f"so it is at least {self.at_least:.3g}. Largest {self.largest:.6g}."
        )


def condition_number(
    surface: LossSurface,
    params: PyTree,
    *,
    tol: float = 1e-6,
    max_hvps: int = 500,
    operator: str = "hessian",
    key: Key | None = None,
    progress: Progress | None = None,
) -> ConditionNumber:
    """Return the condition number `κ = λ_max / λ_min` of the Hessian at a point, as far as it is defined.

    Up to `max_hvps` parameters the whole spectrum is computed, one product a parameter; `κ` is then the ratio of the
    largest to the smallest eigenvalue above the floor, and a rank-deficient Hessian has one over its range. With more
    parameters both ends are computed by `eigenvalues`, and `κ` is given where both are found to the tolerance and the
    smallest is resolved; else there is a bound. With certified
    negative eigenvalues `κ` is undefined, and it is said how many.

    Args:
        surface: the loss.
        params: the point.
        tol: the residual allowed, as a share of `max|λ|`; smaller eigenvalues than this share are not resolved.
        max_hvps: at most so many products.
        operator: `"hessian"` or `"gauss_newton"`.
        key: of the random start vector.
        progress: as for `eigenvalues`.

    Raises:
        SettingError: a setting that cannot be, or a Hessian that is not finite at this point.

    Example:
        >>> import jax.numpy as jnp
        >>> from downslope.core import FunctionSurface
        >>> ravine = FunctionSurface(lambda p: 0.5 * p[0] ** 2 + 50 * p[1] ** 2, np.ones(2))
        >>> print(condition_number(ravine, np.ones(2)))
        κ = 100 over 2 eigenvalues above ...: from 1 to 100.
        >>> saddle = FunctionSurface(lambda p: 0.5 * p[0] ** 2 - 50 * p[1] ** 2, np.ones(2))
        >>> print(condition_number(saddle, np.ones(2)))
        κ is undefined: 1 of the eigenvalues is negative. Largest 1.
    """
    matrix = operator_at(surface, params, operator)
    if matrix.size <= max_hvps:
        return _of_all(np.linalg.eigvalsh(dense_matrix(matrix)), matrix)
    pairs = eigenpairs_of(
        matrix, k=1, which="both", tol=tol, max_hvps=max_hvps, name=operator, key=key, progress=progress
    )
    return _of_ends(pairs, matrix)


def _of_ends(pairs: Eigenpairs, matrix: Operator) -> ConditionNumber:
    """Return the condition number from both ends of the spectrum, as far as they are certified."""
    largest, smallest = float(pairs.values[0]), float(pairs.values[-1])
    floor = max(_floor(matrix, pairs.scale), float(pairs.residuals[-1]))
    certain = bool(np.all(pairs.converged))
    resolved, negative = smallest > floor and certain, smallest < -floor
    # a true eigenvalue lies within the residual of each
    least, above = largest - float(pairs.residuals[0]), max(smallest + float(pairs.residuals[-1]), floor)
    bound = (largest / floor if certain else least / above) if floor else 0.0
    return ConditionNumber(
        kappa=largest / smallest if resolved else None,
        largest=largest,
        smallest=smallest if resolved else None,
        floor=floor,
        negative=int(negative),
        effective_rank=None,
        complete=False,
        at_least=None if resolved or negative or largest <= floor or bound < 1 else bound,
        hvps=matrix.products,
        converged=certain,
    )


def _of_all(values: Float[np.ndarray, " size"], operator: Operator) -> ConditionNumber:
    """Return the condition number from the whole spectrum, in ascending order."""
    floor = _floor(operator, float(np.max(np.abs(values))))
    negative, positive = int(np.sum(values < -floor)), values[values > floor]
    smallest = float(positive[0]) if len(positive) else None
    return ConditionNumber(
        kappa=None if negative or smallest is None else float(values[-1]) / smallest,
        largest=float(values[-1]),
        smallest=smallest,
        floor=floor,
        negative=negative,
        effective_rank=int(np.sum(np.abs(values) > floor)),
        complete=True,
        at_least=None,
        hvps=operator.products,
    )


def _floor(operator: Operator, scale: float) -> float:
    """Return the magnitude below which an eigenvalue is not told from zero.

    Products are rounded in the precision of the parameters, the decomposition in float64.
    """
    return (RESOLUTION * operator.eps + operator.size * float(np.finfo(float).eps)) * scale
