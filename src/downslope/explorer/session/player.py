"""Lets balls roll: so many steps a second, a change felt at once, no further than the page can follow."""

from __future__ import annotations

import math

from downslope.explorer.exploration import Stage
from downslope.explorer.protocol import Done
from downslope.explorer.session.jobs import Clock
from downslope.explorer.session.screen import Screen

TICK = 1 / 30
"""Seconds between bursts of steps, at least."""

BURST = 0.03
"""A burst takes about so many seconds, for between bursts changes are heard."""

SEEN = 8
"""Of a burst of so many steps each is shown; of a longer one the last."""

STRETCH = 100
"""A jump of many steps shows about so many points."""

LAG = 0.25
"""Seconds that balls may lag behind and still catch up."""


class Player:
    """Lets the balls of a stage roll.

    Args:
        screen: shows where they are.
        clock: the time.

    Attributes:
        screen: shows where they are.
        speed: steps a second.
        playing: whether balls roll.
    """

    def __init__(self, screen: Screen, clock: Clock):
        self.screen = screen
        self._clock = clock
        self.speed = 30.0
        self.playing = False
        self._jump: dict[int, int] = {}
        self._stretch = 1
        self._step_cost: dict[int, float] = {}
        self._look_cost: dict[int, float] = {}
        self._last = -math.inf

    def play(self) -> None:
        """Roll from now on."""
        self.playing, self._last = True, self._clock()

    def rest(self) -> None:
        """Stay."""
        self.playing = False
        self._jump.clear()

    def step(self, stage: Stage, count: int) -> None:
        """Make so many steps more than were asked for already, then rest."""
        self.playing = False
        for number, descent in stage.descents.items():
            if not descent.ended:
                self._jump[number] = self._jump.get(number, 0) + count
        self._stretch = max(1, max(self._jump.values(), default=0) // STRETCH)

    def forget(self, number: int) -> None:
        """Forget a ball."""
        for known in (self._jump, self._step_cost, self._look_cost):
            known.pop(number, None)

    def pause(self, stage: Stage | None) -> float | None:
        """Return how long there is nothing to do; None for until somebody asks."""
        if stage is None or self.screen.full:
            return None
        if self._jump:
            return 0.0
        return max(0.0, self._last + TICK - self._clock()) if self.playing and stage.descents else None

    def tick(self, stage: Stage) -> None:
        """Make the steps that are due, unless the page does not follow."""
        now = self._clock()
        if self.screen.full:
            self._last = now
        elif self._jump:
            self._jumped(stage)
        elif self.playing and now - self._last >= TICK:
            self._rolled(stage, min(now - self._last, LAG))
            self._last = now

    def _rolled(self, stage: Stage, seconds: float) -> None:
        """Make the steps of so many seconds."""
        live = [number for number, descent in stage.descents.items() if not descent.ended]
        for number in live:
            descent = stage.descents[number]
            descent.owed = min(descent.owed + self.speed * seconds, self.speed * LAG + 1)
            due = int(descent.owed)
            every = 1 if due <= SEEN else due
            descent.owed -= self._advance(stage, number, due, every, BURST / len(live))
        if stage.descents and all(descent.ended for descent in stage.descents.values()):
            self._end(stage)

    def _jumped(self, stage: Stage) -> None:
        """Make some of the steps that were asked for."""
        for number, left in list(self._jump.items()):
            made = self._advance(stage, number, left, self._stretch, BURST / len(self._jump))
            self._jump[number] = left - made
            if left == made or stage.descents[number].ended:
                del self._jump[number]
        if not self._jump:
            self.screen.tell_all(stage)
            if all(descent.ended for descent in stage.descents.values()):
                self._end(stage)

    def _advance(self, stage: Stage, number: int, steps: int, every: int, seconds: float) -> int:
        """Make steps with a ball, as far as the time allows, show every so many; return how many were made."""
        descent, made, until = stage.descents[number], 0, self._clock() + seconds
        while made < steps and not descent.ended and (made == 0 or self._clock() < until):
            room = until - self._clock() - self._look_cost.get(number, 0.0)
            stretch = min(steps - made, every, max(1, int(room / self._step_cost.get(number, seconds))))
            self._stretch_of(stage, number, stretch)
            made += stretch
        if made and descent.ended:
            self.screen.tell(stage, number)
        return made

    def _stretch_of(self, stage: Stage, number: int, steps: int) -> None:
        """Make steps with a ball, and look where it is."""
        descent, begun = stage.descents[number], self._clock()
        descent.advance(steps)
        moved = self._clock()
        self.screen.moved(number, stage.look(descent))
        _learn(self._step_cost, number, (moved - begun) / steps)
        _learn(self._look_cost, number, self._clock() - moved)

    def _end(self, stage: Stage) -> None:
        """Rest, for no ball can go on."""
        self.playing = False
        self.screen.outbox.answer(Done(run=stage.run, what="descents"))


def _learn(costs: dict[int, float], number: int, cost: float) -> None:
    """Take over what something took, but no more than twice of what it took before: compiling does not count."""
    costs[number] = min(cost, 2 * costs.get(number, cost))
