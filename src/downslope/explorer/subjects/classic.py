"""Classic surfaces as ground."""

from __future__ import annotations

import numpy as np

from downslope.core import PyTree
from downslope.explorer.protocol import ClassicSubject, DescentSettings, SceneStart
from downslope.explorer.subjects.optimizer import optimizer_of
from downslope.explorer.subjects.subject import Ground, host
from downslope.explorer.subjects.surface_stepper import SurfaceWalk
from downslope.landscape import surfaces

RATES = {
    "bowl": 0.2, "ravine": 0.035, "saddle": 0.1, "two_minima": 0.1, "plateau": 0.5, "rosenbrock": 1e-3,
    "himmelblau": 0.01, "beale": 0.01,
}  # fmt: skip
"""Rates that plain descent goes well with, below two over the largest curvature along the way."""


def classic_ground(subject: ClassicSubject) -> Ground:
    """Return a classic surface, whose plane is its two parameters."""
    known = surfaces.NAMES[subject.name]
    surface = known.make()
    start = np.asarray(surface.params)
    center = np.array(known.center, start.dtype)

    def walk_from(params: PyTree, settings: DescentSettings) -> SurfaceWalk:
        return SurfaceWalk(surface, params, optimizer_of(settings))

    a, b = (float(number) for number in start - center)
    point = ", ".join(repr(float(number)) for number in center)
    return Ground(
        subject=subject,
        title=f"{subject.name.replace('_', ' ').capitalize()}: {known.formula}",
        loss_label="loss",
        variables=center,
        surface_in=lambda mode, variables: surface,
        measured=lambda point: (float(surface.value(point)), host(surface.gradient(point))),
        directions=("axes",),
        span=known.span,
        trajectory=None,
        walk_from=walk_from,
        suggested=SceneStart(
            name="start", a=a, b=b, settings=DescentSettings(learning_rate=RATES[subject.name], steps=1000)
        ),
        center_code=(
            f"surface = ds.surfaces.{subject.name}()",
            f"center = np.array([{point}], np.{center.dtype})",
        ),
        labels=("w₁", "w₂"),
    )
