"""The result of the search for a learning rate: as numbers, as a table, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from downslope.core import Message
from downslope.optimizers import Optimizer
from downslope.training.finders.learning_rate.range_test import RangeTest
from downslope.training.finders.learning_rate.stability_line import CurvatureLine
from downslope.training.finders.learning_rate.trials import RateTrials


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
        losses = [f"{rate:g}: {_loss_text(loss)}" for rate, loss in zip(trials.rates, trials.losses, strict=True)]
        lines.append(f"Trainings of {trials.steps} steps, {trials.measured} by rate: {', '.join(losses)}.")
        if self.curvature is not None:
            lines.append(f"Curvature at the start: {self.curvature}")
        return Message.lines([*lines, *self.notes])

    def __str__(self) -> str:
        return str(self.message)


def _loss_text(loss: float) -> str:
    """Return a loss in a few digits, or that there is none."""
    return f"{loss:.3g}" if math.isfinite(loss) else "diverged"
