"""Points, descriptions and views of the descents, sent as far as there is credit."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from downslope.explorer.exploration import Exploration, Point, frames_of, table_row
from downslope.explorer.protocol import LAST, REPLACES, Frame, Kind, Rows, Watch
from downslope.explorer.session.jobs import Clock
from downslope.explorer.session.outbox import Outbox
from downslope.landscape import Slice

BUDGET = 0.03
"""Seconds that points are projected at a time; requests are handled in between."""

VIEW_INTERVAL = 0.1
"""Seconds between views beside the surface, at least."""

DESCRIPTION_INTERVAL = 1.0
"""Seconds between descriptions of a descent that moves."""

MOST_WAITING = 64
"""Points that wait for credit; descents then wait, too."""


class Screen:
    """Sends the points, descriptions and views of an exploration.

    Args:
        outbox: sends them.
        clock: the time.

    Attributes:
        outbox: sends them.
        watch: the views that are on.
    """

    def __init__(self, outbox: Outbox, clock: Clock):
        self.outbox = outbox
        self._clock = clock
        self.watch = Watch(type="watch")
        self._points: dict[int, list[Point]] = {}
        self._restarted: set[int] = set()
        self._moved: set[int] = set()
        self._views: Iterator[Frame] | None = None
        self._stale = False
        self._views_sent = self._described = -math.inf

    @property
    def full(self) -> bool:
        """Whether so much waits for credit that descents should wait, too."""
        return self.outbox.credit < 1 or any(len(points) >= MOST_WAITING for points in self._points.values())

    def forget(self, number: int) -> None:
        """Forget a descent."""
        self._points.pop(number, None)
        self._restarted.discard(number)
        self._moved.discard(number)
        self._views = None

    def restart_path(self, exploration: Exploration, number: int) -> None:
        """Show a descent's path from its beginning: a new descent, or a new plane."""
        self.forget(number)
        self._points[number] = list(exploration.descents[number].points)
        self._restarted.add(number)
        self._stale = True
        self.describe(exploration, number)

    def moved(self, number: int, point: Point) -> None:
        """Queue a point of a descent."""
        self._points[number].append(point)
        self._moved.add(number)
        self._stale = True

    def describe(self, exploration: Exploration, number: int) -> None:
        """Send the description of a descent."""
        exploration.explain(number)
        self._moved.discard(number)
        self.outbox.answer(exploration.descent_answer(number))

    def describe_moved(self, exploration: Exploration) -> None:
        """Send the descriptions of all descents that moved since their last."""
        for number in sorted(self._moved):
            self.describe(exploration, number)

    def set_views(self, watch: Watch) -> None:
        """Show these views from now on."""
        self.watch, self._views, self._stale, self._views_sent = watch, None, True, -math.inf

    def surface(self, run: int, cut: Slice) -> None:
        """Send a plane as far as it is computed."""
        values = np.stack([cut.losses, cut.computed.astype(float)])
        self.outbox.frame(Frame(Kind.SURFACE, run, values, flags=LAST if cut.complete else 0))

    def idle_time(self) -> float | None:
        """Return the seconds until something is due; None for no end."""
        if self.outbox.credit < 1:
            return None
        if any(self._points.values()):
            return 0.0
        return max(0.0, self._views_sent + VIEW_INTERVAL - self._clock()) if self._views_wanted else None

    def send(self, exploration: Exploration) -> None:
        """Send as far as there is credit: points first, but one frame is left for views that are due."""
        time = self._clock()
        due = self._views_wanted and time - self._views_sent >= VIEW_INTERVAL
        self._send_points(exploration, spare=1 if due else 0)
        if due:
            self._send_views(exploration, time)
        if self._moved and time - self._described >= DESCRIPTION_INTERVAL:
            self._described = time
            self.describe_moved(exploration)

    @property
    def _views_wanted(self) -> bool:
        """Whether a view is on that is behind the descents."""
        watched = self.watch.data or self.watch.units or self.watch.signals
        return watched and (self._stale or self._views is not None)

    def _send_points(self, exploration: Exploration, spare: int) -> None:
        """Send points that wait, those of the descent that has most of them first."""
        for number in sorted(self._points, key=lambda number: -len(self._points[number])):
            if self._points[number] and self.outbox.credit > spare:
                self._send_path(exploration, number)

    def _send_path(self, exploration: Exploration, number: int) -> None:
        """Send the first of a descent's points, as many as time allows."""
        points, rows, until = self._points[number], [], self._clock() + BUDGET
        while len(rows) < len(points) and (not rows or self._clock() < until):
            rows.append(exploration.projector.row(points[len(rows)]))
        sent, self._points[number] = points[: len(rows)], points[len(rows) :]
        flags = REPLACES if number in self._restarted else 0
        self._restarted.discard(number)
        lines = tuple(table_row(point, row) for point, row in zip(sent, rows, strict=True))
        self.outbox.answer(Rows(run=exploration.run, id=number, replaces=bool(flags), rows=lines))
        self.outbox.frame(
            Frame(Kind.PATH, exploration.run, np.array([rows]), flags, descent=number, step=sent[-1].step)
        )

    def _send_views(self, exploration: Exploration, time: float) -> None:
        """Send views, as far as there is credit; the others follow when there is more."""
        if self._views is None:
            self._stale = False
            self._views = _views_of(exploration, self.watch)
        while self.outbox.credit > 0:
            frame = next(self._views, None)
            if frame is None:
                self._views, self._views_sent = None, time
                return
            self.outbox.frame(frame)


def _views_of(exploration: Exploration, watch: Watch) -> Iterator[Frame]:
    """Yield the views of all descents."""
    for number, descent in list(exploration.descents.items()):
        yield from frames_of(
            exploration.subject, exploration.beside, descent.stepper, watch, run=exploration.run, descent=number
        )
