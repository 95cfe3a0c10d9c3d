"""What gradient descent, momentum and Nesterov's method do on a quadratic bowl, exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from downslope.core import Setting, SettingError, check_choice, check_integer, check_number
from downslope.curvature._eigenpairs import Eigenpairs

METHODS = ("gradient_descent", "momentum", "nesterov")

_BLOCK = 512
"""Steps that are computed at once when steps are counted."""


@dataclass(frozen=True)
class BestSettings:
    """A rate and a momentum, and how fast they converge.

    Attributes:
        learning_rate: `η`.
        momentum: `μ`, 0 for plain gradient descent.
        nesterov: whether the momentum is Nesterov's.
        factor: the error shrinks by this factor a step in the long run.
    """

    learning_rate: float
    momentum: float
    nesterov: bool
    factor: float


@dataclass(frozen=True)
class Quadratic:
    """A bowl `l(θ) = Σ ½ αᵢ (θᵢ − θ*ᵢ)²` and the exact theory of descent on it.

    The methods are those of `ds.sgd`, from rest (`v = 0`), with `g = α e` at the error `e = θ − θ*`:

        gradient descent   e ← e − η g
        momentum           v ← μ v + g;  e ← e − η v
        Nesterov           v ← μ v + g;  e ← e − η (g + μ v)

    Attributes:
        curvatures: `αᵢ`, the eigenvalues of the Hessian, all above 0.

    References:
        Polyak, "Some methods of speeding up the convergence of iteration methods" (1964).
        Lessard, Recht and Packard, "Analysis and design of optimization algorithms via integral quadratic constraints"
        (2016), proposition 1: the best settings of the three methods.
        Cohen et al., "Gradient descent on neural networks typically occurs at the edge of stability" (2021), appendix
        B: limits of stability.
    """

    curvatures: Float[np.ndarray, " directions"]

    @property
    def largest(self) -> float:
        """`α_max`."""
        return float(np.max(self.curvatures))

    @property
    def smallest(self) -> float:
        """`α_min`."""
        return float(np.min(self.curvatures))

    @property
    def condition_number(self) -> float:
        """`κ = α_max / α_min`."""
        return self.largest / self.smallest

    @property
    def safe_rate(self) -> float:
        """The rate `0.99 / α_max`: no direction overshoots."""
        return 0.99 / self.largest

    def limit(self, *, momentum: float | int = 0.0, nesterov: bool = False) -> float:
        """Return the rate from which on descent does not converge.

        `2/α_max` for gradient descent, `(2 + 2μ)/α_max` with momentum, `(2 + 2μ)/((1 + 2μ) α_max)` with Nesterov's.
        """
        mu = check_number("momentum", momentum, at_least=0, below=1)
        return (2 + 2 * mu) / (self.largest * (1 + 2 * mu if nesterov else 1))

    def best(self, method: str = "gradient_descent") -> BestSettings:
        """Return the rate and momentum of fastest convergence, and its factor a step.

        Gradient descent: `η = 2/(α_max + α_min)`, factor `(κ − 1)/(κ + 1)`. Momentum: `η = 4/(√α_max + √α_min)²`,
        `μ = ((√κ − 1)/(√κ + 1))²`, factor `(√κ − 1)/(√κ + 1)`. Nesterov: `η = 4/(3 α_max + α_min)`,
        `μ = (√(3κ + 1) − 2)/(√(3κ + 1) + 2)`, factor `1 − 2/√(3κ + 1)`.

        Args:
            method: `"gradient_descent"`, `"momentum"` or `"nesterov"`.
        """
        check_choice("method", method, METHODS)
        kappa, largest, smallest = self.condition_number, self.largest, self.smallest
        if method == "gradient_descent":
            return BestSettings(2 / (largest + smallest), 0.0, False, (kappa - 1) / (kappa + 1))
        if method == "momentum":
            factor = (math.sqrt(kappa) - 1) / (math.sqrt(kappa) + 1)
            return BestSettings(4 / (math.sqrt(largest) + math.sqrt(smallest)) ** 2, factor**2, False, factor)
        root = math.sqrt(3 * kappa + 1)
        return BestSettings(4 / (3 * largest + smallest), (root - 2) / (root + 2), True, 1 - 2 / root)

    def factor(self, learning_rate: float | int, *, momentum: float | int = 0.0, nesterov: bool = False) -> float:
        """Return by what the error is multiplied a step in the long run: below 1 descent converges, above it diverges.

        It is the largest spectral radius over the directions; `max |1 − η αᵢ|` for gradient descent.
        """
        eta, mu = _checked(learning_rate, momentum)
        return float(np.max(np.abs(np.linalg.eigvals(_steps(self.curvatures, eta, mu, nesterov)))))

    def errors(
        self, learning_rate: float | int, steps: int, *, momentum: float | int = 0.0, nesterov: bool = False
    ) -> Float[np.ndarray, " directions"]:
        """Return the error along each direction after some steps, as a multiple of the first.

        `(1 − η αᵢ)ᵗ` for gradient descent; with momentum the `t`-th power of the step's 2 × 2 matrix, from rest.

        Args:
            learning_rate: `η`.
            steps: `t`.
            momentum: `μ`.
            nesterov: whether the momentum is Nesterov's.
        """
        eta, mu = _checked(learning_rate, momentum)
        steps = check_integer("steps", steps, at_least=0)
        if mu == 0:
            return (1 - eta * self.curvatures) ** steps
        return np.linalg.matrix_power(_steps(self.curvatures, eta, mu, nesterov), steps)[:, 0, 0]

    def losses(
        self,
        learning_rate: float | int,
        steps: int,
        *,
        momentum: float | int = 0.0,
        nesterov: bool = False,
        start: Any = None,
    ) -> Float[np.ndarray, " points"]:
        """Return the loss above its minimum before the first step and after each: `Σ ½ αᵢ eᵢ²`, `(steps + 1,)`.

        Args:
            learning_rate: `η`.
            steps: how many.
            momentum: `μ`.
            nesterov: whether the momentum is Nesterov's.
            start: the first error `θ − θ*` along each direction; ones unless given.
        """
        eta, mu = _checked(learning_rate, momentum)
        steps = check_integer("steps", steps, at_least=0)
        blocks, losses = self._blocks(eta, mu, nesterov, self._start(start)), np.empty(0)
        while len(losses) <= steps:
            losses = np.concatenate([losses, next(blocks)])
        return losses[: steps + 1]

    def steps(
        self,
        learning_rate: float | int,
        target: float,
        *,
        momentum: float | int = 0.0,
        nesterov: bool = False,
        start: Any = None,
        at_most: int = 1_000_000,
    ) -> int | None:
        """Return after how many steps the loss is first at most `target` times the first; None if it never is.

        Args:
            learning_rate: `η`.
            target: the share of the first loss above the minimum, between 0 and 1.
            momentum: `μ`.
            nesterov: whether the momentum is Nesterov's.
            start: the first error along each direction; ones unless given.
            at_most: count no further.
        """
        eta, mu = _checked(learning_rate, momentum)
        target = check_number("target", target, above=0, below=1)
        first, counted = None, 0
        for losses in self._blocks(eta, mu, nesterov, self._start(start)):
            first = losses[0] if first is None else first
            reached = np.flatnonzero(losses <= target * first)
            if len(reached):
                return counted + int(reached[0])
            counted += len(losses)
            if counted > at_most or not np.isfinite(losses[-1]):
                return None
        return None

    def _start(self, start: Any) -> np.ndarray:
        """Return the first errors, one a direction."""
        return np.broadcast_to(np.asarray(1.0 if start is None else start, float), self.curvatures.shape)

    def _blocks(self, eta: float, mu: float, nesterov: bool, start: np.ndarray) -> Iterator[np.ndarray]:
        """Yield the losses of steps 0, 1, 2 … in blocks."""
        matrix = _steps(self.curvatures, eta, mu, nesterov)
        state = np.stack([start, np.zeros_like(start)], axis=1)[:, :, None]
        with np.errstate(over="ignore", invalid="ignore"):
            while True:
                losses = np.empty(_BLOCK)
                for index in range(_BLOCK):
                    losses[index] = np.sum(0.5 * self.curvatures * state[:, 0, 0] ** 2)
                    state = matrix @ state
                yield losses

    def __str__(self) -> str:
        lines = [f"A bowl with curvatures {self.smallest:.4g} to {self.largest:.4g}, κ = {self.condition_number:.4g}."]
        for method in METHODS:
            best = self.best(method)
            limit = self.limit(momentum=best.momentum, nesterov=best.nesterov)
            lines.append(
                f"  {method:<17} best rate {best.learning_rate:.4g}, momentum {best.momentum:.4g}: "
                f"factor {best.factor:.4g} a step; diverges from {limit:.4g}"
            )
        return "\n".join(lines)


def quadratic(curvatures: Any) -> Quadratic:
    """Return the exact theory of descent on a bowl with these curvatures.

    Near a minimum every smooth loss is such a bowl, its curvatures the eigenvalues of the Hessian there.

    Args:
        curvatures: the eigenvalues, or the result of `ds.eigenvalues`; all above 0. The two ends are enough for limits,
            best settings and factors.

    Returns:
        Limits, best settings, factors, errors, losses, and steps to a target.

    Raises:
        SettingError: a curvature is not above 0: there is no minimum then; or an eigenvalue has not converged.

    Example:
        Line fitting on raw Old Faithful, where `κ` is 159:

        >>> bowl = quadratic([0.180617, 28.7445])
        >>> print(bowl)
        A bowl with curvatures 0.1806 to 28.74, κ = 159.1.
          gradient_descent  best rate 0.06914, momentum 0: factor 0.9875 a step; diverges from 0.06958
          momentum          best rate 0.1195, momentum 0.7278: factor 0.8531 a step; diverges from 0.1202
          nesterov          best rate 0.04629, momentum 0.8324: factor 0.9086 a step; diverges from 0.04784
        >>> bowl.steps(bowl.best().learning_rate, 1e-6), bowl.steps(0.1195, 1e-6, momentum=0.7278)
        (550, 82)
    """
    if isinstance(curvatures, Eigenpairs) and not np.all(curvatures.converged):
        raise SettingError(
            Setting("curvatures"),
            f"must be eigenvalues found to the tolerance, got some that are not. {curvatures.statement}",
        )
    values = np.asarray(curvatures.values if isinstance(curvatures, Eigenpairs) else curvatures, float).reshape(-1)
    if not len(values) or not np.all(np.isfinite(values)) or np.min(values) <= 0:
        raise SettingError(
            Setting("curvatures"),
            f"must all be above 0 for a bowl to have a minimum, got {values[:6].tolist()}. Leave out directions "
            "without curvature; along negative ones every rate diverges.",
        )
    return Quadratic(values)


def _checked(learning_rate: Any, momentum: Any) -> tuple[float, float]:
    """Return a rate and a momentum, checked."""
    return check_number("learning_rate", learning_rate, above=0), check_number(
        "momentum", momentum, at_least=0, below=1
    )


def _steps(alpha: np.ndarray, eta: float, mu: float, nesterov: bool) -> Float[np.ndarray, "directions 2 2"]:
    """Return the matrix of one step on `(e, η v)`, for each direction; all its numbers are near 1, whatever `α`."""
    a, ones = eta * alpha, np.ones_like(alpha)
    e_row = [1 - a * (1 + mu), -(mu**2) * ones] if nesterov else [1 - a, -mu * ones]
    return np.stack([np.stack(e_row, axis=-1), np.stack([a, mu * ones], axis=-1)], axis=-2)
