"""What is on screen: the ground, the plane through it, and the balls."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from downslope.core import SettingError
from downslope.explorer.exploration.descent import Descent, Point, Start
from downslope.explorer.exploration.planes import document_of
from downslope.explorer.exploration.projection import Projector
from downslope.explorer.exploration.views import view_of
from downslope.explorer.protocol import DescentAnswer, DescentSettings, Plane, Row, SurfaceAnswer, View
from downslope.explorer.subjects import Ground
from downslope.landscape import Slice


@dataclass
class Stage:
    """What is on screen.

    Attributes:
        run: the page's number of it.
        ground: the subject.
        plane: as it was asked, settled.
        cut: the plane, as far as it is computed.
        projector: sets points onto it.
        beside: the data beside it.
        descents: balls by their number.
    """

    run: int
    ground: Ground
    plane: Plane
    cut: Slice
    projector: Projector
    beside: View | None
    descents: dict[int, Descent] = field(default_factory=dict)

    def begin(self, a: float, b: float, settings: DescentSettings) -> Descent:
        """Return a ball at a point of the plane, which was looked at; nothing is shown of it yet.

        Raises:
            SettingError: a setting that does not go with this ground.
        """
        walk = self.ground.walk_from(self.projector.at(a, b), settings)
        descent = Descent(settings, Start(a, b, self.plane, self.cut), walk)
        self.look(descent)
        return descent

    def look(self, descent: Descent) -> Point:
        """Return where a ball is."""
        return descent.look(self.ground.measured)

    def explain(self, number: int) -> None:
        """Measure how much of a ball's path the plane shows."""
        descent = self.descents[number]
        descent.explained = self.projector.explained(descent.points)

    def descent(self, number: int) -> Descent:
        """Return a ball by its number.

        Raises:
            SettingError: there is none.
        """
        if number not in self.descents:
            raise SettingError(f"There is no descent {number}. Start one: click on the surface.", setting="id")
        return self.descents[number]

    def surface_answer(self) -> SurfaceAnswer:
        """Return what the page is told of a new plane."""
        ground = self.ground
        return SurfaceAnswer(
            run=self.run,
            subject=ground.subject,
            plane=self.plane,
            title=ground.title,
            description=self.cut.description,
            loss_label=ground.loss_label,
            surface=document_of(self.cut),
            can_redirect=ground.directions,
            rows=ground.rows,
            parameters=self.projector.directions.shape[1],
            layers=ground.layers,
            suggested=ground.suggested,
            beside=self.beside,
        )

    def descent_answer(self, number: int) -> DescentAnswer:
        """Return a ball as it stands."""
        descent = self.descents[number]
        rows = self.ground.rows or 1
        return DescentAnswer(
            run=self.run,
            id=number,
            a=descent.start.a,
            b=descent.start.b,
            settings=descent.settings,
            hyperparams=descent.hyperparams,
            step=descent.walk.step,
            epoch=descent.epoch,
            batch_size=rows if descent.settings.batch_size is None else min(rows, descent.settings.batch_size),
            steps_an_epoch=descent.walk.epoch_steps,
            loss=descent.points[-1].loss,
            ended=descent.ended,
            text=words_of(descent),
            explained=descent.explained,
        )


def stage_of(run: int, ground: Ground, plane: Plane, cut: Slice) -> Stage:
    """Return a stage with no balls yet.

    Raises:
        SettingError: the plane came from a file, without its surface.
    """
    surface = cut.surface
    if surface is None:
        raise SettingError("A plane without its surface cannot be walked on, got one from a file.", setting="plane")
    return Stage(run, ground, plane, cut, Projector(cut, surface), view_of(ground, cut))


def row_of(point: Point, row: list[float]) -> Row:
    """Return a line of the table, from a point and its row of a path frame."""
    return Row(
        step=point.step, epoch=point.epoch, loss=point.loss, gradient_norm=row[6], learning_rate=point.learning_rate
    )


def words_of(descent: Descent) -> str:
    """Return how a descent stands, in a sentence."""
    first, last, step = descent.points[0].loss, descent.points[-1].loss, descent.walk.step
    if descent.walk.diverged:
        return (
            f"Diverged at step {step:,}: the loss was {first:.4g} at the start and is {last:.4g}. Most likely the "
            f"rate {descent.points[-1].learning_rate:.3g} is too large."
        )
    if step == 0:
        return f"At the start: the loss is {last:.4g}."
    if not math.isfinite(last) or last > first:
        return f"After {step:,} steps the loss has risen, from {first:.4g} to {last:.4g}."
    return f"After {step:,} steps the loss is {last:.6g}, {first:.4g} at the start."
