"""The long work of a session, as jobs: opening a subject, cutting a plane, measuring where a ball is."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from downslope.explorer.exploration import Stage, levels, settled, stage_of
from downslope.explorer.protocol import Diagnosis, Eigenvalue, Open, Plane, SliceAgain, Status
from downslope.explorer.session.jobs import Job
from downslope.explorer.session.measurements import Interruptible, diagnosis_of, eigenvalue_of
from downslope.explorer.subjects import Exhibit, Ground, Opener, host, params_of

SECONDS_BETWEEN_WORDS = 0.05

Work = Callable[[Job], None]


def opening(request: Open, exhibit: Exhibit, open_subject: Opener) -> Work:
    """Return the work of opening a subject: it reports words, a `Stage`, and a `Slice` for each level."""

    def work(job: Job) -> None:
        tell = _telling(job, request.run, "opening")
        ground = open_subject(request.subject, exhibit, tell)
        _cut(job, request.run, ground, request.plane, None)
        if ground.run is not None:
            tell("Making ready for descents", None)
            _compile_steps(job, ground)

    return work


def _telling(job: Job, run: int, state: Any) -> Callable[..., None]:
    """Return what tells how far work is, as often as anybody can read it."""
    told_at = -math.inf

    def tell(text: str, done: float | None = None) -> None:
        nonlocal told_at
        job.check()
        if job.clock() - told_at >= SECONDS_BETWEEN_WORDS:
            job.report(Status(run=run, state=state, text=text, done=done))
            told_at = job.clock()

    return tell


def _compile_steps(job: Job, ground: Ground) -> None:
    """Make the first step of the suggested descent, and forget it: what compiles now does not hold up a click."""
    walk = ground.walk_from(params_of(ground.variables), ground.suggested.settings)
    job.check()
    walk.advance(1)
    job.check()
    ground.measured(walk.variables)


def cutting(request: SliceAgain, stage: Stage) -> Work:
    """Return the work of cutting a plane elsewhere: it reports a `Stage`, and a `Slice` for each level.

    Through a ball, principal directions are those of its own path.

    Raises:
        SettingError: there are no such directions, or no such ball.
    """
    ground, through = stage.ground, request.plane.through
    settled(ground, request.plane)
    if through is None:
        return lambda job: _cut(job, request.run, ground, request.plane, None)
    descent = stage.descent(through)
    at, path = host(descent.walk.variables), descent.path
    return lambda job: _cut(job, request.run, ground, request.plane, at, path)


def finding_eigenvalue(stage: Stage, number: int) -> Work:
    """Return the work of finding the largest eigenvalue where a ball is: it reports an `Eigenvalue`."""
    descent, step = stage.descent(number), stage.descent(number).walk.step
    numbers = descent.walk.hyperparams

    def measured(surface: Any, params: Any, tell: Any) -> Eigenvalue:
        return eigenvalue_of(surface, params, descent.settings, numbers, id=number, step=step)

    return _measuring(stage, number, "Measuring the largest curvature", measured)


def diagnosing(stage: Stage, number: int) -> Work:
    """Return the work of saying where a ball stands: it reports a `Diagnosis`."""
    step = stage.descent(number).walk.step

    def measured(surface: Any, params: Any, tell: Any) -> Diagnosis:
        return diagnosis_of(surface, params, tell, id=number, step=step)

    return _measuring(stage, number, "Measuring where this stands", measured)


def _measuring(stage: Stage, number: int, text: str, measured: Callable[..., Any]) -> Work:
    """Return the work of measuring something where a ball is now, wherever it has gone meanwhile."""
    ground, run, at = stage.ground, stage.run, host(stage.descent(number).walk.variables)

    def work(job: Job) -> None:
        tell = _telling(job, run, "measuring")
        tell(text)
        surface = Interruptible(ground.surface_in("inference", at), job.check)
        job.report(measured(surface, params_of(at), tell))

    return work


def _cut(job: Job, run: int, ground: Ground, plane: Plane, at: Any, path: Any = None) -> None:
    """Cut a plane and report it as it fills."""
    plane = settled(ground, plane)
    job.report(Status(run=run, state="slicing", text="Looking for directions"))
    parts = levels(ground, plane, at, lambda: job.cancelled, path=path)
    job.report(stage_of(run, ground, plane, next(parts)))
    for part in parts:
        job.report(part)
        done = int(part.computed.sum()) / part.computed.size
        job.report(Status(run=run, state="slicing", text="Filling the surface", done=done))
