"""Times measured in rounds: all that is compared once a round, so that what disturbs a while disturbs all of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from downslope.core import seconds_text
from downslope.efficiency._other_work import Watch, other_work

LEAST_ROUNDS, MOST_ROUNDS = 8, 25
"""From the first number on, none is added after `ENOUGH_SECONDS`; with fewer, nothing is concluded."""
ENOUGH_SECONDS = 3.0
FEWEST = 6
"""The spread is that of so many rounds at least."""

Clock = Callable[[], float]
Sampler = Callable[[], float]
"""Measures a time once, and returns its seconds."""


@dataclass(frozen=True)
class Deadline:
    """A moment after which nothing new is begun.

    Attributes:
        moment: by the clock.
        clock: a function like `time.monotonic`.
    """

    moment: float
    clock: Clock = time.monotonic

    @classmethod
    def after(cls, seconds: float | int, *, clock: Clock = time.monotonic) -> Deadline:
        """Return the moment so many seconds from now."""
        return cls(clock() + seconds, clock)

    def sooner(self, seconds: float | int) -> Deadline:
        """Return the moment so many seconds from now, or this one if it comes first."""
        return Deadline(min(self.moment, self.clock() + seconds), self.clock)

    def allows(self, seconds: float | int = 0.0) -> bool:
        """Return whether work of so many seconds would end before it."""
        return self.clock() + seconds < self.moment

    def left(self) -> float:
        """Return the seconds left, 0 at least."""
        return max(0.0, self.moment - self.clock())


@dataclass(frozen=True)
class Timing:
    """How long something takes: what it takes undisturbed, as far as that was seen, and how sure that is.

    Other work on a machine makes things slower, hardly ever faster: the fastest round is nearest to the cost. Where
    several rounds are about as fast, none of them was disturbed, and the cost is known; where the fastest stands alone,
    even that may have been disturbed. So the spread is that of the fastest quarter of the rounds, of six at least: some
    five standard deviations of the fastest of 25, for disturbances that are exponentially distributed.

    Attributes:
        seconds: of the fastest round.
        spread: by how many seconds the fastest quarter of the rounds differ.
        rounds: how many there were.
        other_work: the share of the machine's processors that other programs took meanwhile. What disturbs every round
            shows in no spread: on an idle machine the time may be shorter by that share, or not at all, depending on
            how much of it is done by several processors at once.
    """

    seconds: float
    spread: float
    rounds: int
    other_work: float = 0.0

    @classmethod
    def of(cls, samples: Sequence[float], *, other_work: float = 0.0) -> Timing:
        """Return the timing of the samples of all rounds.

        Example:
            >>> Timing.of([0.25, 0.5, 0.25, 0.375, 1.0, 0.25, 0.75, 2.0])
            Timing(seconds=0.25, spread=0.5, rounds=8, other_work=0.0)
        """
        ordered = sorted(map(float, samples))
        quarter = max(FEWEST, math.ceil(len(ordered) / 4))
        return cls(ordered[0], ordered[:quarter][-1] - ordered[0], len(ordered), other_work)

    @property
    def least(self) -> float:
        """The seconds that it may take without other work on the machine."""
        return self.seconds * (1 - self.other_work)

    @property
    def most(self) -> float:
        """The seconds that it may take, within the spread."""
        return self.seconds + self.spread

    @property
    def settled(self) -> bool:
        """Whether there were rounds enough for the spread to mean something; nothing takes no time for sure."""
        return self.rounds >= LEAST_ROUNDS or self.seconds == 0

    def __str__(self) -> str:
        """Return the time, and its spread as a share of it; `?` where one round tells nothing of that."""
        if self.seconds == 0:
            return "0"
        return f"{seconds_text(self.seconds)} +{f'{self.spread / self.seconds:.0%}' if self.rounds > 1 else '?'}"


def timing_text(timing: Timing | None) -> str:
    """Return a timing as text; `?` for one that was not measured."""
    return "?" if timing is None else str(timing)


NO_TIME = Timing(0.0, 0.0, 0)
"""Of what is not there."""


def together(timings: Iterable[Timing]) -> Timing:
    """Return the timing of several things done in turn.

    Example:
        >>> together([Timing(1.0, 0.25, 9), Timing(2.0, 0.5, 5), NO_TIME])
        Timing(seconds=3.0, spread=0.75, rounds=5, other_work=0.0)
    """
    parts = [timing for timing in timings if timing.seconds]
    return Timing(
        math.fsum(timing.seconds for timing in parts),
        math.fsum(timing.spread for timing in parts),
        min((timing.rounds for timing in parts), default=0),
        max((timing.other_work for timing in parts), default=0.0),
    )


def in_rounds(samplers: Sequence[Sampler], *, deadline: Deadline, watch: Watch = other_work) -> list[Timing]:
    """Return the timings of several things, each measured once a round.

    There is one round at least. Every second one goes backwards, so that none always follows the same.

    Args:
        samplers: one for each.
        deadline: after which no further round is begun, nor one that would not end in time, going by the last.
        watch: what tells how busy others keep the machine.

    Example:
        >>> [str(timing) for timing in in_rounds([lambda: 0.5, lambda: 0.25], deadline=Deadline.after(60))]
        ['500 ms +0%', '250 ms +0%']
    """
    samples: list[list[float]] = [[] for _ in samplers]
    enough, share_of_others = deadline.sooner(ENOUGH_SECONDS), watch()
    for number in range(MOST_ROUNDS if samplers else 0):
        begun = deadline.clock()
        places = range(len(samplers))
        for place in places if number % 2 == 0 else reversed(places):
            samples[place].append(samplers[place]())
        spent = deadline.clock() - begun
        if not (enough if number + 1 >= LEAST_ROUNDS else deadline).allows(spent):
            break
    share = share_of_others()
    return [Timing.of(of_one, other_work=share) for of_one in samples]
