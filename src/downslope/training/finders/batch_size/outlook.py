"""The cost of a step and of reaching the same loss by batch size: the trade-off of steps and examples, in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from downslope.efficiency import StepTime

NEAR = 0.1
"""A smaller batch is taken where it needs no more than this share more time than the fastest."""


@dataclass(frozen=True)
class BatchCosts:
    """The cost of steps.

    Attributes:
        steps: forward, loss and backward by batch size, with the memory that the compiled step reserves.
        update: seconds of the optimizer's update, the same for every size.
        drawing: order → seconds to draw a row and copy it into its batch.
        order: the order of the training.
        notes: the reason that no larger batches were timed, where there could be.
    """

    steps: tuple[StepTime, ...]
    update: float
    drawing: dict[str, float]
    order: str
    notes: tuple[str, ...]

    def seconds(self, batch_size: int) -> float:
        """Return the seconds of a whole step: drawing, computing, updating.

        No step counts as slower than one on a larger batch: where it was timed so, something else was at work.
        """
        computing = min(step.seconds for step in self.steps if step.batch_size >= batch_size)
        return computing + self.update + batch_size * self.drawing[self.order]


@dataclass(frozen=True)
class BatchOutlook:
    """The expected cost of a batch size, with the learning rate tuned to it.

    With the noise scale `B`, a batch of `b` rows needs `1 + B/b` times as many steps as one of all rows there could be,
    and `1 + b/B` times as many examples as single rows would.

    Attributes:
        batch_size: `b`.
        seconds: of a step: drawing, forward, loss, backward, update.
        memory: bytes that the compiled step reserves.
        steps: to the same loss, as a multiple of the fewest possible, `1 + B/b`.
        examples: to the same loss, as a multiple of the fewest possible, `1 + b/B`.
        time: to the same loss, as a multiple of the fastest size's.
    """

    batch_size: int
    seconds: float
    memory: int
    steps: float
    examples: float
    time: float

    @property
    def examples_per_second(self) -> float:
        """The throughput."""
        return self.batch_size / self.seconds


def batch_outlooks(costs: BatchCosts, noise_scale: float) -> tuple[BatchOutlook, ...]:
    """Return the expected cost of every batch size that was timed.

    Args:
        costs: of steps.
        noise_scale: `B`, in rows.
    """
    scale = max(noise_scale, 1e-9)
    times = [(1 + scale / step.batch_size) * costs.seconds(step.batch_size) for step in costs.steps]
    return tuple(
        BatchOutlook(
            batch_size=step.batch_size,
            seconds=costs.seconds(step.batch_size),
            memory=step.memory,
            steps=1 + scale / step.batch_size,
            examples=1 + step.batch_size / scale,
            time=time / min(times),
        )
        for step, time in zip(costs.steps, times, strict=True)
    )


def fastest_outlook(outlooks: Sequence[BatchOutlook]) -> BatchOutlook:
    """Return the smallest batch size that needs at most 10 % more time than the fastest."""
    return next(outlook for outlook in outlooks if outlook.time <= 1 + NEAR)
