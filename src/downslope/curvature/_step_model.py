"""What one step down the gradient does to the loss: predicted from the curvature along it, and observed."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float

from downslope.core import Key, LossSurface, PyTree, SettingError, check_integer, check_number
from downslope.curvature._eigenvalues import eigenpairs_of
from downslope.curvature._operator import finite_gradient, operator_at


@dataclass(frozen=True)
class StepModel:
    """The loss along the gradient to second order, `l(θ − ε g) ≈ l − ε gᵀg + ½ ε² gᵀHg`.

    Attributes:
        loss: `l` at the point.
        squared_gradient: `gᵀg`.
        curvature: `gᵀHg`.
        learning_rate: the step `ε` that the model is evaluated at; None if none was given and there is no best one.
        observed_loss: the loss after that step; None without one.
        eigenvalues: the largest eigenvalues `λᵢ` of the Hessian, by magnitude.
        residuals: their true residuals.
        squared_components: `(gᵀvᵢ)²`, the squared gradient along each eigenvector.
        hvps: how many products with the Hessian were computed.
    """

    loss: float
    squared_gradient: float
    curvature: float
    learning_rate: float | None
    observed_loss: float | None
    eigenvalues: Float[np.ndarray, " k"]
    residuals: Float[np.ndarray, " k"]
    squared_components: Float[np.ndarray, " k"]
    hvps: int

    @property
    def rayleigh_quotient(self) -> float | None:
        """The curvature along the gradient, `gᵀHg / gᵀg`; None without a gradient."""
        return self.curvature / self.squared_gradient if self.squared_gradient else None

    @property
    def best_step(self) -> float | None:
        """The step of lowest predicted loss, `gᵀg / gᵀHg`; None where the loss does not curve upward along `g`."""
        return self.squared_gradient / self.curvature if self.curvature > 0 and self.squared_gradient else None

    @property
    def gradient_term(self) -> float | None:
        """What the gradient changes, `−ε gᵀg`."""
        return None if self.learning_rate is None else -self.learning_rate * self.squared_gradient

    @property
    def curvature_term(self) -> float | None:
        """What the curvature changes, `½ ε² gᵀHg`."""
        return None if self.learning_rate is None else 0.5 * self.learning_rate**2 * self.curvature

    @property
    def ratio(self) -> float | None:
        """The curvature term over the gradient term, `½ ε gᵀHg / gᵀg`: above 1 the step raises the predicted loss."""
        if self.learning_rate is None or self.rayleigh_quotient is None:
            return None
        return 0.5 * self.learning_rate * self.rayleigh_quotient

    @property
    def predicted_loss(self) -> float | None:
        """The loss after the step, to second order."""
        if self.gradient_term is None or self.curvature_term is None:
            return None
        return self.loss + self.gradient_term + self.curvature_term

    @property
    def predicted_ratio(self) -> float | None:
        """`l(θₜ₊₁) / l(θₜ)` to second order; None where the loss is 0."""
        return self.predicted_loss / self.loss if self.predicted_loss is not None and self.loss else None

    @property
    def observed_ratio(self) -> float | None:
        """`l(θₜ₊₁) / l(θₜ)` as it is; None where the loss is 0."""
        return self.observed_loss / self.loss if self.observed_loss is not None and self.loss else None

    @property
    def shares(self) -> Float[np.ndarray, " k"]:
        """Each eigenvector's share of the squared gradient, `(gᵀvᵢ)² / gᵀg`; zeros without a gradient."""
        return self.squared_components / self.squared_gradient if self.squared_gradient else 0 * self.squared_components

    @property
    def curvature_shares(self) -> Float[np.ndarray, " k"]:
        """`½ λᵢ (gᵀvᵢ)²`, what each direction adds to `½ gᵀHg`."""
        return 0.5 * self.eigenvalues * self.squared_components

    def __str__(self) -> str:
        lines = [f"Loss {self.loss:.6g}, |g|² {self.squared_gradient:.4g}, gᵀHg {self.curvature:.4g}."]
        if self.best_step is None:
            lines.append("No best step: along the gradient the loss does not curve upward.")
        else:
            lines.append(f"Best step {self.best_step:.4g}; curvature along the gradient {self.rayleigh_quotient:.4g}.")
        if self.learning_rate is not None and self.ratio is not None:
            verdict = "raises" if self.ratio > 1 else "lowers"
            lines.append(
                f"A step of {self.learning_rate:.4g} {verdict} the loss: curvature takes back {100 * self.ratio:.3g} % "
                f"of what the gradient gives. Predicted {self.predicted_loss:.6g}, observed {self.observed_loss:.6g}."
            )
        for value, share in zip(self.eigenvalues, self.shares, strict=True):
            lines.append(f"  eigenvalue {value: .4g} holds {100 * share:.3g} % of the squared gradient")
        return "\n".join(lines)


def step_model(
    surface: LossSurface,
    params: PyTree,
    learning_rate: float | int | None = None,
    *,
    k: int = 5,
    tol: float = 1e-3,
    max_hvps: int = 500,
    key: Key | None = None,
) -> StepModel:
    """Return what a step along the gradient does to the loss: `l(θ − ε g) ≈ l − ε gᵀg + ½ ε² gᵀHg`.

    Args:
        surface: the loss.
        params: the point; it is not moved.
        learning_rate: the step `ε`; the best one, `gᵀg / gᵀHg`, unless given.
        k: the gradient is taken apart along so many eigenvectors of largest magnitude; 0 for none.
        tol: the residual allowed to the eigenvectors.
        max_hvps: at most so many products for the eigenvectors.
        key: of their random start.

    Returns:
        Both terms, their ratio, the best step, the predicted and the observed loss, and the gradient's shares.

    Raises:
        SettingError: a setting that cannot be, or a loss, gradient or Hessian that is not finite at this point.

    Example:
        >>> from downslope.core import FunctionSurface
        >>> ravine = FunctionSurface(lambda p: 0.5 * p[0] ** 2 + 5 * p[1] ** 2, np.ones(2))
        >>> print(step_model(ravine, np.array([10.0, 1.0]), 0.15, k=2))
        Loss 55, |g|² 200, gᵀHg 1100.
        Best step 0.1818; curvature along the gradient 5.5.
        A step of 0.15 lowers the loss: curvature takes back 41.2 % of what the gradient gives. Predicted 37.375,
        observed 37.375.
          eigenvalue  10 holds 50 % of the squared gradient
          eigenvalue  1 holds 50 % of the squared gradient

    References:
        Goodfellow, Bengio and Courville, "Deep learning" (2016), section 4.3.1, equations 4.8 to 4.10.
    """
    hessian = operator_at(surface, params)
    k = check_integer("k", k, at_least=0)
    if learning_rate is not None:
        learning_rate = check_number("learning_rate", learning_rate, at_least=0)
    loss = surface.value(params)
    if not np.isfinite(loss):
        raise SettingError(f"The loss must be finite here, got {loss}. Take another point.", setting="params")
    gradient = finite_gradient(surface, params)
    g = hessian.flatten(gradient)
    g64 = np.asarray(g, np.float64)
    squared = float(g64 @ g64)
    curvature = float(g64 @ np.asarray(hessian(g), np.float64)) if squared else 0.0
    step = learning_rate
    if step is None and curvature > 0:
        step = squared / curvature
    values, residuals, components = np.empty(0), np.empty(0), np.empty(0)
    if k:
        pairs = eigenpairs_of(hessian, k=k, which="magnitude", tol=tol, max_hvps=max_hvps, key=key)
        vectors = np.array([np.asarray(hessian.flatten(vector), np.float64) for vector in pairs.vectors])
        values, residuals, components = pairs.values, pairs.residuals, (vectors @ g64) ** 2
    return StepModel(
        loss=float(loss),
        squared_gradient=squared,
        curvature=curvature,
        learning_rate=step,
        observed_loss=None if step is None else float(surface.value(_moved(params, gradient, step))),
        eigenvalues=values,
        residuals=residuals,
        squared_components=components,
        hvps=hessian.products,
    )


def _moved(params: PyTree, gradient: PyTree, step: float) -> PyTree:
    """Return `θ − ε g`."""
    return jax.tree.map(
        lambda p, g: (np.asarray(p) - step * np.asarray(g)).astype(np.asarray(p).dtype), params, gradient
    )
