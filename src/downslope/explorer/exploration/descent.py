"""A descent: its stepper, and the points of its path."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import jax
import numpy as np

from downslope.core import PyTree, UnknownNameError
from downslope.explorer.protocol import DescentSettings, Plane
from downslope.explorer.subjects import DescentStepper, changeable, make_optimizer, to_host, with_slots
from downslope.landscape import Slice

MOST_BYTES, MOST_POINTS = 16 * 2**20, 4096
"""Limits of the points of a path; beyond them every second one is dropped."""


class Point(NamedTuple):
    """A point of a path, as far as it does not depend on the plane."""

    step: int
    epoch: float
    params: PyTree
    loss: float
    gradient: PyTree
    velocity: PyTree
    learning_rate: float


class Start(NamedTuple):
    """The start of a descent: coordinates on a plane."""

    a: float
    b: float
    plane: Plane
    cut: Slice


class Change(NamedTuple):
    """Numbers that were changed after some steps."""

    step: int
    numbers: dict[str, float]


@dataclass
class Descent:
    """A descent.

    Attributes:
        settings: as it was started.
        start: the point it started at.
        stepper: makes its steps.
        points: points of its path, the first and the last among them.
        changes: changes of numbers since the start.
        explained: the share of the path's variance that the plane shows, when it was last measured.
        slots: names of numbers that were 0 at first, and that its optimizer has now.
        due: the number of steps that are due, a fraction of one included.
        point_limit: the largest number of points.
    """

    settings: DescentSettings
    start: Start
    stepper: DescentStepper
    points: list[Point] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    explained: float | None = None
    slots: set[str] = field(default_factory=set)
    due: float = 0.0
    point_limit: int = MOST_POINTS
    _stride: int = 1
    _recorded: int = 0

    @property
    def ended(self) -> Literal["", "completed", "diverged"]:
        """The reason why it ended; empty while it can go on."""
        if self.stepper.diverged:
            return "diverged"
        return "completed" if self.stepper.step >= self.settings.steps else ""

    @property
    def epoch(self) -> float:
        """The number of passes over the data."""
        return self.stepper.step / self.stepper.epoch_steps

    @property
    def path(self) -> PyTree | None:
        """The points, stacked along a first axis; None before it moved."""
        if len(self.points) < 2:
            return None
        return jax.tree.map(lambda *leaves: np.stack(leaves), *(point.params for point in self.points))

    def advance(self, steps: int) -> None:
        """Make steps, at most those that are left."""
        self.stepper.advance(max(0, min(steps, self.settings.steps - self.stepper.step)))

    @property
    def hyperparams(self) -> dict[str, float]:
        """The numbers of its optimizer, those that are still 0 included."""
        return changeable(self.settings) | self.stepper.hyperparams

    def set(self, numbers: dict[str, float]) -> None:
        """Change numbers from the next step on; nothing is reset.

        Raises:
            UnknownNameError: the optimizer has no such number.
        """
        check_names(numbers, self.hyperparams)
        missing = set(numbers) - set(self.stepper.hyperparams)
        if missing:
            self.slots |= missing
            self.stepper.switch_optimizer(make_optimizer(with_slots(self.settings, self.slots)))
            self.stepper.set(**dict.fromkeys(missing, 0.0))
        self.stepper.set(**numbers)
        earlier = self.changes.pop().numbers if self.changes and self.changes[-1].step == self.stepper.step else {}
        self.changes.append(Change(self.stepper.step, earlier | numbers))

    def record_point(self, loss_and_gradient: Callable[[PyTree], tuple[float, PyTree]]) -> Point:
        """Append the current point to the path, and return it.

        Args:
            loss_and_gradient: the true loss, and its gradient, at some variables.
        """
        stepper = self.stepper
        loss, gradient = loss_and_gradient(stepper.variables)
        rate = stepper.hyperparams.get("learning_rate", math.nan)
        point = Point(
            stepper.step, self.epoch, to_host(stepper.params), loss, gradient, to_host(stepper.velocity), rate
        )
        self._append(point)
        return point

    def _append(self, point: Point) -> None:
        """Append a point; drop every second one when they take too much memory."""
        if self.points and self._recorded % self._stride:
            self.points.pop()
        self.points.append(point)
        self._recorded += 1
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
    """Return the bytes that a tree takes."""
    return sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(tree))
