"""Curvature and noise as a run went on, and the two phases of stochastic descent."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from downslope.core import seconds_text

DRIFT, DIFFUSION = "drift", "diffusion"


@dataclass(frozen=True)
class Tracking:
    """The loss surface at tracked steps, `(n,)` each: its curvature, its noise, and what a step does to the loss.

    Everything is measured at the parameters before the step, on the same training rows throughout, in inference mode:
    batch norm with its running statistics, nothing dropped, so that rows do not influence each other. Rows count as
    they do in what descends. NaN where something cannot be measured or is not defined.

    `g` and `H` are the gradient and the Hessian of the loss over these rows, `η` the rate of the step. The noise scale
    is that of `ds.noise_scale`; the agreement of batches of `B` rows is the cosine between the gradients of two
    disjoint ones, in expectation,

        E gᵢᵀgⱼ / E |gᵢ|² = |G|² / (|G|² + tr Σ / B),

    with unbiased estimates above and below the line. It is 1 where all examples agree, ½ where the noise of a batch is
    as large as the gradient (`B` is the noise scale), and scatters about 0 where nothing of the gradient is left. Where
    few rows measure the noise of large batches the estimate scatters far; beyond ±1 it is set to ±1. It is not defined
    for batches of more than half of the rows, of which no two are disjoint.

    Attributes:
        steps: how many steps had been made.
        epochs: the same in epochs, with fractions.
        learning_rate: `η`.
        batch_size: `B`, the rows of a batch.
        loss: `l(θₜ)`.
        gradient_norm: `‖g‖`.
        sharpness: the largest eigenvalue of `H`.
        sharpness_residual: its true residual: an eigenvalue lies as near as this.
        preconditioned_sharpness: for adaptive optimizers the largest eigenvalue of `P⁻¹H`, with the diagonal `P` that
            the step was divided by.
        preconditioned_residual: its true residual.
        converged: whether the residuals are within the tolerance.
        limit: the sharpness at which `η` is at its edge of stability: `2/η` for gradient descent, `(2 + 2μ)/η` with
            momentum, `(2 + 2μ)/((1 + 2μ) η)` with Nesterov's; of the preconditioned one for adaptive optimizers,
            `(2 + 2β₁)/((1 − β₁) η)` for Adam.
        noise_scale: `tr Σ / |G|²` in rows; NaN where `|G|²` is not resolved from zero, and there is only a lower bound.
        noise_scale_low: lower end of its 95 % interval.
        noise_scale_high: upper end; infinite where `|G|²` is not resolved.
        agreement: of the gradients of batches.
        ratio: curvature term over gradient term of a step `η` down the gradient, `½ η gᵀHg / gᵀg`: above 1 that step
            raises the loss, to second order.
        best_step: `gᵀg / gᵀHg`; NaN where the loss does not curve upward.
        predicted_ratio: `l(θ − η g) / l(θ)` to second order.
        observed_ratio: the same as it is.
        made_ratio: `l(θₜ₊₁) / l(θₜ)` for the step that the training made, from one batch and by its optimizer.
        status: how the search for the sharpness ended: see `Eigenpairs`; `"not finite"` where there was none.
        rows: how many rows were measured.
        training_rows: of how many.
        due: how many steps were due; more than were measured where the budget was used up.
        budget: the share of the time that measuring could take; None for no limit.
        seconds: the time that measuring took, without setting up.
        setup_seconds: the time of the first measurement, which compiles.
        run_seconds: the time of the whole training, measuring included, setting up not.
    """

    steps: Int[np.ndarray, " n"]
    epochs: Float[np.ndarray, " n"]
    learning_rate: Float[np.ndarray, " n"]
    batch_size: Int[np.ndarray, " n"]
    loss: Float[np.ndarray, " n"]
    gradient_norm: Float[np.ndarray, " n"]
    sharpness: Float[np.ndarray, " n"]
    sharpness_residual: Float[np.ndarray, " n"]
    preconditioned_sharpness: Float[np.ndarray, " n"]
    preconditioned_residual: Float[np.ndarray, " n"]
    converged: Bool[np.ndarray, " n"]
    limit: Float[np.ndarray, " n"]
    noise_scale: Float[np.ndarray, " n"]
    noise_scale_low: Float[np.ndarray, " n"]
    noise_scale_high: Float[np.ndarray, " n"]
    agreement: Float[np.ndarray, " n"]
    ratio: Float[np.ndarray, " n"]
    best_step: Float[np.ndarray, " n"]
    predicted_ratio: Float[np.ndarray, " n"]
    observed_ratio: Float[np.ndarray, " n"]
    made_ratio: Float[np.ndarray, " n"]
    status: tuple[str, ...]
    rows: int
    training_rows: int
    due: int
    budget: float | None
    seconds: float
    setup_seconds: float
    run_seconds: float

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def values(self) -> dict[str, np.ndarray]:
        """Everything measured, by name, each `(n,)`."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if isinstance(value, np.ndarray)}

    @property
    def facts(self) -> dict[str, Any]:
        """Everything that is one number, by name."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in named.items() if name not in self.values and name != "status"}

    @property
    def stability(self) -> Float[np.ndarray, " n"]:
        """The sharpness that the optimizer sees, as a share of its limit: at 1 it is at the edge of stability.

        Training at the edge is healthy: the loss falls, though not at every step.
        """
        adaptive = np.isfinite(self.preconditioned_sharpness)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.where(adaptive, self.preconditioned_sharpness, self.sharpness) / self.limit

    @property
    def phase(self) -> tuple[str, ...]:
        """`"drift"` or `"diffusion"` at each step; see `phases`."""
        bounds = self.noise_scale_low, self.noise_scale_high
        return phases(self.agreement, *bounds, self.batch_size, training_rows=self.training_rows)

    @property
    def phase_change(self) -> int | None:
        """The first tracked step from which noise dominates for good; None if it does not at the end."""
        phase = self.phase
        drifting = [index for index, name in enumerate(phase) if name == DRIFT]
        first = drifting[-1] + 1 if drifting else 0
        return int(self.steps[first]) if first < len(phase) else None

    @property
    def time_share(self) -> float:
        """The share of the training's time that measuring took, setting up aside."""
        return self.seconds / self.run_seconds if self.run_seconds > 0 else 0.0

    def until(self, step: int) -> Tracking:
        """Return the measurements up to a step."""
        early = self.steps <= step
        values = {name: value[early] for name, value in self.values.items()}
        return replace(self, **values, status=tuple(np.array(self.status)[early].tolist()))

    def table(self) -> Any:
        """Return a polars table, one row a tracked step."""
        import polars

        named = {"stability": self.stability, "phase": list(self.phase), "status": list(self.status)}
        return polars.DataFrame(self.values | named)

    def __str__(self) -> str:
        of = "all" if self.rows == self.training_rows else f"{self.rows:,} of"
        limit = "no budget" if self.budget is None else f"budget {_percent(self.budget)}"
        lines = [
            f"Tracked {len(self):,} of {self.due:,} due steps, on {of} {self.training_rows:,} training rows, in "
            f"{_percent(self.time_share)} of the time ({limit}) after {seconds_text(self.setup_seconds)} of setting up."
        ]
        if len(self):
            lines += [self._sharpness_text(), self._noise_text()]
        return "\n".join(lines)

    def _sharpness_text(self) -> str:
        """Return how sharp the surface was, in a sentence."""
        adaptive = bool(np.isfinite(self.preconditioned_sharpness).any())
        name = "Preconditioned sharpness" if adaptive else "Sharpness"
        values = self.preconditioned_sharpness if adaptive else self.sharpness
        edge = f", {_percent(self.stability[-1])} of its stability limit" if np.isfinite(self.stability[-1]) else ""
        return f"{name} {values[0]:.4g} at first, {values[-1]:.4g} at last{edge}."

    def _noise_text(self) -> str:
        """Return how much noise there was, in a sentence."""
        if not np.isfinite(self.agreement).any():
            return "The agreement of batches is not defined: no two of them are disjoint, or rows are too few."
        change = self.phase_change
        when = "does not dominate at the end" if change is None else f"dominates from step {change} on"
        return f"Agreement of batches {self.agreement[0]:.2g} at first, {self.agreement[-1]:.2g} at last: noise {when}."


def _percent(share: float) -> str:
    """Return a share in percent, to three digits."""
    return f"{100 * share:.3g} %"


def concatenate(before: Tracking, now: Tracking) -> Tracking:
    """Return the measurements of a run that was stopped and resumed, as one; steps made again count as measured last.

    Raises:
        IndexError: there is no measurement since.
    """
    earlier = before.steps < now.steps[0]
    values = {name: np.concatenate([value[earlier], now.values[name]]) for name, value in before.values.items()}
    seconds = {name: before.facts[name] + now.facts[name] for name in ("seconds", "setup_seconds", "run_seconds")}
    status = (*np.array(before.status)[earlier].tolist(), *now.status)
    return replace(now, **values, **seconds, due=max(now.due, len(status)), status=status)


def phases(
    agreement: Float[np.ndarray, " n"],
    low: Float[np.ndarray, " n"],
    high: Float[np.ndarray, " n"],
    batch_size: Int[np.ndarray, " n"],
    *,
    training_rows: int,
) -> tuple[str, ...]:
    """Return the phase of stochastic descent at each of a series of steps.

    In the drift phase the examples' gradients agree, and the mean of a batch's gradient is larger than its noise; in
    the diffusion phase the noise is larger. The border is a signal-to-noise ratio of 1, `|G|² = tr Σ / B`: the noise
    scale equals the batch. The phase changes only where the noise scale's interval is sure of it, all of it above or
    below the batch; between, the phase stays as it was, and at the beginning an agreement below ½ is diffusion. A
    batch of all rows has no noise: its phase is drift.

    Args:
        agreement: of batches, see `Tracking`.
        low: lower end of the noise scale's interval, in rows.
        high: upper end.
        batch_size: rows of a batch.
        training_rows: how many rows there are.

    Example:
        >>> low, high = np.array([2.0, 20.0, 90.0, 50.0]), np.array([5.0, 80.0, np.inf, 110.0])
        >>> phases(np.array([0.9, 0.4, 0.2, 0.4]), low, high, np.full(4, 64), training_rows=1000)
        ('drift', 'drift', 'diffusion', 'diffusion')

    References:
        Shwartz-Ziv and Tishby, "Opening the black box of deep neural networks via information" (2017), section 3.3: the
        phases; McCandlish et al., "An empirical model of large-batch training" (2018), section 2: the noise scale.
    """
    names: list[str] = []
    for index, size in enumerate(batch_size):
        if size >= training_rows or high[index] < size:
            names.append(DRIFT)
        elif low[index] > size or (not names and agreement[index] < 0.5):
            names.append(DIFFUSION)
        else:
            names.append(names[-1] if names else DRIFT)
    return tuple(names)
