"""The cost of a step and of reaching the same loss by batch size: the trade-off of steps and examples, in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from downslope.efficiency import StepTime, Timing

NEAR = 0.1
"""A smaller batch is taken where it needs no more than this share more time than the fastest."""
USUAL_BATCH = 32
"""The size to take where the evidence is for none."""


@dataclass(frozen=True)
class BatchCosts:
    """The cost of steps, all measured in the same rounds.

    Attributes:
        steps: forward, loss and backward by batch size, with the memory that the compiled step reserves.
        update: the time of the optimizer's update, the same for every size.
        drawing: order → the time to draw a row and copy it into its batch.
        order: the order of the training.
        complete: whether all sizes were timed that rows and memory allow; else time was up before larger ones.
        notes: the reason that no larger batches were timed, where there could be.
    """

    steps: tuple[StepTime, ...]
    update: Timing
    drawing: dict[str, Timing]
    order: str
    complete: bool
    notes: tuple[str, ...]

    @property
    def settled(self) -> bool:
        """Whether there were rounds enough for the spread of the times to mean something."""
        return all(timing.settled for timing in (self.update, self.drawing[self.order], *self._timings))

    def timing(self, batch_size: int) -> Timing:
        """Return the time of a whole step: drawing, computing, updating.

        No step counts as slower than one on a larger batch: where it was timed so, something else was at work.
        """
        larger = [step.timing for step in self.steps if step.batch_size >= batch_size]
        draw = self.drawing[self.order]
        least = min(timing.seconds for timing in larger) + self.update.seconds + batch_size * draw.seconds
        most = min(timing.most for timing in larger) + self.update.most + batch_size * draw.most
        others = max(timing.other_work for timing in (self.update, draw, *larger))
        return Timing(least, most - least, min(timing.rounds for timing in larger), others)

    @property
    def _timings(self) -> list[Timing]:
        """The times of all steps."""
        return [step.timing for step in self.steps]


@dataclass(frozen=True)
class BatchOutlook:
    """The expected cost of a batch size, with the learning rate tuned to it.

    With the noise scale `B`, a batch of `b` rows needs `1 + B/b` times as many steps as one of all rows there could be,
    and `1 + b/B` times as many examples as single rows would.

    Attributes:
        batch_size: `b`.
        timing: of a step: drawing, forward, loss, backward, update.
        memory: bytes that the compiled step reserves.
        steps: to the same loss, as a multiple of the fewest possible, `1 + B/b`.
        examples: to the same loss, as a multiple of the fewest possible, `1 + b/B`.
        time: to the same loss, as a multiple of the fastest size's.
        least_time: the same, if this size's steps take the least that they may without other work on the machine.
        most_time: the same, if they take the most that they may within their spread.
    """

    batch_size: int
    timing: Timing
    memory: int
    steps: float
    examples: float
    time: float
    least_time: float
    most_time: float

    @property
    def seconds(self) -> float:
        """The time of a step in the fastest round."""
        return self.timing.seconds

    @property
    def examples_per_second(self) -> float:
        """The throughput, going by the fastest round."""
        return self.batch_size / self.timing.seconds

    @property
    def most_examples_per_second(self) -> float:
        """The throughput at most, without other work on the machine."""
        return self.batch_size / self.timing.least

    @property
    def least_examples_per_second(self) -> float:
        """The throughput at least, within the spread."""
        return self.batch_size / self.timing.most


def batch_outlooks(costs: BatchCosts, noise_scale: float) -> tuple[BatchOutlook, ...]:
    """Return the expected cost of every batch size that was timed.

    Args:
        costs: of steps.
        noise_scale: `B`, in rows.
    """
    scale = max(noise_scale, 1e-9)
    timings = [costs.timing(step.batch_size) for step in costs.steps]
    factors = [1 + scale / step.batch_size for step in costs.steps]
    fastest = min(factor * timing.seconds for factor, timing in zip(factors, timings, strict=True))
    return tuple(
        BatchOutlook(
            batch_size=step.batch_size,
            timing=timing,
            memory=step.memory,
            steps=factor,
            examples=1 + step.batch_size / scale,
            time=factor * timing.seconds / fastest,
            least_time=factor * timing.least / fastest,
            most_time=factor * timing.most / fastest,
        )
        for step, factor, timing in zip(costs.steps, factors, timings, strict=True)
    )


def fastest_outlook(outlooks: Sequence[BatchOutlook]) -> BatchOutlook:
    """Return the smallest batch size that needs at most 10 % more time than the fastest."""
    return next(outlook for outlook in outlooks if outlook.time <= 1 + NEAR)


def sizes_within_spread(outlooks: Sequence[BatchOutlook]) -> tuple[int, int]:
    """Return between which batch sizes the smallest near the fastest lies, as far as the spread of the times allows.

    From the first size that is near the fastest if its own steps took the least that they may and those of all others
    the most, to the first that is near it in the reverse case; or, if none is, to the largest that may be the fastest.
    """
    least, most = [outlook.least_time for outlook in outlooks], [outlook.most_time for outlook in outlooks]
    others = [[*range(index), *range(index + 1, len(outlooks))] for index in range(len(outlooks))]

    def first(own: list[float], rest: list[float]) -> int | None:
        near = (
            outlook.batch_size
            for index, outlook in enumerate(outlooks)
            if own[index] <= (1 + NEAR) * min((rest[other] for other in others[index]), default=own[index])
        )
        return next(near, None)

    low, high = first(least, most) or outlooks[0].batch_size, first(most, least)
    if high is None:
        high = max(outlook.batch_size for outlook in outlooks if outlook.least_time <= min(most))
    return low, high
