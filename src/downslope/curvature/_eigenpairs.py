"""Eigenpairs as they were found: each with its true residual, and how the search ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from downslope.core import PyTree

STATEMENTS = {
    "converged": "All were found to the tolerance.",
    "invariant subspace": "Invariant subspace: the products of the start vector are exhausted, and give no more. Where "
    "more than one is wanted, the search went on at right angles: each is there as often as it repeats.",
    "multiplicity unknown": "All were found to the tolerance. Whether one repeats, and is there too seldom, is not "
    "known: the products allowed were used up.",
    "not converged": "Not converged: the products allowed were used up. Allow more, or a larger tolerance.",
    "resolution reached": "Resolution reached: the tolerance is finer than this precision can tell. "
    "Use float64, or a larger tolerance.",
    "interrupted": "Interrupted: these are the pairs as they stood.",
}
"""What each status says."""


@dataclass(frozen=True, repr=False)
class Eigenpairs:
    """Eigenvalues of a symmetric operator at the ends of its spectrum, with their vectors and what is known of both.

    A pair `(λ, v)`, `‖v‖ = 1`, with residual `r = ‖Hv − λv‖` has a true eigenvalue within `r` of `λ`.

    Attributes:
        values: in algebraic order, outermost first: descending for `"largest"` and `"both"`, ascending for
            `"smallest"`, by magnitude for `"magnitude"`. Each is there as often as it repeats, unless the status says
            otherwise; there may be fewer than asked for.
        vectors: a tree like the parameters for each, of length 1.
        residuals: the true `‖Hv − λv‖`, each from a product of its own.
        converged: whether each residual is at most `tol · max|λ|`, the largest magnitude met anywhere in the spectrum.
        status: `"converged"`, `"invariant subspace"`, `"multiplicity unknown"`, `"not converged"`, `"resolution
            reached"` or `"interrupted"`; `statement` says what each means.
        hvps: how many products with the operator were computed, those for the residuals included.
        scale: `max|λ|`, the largest magnitude met.
        resolution: eigenvalues of smaller magnitude cannot be told from zero in this precision: about `1e-6 max|λ|` in
            float32.
        operator: `"hessian"` or `"gauss_newton"`.
    """

    values: Float[np.ndarray, " k"]
    vectors: tuple[PyTree, ...]
    residuals: Float[np.ndarray, " k"]
    converged: Bool[np.ndarray, " k"]
    status: str
    hvps: int
    scale: float
    resolution: float
    operator: str

    @property
    def statement(self) -> str:
        """How the search ended, in a sentence."""
        return STATEMENTS[self.status]

    @property
    def resolved(self) -> Bool[np.ndarray, " k"]:
        """Whether each value can be told from zero in this precision."""
        return np.abs(self.values) > self.resolution

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        values = ", ".join(f"{value:.4g}" for value in self.values[:10]) + (", …" if len(self) > 10 else "")
        return f"Eigenpairs({self.operator}: {values or 'none'}; {self.status}, {self.hvps} products)"

    def __str__(self) -> str:
        name = {"hessian": "Hessian", "gauss_newton": "Gauss–Newton term"}[self.operator]
        lines = [
            f"{len(self)} eigenvalue{'s' * (len(self) != 1)} of the {name}, {self.hvps} products. {self.statement}"
        ]
        rows = list(zip(self.values, self.residuals, self.converged, self.resolved, strict=True))
        for value, residual, converged, resolved in rows:
            text = f"{value: .6g}" if resolved else f" 0 within {self.resolution:.1g}, the resolution"
            lines.append(f"  {text}  ± {residual:.1g}{'' if converged else '  (not converged)'}")
        return "\n".join(lines)
