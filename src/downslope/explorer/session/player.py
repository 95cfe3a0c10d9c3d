"""Playing of descents: steps at a speed, in short bursts, no further than the page can follow."""

from __future__ import annotations

import math

from downslope.explorer.exploration import Exploration
from downslope.explorer.protocol import Done
from downslope.explorer.session.jobs import Clock
from downslope.explorer.session.screen import Screen

TICK = 1 / 30
"""Seconds between bursts of steps, at least."""

BURST = 0.03
"""Seconds of a burst; requests are handled between bursts."""

SHOWN_STEPS = 8
"""Each step of a burst of at most this length is shown; of a longer one the last."""

JUMP_POINTS = 100
"""Points that a long jump shows, about."""

LAG = 0.25
"""Seconds that descents may lag behind and still catch up."""


class Player:
    """Advances the descents of an exploration.

    Args:
        screen: shows their points.
        clock: the time.

    Attributes:
        screen: shows their points.
        speed: steps a second.
        playing: whether descents advance.
    """

    def __init__(self, screen: Screen, clock: Clock):
        self.screen = screen
        self._clock = clock
        self.speed = 30.0
        self.playing = False
        self._jump: dict[int, int] = {}
        self._stretch = 1
        self._step_cost: dict[int, float] = {}
        self._point_cost: dict[int, float] = {}
        self._last = -math.inf

    def play(self) -> None:
        """Play from now on."""
        self.playing, self._last = True, self._clock()

    def pause(self) -> None:
        """Pause, and drop the steps of a jump that are left."""
        self.playing = False
        self._jump.clear()

    def step(self, exploration: Exploration, count: int) -> None:
        """Add steps to those that are left of a jump; pause after them."""
        self.playing = False
        for number, descent in exploration.descents.items():
            if not descent.ended:
                self._jump[number] = self._jump.get(number, 0) + count
        self._stretch = max(1, max(self._jump.values(), default=0) // JUMP_POINTS)

    def forget(self, number: int) -> None:
        """Forget a descent."""
        for table in (self._jump, self._step_cost, self._point_cost):
            table.pop(number, None)

    def idle_time(self, exploration: Exploration | None) -> float | None:
        """Return the seconds until steps are due; None for no end."""
        if exploration is None or self.screen.full:
            return None
        if self._jump:
            return 0.0
        return max(0.0, self._last + TICK - self._clock()) if self.playing and exploration.descents else None

    def tick(self, exploration: Exploration) -> None:
        """Make the steps that are due, unless the page does not follow."""
        time = self._clock()
        if self.screen.full:
            self._last = time
        elif self._jump:
            self._jump_ahead(exploration)
        elif self.playing and time - self._last >= TICK:
            self._play(exploration, min(time - self._last, LAG))
            self._last = time

    def _play(self, exploration: Exploration, seconds: float) -> None:
        """Make the steps of some seconds."""
        live = [number for number, descent in exploration.descents.items() if not descent.ended]
        for number in live:
            descent = exploration.descents[number]
            descent.due = min(descent.due + self.speed * seconds, self.speed * LAG + 1)
            due = int(descent.due)
            every = 1 if due <= SHOWN_STEPS else due
            descent.due -= self._advance(exploration, number, due, every, BURST / len(live))
        if exploration.descents and all(descent.ended for descent in exploration.descents.values()):
            self._end(exploration)

    def _jump_ahead(self, exploration: Exploration) -> None:
        """Make some of the steps of a jump."""
        for number, left in list(self._jump.items()):
            count = self._advance(exploration, number, left, self._stretch, BURST / len(self._jump))
            self._jump[number] = left - count
            if left == count or exploration.descents[number].ended:
                del self._jump[number]
        if not self._jump:
            self.screen.describe_moved(exploration)
            if all(descent.ended for descent in exploration.descents.values()):
                self._end(exploration)

    def _advance(self, exploration: Exploration, number: int, steps: int, every: int, seconds: float) -> int:
        """Make steps with a descent within `seconds`, show each `every`-th; return the number made."""
        descent, count, until = exploration.descents[number], 0, self._clock() + seconds
        while count < steps and not descent.ended and (count == 0 or self._clock() < until):
            room = until - self._clock() - self._point_cost.get(number, 0.0)
            stretch = min(steps - count, every, max(1, int(room / self._step_cost.get(number, seconds))))
            self._advance_stretch(exploration, number, stretch)
            count += stretch
        if count and descent.ended:
            self.screen.describe(exploration, number)
        return count

    def _advance_stretch(self, exploration: Exploration, number: int, steps: int) -> None:
        """Make steps with a descent, and show its point."""
        descent, begun = exploration.descents[number], self._clock()
        descent.advance(steps)
        moved = self._clock()
        self.screen.moved(number, exploration.record_point(descent))
        _learn(self._step_cost, number, (moved - begun) / steps)
        _learn(self._point_cost, number, self._clock() - moved)

    def _end(self, exploration: Exploration) -> None:
        """Pause, since no descent can go on."""
        self.playing = False
        self.screen.outbox.answer(Done(run=exploration.run, what="descents"))


def _learn(costs: dict[int, float], number: int, cost: float) -> None:
    """Update a cost, to at most twice the earlier one: compiling does not count."""
    costs[number] = min(cost, 2 * costs.get(number, cost))
