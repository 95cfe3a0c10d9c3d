"""An exploration: an opened subject, a plane through it, and descents on it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import jax
import numpy as np

from downslope.core import PyTree, SettingError
from downslope.explorer.exploration.descent import Descent, Point, Start
from downslope.explorer.exploration.planes import surface_document
from downslope.explorer.exploration.projection import Projector
from downslope.explorer.exploration.views import view_of
from downslope.explorer.protocol import DescentAnswer, DescentSettings, Plane, Row, SurfaceAnswer, View
from downslope.explorer.subjects import OpenedSubject
from downslope.landscape import Slice


@dataclass
class Exploration:
    """An opened subject with a plane through it and descents on it.

    Attributes:
        run: the number that the page gave it.
        subject: the opened subject.
        plane: the plane as requested, with directions.
        cut: the slice along it, as far as it is computed.
        projector: projects points onto it.
        beside: the view of the data beside it.
        descents: descents by their number.
    """

    run: int
    subject: OpenedSubject
    plane: Plane
    cut: Slice
    projector: Projector
    beside: View | None
    descents: dict[int, Descent] = field(default_factory=dict)

    def begin(self, a: float, b: float, settings: DescentSettings) -> Descent:
        """Begin a descent at a point of the plane; it is not among `descents` yet.

        Raises:
            SettingError: a setting that does not go with this subject.
        """
        stepper = self.subject.stepper_at(self.projector.params_at(a, b), settings)
        descent = Descent(settings, Start(a, b, self.plane, self.cut), stepper)
        self.record_point(descent)
        return descent

    def record_point(self, descent: Descent) -> Point:
        """Append the current point to the path of a descent, and return it."""
        return descent.record_point(self.subject.loss_and_gradient)

    def explain(self, number: int) -> None:
        """Measure the share of a descent's path that the plane shows."""
        descent = self.descents[number]
        descent.explained = self.projector.explained(descent.points)

    def descent(self, number: int) -> Descent:
        """Return a descent by its number.

        Raises:
            SettingError: there is none.
        """
        if number not in self.descents:
            raise SettingError(f"There is no descent {number}. Start one: click on the surface.", setting="id")
        return self.descents[number]

    @property
    def region(self) -> tuple[PyTree, PyTree]:
        """The lowest and the highest of each parameter within the plane."""
        corners = [self.projector.params_at(a, b) for a in self.cut.axes[0][[0, -1]] for b in self.cut.axes[1][[0, -1]]]
        return (
            jax.tree.map(lambda *ends: np.min(ends, axis=0), *corners),
            jax.tree.map(lambda *ends: np.max(ends, axis=0), *corners),
        )

    def surface_answer(self) -> SurfaceAnswer:
        """Return the answer that describes the plane."""
        subject = self.subject
        return SurfaceAnswer(
            run=self.run,
            subject=subject.spec,
            plane=self.plane,
            title=subject.title,
            description=self.cut.description,
            loss_label=subject.loss_label,
            surface=surface_document(self.cut),
            can_redirect=subject.directions,
            rows=subject.rows,
            parameters=self.projector.directions.shape[1],
            layers=subject.layers,
            suggested=subject.suggested,
            beside=self.beside,
        )

    def descent_answer(self, number: int) -> DescentAnswer:
        """Return the answer that describes a descent."""
        descent = self.descents[number]
        rows = self.subject.rows or 1
        return DescentAnswer(
            run=self.run,
            id=number,
            a=descent.start.a,
            b=descent.start.b,
            settings=descent.settings,
            hyperparams=descent.hyperparams,
            step=descent.stepper.step,
            epoch=descent.epoch,
            batch_size=rows if descent.settings.batch_size is None else min(rows, descent.settings.batch_size),
            steps_an_epoch=descent.stepper.epoch_steps,
            loss=descent.points[-1].loss,
            ended=descent.ended,
            text=sentence_of(descent),
            explained=descent.explained,
        )


def exploration_of(run: int, subject: OpenedSubject, plane: Plane, cut: Slice) -> Exploration:
    """Return an exploration with no descents yet.

    Raises:
        SettingError: the plane came from a file, without its surface.
    """
    surface = cut.surface
    if surface is None:
        raise SettingError("A plane without its surface cannot be walked on, got one from a file.", setting="plane")
    return Exploration(run, subject, plane, cut, Projector(cut, surface), view_of(subject, cut))


def table_row(point: Point, row: list[float]) -> Row:
    """Return a line of the table, from a point and its row of a path frame."""
    return Row(
        step=point.step, epoch=point.epoch, loss=point.loss, gradient_norm=row[6], learning_rate=point.learning_rate
    )


def sentence_of(descent: Descent) -> str:
    """Return the state of a descent in a sentence."""
    first, last, step = descent.points[0].loss, descent.points[-1].loss, descent.stepper.step
    if descent.stepper.diverged:
        return (
            f"Diverged at step {step:,}: the loss was {first:.4g} at the start and is {last:.4g}. Most likely the "
            f"rate {descent.points[-1].learning_rate:.3g} is too large."
        )
    if step == 0:
        return f"At the start: the loss is {last:.4g}."
    if not math.isfinite(last) or last > first:
        return f"After {step:,} steps the loss has risen, from {first:.4g} to {last:.4g}."
    return f"After {step:,} steps the loss is {last:.6g}, {first:.4g} at the start."
