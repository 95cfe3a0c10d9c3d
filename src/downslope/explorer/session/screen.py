"""What the page sees of the balls: points, words and views, as far as it gave credit."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from downslope.explorer.exploration import Point, Stage, frames_of, row_of
from downslope.explorer.protocol import LAST, REPLACES, Frame, Kind, Rows, Watch
from downslope.explorer.session.jobs import Clock
from downslope.explorer.session.outbox import Outbox
from downslope.landscape import Slice

BUDGET = 0.03
"""Points are set onto the plane for about so many seconds at a time, for between requests are heard."""

VIEWS = 0.1
"""Seconds between views beside the surface, at least."""

WORDS = 1.0
"""Seconds between words about a ball that moves."""

MOST_WAITING = 64
"""Points that wait for credit; descents then wait, too."""


class Screen:
    """Sends what there is to see of a stage.

    Args:
        outbox: where it goes.
        clock: the time.

    Attributes:
        outbox: where it goes.
        watch: which views are wanted.
    """

    def __init__(self, outbox: Outbox, clock: Clock):
        self.outbox = outbox
        self._clock = clock
        self.watch = Watch(type="watch")
        self._points: dict[int, list[Point]] = {}
        self._anew: set[int] = set()
        self._moved: set[int] = set()
        self._views: Iterator[Frame] | None = None
        self._stale = False
        self._viewed = self._told = -math.inf

    @property
    def full(self) -> bool:
        """Whether so much waits that balls should, too."""
        return self.outbox.credit < 1 or any(len(points) >= MOST_WAITING for points in self._points.values())

    def forget(self, number: int) -> None:
        """Forget a ball."""
        self._points.pop(number, None)
        self._anew.discard(number)
        self._moved.discard(number)
        self._views = None

    def anew(self, stage: Stage, number: int) -> None:
        """Show a ball's path from its beginning: a new ball, or a new plane."""
        self.forget(number)
        self._points[number] = list(stage.descents[number].points)
        self._anew.add(number)
        self._stale = True
        self.tell(stage, number)

    def moved(self, number: int, point: Point) -> None:
        """Take note of where a ball has come to."""
        self._points[number].append(point)
        self._moved.add(number)
        self._stale = True

    def tell(self, stage: Stage, number: int) -> None:
        """Say in words how a ball stands."""
        stage.explain(number)
        self._moved.discard(number)
        self.outbox.answer(stage.descent_answer(number))

    def tell_all(self, stage: Stage) -> None:
        """Say how all balls stand that moved since that was said last."""
        for number in sorted(self._moved):
            self.tell(stage, number)

    def look_at(self, watch: Watch) -> None:
        """Show these views from now on."""
        self.watch, self._views, self._stale, self._viewed = watch, None, True, -math.inf

    def surface(self, run: int, cut: Slice) -> None:
        """Send a plane as far as it is computed."""
        values = np.stack([cut.losses, cut.computed.astype(float)])
        self.outbox.frame(Frame(Kind.SURFACE, run, values, flags=LAST if cut.complete else 0))

    def pause(self) -> float | None:
        """Return how long there is nothing to send; None for until something happens."""
        if self.outbox.credit < 1:
            return None
        if any(self._points.values()):
            return 0.0
        return max(0.0, self._viewed + VIEWS - self._clock()) if self._wanted else None

    def send(self, stage: Stage) -> None:
        """Send what there is credit for: points first, but one frame is left for views that are due."""
        now = self._clock()
        due = self._wanted and now - self._viewed >= VIEWS
        self._send_points(stage, spare=1 if due else 0)
        if due:
            self._send_views(stage, now)
        if self._moved and now - self._told >= WORDS:
            self._told = now
            self.tell_all(stage)

    @property
    def _wanted(self) -> bool:
        """Whether a view is wanted that is not of where the balls are."""
        watched = self.watch.data or self.watch.units or self.watch.signals
        return watched and (self._stale or self._views is not None)

    def _send_points(self, stage: Stage, spare: int) -> None:
        """Send points that wait, those of the ball that has most of them first."""
        for number in sorted(self._points, key=lambda one: -len(self._points[one])):
            if self._points[number] and self.outbox.credit > spare:
                self._send_path(stage, number)

    def _send_path(self, stage: Stage, number: int) -> None:
        """Send the first of a ball's points, as many as time allows."""
        points, rows, until = self._points[number], [], self._clock() + BUDGET
        while len(rows) < len(points) and (not rows or self._clock() < until):
            rows.append(stage.projector.row(points[len(rows)]))
        sent, self._points[number] = points[: len(rows)], points[len(rows) :]
        flags = REPLACES if number in self._anew else 0
        self._anew.discard(number)
        lines = tuple(row_of(point, row) for point, row in zip(sent, rows, strict=True))
        self.outbox.answer(Rows(run=stage.run, id=number, replaces=bool(flags), rows=lines))
        self.outbox.frame(Frame(Kind.PATH, stage.run, np.array([rows]), flags, descent=number, step=sent[-1].step))

    def _send_views(self, stage: Stage, now: float) -> None:
        """Send views, as far as there is credit; the others follow when there is more."""
        if self._views is None:
            self._stale = False
            self._views = _views_of(stage, self.watch)
        while self.outbox.credit > 0:
            frame = next(self._views, None)
            if frame is None:
                self._views, self._viewed = None, now
                return
            self.outbox.frame(frame)


def _views_of(stage: Stage, watch: Watch) -> Iterator[Frame]:
    """Yield the views of all balls."""
    for number, descent in list(stage.descents.items()):
        yield from frames_of(stage.ground, stage.beside, descent.walk, watch, run=stage.run, descent=number)
