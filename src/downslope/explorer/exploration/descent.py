"""A ball on its way down: the walk, and the points it came by."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from downslope.core import PyTree, UnknownNameError
from downslope.explorer.protocol import DescentSettings, Plane
from downslope.explorer.subjects import Walker, changeable, host, optimizer_of, with_room
from downslope.landscape import Slice

MOST_BYTES, MOST_POINTS = 16 * 2**20, 4096
"""A descent keeps points to set its path onto other planes; when they are more, every second one goes."""


class Point(NamedTuple):
    """A point of a path: what does not depend on the plane."""

    step: int
    epoch: float
    params: PyTree
    loss: float
    gradient: PyTree
    velocity: PyTree
    learning_rate: float


class Start(NamedTuple):
    """Where a descent began: coordinates on a plane."""

    a: float
    b: float
    plane: Plane
    cut: Slice


class Change(NamedTuple):
    """Numbers that were changed on the way, after how many steps."""

    step: int
    numbers: dict[str, float]


@dataclass
class Descent:
    """A ball on its way down.

    Attributes:
        settings: as it was started.
        start: where.
        walk: the descent itself.
        points: those kept, the first and the last among them.
        changes: of numbers, on the way.
        explained: the share of the path's variance that the plane shows, when it was last measured.
        room: names of numbers that were 0 at first, and for which its optimizer has room now.
        owed: how many steps are due, a fraction of one too.
        point_limit: how many points are kept at most.
    """

    settings: DescentSettings
    start: Start
    walk: Walker
    points: list[Point] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    explained: float | None = None
    room: set[str] = field(default_factory=set)
    owed: float = 0.0
    point_limit: int = MOST_POINTS
    _stride: int = 1
    _seen: int = 0

    @property
    def ended(self) -> Literal["", "completed", "diverged"]:
        """Why it ended; empty while it can go on."""
        if self.walk.diverged:
            return "diverged"
        return "completed" if self.walk.step >= self.settings.steps else ""

    @property
    def epoch(self) -> float:
        """How many passes over the data were made."""
        return self.walk.step / self.walk.epoch_steps

    @property
    def path(self) -> PyTree | None:
        """The points that are kept, stacked along a first axis; None before it moved."""
        if len(self.points) < 2:
            return None
        return jax.tree.map(lambda *leaves: np.stack(leaves), *(point.params for point in self.points))

    def advance(self, steps: int) -> None:
        """Make steps, as many as there still are to make."""
        self.walk.advance(max(0, min(steps, self.settings.steps - self.walk.step)))

    @property
    def hyperparams(self) -> dict[str, float]:
        """The numbers it goes by, those that are 0 still too."""
        return changeable(self.settings) | self.walk.hyperparams

    def set(self, numbers: dict[str, float]) -> None:
        """Change numbers from the next step on; nothing is reset.

        Raises:
            UnknownNameError: the optimizer has no such number.
        """
        check_names(numbers, self.hyperparams)
        missing = set(numbers) - set(self.walk.hyperparams)
        if missing:
            self.room |= missing
            self.walk.adopt(optimizer_of(with_room(self.settings, self.room)))
            self.walk.set(**dict.fromkeys(missing, 0.0))
        self.walk.set(**numbers)
        earlier = self.changes.pop().numbers if self.changes and self.changes[-1].step == self.walk.step else {}
        self.changes.append(Change(self.walk.step, earlier | numbers))

    def look(self, measured: Callable[[Any], tuple[float, PyTree]]) -> Point:
        """Return the point where the ball is, and keep it.

        Args:
            measured: the true loss, and its gradient, at some variables.
        """
        walk = self.walk
        loss, gradient = measured(walk.variables)
        rate = walk.hyperparams.get("learning_rate", math.nan)
        point = Point(walk.step, self.epoch, host(walk.params), loss, gradient, host(walk.velocity), rate)
        self._keep(point)
        return point

    def _keep(self, point: Point) -> None:
        """Keep a point; when all take too much room, let every second one go."""
        if self.points and self._seen % self._stride:
            self.points.pop()
        self.points.append(point)
        self._seen += 1
        most = min(self.point_limit, max(16, MOST_BYTES // (3 * size_of(point.params))))
        if len(self.points) > most:
            self.points, self._stride = [*self.points[:-1:2], self.points[-1]], 2 * self._stride


def check_names(numbers: dict[str, float], known: dict[str, float]) -> None:
    """Refuse numbers that are not among the known ones.

    Raises:
        UnknownNameError: one is not.
    """
    for name in numbers:
        if name not in known:
            raise UnknownNameError("hyperparams", name, known)


def size_of(tree: PyTree) -> int:
    """Return how many bytes a tree takes."""
    return sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(tree))
