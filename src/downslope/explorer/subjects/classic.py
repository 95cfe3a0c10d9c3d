"""Classic surfaces as subjects."""

from __future__ import annotations

import numpy as np

from downslope.core import PyTree
from downslope.explorer.protocol import ClassicSubject, DescentSettings, DescentStart
from downslope.explorer.subjects.optimizer import make_optimizer
from downslope.explorer.subjects.subject import OpenedSubject, to_host
from downslope.explorer.subjects.surface_stepper import SurfaceStepper
from downslope.landscape import surfaces


def open_classic(subject: ClassicSubject) -> OpenedSubject:
    """Return a classic surface, whose plane is its two parameters."""
    known = surfaces.NAMES[subject.name]
    surface = known.make()
    start = np.asarray(surface.params)
    center = np.array(known.center, start.dtype)

    def stepper_at(params: PyTree, settings: DescentSettings) -> SurfaceStepper:
        return SurfaceStepper(surface, params, make_optimizer(settings))

    a, b = (float(number) for number in start - center)
    point = ", ".join(repr(float(number)) for number in center)
    return OpenedSubject(
        spec=subject,
        title=f"{subject.name.replace('_', ' ').capitalize()}: {known.formula}",
        loss_label="loss",
        variables=center,
        surface_in=lambda mode, variables: surface,
        loss_and_gradient=lambda point: (float(surface.value(point)), to_host(surface.gradient(point))),
        directions=("axes",),
        span=known.span,
        trajectory=None,
        stepper_at=stepper_at,
        suggested=DescentStart(name="start", a=a, b=b, settings=DescentSettings(learning_rate=known.rate, steps=1000)),
        code=(
            f"surface = ds.surfaces.{subject.name}()",
            f"center = np.array([{point}], np.{center.dtype})",
        ),
        labels=("w₁", "w₂"),
    )
