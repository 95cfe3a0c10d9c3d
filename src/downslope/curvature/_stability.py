"""The rates from which on optimizers diverge along a curvature, and the curvature that adaptive ones see."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from downslope.core import Key, LossSurface, PyTree, Setting, SettingError, ShapeError, check_number
from downslope.curvature._eigenpairs import Eigenpairs
from downslope.curvature._eigenvalues import eigenpairs_of
from downslope.curvature._operator import operator_at
from downslope.curvature._quadratic import quadratic


def stability_limit(
    sharpness: float | int, *, momentum: float | int = 0.0, nesterov: bool = False, averaged: bool = False
) -> float:
    """Return the learning rate from which on descent along a curvature `λ` diverges.

        gradient descent        2/λ
        momentum                (2 + 2μ)/λ
        Nesterov's momentum     (2 + 2μ)/((1 + 2μ) λ)

    With `averaged` gradients, `v ← μ v + (1 − μ) g`, a step is `1 − μ` times as long as with a plain velocity, so each
    limit is `1/(1 − μ)` times as high. Adam at a fixed preconditioner `P = √v̂ + ε` is averaged momentum with `μ = β₁`
    on the preconditioned Hessian `P⁻¹H`, whose largest eigenvalue takes the place of `λ`:

        Adam                    (2 + 2β₁)/((1 − β₁) λ),  38/λ for β₁ = 0.9
        NAdam                   (2 + 2β₁)/((1 − β₁)(1 + 2β₁) λ)
        RMSProp                 2/λ,  with momentum (2 + 2μ)/λ

    Args:
        sharpness: `λ`, the largest eigenvalue of the Hessian, or of the preconditioned one.
        momentum: `μ`, or `β₁`.
        nesterov: whether the momentum is Nesterov's.
        averaged: whether the velocity averages gradients instead of summing them up.

    Returns:
        The limit; infinite where the loss does not curve upward.

    Raises:
        SettingError: a number is out of bounds.

    Example:
        >>> stability_limit(4.0), round(stability_limit(4.0, momentum=0.9, averaged=True), 6)
        (0.5, 9.5)

    References:
        Cohen et al., "Gradient descent on neural networks typically occurs at the edge of stability" (2021), appendix
        B; Cohen et al., "Adaptive gradient methods at the edge of stability" (2022), proposition 1 and equation 4.
    """
    sharpness = check_number("sharpness", sharpness)
    momentum = check_number("momentum", momentum, at_least=0, below=1)
    if sharpness <= 0:
        return float("inf")
    limit = quadratic([sharpness]).limit(momentum=momentum, nesterov=nesterov)
    return limit / (1 - momentum) if averaged else limit


def preconditioned_sharpness(
    surface: LossSurface,
    params: PyTree,
    preconditioner: PyTree,
    *,
    tol: float = 1e-3,
    max_hvps: int = 500,
    key: Key | None = None,
    start: PyTree | None = None,
) -> Eigenpairs:
    """Return the largest eigenvalue of `P⁻¹H`, `P` a positive diagonal: the sharpness that adaptive optimizers see.

    `P⁻¹H` is similar to the symmetric `P^(−½) H P^(−½)`, which is what is measured: the value and its residual are
    those of the symmetric form, and the vector is one of it, too.

    Args:
        surface: the loss.
        params: the point; it is not moved.
        preconditioner: `P`, a tree like `params` of numbers above 0, such as Adam's `√v̂ + ε`.
        tol: the residual allowed, as a share of the largest magnitude in the spectrum.
        max_hvps: at most so many products.
        key: of the random start vector.
        start: a tree like `params` to start near.

    Raises:
        SettingError: a number of the preconditioner is not above 0, or the Hessian is not finite.
        ShapeError: the preconditioner is not like `params`.

    Example:
        >>> from downslope.core import FunctionSurface
        >>> bowl = FunctionSurface(lambda p: 0.5 * (8 * p[0] ** 2 + 3 * p[1] ** 2), np.zeros(2))
        >>> round(float(preconditioned_sharpness(bowl, np.zeros(2), np.array([4.0, 1.0])).values[0]), 6)
        3.0

    References:
        Cohen et al., "Adaptive gradient methods at the edge of stability" (2022), section 3.
    """
    hessian = operator_at(surface, params)
    if jax.tree.map(np.shape, preconditioner) != jax.tree.map(np.shape, params):
        raise ShapeError(
            Setting("preconditioner"), "must be a tree like", Setting("params"), ", with a number for each of theirs."
        )
    diagonal = np.asarray(hessian.flatten(preconditioner), np.float64)
    if not np.all(np.isfinite(diagonal)) or np.min(diagonal) <= 0:
        raise SettingError(
            Setting("preconditioner"),
            f"must hold numbers above 0, got {np.min(diagonal):.4g}. Add the optimizer's",
            Setting("eps"),
            ".",
        )
    hessian.scale = jnp.asarray(1 / np.sqrt(diagonal), hessian.dtype)
    return eigenpairs_of(hessian, k=1, tol=tol, max_hvps=max_hvps, key=key, start=start)
