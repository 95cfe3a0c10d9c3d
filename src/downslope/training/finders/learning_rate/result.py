"""What the search for a learning rate measured and chose: as numbers, as a table, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from downslope.core import Message
from downslope.optimizers import Optimizer

SMOOTHING = 0.9
"""How much of the smoothed loss is the one before."""
REACH = round(1 / (1 - SMOOTHING))
"""Over so many steps the smoothed loss forgets; before as many, it is one of a few batches."""
FEWEST_DIGITS, MOST_DIGITS = 3, 7
ROUNDING = 1e-5
"""A fall of a smaller share of the loss may be rounding: a mean in float32 is known to about a millionth."""


@dataclass(frozen=True)
class RangeTest:
    """A training whose rate grew at every step.

    Attributes:
        rates: of each step made.
        losses: of each step's batch, before the step; the last may not be finite.
        smoothed: their average `s ← 0.9 s + 0.1 l`, corrected for its start at 0.
        blow_up: the rate at which the loss blew up: no longer a number, or its average as far above the first loss as
            it had been below, and farther than batches differ; None if it never did.
    """

    rates: Float[np.ndarray, " steps"]
    losses: Float[np.ndarray, " steps"]
    smoothed: Float[np.ndarray, " steps"]
    blow_up: float | None

    @property
    def lowest(self) -> float:
        """The rate at which the smoothed loss was lowest."""
        return float(self.rates[np.nanargmin(np.where(np.isfinite(self.smoothed), self.smoothed, np.nan))])

    @property
    def steepest(self) -> float:
        """The rate around which the smoothed loss fell most over twenty steps, up to where it is lowest."""
        last = int(np.argmax(self.rates == self.lowest))
        if last < 3 * REACH:
            return float(self.rates[last // 2])
        falls = self.smoothed[REACH : last + 1 - 2 * REACH] - self.smoothed[3 * REACH : last + 1]
        return float(self.rates[REACH + int(np.argmax(falls))])  # in the middle, less the delay of the average


@dataclass(frozen=True)
class RateTrials:
    """The losses that short trainings reached, by learning rate.

    Attributes:
        rates: in rising order, each 1, 2 or 5 times a power of ten.
        by_start: what each start reached, `(starts, rates)`: the lowest validation loss where there are validation
            rows, else the mean training loss of the last fifth of the epochs; infinite where it diverged.
        untrained: the loss of each start before the first step, on the same rows, `(starts,)`.
        constant: the lowest loss of one answer for all these rows, which is what there is to beat.
        epochs: of each training.
        steps: of each training.
        measured: `"validation loss"` or `"training loss"`.
        interrupted: whether Ctrl-C ended them early.
    """

    rates: Float[np.ndarray, " rates"]
    by_start: Float[np.ndarray, "starts rates"]
    untrained: Float[np.ndarray, " starts"]
    constant: float
    epochs: int
    steps: int
    measured: str
    interrupted: bool = False

    @property
    def losses(self) -> Float[np.ndarray, " rates"]:
        """The mean over the starts, by rate; infinite where one diverged."""
        return self.by_start.mean(axis=0)

    @property
    def best_index(self) -> int:
        """The index of the lowest loss."""
        return int(np.argmin(self.losses))

    @property
    def best(self) -> float | None:
        """The rate of the lowest loss; None if all diverged."""
        return float(self.rates[self.best_index]) if np.isfinite(self.losses[self.best_index]) else None

    @property
    def learnable(self) -> float:
        """What margins are shares of: by how much the lowest loss is below that of one answer for all rows.

        Where no rate came so far in these few steps, it is by how much the loss fell at most.
        """
        lowest = float(self.losses[self.best_index])
        return max(self.constant - lowest, 0.0) or max(float(self.untrained.mean()) - lowest, 0.0)

    @property
    def shares_missed(self) -> Float[np.ndarray, " rates"]:
        """By how much each rate's loss is above the lowest, as a share of what is learnable."""
        above = self.losses - self.losses[self.best_index]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(above > 0, above / self.learnable, 0.0)

    def text(self, loss: float) -> str:
        """Return a loss in as many digits as tell a hundredth of what is learnable, or that there is none."""
        if not math.isfinite(loss):
            return "diverged"
        shares = abs(loss) / (self.learnable / 100) if self.learnable > 0 else 1.0
        digits = math.ceil(math.log10(shares)) if shares > 1 else FEWEST_DIGITS
        return f"{loss:.{min(max(digits, FEWEST_DIGITS), MOST_DIGITS)}g}"

    @property
    def resolved(self) -> bool:
        """Whether the best rate lowered the loss: by more than twice the standard error of its fall, and rounding."""
        falls = self.untrained - self.by_start[:, self.best_index]
        if not np.isfinite(falls).all():
            return False
        error = float(falls.std(ddof=1)) / math.sqrt(len(falls)) if len(falls) > 1 else 0.0
        rounding = ROUNDING * float(np.abs(self.untrained).mean())
        return float(falls.mean()) > max(2 * error, rounding)


@dataclass(frozen=True)
class CurvatureLine:
    """The limit that curvature sets to the rate, at the start of a training.

    Attributes:
        sharpness: `λ`, the largest eigenvalue of the Hessian; for an optimizer that divides by the size of gradients,
            of `P⁻¹H`, `P` what it divides by.
        residual: of the eigenvalue: a true one lies within.
        converged: whether the residual is within 1 % of the largest magnitude.
        factor: the limit is so many times `1/λ`, but for weight decay: 2 for gradient descent, `2 + 2μ` with momentum,
            `(2 + 2β₁)/(1 − β₁)` for Adam.
        limit: the rate from which on a step along that direction overshoots ever farther; infinite where the loss does
            not curve upward.
        preconditioned: whether `λ` is of `P⁻¹H`.
        rows: how many training rows it was measured on.
    """

    sharpness: float
    residual: float
    converged: bool
    factor: float
    limit: float
    preconditioned: bool
    rows: int

    def __str__(self) -> str:
        which = "of the Hessian divided by the size of gradients" if self.preconditioned else "of the Hessian"
        text = f"λ = {self.sharpness:.4g} ± {self.residual:.1g}, the largest eigenvalue {which} on {self.rows:,} rows"
        if not np.isfinite(self.limit):
            return f"{text}: the loss does not curve upward at the start, which sets no limit."
        sure = "" if self.converged else ", if not before: the search for λ did not converge, and it may be larger"
        return f"{text}: steps overshoot from a rate of {self.factor:.3g}/λ = {self.limit:.3g} on{sure}."


@dataclass(frozen=True)
class RateSuggestion:
    """A learning rate, and why.

    Attributes:
        rate: the rate.
        why: one sentence.
    """

    rate: float
    why: str

    def __str__(self) -> str:
        return f"{self.rate:.3g}: {self.why}"


@dataclass(frozen=True)
class FoundLearningRate:
    """The result of the search for a learning rate. Printed, it says which to take and why.

    Attributes:
        suggestions: by name, the one to take first: `"best"`, confirmed by short trainings; `"steepest"`, where the
            range test's loss falls fastest; `"tenth"`, a tenth of where it is lowest; `"stability"`, half of the limit
            that curvature sets at the start, less 1 %: for gradient descent the safe rate `0.99/λ`. Those that could
            not be had are missing.
        range_test: the training whose rate grew.
        trials: the short trainings.
        curvature: the limit that curvature sets at the start; None where it was not measured.
        optimizer: the one asked for, with the suggested rate.
        batch_size: the size of the batches that all this is about.
        notes: what to know besides, in sentences.
    """

    suggestions: dict[str, RateSuggestion]
    range_test: RangeTest
    trials: RateTrials
    curvature: CurvatureLine | None
    optimizer: Optimizer
    batch_size: int
    notes: tuple[str, ...]

    @property
    def suggestion(self) -> float:
        """The rate to take."""
        return next(iter(self.suggestions.values())).rate

    @property
    def reason(self) -> str:
        """Why, in a sentence."""
        return next(iter(self.suggestions.values())).why

    @property
    def limit(self) -> float | None:
        """The rate from which on curvature makes steps overshoot at the start; None where it sets no limit."""
        known = self.curvature is not None and math.isfinite(self.curvature.limit)
        return self.curvature.limit if self.curvature is not None and known else None

    def table(self) -> Any:
        """Return a polars table of the short trainings, one row a rate; no loss where one diverged."""
        import polars

        losses = [float(loss) if math.isfinite(loss) else None for loss in self.trials.losses]
        types = {"learning_rate": polars.Float64, "loss": polars.Float64, "diverged": polars.Boolean}
        columns = {"learning_rate": self.trials.rates, "loss": losses, "diverged": [loss is None for loss in losses]}
        return polars.DataFrame(columns, schema=types)

    @property
    def message(self) -> Message:
        """The result in words, with the evidence."""
        others = list(self.suggestions.items())[1:]
        test, trials = self.range_test, self.trials
        lines = [
            f"Learning rate {self.suggestion:g} for {self.optimizer.maker.__name__}, batches of {self.batch_size}."
        ]
        lines += [self.reason, ""]
        lines += [f"  {name:<9}  {suggestion.rate:<9.3g}  {suggestion.why}" for name, suggestion in others]
        lines += [""] if others else []
        end = "the loss never blew up" if test.blow_up is None else f"the loss blew up at {test.blow_up:.3g}"
        lines.append(f"Range test: {len(test.rates)} steps from {test.rates[0]:.3g} on; {end}.")
        losses = [f"{rate:g}: {trials.text(loss)}" for rate, loss in zip(trials.rates, trials.losses, strict=True)]
        lines.append(f"Trainings of {trials.steps} steps, {trials.measured} by rate: {', '.join(losses)}.")
        if self.curvature is not None:
            lines.append(f"Curvature at the start: {self.curvature}")
        return Message.lines([*lines, *self.notes])

    def __str__(self) -> str:
        return str(self.message)
