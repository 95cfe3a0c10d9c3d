"""What the search for a batch size measured and chose: as numbers, as tables, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from downslope.core import Message, aligned, bytes_text
from downslope.curvature import CurvatureNoise, NoiseScale
from downslope.efficiency import stops_growing
from downslope.training.finders.batch_size.outlook import (
    USUAL_BATCH,
    BatchCosts,
    BatchOutlook,
    batch_outlooks,
    fastest_outlook,
    sizes_within_spread,
)

NOTABLE = 0.02
"""Less than this share of other work is not worth a word."""
NARROW = 8
"""A size is recommended where what is not ruled out spans at most this factor."""


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
        curvature: the noise of `g`, `H g` and `H⁻¹ g` after the short training; None where it could not be measured.
        costs: what steps cost.
        trainings: with several sizes, for what they find; empty unless asked for.
        batch_size: that of the settings, at which the short training was made.
        rows: that are learned from.
        rate_power: how the rate goes with the size: 1 for optimizers that step in proportion to the gradient, ½ for
            those that divide by its size.
        notes: what to know besides, in sentences.
    """

    outlook: tuple[BatchOutlook, ...]
    noise: NoiseScale
    noise_at_start: NoiseScale | None
    short_training: int
    curvature: CurvatureNoise | None
    costs: BatchCosts
    trainings: tuple[BatchTrainings, ...]
    batch_size: int
    rows: int
    rate_power: float
    notes: tuple[str, ...]

    @property
    def suggestion(self) -> int:
        """The batch size to take.

        Where the evidence is for one (`resolved`): the smallest that needs at most 10 % more time to the same loss than
        the fastest. Where it is not: the usual 32, or what is nearest to it of the sizes that rows and memory allow and
        that are not ruled out (`between`).
        """
        return fastest_outlook(self.outlook).batch_size if self.resolved else self._usual

    @property
    def resolved(self) -> bool:
        """Whether the evidence is for one size: what noise and times leave open spans no more than a factor of 8."""
        low, high = self.between
        return self.noise.value is not None and self.costs.settled and high <= NARROW * low

    @property
    def _usual(self) -> int:
        """The usual size, or the nearest one that is not ruled out."""
        low, high = self.between
        open_sizes = [row.batch_size for row in self.outlook if low <= row.batch_size <= high]
        return max((size for size in open_sizes if size <= USUAL_BATCH), default=open_sizes[0])

    @property
    def noise_scale(self) -> float:
        """The noise scale that all predictions use; see `usable`."""
        return usable_noise_scale(self.noise, self.noise_at_start)

    @property
    def between(self) -> tuple[int, int]:
        """What is not ruled out of the sizes timed, within the noise scale's 95 % interval and the spread of the times.

        Every size, where the noise scale is not resolved, or there were too few rounds for the times to be sure.
        """
        if self.noise.value is None or not self.costs.settled:
            return self.outlook[0].batch_size, self.outlook[-1].batch_size
        sizes = [size for end in self._ends for size in sizes_within_spread(batch_outlooks(self.costs, end))]
        return min(sizes), max(sizes)

    @property
    def times_between(self) -> tuple[np.ndarray, np.ndarray]:
        """What the times of `outlook`, each a multiple of the fastest, may be: at least, at most.

        At both ends of the noise scale's interval, and within the spread of the times.
        """
        ends = [batch_outlooks(self.costs, end) for end in self._ends]
        least = np.min([[outlook.least_time for outlook in outlooks] for outlooks in ends], axis=0)
        return least, np.max([[outlook.most_time for outlook in outlooks] for outlooks in ends], axis=0)

    @property
    def _ends(self) -> tuple[float, float]:
        """The ends of the noise scale's interval, an infinite one as a large number."""
        low, high = self.noise.interval
        return (self.noise_scale if self.noise.value is None else low), min(high, 1e6 * self.outlook[-1].batch_size)

    @property
    def growth_between(self) -> tuple[int, int]:
        """The sizes between which throughput stops growing: no larger one makes more than 10 % more examples a second.

        All, where there were too few rounds for the times to be sure.
        """
        sizes = [row.batch_size for row in self.outlook]
        if not self.costs.settled:
            return sizes[0], sizes[-1]
        most = [row.most_examples_per_second for row in self.outlook]
        return stops_growing(sizes, most, [row.least_examples_per_second for row in self.outlook])

    @property
    def growth_stops_at(self) -> int | None:
        """The size at which throughput stops growing; None where the spread of the times leaves it open."""
        low, high = self.growth_between
        return low if low == high else None

    @property
    def reason(self) -> str:
        """Why the suggestion, in words."""
        return self._evidence if self.resolved else f"{self._doubt} {self._fallback}"

    @property
    def _evidence(self) -> str:
        """Why the size is recommended."""
        size, fast = self.suggestion, min(self.outlook, key=lambda row: row.time)
        suggested = fastest_outlook(self.outlook)
        if fast.batch_size == size:
            why = f"Batches of {size} reach the same loss in the least time"
        else:
            why = f"Batches of {size} are within {suggested.time - 1:.0%} of the fastest, {fast.batch_size}"
        low, high = self.between
        interval = "its 95 % interval and the spread of the times"
        doubt = f"{low} to {high} within {interval}" if low != high else f"the same throughout {interval}"
        return (
            f"{why}: {suggested.steps:.3g} times the fewest steps and {suggested.examples:.3g} times the fewest "
            f"examples, at a noise scale of {rows_text(self.noise_scale)} rows ({doubt}).{self._untimed}"
        )

    @property
    def _untimed(self) -> str:
        """What to add where larger sizes may be faster, which there was no time for."""
        largest = self.outlook[-1].batch_size
        if self.costs.complete or self.between[1] < largest:
            return ""
        return f" Sizes were timed up to {largest}; larger ones may be faster."

    @property
    def _doubt(self) -> str:
        """Why no size is recommended."""
        if self.noise.value is None:
            return (
                "No batch size can be recommended on this evidence: after the short training the gradient is lost in "
                f"noise, and the noise scale is not resolved, at least {rows_text(self.noise_scale)} rows."
            )
        if not self.costs.settled:
            return "No batch size can be recommended on this evidence: the times were measured in too few rounds."
        low, high = self.between
        return (
            f"Too noisy to say: within the 95 % interval of the noise scale ({rows_text(self.noise.interval[0])} to "
            f"{rows_text(self.noise.interval[1])} rows) and the spread of the times, it may be any size from {low} to "
            f"{high}.{self._untimed}"
        )

    @property
    def _fallback(self) -> str:
        """What the suggestion rests on then."""
        if self.suggestion == USUAL_BATCH:
            return f"{USUAL_BATCH} is merely the usual size, not one that was found to be best."
        return (
            f"{self.suggestion} is merely the size nearest to the usual {USUAL_BATCH} of those that rows, memory and "
            "these measurements allow, not one that was found to be best."
        )

    def rate_factor(self, batch_size: int) -> float:
        """Return what to multiply the learning rate by for another batch size than that of the settings.

        `(1 + B/b₀)/(1 + B/b)` for gradient descent: in proportion to `b` far below the noise scale `B`, the same far
        above. Its square root for optimizers that divide by the size of gradients.

        References:
            McCandlish et al. (2018), equation 2.9; Malladi et al., "On the SDEs and scaling rules for adaptive gradient
            algorithms" (2022): the square root.
        """
        return self._rate_factor(batch_size, self.noise_scale)

    def _rate_factor(self, batch_size: int, scale: float) -> float:
        """Return the same for some noise scale."""
        return ((1 + scale / self.batch_size) / (1 + scale / batch_size)) ** self.rate_power

    def table(self) -> Any:
        """Return a polars table, one row a batch size."""
        import polars

        names = (
            "batch_size", "seconds", "memory", "steps", "examples", "time", "least_time", "most_time",
            "examples_per_second", "most_examples_per_second", "least_examples_per_second",
        )  # fmt: skip
        columns = {name: [getattr(row, name) for row in self.outlook] for name in names}
        columns |= {name: [getattr(row.timing, name) for row in self.outlook] for name in ("spread", "other_work")}
        columns["rate_factor"] = [self.rate_factor(row.batch_size) for row in self.outlook]
        return polars.DataFrame(columns)

    @property
    def message(self) -> Message:
        """Everything in words, aspect by aspect."""
        parts = [
            f"Batch size {self.suggestion}.\n{self.reason}{self._rate_advice()}",
            _outlook_text(self),
            self.noise_sentence(),
            "" if self.curvature is None else self.curvature_sentence(self.curvature),
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

    def growth_sentence(self) -> str:
        """Return where throughput stops growing, as far as the spread of the times allows, in words."""
        low, high = self.growth_between
        largest = self.outlook[-1].batch_size
        if low != high:
            still = ", if it does at all" if high == largest else ""
            return f"Throughput stops growing somewhere from {low} to {high}{still}: too noisy to say where."
        return (
            "Throughput was still growing at the largest." if low == largest else f"Throughput stops growing at {low}."
        )

    def curvature_sentence(self, noise: CurvatureNoise) -> str:
        """Return how large batches must be for a method that steps along `H⁻¹ g`, in words."""
        needs = {name: noise.rows_needed(name, of=self.rows) for name in ("newton_step", "gradient")}
        if not all(math.isfinite(end) for end in needs["newton_step"]):
            return f"{noise} Second-order methods step along H⁻¹ g; how large their batches must be is not known here."
        newton, gradient = (f"{math.floor(low)} to {math.ceil(high)}" for low, high in needs.values())
        return (
            f"{noise} Second-order methods step along H⁻¹ g: for its noise to be no larger than the step itself they "
            f"need batches of about {newton} rows, where the gradient needs {gradient}."
        )

    def drawing_sentence(self) -> str:
        """Return the cost of drawing a batch by the order of rows, in words."""
        suggested = next(row for row in self.outlook if row.batch_size == self.suggestion)
        share = suggested.batch_size * self.costs.drawing[self.costs.order].seconds / suggested.seconds
        times = ", ".join(f"{order} {timing}" for order, timing in self.costs.drawing.items())
        return f"Drawing takes {share:.0%} of a step with {self.costs.order}; by order, a row: {times}."

    def _rate_advice(self) -> str:
        """Return by how much to change the rate, where the size changes."""
        low, factor, high = sorted(
            self._rate_factor(self.suggestion, scale) for scale in (*self._ends, self.noise_scale)
        )
        if math.isclose(low, 1, rel_tol=0.1) and math.isclose(high, 1, rel_tol=0.1):
            return ""
        words = f" Multiply the learning rate of batches of {self.batch_size} by"
        if self.noise.value is None:
            return f"{words} something from {low:.2g} to {high:.2g}."
        doubt = "" if math.isclose(low, high, rel_tol=0.1) else f" ({low:.2g} to {high:.2g})"
        return f"{words} {factor:.2g}{doubt}."


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
    lines = [["batch size", "step", "examples/s", "memory", "steps", "examples", "time", "within"]]
    for row in result.outlook:
        rate = f"{row.examples_per_second:,.0f}"
        numbers = [f"{row.steps:.3g}", f"{row.examples:.3g}", f"{row.time:.3g}"]
        numbers.append(f"{row.least_time:.3g}–{row.most_time:.3g}")
        lines.append([str(row.batch_size), str(row.timing), rate, bytes_text(row.memory), *numbers])
    at_least = "" if result.noise.value is not None else ", if the noise scale is no larger than the least it can be"
    rounds = result.outlook[0].timing.rounds
    caption = (
        "Steps and examples to the same loss as multiples of the fewest possible, time of the fastest"
        f"{at_least}. Times of steps: the fastest of {rounds} rounds, + by how much the fastest quarter differ."
    )
    others = result.outlook[0].timing.other_work
    if others >= NOTABLE:
        caption += f" Other work took {others:.0%} of the processors meanwhile, so they may be up to that much shorter."
    return f"{aligned(lines, left=0)}\n{caption} {result.growth_sentence()}"


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
