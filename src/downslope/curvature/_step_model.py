"""What one step down the gradient does to the loss: predicted from the curvature along it, and observed."""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from downslope.core import (
    Key,
    LossSurface,
    PyTree,
    SettingError,
    check_integer,
    check_number,
    displaced,
    loss_rounding,
    representable,
    vector_length,
)
from downslope.curvature._eigenvalues import eigenpairs_of
from downslope.curvature._operator import finite_gradient, operator_at


@dataclass(frozen=True)
class StepModel:
    """The loss along the gradient to second order, `l(θ − ε g) ≈ l − ε gᵀg + ½ ε² gᵀHg`.

    Products with two gradients in them are beyond double precision where gradients are below 1e-154 or above 1e154;
    they are None then (NaN in arrays). Ratios are computed without them.

    Attributes:
        loss: `l` at the point.
        gradient_norm: `‖g‖`.
        rayleigh_quotient: the curvature along the gradient, `gᵀHg / gᵀg`; None without a gradient.
        learning_rate: the step `ε` that the model is evaluated at; None if none was given and there is no best one.
        observed_loss: the loss after that step; None without one.
        eigenvalues: the largest eigenvalues `λᵢ` of the Hessian, by magnitude.
        residuals: their true residuals.
        converged: whether each was found to the tolerance.
        shares: each eigenvector's share of the squared gradient, `(gᵀvᵢ)² / gᵀg`; zeros without a gradient.
        rounding: losses of this size cannot be told apart where they differ by less.
        hvps: how many products with the Hessian were computed.
    """

    loss: float
    gradient_norm: float
    rayleigh_quotient: float | None
    learning_rate: float | None
    observed_loss: float | None
    eigenvalues: Float[np.ndarray, " k"]
    residuals: Float[np.ndarray, " k"]
    converged: Bool[np.ndarray, " k"]
    shares: Float[np.ndarray, " k"]
    rounding: float
    hvps: int

    @property
    def squared_gradient(self) -> float | None:
        """`gᵀg`."""
        return representable(self.gradient_norm, self.gradient_norm)

    @property
    def curvature(self) -> float | None:
        """`gᵀHg`."""
        return representable(self.rayleigh_quotient or 0.0, self.gradient_norm, self.gradient_norm)

    @property
    def squared_components(self) -> Float[np.ndarray, " k"]:
        """`(gᵀvᵢ)²`, the squared gradient along each eigenvector."""
        return self._with_squared_gradient(self.shares)

    @property
    def best_step(self) -> float | None:
        """The step of lowest predicted loss, `gᵀg / gᵀHg`; None where the loss does not curve upward along `g`."""
        return 1 / self.rayleigh_quotient if self.rayleigh_quotient is not None and self.rayleigh_quotient > 0 else None

    @property
    def gradient_term(self) -> float | None:
        """What the gradient changes, `−ε gᵀg`."""
        if self.learning_rate is None:
            return None
        return representable(-self.learning_rate * self.gradient_norm, self.gradient_norm)

    @property
    def curvature_term(self) -> float | None:
        """What the curvature changes, `½ ε² gᵀHg`."""
        if self.learning_rate is None:
            return None
        stepped = self.learning_rate * self.gradient_norm
        return representable(0.5 * self.learning_rate * (self.rayleigh_quotient or 0.0), stepped, self.gradient_norm)

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
    def lost_in_rounding(self) -> bool:
        """Whether the predicted change of the loss is too small for the losses to show it."""
        return self.predicted_loss is not None and 0 < abs(self.predicted_loss - self.loss) <= self.rounding

    @property
    def curvature_shares(self) -> Float[np.ndarray, " k"]:
        """`½ λᵢ (gᵀvᵢ)²`, what each direction adds to `½ gᵀHg`."""
        return self._with_squared_gradient(0.5 * self.eigenvalues * self.shares)

    def _with_squared_gradient(self, numbers: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
        """Return numbers times `gᵀg`; NaN where double precision cannot hold that."""
        products = [representable(number, self.gradient_norm, self.gradient_norm) for number in numbers.tolist()]
        return np.array([np.nan if product is None else product for product in products])

    @property
    def _products(self) -> str:
        """The products `gᵀg` and `gᵀHg` in words."""
        if self.squared_gradient is None or self.curvature is None:
            return f"|g| {self.gradient_norm:.4g} (|g|² or gᵀHg is beyond double precision)"
        return f"|g|² {self.squared_gradient:.4g}, gᵀHg {self.curvature:.4g}"

    @property
    def _outcome(self) -> str:
        """The predicted and the observed loss in words."""
        if self.predicted_loss is None:
            return "What it changes is beyond double precision."
        outcome = f"Predicted {self.predicted_loss:.6g}, observed {self.observed_loss:.6g}."
        if not self.lost_in_rounding:
            return outcome
        return f"{outcome} The change is within the rounding of such losses, {self.rounding:.1g}: they do not show it."

    def __str__(self) -> str:
        lines = [f"Loss {self.loss:.6g}, {self._products}."]
        if self.best_step is None:
            lines.append("No best step: along the gradient the loss does not curve upward.")
        else:
            lines.append(f"Best step {self.best_step:.4g}; curvature along the gradient {self.rayleigh_quotient:.4g}.")
        if self.learning_rate is not None and self.ratio is not None:
            verdict = "raises" if self.ratio > 1 else "lowers"
            lines.append(
                f"A step of {self.learning_rate:.4g} {verdict} the loss: curvature takes back {100 * self.ratio:.3g} % "
                f"of what the gradient gives. {self._outcome}"
            )
        for value, share, sure in zip(self.eigenvalues, self.shares, self.converged, strict=True):
            doubtful = "" if sure else "  (not converged)"
            lines.append(f"  eigenvalue {value: .4g} holds {100 * share:.3g} % of the squared gradient{doubtful}")
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
    g = np.asarray(hessian.flatten(gradient), np.float64)
    norm = vector_length(g)
    unit = g / norm if norm else g
    along = float(unit @ np.asarray(hessian(jnp.asarray(unit, hessian.dtype)), np.float64)) if norm else None
    step = learning_rate
    if step is None and along is not None and along > 0:
        step = 1 / along
    values, residuals, converged, shares = np.empty(0), np.empty(0), np.empty(0, bool), np.empty(0)
    if k:
        pairs = eigenpairs_of(hessian, k=k, which="magnitude", tol=tol, max_hvps=max_hvps, key=key)
        vectors = np.array([np.asarray(hessian.flatten(vector), np.float64) for vector in pairs.vectors])
        values, residuals, converged, shares = pairs.values, pairs.residuals, pairs.converged, (vectors @ unit) ** 2
    return StepModel(
        loss=float(loss),
        gradient_norm=norm,
        rayleigh_quotient=along,
        learning_rate=step,
        observed_loss=None if step is None else float(surface.value(displaced(params, [gradient], [-step]))),
        eigenvalues=values,
        residuals=residuals,
        converged=converged,
        shares=shares,
        rounding=loss_rounding(float(loss), eps=hessian.eps),
        hvps=hessian.products,
    )
