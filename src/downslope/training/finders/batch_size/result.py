"""What the search for a batch size measured and chose: as numbers, as tables, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from downslope.core import Message, aligned, bytes_text, seconds_text
from downslope.curvature import HvpNoise, NoiseScale
from downslope.efficiency import stops_growing
from downslope.training.finders.batch_size.outlook import BatchCosts, BatchOutlook, batch_outlooks, fastest_outlook


@dataclass(frozen=True)
class BatchTrainings:
    """Where trainings with one batch size ended; each array has one entry a seed, NaN for one that diverged.

    Attributes:
        batch_size: rows a step.
        learning_rate: scaled to the size.
        train_loss: at the end, on at most 2,000 training rows.
        validation_loss: at the end, on rows not learned from.
        sharpness: the largest eigenvalue of the Hessian at the end, on at most 2,000 training rows.
    """

    batch_size: int
    learning_rate: float
    train_loss: np.ndarray
    validation_loss: np.ndarray
    sharpness: np.ndarray

    @property
    def gap(self) -> np.ndarray:
        """The generalization gap: validation loss less training loss."""
        return self.validation_loss - self.train_loss


@dataclass(frozen=True)
class FoundBatchSize:
    """The result of the search for a batch size. Printed, it says which to take and why.

    Attributes:
        outlook: of each size that was timed, what is to be expected of it, going by `noise_scale`.
        noise: the noise scale after the short training.
        noise_at_start: before it; None where it could not be measured.
        short_training: steps of it.
        hvp: the noise of `H g` after the short training; None where it could not be measured.
        costs: what steps cost.
        trainings: with several sizes, for what they find; empty unless asked for.
        batch_size: that of the settings, at which the short training was made.
        rate_power: how the rate goes with the size: 1 for optimizers that step in proportion to the gradient, ½ for
            those that divide by its size.
        notes: what to know besides, in sentences.
    """

    outlook: tuple[BatchOutlook, ...]
    noise: NoiseScale
    noise_at_start: NoiseScale | None
    short_training: int
    hvp: HvpNoise | None
    costs: BatchCosts
    trainings: tuple[BatchTrainings, ...]
    batch_size: int
    rate_power: float
    notes: tuple[str, ...]

    @property
    def suggestion(self) -> int:
        """The batch size to take: the smallest that needs at most 10 % more time to the same loss than the fastest."""
        return fastest_outlook(self.outlook).batch_size

    @property
    def noise_scale(self) -> float:
        """The noise scale that all predictions use; see `usable`."""
        return usable_noise_scale(self.noise, self.noise_at_start)

    @property
    def between(self) -> tuple[int, int]:
        """What would be suggested at the lower and at the upper end of the noise scale's 95 % interval."""
        sizes = [fastest_outlook(batch_outlooks(self.costs, end)).batch_size for end in self._ends]
        return min(sizes), max(sizes)

    @property
    def times_between(self) -> tuple[np.ndarray, np.ndarray]:
        """The times of `outlook`, each a multiple of its fastest, at both ends of the noise scale's interval."""
        low, high = (np.array([outlook.time for outlook in batch_outlooks(self.costs, end)]) for end in self._ends)
        return low, high

    @property
    def _ends(self) -> tuple[float, float]:
        """The ends of the noise scale's interval, an infinite one as a large number."""
        low, high = self.noise.interval
        return (self.noise_scale if self.noise.value is None else low), min(high, 1e6 * self.outlook[-1].batch_size)

    @property
    def growth_stops_at(self) -> int:
        """The smallest size from which no larger one handles more than 10 % more examples a second."""
        return stops_growing(
            [row.batch_size for row in self.outlook], [row.examples_per_second for row in self.outlook]
        )

    @property
    def reason(self) -> str:
        """Why the suggestion, in words."""
        size, fast = self.suggestion, min(self.outlook, key=lambda row: row.time)
        suggested = fastest_outlook(self.outlook)
        if fast.batch_size == size:
            why = f"Batches of {size} reach the same loss in the least time"
        else:
            why = f"Batches of {size} are within {suggested.time - 1:.0%} of the fastest, {fast.batch_size}"
        if self.noise.value is None:
            text = f"{why}, if the noise scale is {rows_text(self.noise_scale)} rows. It is at least that"
            return f"{text}: after the short training the gradient is lost in noise, and larger batches may pay."
        low, high = self.between
        doubt = f"{low} to {high} within its 95 % interval" if low != high else "the same throughout its 95 % interval"
        return (
            f"{why}: {suggested.steps:.3g} times the fewest steps and {suggested.examples:.3g} times the fewest "
            f"examples, at a noise scale of {rows_text(self.noise_scale)} rows ({doubt})."
        )

    def rate_factor(self, batch_size: int) -> float:
        """Return what to multiply the learning rate by for another batch size than that of the settings.

        `(1 + B/b₀)/(1 + B/b)` for gradient descent: in proportion to `b` far below the noise scale `B`, the same far
        above. Its square root for optimizers that divide by the size of gradients.

        References:
            McCandlish et al. (2018), equation 2.9; Malladi et al., "On the SDEs and scaling rules for adaptive gradient
            algorithms" (2022): the square root.
        """
        scale = self.noise_scale
        return ((1 + scale / self.batch_size) / (1 + scale / batch_size)) ** self.rate_power

    def table(self) -> Any:
        """Return a polars table, one row a batch size."""
        import polars

        names = [*BatchOutlook.__dataclass_fields__, "examples_per_second"]
        columns = {name: [getattr(row, name) for row in self.outlook] for name in names}
        columns["rate_factor"] = [self.rate_factor(row.batch_size) for row in self.outlook]
        return polars.DataFrame(columns)

    @property
    def message(self) -> Message:
        """Everything in words, aspect by aspect."""
        parts = [
            f"Batch size {self.suggestion}.\n{self.reason}{self._rate_advice()}",
            _outlook_text(self),
            self.noise_sentence(),
            "" if self.hvp is None else self.hvp_sentence(self.hvp),
            self.drawing_sentence(),
            _trainings_text(self.trainings),
            *self.costs.notes,
            *self.notes,
        ]
        return Message.paragraphs(parts)

    def __str__(self) -> str:
        return str(self.message)

    def noise_sentence(self) -> str:
        """Return the noise scale at the start and after the short training, in words."""
        before = "" if self.noise_at_start is None else f"At the start: {_lower(self.noise_at_start)} "
        return f"{before}After {self.short_training} steps: {_lower(self.noise)}"

    def hvp_sentence(self, hvp: HvpNoise) -> str:
        """Return how large batches must be for a method that multiplies gradients by curvature, in words."""
        enough = hvp.enough()
        many = f"more than {hvp.batch_sizes[-1]}" if enough is None else str(enough)
        return f"{hvp} Methods that use curvature need its noise below H g itself, which takes batches of {many}."

    def drawing_sentence(self) -> str:
        """Return the cost of drawing a batch by the order of rows, in words."""
        suggested = fastest_outlook(self.outlook)
        share = suggested.batch_size * self.costs.drawing[self.costs.order] / suggested.seconds
        times = ", ".join(f"{order} {seconds_text(seconds)}" for order, seconds in self.costs.drawing.items())
        return f"Drawing takes {share:.0%} of a step with {self.costs.order}; by order, a row: {times}."

    def _rate_advice(self) -> str:
        """Return by how much to change the rate, where the size changes."""
        factor = self.rate_factor(self.suggestion)
        if math.isclose(factor, 1, rel_tol=0.1):
            return ""
        return f" Multiply the learning rate of batches of {self.batch_size} by {factor:.2g}."


def usable_noise_scale(noise: NoiseScale, before: NoiseScale | None) -> float:
    """Return the noise scale to predict with.

    Its value after the short training; where it has none, since the gradient is lost in noise, the highest of what is
    known to lie below it: the lower end of its interval, and the noise scale at the start, since it grows.
    """
    if noise.value is not None:
        return noise.value
    first = 0.0 if before is None else before.interval[0] if before.value is None else before.value
    return max(noise.interval[0], first)


def rows_text(rows: float) -> str:
    """Return a number of rows to three digits.

    Example:
        >>> rows_text(2074.3), rows_text(6.762)
        ('2,070', '6.76')
    """
    return f"{float(f'{rows:.3g}'):,.6g}"


def _lower(noise: NoiseScale) -> str:
    """Return a noise scale in words, within a sentence."""
    text = str(noise)
    return text[0].lower() + text[1:]


def _outlook_text(result: FoundBatchSize) -> str:
    """Return the table of batch sizes, and where throughput stops growing."""
    lines = [["batch size", "step", "examples/s", "memory", "steps", "examples", "time"]]
    for row in result.outlook:
        rate = f"{row.examples_per_second:,.0f}"
        numbers = [f"{row.steps:.3g}", f"{row.examples:.3g}", f"{row.time:.3g}"]
        lines.append([str(row.batch_size), seconds_text(row.seconds), rate, bytes_text(row.memory), *numbers])
    stop = result.growth_stops_at
    still = stop == result.outlook[-1].batch_size
    end = "Throughput was still growing at the largest." if still else f"Throughput stops growing at {stop}."
    caption = "Steps and examples to the same loss as multiples of the fewest possible, time of the fastest."
    return f"{aligned(lines, left=0)}\n{caption} {end}"


def _trainings_text(trainings: tuple[BatchTrainings, ...]) -> str:
    """Return the table of trainings: gap and sharpness by batch size, with their spread over seeds."""
    if not trainings:
        return ""
    lines = [["batch size", "rate", "training loss", "gap", "sharpness"]]
    for row in trainings:
        cells = [_spread(values) for values in (row.train_loss, row.gap, row.sharpness)]
        lines.append([str(row.batch_size), f"{row.learning_rate:.3g}", *cells])
    seeds = len(trainings[0].train_loss)
    return f"{aligned(lines, left=0)}\nMean ± deviation over {seeds} seeds; the gap is validation less training loss."


def _spread(values: np.ndarray) -> str:
    """Return the mean and the deviation of those that are numbers."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "diverged"
    return f"{finite.mean():.3g} ± {finite.std(ddof=1) if len(finite) > 1 else 0:.2g}"
